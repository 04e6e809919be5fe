/**
 * Coordinating writes: the process around "store it here, send it to the others, answer when W have
 * it".
 *
 * ```
 *   start ─store─▶ stored here ─replicate─▶ … replies … ─▶ W durable: answer
 *             └─ store failed: unknown         └─ W impossible, or the deadline: unknown
 * ```
 * The coordinator stores durably *before* it sends. Sending in parallel would save one fsync of
 * latency and lose data: a dot sent out but lost here in a crash is a dot whose counter this
 * replica believes spent, so the next vector that it writes for the key covers a version that it no
 * longer holds, and every `sync` then drops that version elsewhere (riak_kv#679 is this family of
 * losses).
 *
 * From the moment that the record is handed to the store all failures are `unknown`, even that of
 * the store itself: merges on this node see what was handed over, so another write of the key may
 * have carried it on before its sync failed. Reads show it to nobody before it is durable: they
 * would be another way of sending it.
 *
 * Source: DeCandia et al., "Dynamo: Amazon's Highly Available Key-value Store", SOSP 2007, §4.5.
 */
import { assert } from '../std/assert.ts'
import type { Effects } from '../std/effects.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import type { Placement } from '../placement/layout.ts'
import type { StoreOperation } from '../ports.ts'
import type { Context } from '../versions/version.ts'
import type { Failure, Replicate, ReplicateReply, WriteResult } from './messages.ts'
import type { QuorumSet } from './quorum.ts'
import { QuorumTally, quorumSets, unionOf } from './quorum.ts'

export interface WriteStart<O> {
  readonly type: 'start'
  /** Whom the result is for; opaque here. */
  readonly origin: O
  readonly key: Uint8Array
  /** The container that replaces the local one, encoded. */
  readonly record: Uint8Array
  /** What the client gets with its answer. */
  readonly context: Context | undefined
  readonly placement: Placement
  /** Replicas that hold the bucket's keys, and how many must have a write. */
  readonly n: number
  readonly w: number
  readonly deadline: Instant
}

export type WriteEvent<O> =
  | WriteStart<O>
  | { readonly type: 'stored'; readonly token: number }
  | { readonly type: 'store-failed'; readonly token: number; readonly reason: string }
  | { readonly type: 'replied'; readonly from: NodeId; readonly message: ReplicateReply }
  /** Whatever was asked of `peer` will not be answered. */
  | { readonly type: 'peer-lost'; readonly peer: NodeId }
  /** The layout changed: where each partition's writes now go. */
  | { readonly type: 'replan'; readonly placementOf: (partition: PartitionId) => Placement }
  | { readonly type: 'deadline'; readonly request: number }

/** In order; `done` comes exactly once for each start. */
export type WriteEffect<O> =
  | {
      readonly type: 'store'
      readonly token: number
      readonly operations: readonly StoreOperation[]
    }
  | { readonly type: 'send'; readonly to: NodeId; readonly message: Replicate }
  | { readonly type: 'arm'; readonly request: number; readonly at: Instant }
  | { readonly type: 'done'; readonly origin: O; readonly result: WriteResult }

interface Write<O> {
  readonly origin: O
  readonly partition: PartitionId
  readonly key: Uint8Array
  readonly record: Uint8Array
  readonly context: Context | undefined
  readonly n: number
  readonly w: number
  readonly tally: QuorumTally
  layoutVersion: number
  sets: readonly QuorumSet[]
  stored: boolean
}

export class Writes<O> {
  readonly #self: NodeId
  readonly #isUp: (node: NodeId) => boolean
  readonly #nextRequest: () => number
  // Bounded by: the node's requestsInFlightMax, checked before a start.
  readonly #writes = new Map<number, Write<O>>()

  constructor(options: {
    readonly self: NodeId
    /** Whether a node is worth sending to; a fact handed in, not a sibling. */
    readonly isUp: (node: NodeId) => boolean
    readonly nextRequest: () => number
  }) {
    this.#self = options.self
    this.#isUp = options.isUp
    this.#nextRequest = options.nextRequest
  }

  get size(): number {
    return this.#writes.size
  }

  step(event: WriteEvent<O>, effects: Effects<WriteEffect<O>>): void {
    switch (event.type) {
      case 'start':
        return this.#start(event, effects)
      case 'stored':
        return this.#onStored(event.token, effects)
      case 'store-failed':
        return this.#onStoreFailed(event.token, event.reason, effects)
      case 'replied':
        return this.#onReply(event.from, event.message, effects)
      case 'peer-lost':
        return this.#onPeerLost(event.peer, effects)
      case 'replan':
        return this.#replan(event.placementOf, effects)
      case 'deadline':
        return this.#onDeadline(event.request, effects)
    }
  }

  check(): void {
    for (const write of this.#writes.values()) {
      write.tally.check()
      assert(
        write.tally.verdict() === 'pending',
        () => `a settled write is still kept: ${write.tally.verdict()}`,
      )
      assert(write.stored || write.tally.successes === 0, 'acknowledged before it was stored here')
    }
  }

  #start(event: WriteStart<O>, effects: Effects<WriteEffect<O>>): void {
    const request = this.#nextRequest()
    const { origin, placement, key, record, context, n, w } = event
    const sets = quorumSets(placement.writeSets, n, w)
    this.#writes.set(request, {
      origin,
      partition: placement.partition,
      key,
      record,
      context,
      n,
      w,
      tally: new QuorumTally(sets),
      layoutVersion: placement.layoutVersion,
      sets,
      stored: false,
    })
    effects.push({
      type: 'store',
      token: request,
      operations: [{ type: 'put', key, value: record }],
    })
    effects.push({ type: 'arm', request, at: event.deadline })
  }

  #onStored(request: number, effects: Effects<WriteEffect<O>>): void {
    const write = this.#writes.get(request)
    // The deadline came first: the client has its answer, and the record still must reach the
    // others by repair.
    if (write === undefined) return
    write.stored = true
    write.tally.succeed(this.#self)
    this.#replicate(request, write, effects)
    this.#settle(request, write, effects)
  }

  #onStoreFailed(request: number, reason: string, effects: Effects<WriteEffect<O>>): void {
    const write = this.#writes.get(request)
    if (write === undefined) return
    const { needed } = write.tally.shortfall()
    this.#finish(request, write, effects, {
      ok: false,
      code: 'DND_ERR_STORE_FAILED',
      outcome: 'unknown',
      needed,
      got: 0,
      message: `the coordinating node could not make the write durable (${reason}); it may surface later`,
    })
  }

  /** Sends to everyone who has not got it; who is down is not waited for. */
  #replicate(request: number, write: Write<O>, effects: Effects<WriteEffect<O>>): void {
    for (const node of unionOf(write.sets)) {
      if (node === this.#self || write.tally.hasSucceeded(node)) continue
      if (!this.#isUp(node)) {
        write.tally.fail(node)
        continue
      }
      const { layoutVersion, partition, key, record } = write
      effects.push({
        type: 'send',
        to: node,
        message: { type: 'replicate', request, layoutVersion, partition, key, record },
      })
    }
  }

  #onReply(from: NodeId, message: ReplicateReply, effects: Effects<WriteEffect<O>>): void {
    const write = this.#writes.get(message.request)
    // Late, or the answer to a repair.
    if (write === undefined || !write.stored) return
    if (message.outcome === 'stored') write.tally.succeed(from)
    // A replica ahead of us has sent its layout before this answer: the replan that it caused has
    // asked it again, or will.
    else if (message.outcome !== 'stale-layout') write.tally.fail(from)
    this.#settle(message.request, write, effects)
  }

  #onPeerLost(peer: NodeId, effects: Effects<WriteEffect<O>>): void {
    for (const [request, write] of this.#writes) {
      if (!write.stored) continue
      write.tally.fail(peer)
      this.#settle(request, write, effects)
    }
  }

  #replan(
    placementOf: (partition: PartitionId) => Placement,
    effects: Effects<WriteEffect<O>>,
  ): void {
    for (const [request, write] of this.#writes) {
      const { layoutVersion, writeSets } = placementOf(write.partition)
      write.layoutVersion = layoutVersion
      write.sets = quorumSets(writeSets, write.n, write.w)
      write.tally.retarget(write.sets)
      if (!write.stored) continue
      this.#replicate(request, write, effects)
      this.#settle(request, write, effects)
    }
  }

  #settle(request: number, write: Write<O>, effects: Effects<WriteEffect<O>>): void {
    const verdict = write.tally.verdict()
    if (verdict === 'pending') return
    if (verdict === 'met') {
      const acks = write.tally.successes
      return this.#finish(request, write, effects, { ok: true, context: write.context, acks })
    }
    const { needed, got } = write.tally.shortfall()
    this.#finish(request, write, effects, {
      ok: false,
      code: 'DND_ERR_QUORUM_UNAVAILABLE',
      outcome: 'unknown',
      needed,
      got,
      message: `${got} of the ${needed} replicas needed have stored the write and no more can be reached; it may surface later`,
    })
  }

  #onDeadline(request: number, effects: Effects<WriteEffect<O>>): void {
    const write = this.#writes.get(request)
    if (write === undefined) return
    const { needed, got } = write.tally.shortfall()
    this.#finish(request, write, effects, timeoutFailure(needed, got))
  }

  #finish(
    request: number,
    write: Write<O>,
    effects: Effects<WriteEffect<O>>,
    result: WriteResult,
  ): void {
    this.#writes.delete(request)
    effects.push({ type: 'done', origin: write.origin, result })
  }
}

/** A write that ran out of time: stored on `got` replicas that said so, and perhaps on others. */
export function timeoutFailure(needed: number, got: number): Failure {
  return {
    ok: false,
    code: 'DND_ERR_TIMEOUT',
    outcome: 'unknown',
    needed,
    got,
    message: `${got} of the ${needed} replicas needed answered in time; the write may surface later`,
  }
}
