/**
 * One whole node among peers that the test plays itself: it says what they say, and looks at what
 * the node does.
 */
import assert from 'node:assert/strict'
import { NO_BALLOT } from '../consensus/ballot.ts'
import { crc32 } from '../std/crc32.ts'
import type { ClusterId, NodeId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import type { MemberInfo, MemberRecord, MemberState } from '../membership/member.ts'
import type { Layout, LayoutState } from '../placement/layout.ts'
import type { PeerMessage } from '../wire/messages.ts'
import { PROTOCOL_MAX } from '../wire/protocol.ts'
import type { NodeConfig } from './config.ts'
import { DEFAULT_NODE_CONFIG } from './config.ts'
import type { ClientReply, ClientRequest, NodeEffect, NodeEvent, Note } from './events.ts'
import { A, bytes, FakeStore, layoutOf, WALL } from './fake-host.test.ts'
import type { StateSync } from './messages.ts'
import { Node } from './node.ts'
import type { NodeOptions } from './options.ts'

export function infoOf(id: NodeId): MemberInfo {
  const port = 1000 + Number.parseInt(id.slice(0, 2), 16)
  const address = { host: '10.0.0.1', port }
  const httpAddress = { host: '10.0.0.1', port: port + 1000 }
  return {
    id,
    name: `node ${id[0]}`,
    address,
    httpAddress,
    zone: 'z',
    weight: 100,
    version: '1.0.0',
    leaveLock: '00'.repeat(16),
    protocol: PROTOCOL_MAX,
  }
}

export function memberOf(id: NodeId, state: MemberState = 'alive'): MemberRecord {
  return { info: infoOf(id), generation: 1, incarnation: 0, state }
}

export const complete = (current: Layout): LayoutState => ({
  current,
  previous: undefined,
  synced: [],
  acked: [],
  lost: [],
})

export type BenchOptions = Omit<Partial<NodeOptions>, 'config' | 'store'> & {
  readonly config?: Partial<NodeConfig>
  readonly store?: FakeStore
}

const NOTHING_ACCEPTED = { accepted: NO_BALLOT, value: new Uint8Array(0), requests: [] }

export class NodeBench {
  readonly store: FakeStore
  readonly node: Node
  readonly notes: Note[] = []
  readonly replies: Map<number, ClientReply> = new Map()
  /** What the node asked for and the test has not looked at: messages, packets, dials, scans. */
  effects: NodeEffect[] = []
  now = 0
  /** Batches that the disk has not answered. */
  pending: number[] = []
  #client = 0

  constructor(options: BenchOptions = {}) {
    this.store = options.store ?? new FakeStore()
    this.node = new Node({
      ...{ self: infoOf(A), cluster: 'c'.repeat(32) as ClusterId, generation: 5 },
      ...{ checksum: crc32, digest: (bytes: Uint8Array) => bytes, leaveSecret: 'ab'.repeat(16) },
      ...{ rng: new Prng(1), birth: undefined, resumed: true, ...options },
      store: this.store,
      config: { ...DEFAULT_NODE_CONFIG, ...options.config },
    })
  }

  /** A node that serves, in a layout of these nodes, all of whom are up. */
  static serving(nodes: readonly NodeId[], options: BenchOptions = {}): NodeBench {
    const birth = nodes.length === 1 ? { partitions: 8, replicas: 3 } : undefined
    const bench = new NodeBench({ birth, ...options })
    bench.step({ type: 'start', seeds: [] })
    const layout = complete(layoutOf(nodes))
    for (const id of nodes) if (id !== A) bench.meet(id, layout)
    bench.settle()
    assert.ok(bench.node.view().ready)
    bench.effects = []
    return bench
  }

  step(event: NodeEvent): void {
    const effects: NodeEffect[] = []
    this.node.step(event, { instant: instant(this.now), wallMs: WALL + this.now }, effects)
    this.node.check()
    for (const effect of effects) {
      if (effect.type === 'store') {
        this.store.apply(effect.operations)
        this.pending.push(effect.batch)
      } else if (effect.type === 'note') this.notes.push(effect.note)
      else if (effect.type === 'reply') {
        assert.ok(!this.replies.has(effect.client), 'answered twice')
        this.replies.set(effect.client, effect.reply)
      } else this.effects.push(effect)
    }
  }

  message(from: NodeId, message: PeerMessage): void {
    this.step({ type: 'message', from, message })
  }

  /** The peer tells its state: it is up from now on. */
  meet(peer: NodeId, layout?: LayoutState, change: Partial<StateSync> = {}): void {
    this.message(peer, {
      ...{ type: 'state-sync', answer: false, members: [memberOf(peer)], layout, buckets: [] },
      ...change,
    })
    this.step({ type: 'link-up', peer })
  }

  /** The disk answers all that it owes, and what comes of that, too. */
  settle(type: 'stored' | 'store-failed' = 'stored'): void {
    for (let rounds = 0; this.pending.length > 0; rounds++) {
      assert.ok(rounds < 1000, 'it stores for ever')
      const batch = this.pending.shift()!
      this.step(type === 'stored' ? { type, batch } : { type, batch, reason: 'disk full' })
    }
  }

  /** Time passes; the disk keeps up. */
  run(ms: number): void {
    const end = this.now + ms
    for (let at = this.node.nextDeadline(); at <= end; at = this.node.nextDeadline()) {
      this.now = Math.max(this.now, at)
      this.step({ type: 'tick' })
      this.settle()
    }
    this.now = end
  }

  /** The peers choose whatever this node has proposed: nobody has proposed anything else. */
  agree(): void {
    const ok = { outcome: 'ok', greater: NO_BALLOT } as const
    for (const { to, message } of this.take('register-prepare')) {
      const { request, ballot } = message
      this.message(to, { type: 'register-promise', request, ballot, ...ok, ...NOTHING_ACCEPTED })
    }
    this.settle()
    for (const { to, message } of this.take('register-accept')) {
      const { request, ballot } = message
      this.message(to, { type: 'register-accepted', request, ballot, ...ok })
    }
    this.settle()
  }

  /** Asks, and gives the number under which the answer will be. */
  request(request: ClientRequest): number {
    const client = ++this.#client
    this.step({ type: 'request', client, request })
    return client
  }

  /** Messages sent and not looked at yet, of one type. */
  take<T extends PeerMessage['type']>(
    type: T,
  ): { readonly to: NodeId; readonly message: Extract<PeerMessage, { type: T }> }[] {
    const taken: { to: NodeId; message: Extract<PeerMessage, { type: T }> }[] = []
    this.effects = this.effects.filter((effect) => {
      if (effect.type !== 'send' || effect.message.type !== type) return true
      taken.push({
        to: effect.to,
        message: effect.message as Extract<PeerMessage, { type: T }>,
      })
      return false
    })
    return taken
  }

  noted(type: Note['type']): number {
    return this.notes.filter((note) => note.type === type).length
  }
}

export function putOf(key: string, value = 'v', change: object = {}): ClientRequest {
  return {
    ...{ type: 'put', bucket: 'default', key: bytes(key), sort: undefined, context: undefined },
    ...{ w: undefined, timeoutMs: undefined },
    value: { bytes: bytes(value), contentType: 'text/plain', metadata: [], expiresAtMs: 0 },
    ...change,
  }
}

export function getOf(key: string, change: object = {}): ClientRequest {
  return {
    ...{ type: 'get', bucket: 'default', key: bytes(key), sort: undefined },
    ...{ r: undefined, timeoutMs: undefined, ...change },
  }
}
