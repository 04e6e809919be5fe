/**
 * The replica's side of a request: merge what arrives, say so when it is durable, and give what is
 * held.
 *
 * Every arrival, be it a write, a read repair or a transfer, goes through the same commutative
 * `sync` (V4): a replica never overwrites, so the order and number of deliveries do not matter.
 *
 * The layout fence: a message carries its sender's layout version, and a replica that has adopted a
 * newer layout refuses it. A new owner pulls a partition only from replicas that have adopted the
 * layout for which it pulls; so what such a replica acknowledged before is in what it hands over,
 * and what comes after is sent to the new owner as well.
 *
 * What arrives is merged with all that was handed to the store, durable or not; what is given to
 * others is durable. A dot that others hold and a failing disk or a crash takes from here would be
 * covered unseen by the next one drawn here, and be lost everywhere (see `writes.ts`).
 *
 * What is held already may not be durable yet, so its answer waits for a barrier. A barrier says
 * only that the disk has got so far, not that all before it was taken: if any batch failed
 * meanwhile, what was seen is looked for again before it is acknowledged. Otherwise a full disk
 * makes a replica say `stored` of what it has just lost.
 */
import type { Checksum } from '../std/crc32.ts'
import { assert } from '../std/assert.ts'
import type { Effects } from '../std/effects.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { StoreOperation, StoreReader } from '../ports.ts'
import type { Actor } from '../versions/actor.ts'
import { compareContainers, greatestStamp, sync } from '../versions/container.ts'
import type { HybridClock } from '../versions/hybrid-clock.ts'
import { decodeRecord, encodeRecord, isStorable } from '../versions/record.ts'
import type { Container } from '../versions/version.ts'
import type { Read, ReadReply, Replicate, ReplicateReply } from './messages.ts'

/** What the layout says of a partition when a message arrives. */
export interface ReplicaFacts {
  readonly layoutVersion: number
  /** Whether this node is in one of the partition's write sets. */
  readonly holds: boolean
}

export type ReplicaEvent =
  | {
      readonly type: 'replicate'
      readonly from: NodeId
      readonly message: Replicate
      readonly facts: ReplicaFacts
    }
  | {
      readonly type: 'read'
      readonly from: NodeId
      readonly message: Read
      readonly facts: ReplicaFacts
    }
  /** Our own copy is behind: merge this, nobody waits. */
  | {
      readonly type: 'repair'
      readonly key: Uint8Array
      readonly record: Uint8Array
    }
  | { readonly type: 'stored'; readonly token: number }
  | { readonly type: 'store-failed'; readonly token: number }
  /**
   * A batch of anybody's was not taken: what the store showed may be gone. Comes before its
   * `store-failed`.
   */
  | { readonly type: 'batch-lost' }

/** A `send` of `stored` comes only in the step that is told so. */
export type ReplicaEffect =
  | {
      readonly type: 'store'
      readonly token: number
      readonly operations: readonly StoreOperation[]
    }
  | { readonly type: 'send'; readonly to: NodeId; readonly message: ReplicateReply | ReadReply }
  /** The sender is behind: it must have our layout before it reads the refusal. */
  | { readonly type: 'outdated'; readonly peer: NodeId }
  | { readonly type: 'unreadable'; readonly key: Uint8Array }
  /** Somebody holds dots of ours that we have not drawn: this disk forgot (V1). */
  | { readonly type: 'amnesia'; readonly partition: PartitionId }
  | { readonly type: 'clock-skew'; readonly peer: NodeId; readonly aheadMs: number }
  | { readonly type: 'malformed'; readonly from: NodeId }

/**
 * Who waits for a batch, and what it was told to be held already when the batch was but a barrier.
 */
interface Answer {
  readonly to: NodeId
  readonly request: number
  readonly held: { readonly key: Uint8Array; readonly record: Uint8Array } | undefined
  /** How many batches had been lost when it was handed over. */
  readonly losses: number
}

const NOTHING: readonly StoreOperation[] = []
const NO_RECORD = new Uint8Array(0)

export class Replica {
  readonly #store: StoreReader
  readonly #checksum: Checksum
  readonly #clock: HybridClock
  readonly #actorOf: (partition: PartitionId) => Actor | undefined
  // Bounded by: what peers have in flight towards us, each of them its requestsInFlightMax.
  readonly #pending = new Map<number, Answer>()
  #token = 0
  #losses = 0

  constructor(options: {
    readonly store: StoreReader
    readonly checksum: Checksum
    readonly clock: HybridClock
    readonly actorOf: (partition: PartitionId) => Actor | undefined
  }) {
    this.#store = options.store
    this.#checksum = options.checksum
    this.#clock = options.clock
    this.#actorOf = options.actorOf
  }

  step(event: ReplicaEvent, wallMs: number, effects: Effects<ReplicaEffect>): void {
    switch (event.type) {
      case 'replicate':
        return this.#onReplicate(event.from, event.message, event.facts, wallMs, effects)
      case 'read':
        return this.#onRead(event.from, event.message, event.facts, effects)
      case 'repair': {
        const merged = this.merge(event.key, event.record)
        if (merged === 'malformed' || merged.record === undefined) return
        // It was read long ago: what it replaces may have broken since, and have held more.
        if (merged.unreadable) effects.push({ type: 'unreadable', key: event.key })
        effects.push({ type: 'store', ...this.#put(event.key, merged.record) })
        return
      }
      case 'stored':
        return this.#onStored(event.token, effects)
      case 'store-failed': {
        const answer = this.#take(event.token)
        if (answer !== undefined) reply(answer, 'store-failed', effects)
        return
      }
      case 'batch-lost':
        this.#losses++
    }
  }

  /**
   * What the store must hold of `key` once `incoming` is known as well; `record` undefined when it
   * holds that already. A local record that cannot be read counts as none: what arrives replaces it
   * (V9). It may have held dots of ours that only another replica still has, so whoever is told
   * `unreadable` must draw no more dots under the old vnode id.
   */
  merge(
    key: Uint8Array,
    incoming: Uint8Array,
  ):
    | {
        readonly container: Container
        readonly record: Uint8Array | undefined
        readonly unreadable: boolean
      }
    | 'malformed' {
    const container = decodeRecord(incoming, this.#checksum)
    if (container === 'corrupt' || container === 'unsupported') return 'malformed'
    const held = this.#store.get(key)
    if (held === undefined) return { container, record: incoming, unreadable: false }
    const local = held === 'unreadable' ? held : decodeRecord(held, this.#checksum)
    if (typeof local === 'string') return { container, record: incoming, unreadable: true }
    const merged = sync(local, container)
    if (merged === local || compareContainers(merged, local) === 'equal')
      return { container, record: undefined, unreadable: false }
    const record = merged === container ? incoming : encodeRecord(merged, this.#checksum)
    // Beyond what a record may be it could not be read again: better to stay behind than to lose
    // what is here.
    return isStorable(merged, record) ? { container, record, unreadable: false } : 'malformed'
  }

  check(): void {
    assert(this.#pending.size <= this.#token, 'more pending than ever stored')
  }

  #onReplicate(
    from: NodeId,
    message: Replicate,
    facts: ReplicaFacts,
    wallMs: number,
    effects: Effects<ReplicaEffect>,
  ): void {
    const { request, partition, key } = message
    if (this.#refuse(from, message.layoutVersion, facts, effects)) {
      const outcome = message.layoutVersion < facts.layoutVersion ? 'stale-layout' : 'not-replica'
      return void effects.push({
        type: 'send',
        to: from,
        message: { type: 'replicate-reply', request, outcome },
      })
    }
    const container = this.#keep(key, message.record, { to: from, request }, effects)
    if (container !== undefined) this.#hear(from, partition, container, wallMs, effects)
  }

  #onRead(from: NodeId, message: Read, facts: ReplicaFacts, effects: Effects<ReplicaEffect>): void {
    const { request, key } = message
    let reply: ReadReply
    if (this.#refuse(from, message.layoutVersion, facts, effects)) {
      const outcome = message.layoutVersion < facts.layoutVersion ? 'stale-layout' : 'not-replica'
      reply = { type: 'read-reply', request, outcome, record: NO_RECORD }
    } else {
      const held = this.#store.getDurable(key)
      if (held === 'unreadable') {
        effects.push({ type: 'unreadable', key })
        reply = { type: 'read-reply', request, outcome: 'unreadable', record: NO_RECORD }
      } else if (held === undefined)
        reply = { type: 'read-reply', request, outcome: 'absent', record: NO_RECORD }
      // Its checksum is verified by whoever decodes it: the coordinator, which then repairs us.
      else reply = { type: 'read-reply', request, outcome: 'found', record: held }
    }
    effects.push({ type: 'send', to: from, message: reply })
  }

  #refuse(
    from: NodeId,
    version: number,
    facts: ReplicaFacts,
    effects: Effects<ReplicaEffect>,
  ): boolean {
    const stale = version < facts.layoutVersion
    // It asks for what our layout does not give us: it must see ours before it reads the refusal.
    if (stale || !facts.holds) effects.push({ type: 'outdated', peer: from })
    return stale || !facts.holds
  }

  #hear(
    from: NodeId,
    partition: PartitionId,
    container: Container,
    wallMs: number,
    effects: Effects<ReplicaEffect>,
  ): void {
    const stamp = greatestStamp(container)
    // The data is kept whatever its stamp: only our clock does not follow one that is too far ahead
    // (V10).
    if (stamp.ms > 0 && this.#clock.observe(stamp, wallMs) === 'too-far-ahead')
      effects.push({ type: 'clock-skew', peer: from, aheadMs: stamp.ms - wallMs })
    if (this.#actorOf(partition)?.forgot(container.vector) === true)
      effects.push({ type: 'amnesia', partition })
  }

  /**
   * Merges `incoming` into what is held, to be answered when that is durable; what it said, unless
   * it is malformed.
   */
  #keep(
    key: Uint8Array,
    incoming: Uint8Array,
    asker: { readonly to: NodeId; readonly request: number },
    effects: Effects<ReplicaEffect>,
  ): Container | undefined {
    const merged = this.merge(key, incoming)
    if (merged === 'malformed') {
      effects.push({ type: 'malformed', from: asker.to })
      reply(asker, 'malformed', effects)
      return undefined
    }
    const { container, record, unreadable } = merged
    if (unreadable) effects.push({ type: 'unreadable', key })
    const batch = this.#put(key, record)
    const held = record === undefined ? { key, record: incoming } : undefined
    this.#pending.set(batch.token, { ...asker, held, losses: this.#losses })
    effects.push({ type: 'store', ...batch })
    return container
  }

  /** No record: a barrier. */
  #put(
    key: Uint8Array,
    record: Uint8Array | undefined,
  ): { token: number; operations: readonly StoreOperation[] } {
    const operations =
      record === undefined ? NOTHING : [{ type: 'put' as const, key, value: record }]
    return { token: ++this.#token, operations }
  }

  #onStored(token: number, effects: Effects<ReplicaEffect>): void {
    const answer = this.#take(token)
    if (answer === undefined) return
    const { held, losses } = answer
    if (held === undefined || losses === this.#losses) return reply(answer, 'stored', effects)
    this.#keep(held.key, held.record, answer, effects)
  }

  #take(token: number): Answer | undefined {
    const answer = this.#pending.get(token)
    this.#pending.delete(token)
    return answer
  }
}

function reply(
  { to, request }: { readonly to: NodeId; readonly request: number },
  outcome: ReplicateReply['outcome'],
  effects: Effects<ReplicaEffect>,
): void {
  effects.push({ type: 'send', to, message: { type: 'replicate-reply', request, outcome } })
}
