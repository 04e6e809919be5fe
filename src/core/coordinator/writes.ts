/**
 * Coordinating writes: the process around "store it here, send it to the others, answer when W have
 * it, and see that the rest get it too".
 *
 * ```
 *   start ─store─▶ stored here ─replicate─▶ … replies … ─▶ W durable: answer
 *             └─ store failed: unknown         └─ W impossible, or the deadline: unknown
 *   then: who of the others has not got it? down, lost, refused, silent ─▶ a hint is kept for it
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
 * A write is let go when every replica has it or somebody keeps a hint for it, which may be after
 * its client has the answer: else a replica that dies with our message unread would miss writes
 * that everybody thinks it has. The hint is kept by the first fallback that is up (Dynamo §4.6),
 * and if there is none by this node. In a sloppy bucket the word of a fallback counts towards W in
 * the place of the replica for which it stands in; in a strict one, and that of this node in any, a
 * hint is not a copy: it cannot be read.
 *
 * Source: DeCandia et al., "Dynamo: Amazon's Highly Available Key-value Store", SOSP 2007, §4.5,
 * §4.6.
 */
import { assert } from '../std/assert.ts'
import type { Effects } from '../std/effects.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import type { Placement } from '../placement/layout.ts'
import type { StoreOperation } from '../ports.ts'
import type { Context } from '../versions/version.ts'
import type { Kept } from './holdings.ts'
import type {
  Failure,
  Hint,
  Hinted,
  HintReply,
  Replicate,
  ReplicateReply,
  WriteResult,
} from './messages.ts'
import type { QuorumSet } from './quorum.ts'
import { QuorumTally, quorumSets, unionOf } from './quorum.ts'
import { StandIns } from './stand-ins.ts'

/** Answered writes that not all replicas have yet; beyond either bound hints are kept at once. */
export const LATE_MAX: number = 4096
export const LATE_BYTES_MAX: number = 64 * 1024 * 1024

export interface WriteStart<O> {
  readonly type: 'start'
  /** Whom the result is for; opaque here. */
  readonly origin: O
  readonly key: Uint8Array
  /** The change of the local record. */
  readonly kept: Kept
  /** What the client gets with its answer. */
  readonly context: Context | undefined
  readonly placement: Placement
  /** Replicas that hold the bucket's keys, and how many must have a write. */
  readonly n: number
  readonly w: number
  /** Whether a hint on a fallback counts in the place of a replica. */
  readonly sloppy: boolean
  /** When hints are kept for the replicas that are silent. */
  readonly hintAt: Instant
  readonly deadline: Instant
}

export type WriteEvent<O> =
  | WriteStart<O>
  | { readonly type: 'stored'; readonly token: number }
  | { readonly type: 'store-failed'; readonly token: number; readonly reason: string }
  | { readonly type: 'replied'; readonly from: NodeId; readonly message: ReplicateReply }
  | { readonly type: 'hint-replied'; readonly from: NodeId; readonly message: HintReply }
  /** Whatever was asked of `peer` will not be answered. */
  | { readonly type: 'peer-lost'; readonly peer: NodeId }
  /** The layout changed: where each partition's writes now go. */
  | { readonly type: 'replan'; readonly placementOf: (partition: PartitionId) => Placement }
  | { readonly type: 'timer'; readonly request: number }

/** In order; `done` comes exactly once for each start. */
export type WriteEffect<O> =
  | {
      readonly type: 'store'
      readonly token: number
      readonly operations: readonly StoreOperation[]
    }
  | { readonly type: 'send'; readonly to: NodeId; readonly message: Replicate | Hint }
  /** This node itself keeps it; if it cannot, repair will find what is missing. */
  | { readonly type: 'keep-hint'; readonly hint: Hinted }
  | { readonly type: 'arm'; readonly request: number; readonly at: Instant }
  | { readonly type: 'done'; readonly origin: O; readonly result: WriteResult }

interface Write<O> {
  readonly start: WriteStart<O>
  readonly tally: QuorumTally
  layoutVersion: number
  sets: readonly QuorumSet[]
  /** undefined while nobody has to stand in. */
  standIns: StandIns | undefined
  stored: boolean
  /** Whether `hintAt` is past: then the timer that is armed is that of the deadline. */
  overdue: boolean
  /** Whether the client has its answer. */
  late: boolean
}

export class Writes<O> {
  readonly #self: NodeId
  readonly #isUp: (node: NodeId) => boolean
  readonly #preferenceList: (partition: PartitionId) => readonly NodeId[]
  readonly #nextRequest: () => number
  // In order of their numbers. Bounded by: the node's requestsInFlightMax, checked before a start,
  // and LATE_MAX; each lives to its deadline at most.
  readonly #writes = new Map<number, Write<O>>()
  #late = 0
  #lateBytes = 0
  #last = 0

  constructor(options: {
    readonly self: NodeId
    /** Whether a node is worth sending to; a fact handed in, not a sibling. */
    readonly isUp: (node: NodeId) => boolean
    /** Who may stand in, in order; replicas among them are passed over. */
    readonly preferenceList: (partition: PartitionId) => readonly NodeId[]
    readonly nextRequest: () => number
  }) {
    this.#self = options.self
    this.#isUp = options.isUp
    this.#preferenceList = options.preferenceList
    this.#nextRequest = options.nextRequest
  }

  /** Writes that somebody waits for. */
  get size(): number {
    return this.#writes.size - this.#late
  }

  /**
   * The number of the last write begun, and up to which all are over: every replica has the write,
   * or a hint is kept for it. Numbers only grow, over all lives of the node.
   */
  get progress(): { readonly begun: number; readonly over: number } {
    for (const request of this.#writes.keys()) return { begun: this.#last, over: request - 1 }
    return { begun: this.#last, over: this.#last }
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
      case 'hint-replied':
        return this.#onHintReply(event.from, event.message, effects)
      case 'peer-lost':
        return this.#onPeerLost(event.peer, effects)
      case 'replan':
        return this.#replan(event.placementOf, effects)
      case 'timer':
        return this.#onTimer(event.request, effects)
    }
  }

  check(): void {
    let [late, bytes] = [0, 0]
    for (const write of this.#writes.values()) {
      write.tally.check()
      write.standIns?.check(this.#self)
      assert(write.stored || write.tally.successes === 0, 'acknowledged before it was stored here')
      if (write.late) {
        late++
        bytes += write.start.kept.record.length
        assert(this.#isOpen(write), 'a write is kept that is over')
        continue
      }
      const verdict = write.tally.verdict()
      assert(verdict === 'pending', () => `a settled write is not answered: ${verdict}`)
    }
    assert(late === this.#late && late <= LATE_MAX, () => `${late} late, ${this.#late} counted`)
    assert(bytes === this.#lateBytes, () => `${bytes} bytes late, ${this.#lateBytes} counted`)
  }

  #start(event: WriteStart<O>, effects: Effects<WriteEffect<O>>): void {
    const request = this.#nextRequest()
    const { placement, kept, n, w, hintAt, deadline } = event
    const sets = quorumSets(placement.writeSets, n, w)
    const overdue = hintAt >= deadline
    this.#last = request
    this.#writes.set(request, {
      start: event,
      tally: new QuorumTally(sets),
      layoutVersion: placement.layoutVersion,
      sets,
      standIns: undefined,
      stored: false,
      overdue,
      late: false,
    })
    effects.push({ type: 'store', token: request, operations: kept.operations })
    effects.push({ type: 'arm', request, at: overdue ? deadline : hintAt })
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
    this.#writes.delete(request)
    const message = `the coordinating node could not make the write durable (${reason}); it may surface later`
    const code = 'DND_ERR_STORE_FAILED'
    const result: Failure = { ok: false, code, outcome: 'unknown', needed, got: 0, message }
    effects.push({ type: 'done', origin: write.start.origin, result })
  }

  /** Sends to everyone who has not got it; for who is down somebody stands in. */
  #replicate(request: number, write: Write<O>, effects: Effects<WriteEffect<O>>): void {
    const { layoutVersion, start } = write
    const { key, kept, placement } = start
    const { partition } = placement
    const { record, base } = kept
    for (const node of unionOf(write.sets)) {
      if (write.tally.hasSucceeded(node)) continue
      // What this node stored is gone if it was in no set for a while: it comes back as a hint.
      if (node === this.#self || !this.#isUp(node)) {
        this.#lose(request, write, node, effects)
        continue
      }
      write.standIns?.setGone(node, false)
      effects.push({
        type: 'send',
        to: node,
        message: { type: 'replicate', request, layoutVersion, partition, key, record, base },
      })
    }
  }

  /** `owner` will not store it: no quorum waits for that. */
  #lose(request: number, write: Write<O>, owner: NodeId, effects: Effects<WriteEffect<O>>): void {
    write.standIns ??= new StandIns()
    write.standIns.setGone(owner, true)
    this.#standIn(request, write, owner, effects)
    // A fallback that has been asked may yet count in its place.
    if (!write.start.sloppy || !write.standIns.isAsked(owner)) write.tally.fail(owner)
  }

  /** Somebody is to keep it for `owner`, who may answer yet. */
  #standIn(
    request: number,
    write: Write<O>,
    owner: NodeId,
    effects: Effects<WriteEffect<O>>,
  ): void {
    write.standIns ??= new StandIns()
    if (write.standIns.has(owner)) return
    const hint = hintOf(write.start, owner)
    const keeper = write.standIns.ask(owner, this.#fallbacks(write))
    if (keeper === undefined) {
      write.standIns.keep(owner, this.#self)
      return void effects.push({ type: 'keep-hint', hint })
    }
    const { layoutVersion } = write
    effects.push({
      type: 'send',
      to: keeper,
      message: { type: 'hint', request, layoutVersion, ...hint },
    })
  }

  /** Who was asked to keep it for `owner` does not. */
  #standInFailed(
    request: number,
    write: Write<O>,
    owner: NodeId,
    effects: Effects<WriteEffect<O>>,
  ): void {
    if (write.standIns?.isGone(owner) === true) this.#lose(request, write, owner, effects)
    else this.#standIn(request, write, owner, effects)
  }

  *#fallbacks(write: Write<O>): Generator<NodeId> {
    const owners = unionOf(write.sets)
    for (const node of this.#preferenceList(write.start.placement.partition))
      if (node !== this.#self && !owners.includes(node) && this.#isUp(node)) yield node
  }

  #onReply(from: NodeId, message: ReplicateReply, effects: Effects<WriteEffect<O>>): void {
    const { request, outcome } = message
    const write = this.#writes.get(request)
    // Late, or the answer to a repair.
    if (write === undefined || !write.stored) return
    if (outcome === 'stored') write.tally.succeed(from)
    else if (outcome === 'store-failed' && this.#waitsFor(write, from))
      this.#lose(request, write, from, effects)
    // A replica ahead of us has sent its layout before this answer: the replan that it caused has
    // asked it again, or will.
    else if (outcome !== 'stale-layout' && outcome !== 'store-failed') write.tally.fail(from)
    this.#settle(request, write, effects)
  }

  #onHintReply(from: NodeId, message: HintReply, effects: Effects<WriteEffect<O>>): void {
    const { request, target, outcome } = message
    const write = this.#writes.get(request)
    const kept = outcome === 'stored'
    if (write?.standIns?.answer(target, from, kept) !== true) return
    if (!kept) this.#standInFailed(request, write, target, effects)
    else if (write.start.sloppy) write.tally.succeed(target)
    this.#settle(request, write, effects)
  }

  #onPeerLost(peer: NodeId, effects: Effects<WriteEffect<O>>): void {
    for (const [request, write] of this.#writes) {
      if (!write.stored) continue
      if (this.#waitsFor(write, peer)) this.#lose(request, write, peer, effects)
      const owner = write.standIns?.lost(peer)
      if (owner !== undefined) this.#standInFailed(request, write, owner, effects)
      this.#settle(request, write, effects)
    }
  }

  /** Whether `node` holds the key and has said neither yes nor no. */
  #waitsFor(write: Write<O>, node: NodeId): boolean {
    return !write.tally.hasAnswered(node) && unionOf(write.sets).includes(node)
  }

  #replan(
    placementOf: (partition: PartitionId) => Placement,
    effects: Effects<WriteEffect<O>>,
  ): void {
    for (const [request, write] of this.#writes) {
      const { placement, n, w } = write.start
      const { layoutVersion, writeSets } = placementOf(placement.partition)
      const isTold = layoutVersion <= write.layoutVersion + 1
      write.layoutVersion = layoutVersion
      write.sets = quorumSets(writeSets, n, w)
      write.tally.retarget(write.sets, isTold ? undefined : this.#self)
      if (!write.stored) continue
      this.#replicate(request, write, effects)
      this.#settle(request, write, effects)
    }
  }

  #settle(request: number, write: Write<O>, effects: Effects<WriteEffect<O>>): void {
    if (!write.late) {
      const result = resultOf(write.tally, write.start.context)
      if (result === undefined) return
      this.#answer(write, result, effects)
      if (this.#late > LATE_MAX || this.#lateBytes > LATE_BYTES_MAX)
        return this.#letGo(request, write, effects)
    }
    if (!this.#isOpen(write)) this.#forget(request, write)
  }

  #answer(write: Write<O>, result: WriteResult, effects: Effects<WriteEffect<O>>): void {
    write.late = true
    this.#late++
    this.#lateBytes += write.start.kept.record.length
    effects.push({ type: 'done', origin: write.start.origin, result })
  }

  /** Whether any replica neither has the write, nor has refused it, nor has a hint kept for it. */
  #isOpen(write: Write<O>): boolean {
    return unionOf(write.sets).some((node) => isOpenFor(write, node))
  }

  #onTimer(request: number, effects: Effects<WriteEffect<O>>): void {
    const write = this.#writes.get(request)
    if (write === undefined) return
    if (!write.overdue) {
      write.overdue = true
      effects.push({ type: 'arm', request, at: write.start.deadline })
      if (!write.stored) return
      for (const node of unionOf(write.sets))
        if (!write.tally.hasAnswered(node)) this.#standIn(request, write, node, effects)
      return this.#settle(request, write, effects)
    }
    if (!write.late) {
      const { needed, got } = write.tally.shortfall()
      this.#answer(write, timeoutFailure(needed, got), effects)
    }
    if (write.stored) this.#letGo(request, write, effects)
    else this.#forget(request, write)
  }

  /** Nobody is waited for any more: what is open, this node keeps. */
  #letGo(request: number, write: Write<O>, effects: Effects<WriteEffect<O>>): void {
    for (const node of unionOf(write.sets)) {
      if (!isOpenFor(write, node)) continue
      effects.push({ type: 'keep-hint', hint: hintOf(write.start, node) })
    }
    this.#forget(request, write)
  }

  #forget(request: number, write: Write<O>): void {
    this.#writes.delete(request)
    if (!write.late) return
    this.#late--
    this.#lateBytes -= write.start.kept.record.length
  }
}

function isOpenFor<O>({ tally, standIns }: Write<O>, node: NodeId): boolean {
  if (standIns?.has(node) === true) return standIns.isAsked(node)
  return !tally.hasAnswered(node)
}

function hintOf<O>({ placement, key, kept }: WriteStart<O>, target: NodeId): Hinted {
  const { record, base } = kept
  return { target, partition: placement.partition, key, record, base }
}

/** undefined: it is not decided yet. */
function resultOf(tally: QuorumTally, context: Context | undefined): WriteResult | undefined {
  const verdict = tally.verdict()
  if (verdict === 'pending') return undefined
  if (verdict === 'met') return { ok: true, context, acks: tally.successes }
  const { needed, got } = tally.shortfall()
  return {
    ok: false,
    code: 'DND_ERR_QUORUM_UNAVAILABLE',
    outcome: 'unknown',
    needed,
    got,
    message: `${got} of the ${needed} replicas needed have stored the write and no more can be reached; it may surface later`,
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
