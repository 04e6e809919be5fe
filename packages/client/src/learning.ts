/**
 * What a client finds out by itself, in the background and only while it is used: the ring, when an
 * answer speaks of a newer layout or a server has failed, and whether a server that is not up is
 * the node that it should be. Nobody waits for either, and a failure here is nobody's error.
 */
import type { ClusterJson, LayoutJson, MemberJson } from './api.ts'
import { LAYOUT_HEADER } from './api.ts'
import type { TransportRequest } from './attempt.ts'
import { attempt, parseJson } from './attempt.ts'
import type { HttpExchange, ResponseHeaders } from './exchange.ts'
import type { AddressOf } from './ring.ts'
import { isNewer, parseTag, Ring } from './ring.ts'
import type { Server, Servers } from './servers.ts'

const PATIENCE_MS = 3_000
/** The ring is not asked for more often than this. */
const LEARN_PAUSE_MS = 500
/** Nor, where only a failed server speaks for it, more often than this. */
const DOUBT_PAUSE_MS = 2_000

/** Which members are up, and how well, changes without a new layout. */
const STALE_MS = 60_000
/** The same while some of them are not well. */
const STALE_MS_DOUBTFUL = 5_000

export interface LearningOptions {
  /** Whether to learn the ring at all. */
  readonly routing: boolean
  readonly addressOf: AddressOf | undefined
  readonly now: () => number
}

export class Learning {
  readonly #exchange: HttpExchange
  readonly #servers: Servers
  readonly #addressOf: AddressOf
  readonly #routing: boolean
  readonly #now: () => number
  #isLearning = false
  #learnedAtMs = -Infinity
  #staleAtMs = Infinity
  // Bounded by: the servers that are known.
  readonly #probed = new Set<Server>()
  #isClosed = false
  /** Of the last header that said nothing new, so that it need not be read again. */
  #known = ''

  constructor(exchange: HttpExchange, servers: Servers, options: LearningOptions) {
    this.#exchange = exchange
    this.#servers = servers
    this.#addressOf = options.addressOf ?? reachableFrom(servers.given.map(({ url }) => url))
    this.#routing = options.routing
    this.#now = options.now
    servers.onDue = (server) => void this.#probe(server)
  }

  /** Looks at what an answer says of the layout. */
  look(headers: ResponseHeaders): void {
    if (!this.#routing) return
    const text = headers.get(LAYOUT_HEADER)
    if (text === null) return
    if (text === this.#known) return this.#now() < this.#staleAtMs ? undefined : this.doubt()
    const tag = parseTag(text)
    if (tag === undefined || !isNewer(tag, this.#servers.ring?.tag)) this.#known = text
    else void this.#learn(LEARN_PAUSE_MS)
  }

  /** A server has failed: the ring may know where its node is now. */
  doubt(): void {
    if (this.#servers.ring !== undefined) void this.#learn(DOUBT_PAUSE_MS)
  }

  close(): void {
    this.#isClosed = true
  }

  async #learn(pauseMs: number): Promise<void> {
    if (this.#isLearning || this.#isClosed || this.#now() < this.#learnedAtMs + pauseMs) return
    this.#isLearning = true
    try {
      for (const server of this.#servers.candidates('any')) if (await this.#learnFrom(server)) break
    } finally {
      this.#isLearning = false
      this.#learnedAtMs = this.#now()
      // Many clients that were started together shall not ask together.
      const ms = this.#servers.ring?.isWhole === false ? STALE_MS_DOUBTFUL : STALE_MS
      this.#staleAtMs = this.#learnedAtMs + ms * (1 + Math.random())
    }
  }

  async #learnFrom(server: Server): Promise<boolean> {
    try {
      const cluster = await this.#ask<ClusterJson>(server, '/cluster')
      const layout = await this.#ask<LayoutJson>(server, '/layout')
      const ring = new Ring(layout, cluster, this.#addressOf)
      const before = this.#servers.ring
      // A node may be behind; another cluster has a count of its own.
      const isOlder =
        before !== undefined && before.cluster === ring.cluster && isNewer(before.tag, ring.tag)
      if (isOlder) return false
      this.#servers.adopt(ring)
      this.#known = ''
      return true
    } catch {
      return false
    }
  }

  /** Asks a server whether it is the node that is meant. */
  async #probe(server: Server): Promise<void> {
    if (this.#probed.has(server) || this.#isClosed) return
    this.#probed.add(server)
    try {
      const { cluster, self } = await this.#ask<ClusterJson>(server, '/cluster')
      const { node } = server
      const ring = this.#servers.ring
      if (node !== undefined && (node !== self || cluster !== ring?.cluster))
        throw new Error('another node listens there')
      server.state = 'up'
      server.failures = 0
    } catch {
      this.#servers.isAway(server)
    } finally {
      this.#probed.delete(server)
      this.doubt()
    }
  }

  async #ask<T>(server: Server, path: string): Promise<T> {
    const request: TransportRequest = {
      ...{ method: 'GET', path, write: false, timeoutMs: PATIENCE_MS, expected: [200] },
    }
    return parseJson(await attempt(this.#exchange, server.url, request, PATIENCE_MS)) as T
  }
}

/**
 * The addresses that members tell of themselves, as far as they make sense from here: a node that
 * listens on loopback is this machine's only if the client was given a loopback address. Who was
 * given an `https` address goes nowhere without encryption: where the members' own HTTP is plain,
 * something stands before the nodes, and to go round it would be to go without.
 */
function reachableFrom(given: readonly string[]): AddressOf {
  const isEncrypted = given.some((url) => url.startsWith('https:'))
  const isLocal = given.some((url) => LOOPBACK.test(new URL(url).hostname))
  return ({ addresses: { http, url: told } }: MemberJson) => {
    if (http === undefined) return undefined
    try {
      const url = new URL(told ?? `http://${http}`)
      if (isEncrypted && url.protocol !== 'https:') return undefined
      if (NOWHERE.test(url.hostname)) return undefined
      return LOOPBACK.test(url.hostname) && !isLocal ? undefined : url.origin
    } catch {
      return undefined
    }
  }
}

const LOOPBACK = /^(?:localhost|127\.\d+\.\d+\.\d+|\[::1\])$/
/** Addresses that say "all of mine" and lead nowhere. */
const NOWHERE = /^(?:0\.0\.0\.0|\[::\])$/
