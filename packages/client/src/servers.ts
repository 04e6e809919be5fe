/**
 * The servers that a client knows, and whom to ask first.
 *
 * Two kinds: those that it was given, which are tried whatever happens, and those that the ring
 * tells of. A learned address may be out of date, out of reach from here, or by now that of a node
 * of another cluster, where a write would be stored without an error. So a learned server is
 * `unproven` until it has said in the background that it is the node that is meant, and no request
 * meets it before.
 *
 * Who fails is `away`, and comes back by such a proof as well: nobody's request is the test. A
 * server that asks to be left alone, or says that it is about to stop, `rests` and is asked after
 * the others.
 */
import type { Destination } from './attempt.ts'
import type { DndClientError } from './error.ts'
import type { Ring } from './ring.ts'

const PROBE_MS_MIN = 500
const PROBE_MS_MAX = 5_000
const REST_MS = 1_000
/** About as long as a node takes to stop and to start again. */
const DRAINING_REST_MS = 5_000
/** A silence shorter than this may be the caller's haste, and is not held against the server. */
const SILENCE_MS_MIN = 250
/** Learned servers that are no replicas of the key and are asked all the same, in one round. */
const OTHERS_MAX = 3
/** What a node says of itself rather than of the key. */
const RESTS: ReadonlySet<string> = new Set([
  'DND_ERR_NOT_READY',
  'DND_ERR_OVERLOADED',
  'DND_ERR_CLONED_IDENTITY',
])

export class Server {
  /** Base URL without a slash at the end. */
  readonly url: string
  readonly isGiven: boolean
  /** Whom it must prove to be; undefined: any node. */
  node: string | undefined
  state: 'up' | 'unproven' | 'away'
  failures = 0
  /** When it may be asked for a proof. */
  probeAtMs = 0
  restsUntilMs = 0

  constructor(url: string, isGiven: boolean, node?: string) {
    this.url = url
    this.isGiven = isGiven
    this.node = node
    this.state = isGiven ? 'up' : 'unproven'
  }
}

export class Servers {
  readonly #given: readonly Server[]
  // Bounded by: the servers given, and the members of the ring.
  readonly #all: Map<string, Server>
  readonly #now: () => number
  #ring: Ring | undefined
  /** Place of the given server that answered last: the first to be asked next. */
  #preferred = 0
  /** Where the search for others begins, so that they are asked in turns. */
  #turn = 0
  /** Called for a server that is not up, when it may be asked for a proof. */
  onDue: (server: Server) => void = () => undefined

  /** `given` are base URLs without a slash at the end, at least one. */
  constructor(given: readonly string[], now: () => number) {
    this.#given = [...new Set(given)].map((url) => new Server(url, true))
    this.#all = new Map(this.#given.map((server) => [server.url, server]))
    this.#now = now
  }

  get ring(): Ring | undefined {
    return this.#ring
  }

  get given(): readonly Server[] {
    return this.#given
  }

  get count(): number {
    return this.#all.size
  }

  /** Takes over a ring: members that it does not name are forgotten. */
  adopt(ring: Ring): void {
    for (const server of this.#all.values())
      if (!server.isGiven && ring.nodes.get(server.url) !== server.node)
        this.#all.delete(server.url)
    for (const [url, node] of ring.nodes)
      if (!this.#all.has(url)) this.#all.set(url, new Server(url, false, node))
    this.#ring = ring
  }

  /** Whom to ask, in order, each once; always somebody. */
  *candidates(to: Destination): Generator<Server, void, undefined> {
    const nowMs = this.#now()
    const asked = new Set<Server>()
    const later: Server[] = []
    for (const server of this.#inOrder(to)) {
      if (asked.has(server)) continue
      asked.add(server)
      if (server.state !== 'up') {
        if (nowMs >= server.probeAtMs) this.onDue(server)
        if (server.isGiven) later.push(server)
      } else if (nowMs < server.restsUntilMs) later.push(server)
      else yield server
    }
    yield* later
  }

  succeeded(server: Server): void {
    server.state = 'up'
    server.failures = 0
    const place = this.#given.indexOf(server)
    if (place >= 0) this.#preferred = place
  }

  /** It has answered, and said that it is about to stop. */
  drains(server: Server): void {
    server.restsUntilMs = this.#now() + DRAINING_REST_MS
  }

  /** `waitedMs`: how long it had for its answer. */
  failed(server: Server, error: DndClientError, waitedMs: number): void {
    if (error.code === 'DND_ERR_ABORTED') return
    if (this.#given[this.#preferred] === server)
      this.#preferred = (this.#preferred + 1) % this.#given.length
    if (error.status !== undefined) {
      const askedMs = error.retryAfterMs ?? REST_MS
      if (RESTS.has(error.code)) server.restsUntilMs = this.#now() + Math.min(askedMs, PROBE_MS_MAX)
      return
    }
    if (error.code === 'DND_ERR_TIMEOUT' && waitedMs < SILENCE_MS_MIN) return
    this.isAway(server)
  }

  /** Many requests that fail together are one failure. */
  isAway(server: Server): void {
    if (server.state === 'up') server.state = 'away'
    else if (this.#now() < server.probeAtMs) return
    const ms = Math.min(PROBE_MS_MAX, PROBE_MS_MIN * 2 ** Math.min(server.failures, 10))
    server.failures++
    server.probeAtMs = this.#now() + ms
  }

  *#inOrder(to: Destination): Generator<Server, void, undefined> {
    if (typeof to === 'object')
      for (const url of this.#ring?.replicasOf(to.bucket, to.key) ?? []) {
        const server = this.#all.get(url)
        if (server !== undefined) yield server
      }
    const count = this.#given.length
    const first = this.#preferred
    for (let i = 0; i < count; i++) yield this.#given[(first + i) % count]!
    if (to === 'given' || this.#all.size === count) return
    const all = [...this.#all.values()]
    this.#turn++
    for (let i = 0, others = 0; i < all.length && others < OTHERS_MAX; i++) {
      const server = all[(this.#turn + i) % all.length]!
      if (server.isGiven) continue
      if (server.state === 'up') others++
      yield server
    }
  }
}
