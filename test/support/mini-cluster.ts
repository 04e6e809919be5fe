/**
 * A few nodes in virtual time, for tests of what the machines do together when nothing goes wrong,
 * or only what the test itself breaks: a killed node, a cut or stalled way from one to another, a
 * disk that fails or hangs. What goes wrong by itself is the simulator's part (`sim/`).
 *
 * Everything takes one millisecond: a message, a packet, a commit, a scan. Events of one instant
 * happen in the order in which they were caused. After every step of a node its invariants are
 * checked.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type {
  ClientReply,
  ClientRequest,
  NodeEffect,
  NodeEvent,
  Note,
} from '../../src/core/node/events.ts'
import { DEFAULT_NODE_CONFIG } from '../../src/core/node/config.ts'
import type { NodeConfig } from '../../src/core/node/config.ts'
import type { KeyringState } from '../../src/core/node/cluster-key.ts'
import { Node } from '../../src/core/node/node.ts'
import type { StoreOperation } from '../../src/core/ports.ts'
import { crc32 } from '../../src/core/std/crc32.ts'
import type { Address, ClusterId, NodeId } from '../../src/core/std/ids.ts'
import { instant } from '../../src/core/std/instant.ts'
import { Prng } from '../../src/core/std/prng.ts'
import { TimerQueue } from '../../src/core/std/timer-queue.ts'
import type { PeerMessage } from '../../src/core/wire/messages.ts'
import { MiniStore } from './mini-store.ts'

const CLUSTER = 'c'.repeat(32) as ClusterId
export const WALL_START = 1_700_000_000_000
/** How long a connection takes to notice that nothing comes through. */
const SILENCE_MS = 100

export interface MiniOptions {
  readonly id?: NodeId
  readonly zone?: string
  readonly weight?: number
  readonly partitions?: number
  readonly replicas?: number
  readonly config?: Partial<NodeConfig>
  /** By index; the first node by default. */
  readonly seeds?: readonly number[]
  /** With which it begins; 1 by default. */
  readonly generation?: number
  /** The cluster's keys as its disk holds them; undefined: it does not encrypt. */
  readonly keyring?: KeyringState
  /** The node whose places it is to have. */
  readonly replaces?: string
  /** What its disk holds already. */
  readonly disk?: ReadonlyMap<string, Uint8Array>
}

export interface MiniNode {
  readonly index: number
  readonly id: NodeId
  readonly address: Address
  readonly options: MiniOptions
  readonly store: MiniStore
  readonly notes: Note[]
  /** Where it believes the others to be: ports. Two nodes may have one id (`clones.test.ts`). */
  readonly book: Map<NodeId, number>
  node: Node
  generation: number
  up: boolean
  /** Decides of each batch whether the disk takes it. */
  takes: (operations: readonly StoreOperation[]) => boolean
  /** Whether scans fail. */
  scansFail: boolean
  /** Whether the disk answers nothing until it is released. */
  hangs: boolean
  /** The cluster's keys as stored, and whether they can be. */
  keyring: KeyringState | undefined
  keysFail: boolean
  /** Added to this node's wall clock, milliseconds. */
  wallOffsetMs: number
  /** Batches and scans that wait for a disk that hangs. */
  waiting: (() => void)[]
}

/** One request to one life of a node, and what became of it. */
export interface Asked {
  readonly mini: MiniNode
  readonly generation: number
  readonly request: ClientRequest
  reply: ClientReply | undefined
}

/** What a message that is on its way meets; undefined: nothing, it arrives. */
export type Hindrance = 'lost' | 'refused' | undefined

export class MiniCluster {
  readonly nodes: MiniNode[] = []
  /**
   * Ordered pairs "from>to" whose messages and packets are swallowed; the connection goes when that
   * is noticed.
   */
  readonly cut: Set<string> = new Set()
  /** What happens to a message just before it would arrive; for tests that break one thing. */
  hinder: ((from: MiniNode, to: MiniNode, message: PeerMessage) => Hindrance) | undefined
  /** Sees each message that arrives. */
  watch: ((from: MiniNode, to: MiniNode, message: PeerMessage) => void) | undefined
  now = 0
  readonly #queue = new TimerQueue<() => void>()
  readonly #asked = new Map<string, Asked>()
  readonly #links = new Set<string>()
  /** Ways on which everything waits, in order, until they are released. */
  readonly #stalled = new Map<string, (() => void)[]>()
  #client = 0

  /** Adds a node and starts it: the first founds the cluster, the others join by it. */
  add(options: MiniOptions = {}): MiniNode {
    const index = this.nodes.length
    const id = options.id ?? ((index + 1).toString(16).padStart(16, '0') as NodeId)
    const store = new MiniStore()
    if (options.disk !== undefined) store.restore(options.disk)
    const { generation = 1 } = options
    const address = { host: '10.0.0.1', port: 1000 + index }
    const mini: MiniNode = {
      ...{ index, id, address, options, store, notes: [], book: new Map(), generation, up: true },
      ...{ takes: () => true, scansFail: false, hangs: false, wallOffsetMs: 0, waiting: [] },
      ...{ keyring: options.keyring, keysFail: false },
      node: makeNode(id, index, store, generation, options),
    }
    this.nodes.push(mini)
    this.#deliver(mini, { type: 'start', seeds: this.#seeds(mini) })
    return mini
  }

  /** The process is gone, and with it all that its disk had not made durable. */
  kill(mini: MiniNode): void {
    mini.up = false
    mini.generation++
    mini.store.crash()
    mini.waiting = []
    for (const other of this.nodes) {
      this.#links.delete(linkOf(mini, other))
      this.#stalled.delete(`${mini.id}>${other.id}`)
      if (this.#links.delete(linkOf(other, mini))) this.#tellDown(other, mini.id, 'killed')
    }
  }

  restart(mini: MiniNode): void {
    assert.ok(!mini.up, 'a node that runs is killed first')
    mini.up = true
    mini.hangs = false
    mini.node = makeNode(mini.id, mini.index, mini.store, mini.generation, {
      ...mini.options,
      ...(mini.keyring === undefined ? {} : { keyring: mini.keyring }),
    })
    this.#deliver(mini, { type: 'start', seeds: this.#seeds(mini) })
  }

  /** Both ways between them are cut. */
  separate(some: readonly MiniNode[], others: readonly MiniNode[]): void {
    for (const a of some)
      for (const b of others) this.cut.add(`${a.id}>${b.id}`).add(`${b.id}>${a.id}`)
  }

  heal(): void {
    this.cut.clear()
    for (const way of [...this.#stalled.keys()]) this.#release(way)
  }

  /** What goes from one to the other waits on the way until {@link heal}; nobody notices. */
  stall(from: MiniNode, to: MiniNode): void {
    const way = `${from.id}>${to.id}`
    if (!this.#stalled.has(way)) this.#stalled.set(way, [])
  }

  /** The disk answers again, first what it owes. */
  releaseDisk(mini: MiniNode): void {
    mini.hangs = false
    const waiting = mini.waiting
    mini.waiting = []
    for (const run of waiting) run()
  }

  /** Lets virtual time pass, milliseconds. */
  run(ms: number): void {
    const end = this.now + ms
    for (;;) {
      const dueAt = this.#queue.nextDeadline()
      let ticking: MiniNode | undefined
      let tickAt = Infinity
      for (const mini of this.nodes) {
        const at = mini.up ? Math.max(this.now, mini.node.nextDeadline()) : Infinity
        if (at < tickAt) [ticking, tickAt] = [mini, at]
      }
      const at = Math.min(dueAt, tickAt)
      if (at > end) break
      this.now = at
      if (dueAt <= tickAt) this.#queue.due(instant(at))!()
      else this.#deliver(ticking!, { type: 'tick' })
    }
    this.now = end
  }

  /** Lets time pass until `done` says so; fails after `ms`. */
  until(what: string, done: () => boolean, ms = 30_000): void {
    for (const end = this.now + ms; !done(); this.run(5))
      assert.ok(this.now < end, `not within ${ms} ms: ${what}`)
  }

  /** Asks a node; its answer is found in what this gives back. */
  submit(mini: MiniNode, request: ClientRequest): Asked {
    assert.ok(mini.up, 'asking a node that is down')
    const client = ++this.#client
    const asked: Asked = { mini, generation: mini.generation, request, reply: undefined }
    this.#asked.set(`${mini.index}/${client}`, asked)
    this.#deliver(mini, { type: 'request', client, request })
    return asked
  }

  /** Asks a node, and lets time pass until it has answered. */
  ask(mini: MiniNode, request: ClientRequest): ClientReply {
    const asked = this.submit(mini, request)
    for (let waited = 0; waited < 10_000 && asked.reply === undefined; waited++) this.run(1)
    return asked.reply ?? assert.fail(`no answer to ${request.type}`)
  }

  /** Requests to nodes that still live, without an answer. */
  unanswered(): Asked[] {
    return [...this.#asked.values()].filter(
      ({ mini, generation, reply }) =>
        reply === undefined && mini.up && mini.generation === generation,
    )
  }

  /** Gives a node an event that nothing in this cluster causes. */
  inject(mini: MiniNode, event: NodeEvent): void {
    this.#deliver(mini, event)
  }

  #seeds({ index, options }: MiniNode): Address[] {
    const seeds = options.seeds ?? (index === 0 ? [] : [0])
    return seeds.map((seed) => this.nodes[seed]!.address)
  }

  #later(run: () => void, ms = 1): void {
    this.#queue.arm(run, instant(this.now + ms))
  }

  #deliver(mini: MiniNode, event: NodeEvent): void {
    const effects: NodeEffect[] = []
    const wallMs = WALL_START + this.now + mini.wallOffsetMs
    mini.node.step(event, { instant: instant(this.now), wallMs }, effects)
    mini.node.check()
    for (const effect of effects) this.#execute(mini, effect)
  }

  #execute(mini: MiniNode, effect: NodeEffect): void {
    const { generation } = mini
    const back = (event: NodeEvent): void => {
      if (mini.up && mini.generation === generation) this.#deliver(mini, event)
    }
    switch (effect.type) {
      case 'send':
        return this.#send(mini, effect.to, effect.message, back)
      case 'packet': {
        const to = this.nodes.find(({ address }) => address.port === effect.to.port)
        if (to === undefined || this.#isLost(mini, to)) return
        return this.#later(() => {
          if (to.up)
            this.#deliver(to, { type: 'packet', packet: effect.packet, address: mini.address })
        })
      }
      case 'dial': {
        const { address } = effect
        const to = this.nodes.find((other) => other.address.port === address.port)
        const answers = to?.up === true && !this.#isLost(mini, to) && !this.#isLost(to, mini)
        return this.#later(() =>
          back(
            answers
              ? { type: 'dialed', address, peer: to.id }
              : { type: 'dial-failed', address, reason: 'refused' },
          ),
        )
      }
      case 'store':
        mini.store.hand(effect.batch, effect.operations)
        return this.#later(() => {
          if (mini.generation === generation) this.#onDisk(mini, () => settle(mini, effect, back))
        })
      case 'scan': {
        const behind = mini.store.handed
        return this.#later(() => {
          if (mini.generation !== generation) return
          this.#onDisk(mini, () => {
            // Everything takes a millisecond, in order: it has waited for what was before it.
            assert.ok(mini.store.settled >= behind, 'a scan before what it must see')
            scan(mini, effect, back)
          })
        })
      }
      case 'keyring':
        return this.#later(() => {
          if (mini.up && mini.generation === generation) this.#onKeyring(mini, effect, back)
        })
      case 'reply':
        return this.#onReply(mini, effect.client, effect.reply)
      case 'note':
        return void mini.notes.push(effect.note)
      case 'address':
        mini.book.set(effect.peer, effect.address.port)
    }
  }

  #onKeyring(
    mini: MiniNode,
    { revision, state }: Extract<NodeEffect, { type: 'keyring' }>,
    back: (event: NodeEvent) => void,
  ): void {
    if (mini.keysFail) return back({ type: 'keyring-failed', revision, reason: 'no space left' })
    mini.keyring = state
    back({ type: 'keyring-stored', revision })
  }

  #onReply(mini: MiniNode, client: number, reply: ClientReply): void {
    const asked = this.#asked.get(`${mini.index}/${client}`)
    assert.ok(asked !== undefined, 'an answer that nobody asked for')
    assert.equal(asked.reply, undefined, 'answered twice')
    assert.equal(asked.generation, mini.generation, 'answered by another life of the node')
    asked.reply = reply
  }

  #onDisk(mini: MiniNode, run: () => void): void {
    if (mini.hangs) mini.waiting.push(run)
    else run()
  }

  #send(from: MiniNode, to: NodeId, message: PeerMessage, back: (event: NodeEvent) => void): void {
    const others = this.nodes.filter((other) => other.id === to && other !== from)
    const target = others.find(({ address }) => address.port === from.book.get(to)) ?? others[0]
    const generation = target?.generation
    const arrive = (): void => this.#arrive(from, target, generation, message, back)
    const waiting = this.#stalled.get(`${from.id}>${to}`)
    if (waiting !== undefined) waiting.push(arrive)
    else this.#later(arrive)
  }

  #arrive(
    from: MiniNode,
    to: MiniNode | undefined,
    generation: number | undefined,
    message: PeerMessage,
    back: (event: NodeEvent) => void,
  ): void {
    if (to === undefined) return
    const way = `${from.id}>${to.id}`
    const link = linkOf(from, to)
    // The connection was to a life of the node that is over, or to nobody.
    if (!to.up || to.generation !== generation) {
      this.#links.delete(link)
      return back({ type: 'link-down', peer: to.id, reason: 'refused' })
    }
    const hindrance = this.cut.has(way) ? 'lost' : this.hinder?.(from, to, message)
    if (hindrance !== undefined) {
      const down = (): void => {
        this.#links.delete(link)
        back({ type: 'link-down', peer: to.id, reason: hindrance })
      }
      return hindrance === 'lost' ? this.#later(down, SILENCE_MS) : down()
    }
    if (!this.#links.has(link)) {
      this.#links.add(link)
      back({ type: 'link-up', peer: to.id })
    }
    this.watch?.(from, to, message)
    this.#deliver(to, { type: 'message', from: from.id, message })
  }

  #tellDown(mini: MiniNode, peer: NodeId, reason: string): void {
    const { generation } = mini
    this.#later(() => {
      if (mini.up && mini.generation === generation)
        this.#deliver(mini, { type: 'link-down', peer, reason })
    })
  }

  #release(way: string): void {
    const waiting = this.#stalled.get(way) ?? []
    this.#stalled.delete(way)
    for (const arrive of waiting) this.#later(arrive)
  }

  #isLost(from: MiniNode, to: MiniNode): boolean {
    const way = `${from.id}>${to.id}`
    return this.cut.has(way) || this.#stalled.has(way)
  }
}

function linkOf(from: MiniNode, to: MiniNode): string {
  return `${from.index}>${to.index}`
}

function settle(
  mini: MiniNode,
  { batch, operations }: Extract<NodeEffect, { type: 'store' }>,
  back: (event: NodeEvent) => void,
): void {
  const durable = mini.store.settle(batch, mini.takes(operations))
  back(
    durable
      ? { type: 'stored', batch }
      : { type: 'store-failed', batch, reason: 'no space left on device' },
  )
}

function scan(
  mini: MiniNode,
  effect: Extract<NodeEffect, { type: 'scan' }>,
  back: (event: NodeEvent) => void,
): void {
  if (mini.scansFail) return back({ type: 'scan-failed', scan: effect.scan, reason: 'no' })
  const ranges = effect.ranges.map((range) => mini.store.scan(range))
  back({ type: 'scanned', scan: effect.scan, ranges })
}

function makeNode(
  id: NodeId,
  index: number,
  store: MiniStore,
  generation: number,
  options: MiniOptions,
): Node {
  const { zone = 'a', weight = 100, partitions = 16, replicas = 3 } = options
  const self = {
    ...{ id, name: `node${index + 1}`, zone, weight, version: '1.0.0' },
    address: { host: '10.0.0.1', port: 1000 + index },
    httpAddress: { host: '10.0.0.1', port: 2000 + index },
  }
  return new Node({
    ...{ self, cluster: CLUSTER, generation, store, checksum: crc32 },
    ...{ digest, leaveSecret: `${id}${generation.toString(16).padStart(16, '0')}` },
    config: { ...DEFAULT_NODE_CONFIG, ...options.config },
    birth: index === 0 ? { partitions, replicas } : undefined,
    keyring: options.keyring,
    resumed: false,
    replaces: options.replaces,
    rng: new Prng(1000 * generation + index),
  })
}

function digest(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}
