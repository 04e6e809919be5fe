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
import { assert } from '../std/assert.ts'
import type { Effects } from '../std/effects.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { StoreOperation } from '../ports.ts'
import type { Actor } from '../versions/actor.ts'
import { greatestStamp } from '../versions/container.ts'
import type { HybridClock } from '../versions/hybrid-clock.ts'
import { NO_BASE } from '../versions/partition-clock.ts'
import type { Container } from '../versions/version.ts'
import type { Holdings } from './holdings.ts'
import type { Read, ReadOutcome, ReadReply, Replicate, ReplicateReply } from './messages.ts'

/** What the layout says of a partition when a message arrives. */
export interface ReplicaFacts {
  readonly layoutVersion: number
  readonly readVersion: number
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
      readonly partition: PartitionId
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
  readonly held: Incoming | undefined
  /** How many batches had been lost when it was handed over. */
  readonly losses: number
}

/** What is to be merged with what is held. */
type Incoming = Pick<Replicate, 'partition' | 'key' | 'record' | 'base'>

const NOTHING: readonly StoreOperation[] = []
const NO_RECORD = new Uint8Array(0)

export class Replica {
  readonly #holdings: Holdings
  readonly #clock: HybridClock
  readonly #actorOf: (partition: PartitionId) => Actor | undefined
  // Bounded by: what peers have in flight towards us, each of them its requestsInFlightMax.
  readonly #pending = new Map<number, Answer>()
  #token = 0
  #losses = 0

  constructor(options: {
    readonly holdings: Holdings
    readonly clock: HybridClock
    readonly actorOf: (partition: PartitionId) => Actor | undefined
  }) {
    this.#holdings = options.holdings
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
        const { partition, key, record } = event
        const merged = this.#holdings.merge(partition, key, record, NO_BASE)
        if (merged === 'malformed' || merged.kept === undefined) return
        // It was read long ago: what it replaces may have broken since, and have held more.
        if (merged.unreadable) effects.push({ type: 'unreadable', key })
        const { operations } = merged.kept
        return void effects.push({ type: 'store', token: ++this.#token, operations })
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
    const { request, partition } = message
    const isStale = message.layoutVersion < facts.layoutVersion
    if (this.#refuse(from, isStale, facts, effects)) {
      const outcome = isStale ? 'stale-layout' : 'not-replica'
      return void effects.push({
        type: 'send',
        to: from,
        message: { type: 'replicate-reply', request, outcome },
      })
    }
    const container = this.#keep(message, { to: from, request }, effects)
    if (container !== undefined) this.#hear(from, partition, container, wallMs, effects)
  }

  #onRead(from: NodeId, message: Read, facts: ReplicaFacts, effects: Effects<ReplicaEffect>): void {
    const { request, partition, key } = message
    const answer = (outcome: ReadOutcome, record: Uint8Array, base: Uint8Array): void => {
      const reply: ReadReply = { type: 'read-reply', request, outcome, record, base }
      effects.push({ type: 'send', to: from, message: reply })
    }
    const isStale = message.readVersion < facts.readVersion
    if (this.#refuse(from, isStale, facts, effects)) {
      const outcome = isStale ? 'stale-layout' : 'not-replica'
      return answer(outcome, NO_RECORD, NO_BASE)
    }
    const { record, base } = this.#holdings.shown(partition, key)
    if (record === undefined) return answer('absent', NO_RECORD, base)
    // Its checksum is verified by whoever decodes it: the coordinator, which then repairs us.
    if (record !== 'unreadable') return answer('found', record, base)
    effects.push({ type: 'unreadable', key })
    answer('unreadable', NO_RECORD, NO_BASE)
  }

  #refuse(
    from: NodeId,
    stale: boolean,
    facts: ReplicaFacts,
    effects: Effects<ReplicaEffect>,
  ): boolean {
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
    incoming: Incoming,
    asker: { readonly to: NodeId; readonly request: number },
    effects: Effects<ReplicaEffect>,
  ): Container | undefined {
    const { partition, key, record, base } = incoming
    // Only a reader is told of a key without a record: a write is one.
    const merged =
      record.length === 0 ? 'malformed' : this.#holdings.merge(partition, key, record, base)
    if (merged === 'malformed') {
      effects.push({ type: 'malformed', from: asker.to })
      reply(asker, 'malformed', effects)
      return undefined
    }
    const { container, kept, unreadable } = merged
    if (unreadable) effects.push({ type: 'unreadable', key })
    const token = ++this.#token
    const held = kept === undefined ? { partition, key, record, base } : undefined
    this.#pending.set(token, { ...asker, held, losses: this.#losses })
    // Nothing to store: a barrier.
    effects.push({ type: 'store', token, operations: kept?.operations ?? NOTHING })
    return container
  }

  #onStored(token: number, effects: Effects<ReplicaEffect>): void {
    const answer = this.#take(token)
    if (answer === undefined) return
    const { held, losses } = answer
    if (held === undefined || losses === this.#losses) return reply(answer, 'stored', effects)
    this.#keep(held, answer, effects)
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
