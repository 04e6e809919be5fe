/**
 * Coordinating reads: ask R replicas, merge what they hold, answer, and mend who was behind.
 *
 * ```
 *   start ─ own copy, if any ─ read ─▶ as many more as R needs ── R answers: merge, done, repair
 *                                       │ an answer is no answer, or its node is lost: ask the next
 *                                       └ nothing for a while, or its node is suspect: ask one more
 * ```
 * The nearest are asked first: those in our zone, then by round trip. It is never waited for that a
 * node is called dead: that takes seconds. Whoever is suspect, slow or comes and goes is asked
 * last, and once asked may still answer first (hedging: Dean, Barroso, "The Tail at Scale", CACM
 * 56(2), 2013).
 *
 * Reads merge, they do not choose: containers know which versions supersede which, so the merge of
 * R answers is what the R replicas know together (Dynamo §4.5, §4.3). A replica that has nothing of
 * the key answers as well: with the base of its partition clock, under which a deleted version
 * cannot come back (V7). Whoever answered with other versions than the merge gets the merge (read
 * repair), after the client has its answer; an answer that comes late is compared as well.
 *
 * A replica that cannot read its own record says so (V9): it counts as no answer, never as
 * "absent", and is repaired. A read that fails mends with what it has heard as one that succeeds
 * does: if R asks for a replica whose record is broken, no read of the key will ever succeed before
 * that record is mended.
 */
import { assert } from '../std/assert.ts'
import type { Checksum } from '../std/crc32.ts'
import type { Effects } from '../std/effects.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { later } from '../std/instant.ts'
import type { Placement } from '../placement/layout.ts'
import { NO_BASE } from '../versions/partition-clock.ts'
import { encodeRecord } from '../versions/record.ts'
import type { Container } from '../versions/version.ts'
import type { Shown } from './holdings.ts'
import type { Failure, Read, ReadReply, Replicate } from './messages.ts'
import type { Answer } from './read-answers.ts'
import { ABSENT, isBehind, mergeAnswers, unreadableAnswer } from './read-answers.ts'

/** Answered reads that wait for late answers; beyond it they are let go at once. */
const LATE_MAX = 4096

export interface ReadStart<O> {
  readonly type: 'start'
  readonly origin: O
  readonly key: Uint8Array
  readonly placement: Placement
  /** Of the read set, its first n nodes hold the bucket's keys; r of them must answer. */
  readonly n: number
  readonly r: number
  readonly deadline: Instant
}

export type ReadEvent<O> =
  | ReadStart<O>
  | { readonly type: 'replied'; readonly from: NodeId; readonly message: ReadReply }
  | { readonly type: 'peer-lost'; readonly peer: NodeId }
  /** It may not answer: whoever waits for it asks the next one, and waits on. */
  | { readonly type: 'peer-suspected'; readonly peer: NodeId }
  /** The layout changed: reads in flight begin anew. */
  | { readonly type: 'replan'; readonly placementOf: (partition: PartitionId) => Placement }
  | { readonly type: 'timer'; readonly timer: ReadTimer }

export interface ReadTimer {
  readonly request: number
  readonly reason: 'deadline' | 'hedge'
}

export type ReadResult =
  | { readonly ok: true; readonly container: Container; readonly answers: number }
  | Failure

export type ReadEffect<O> =
  | { readonly type: 'send'; readonly to: NodeId; readonly message: Read | Replicate }
  | { readonly type: 'arm'; readonly timer: ReadTimer; readonly at: Instant }
  /** Exactly once for each start. */
  | { readonly type: 'done'; readonly origin: O; readonly result: ReadResult }
  /** Our own copy is behind or broken: merge this into it. */
  | {
      readonly type: 'repair-own'
      readonly partition: PartitionId
      readonly key: Uint8Array
      readonly record: Uint8Array
    }
  | { readonly type: 'unreadable'; readonly key: Uint8Array }
  | { readonly type: 'repaired'; readonly replicas: number }
  | { readonly type: 'hedged' }

interface ReadState<O> {
  readonly start: ReadStart<O>
  placement: Placement
  /** Who may answer, in the order in which they are asked. */
  candidates: readonly NodeId[]
  needed: number
  /** How many of the candidates have been asked. */
  asked: number
  /** Asked, and neither answered nor lost. Bounded by: candidates. */
  waiting: NodeId[]
  readonly answers: Answer[]
  good: number
  /** What was answered to the client; kept while late answers may come. */
  merged: Container | undefined
  /** Whether it is answered and kept for late answers. */
  late: boolean
}

export class Reads<O> {
  readonly #self: NodeId
  readonly #isUp: (node: NodeId) => boolean
  readonly #isPreferred: (node: NodeId) => boolean
  readonly #distance: (node: NodeId) => number
  readonly #shown: (partition: PartitionId, key: Uint8Array) => Shown
  readonly #nextRequest: () => number
  readonly #checksum: Checksum
  readonly #hedgeAfter: Duration
  // Bounded by: the node's requestsInFlightMax, checked before a start, and LATE_MAX; each lives to
  // its deadline at most.
  readonly #reads = new Map<number, ReadState<O>>()
  #late = 0

  constructor(options: {
    readonly self: NodeId
    readonly isUp: (node: NodeId) => boolean
    /** Up, and nothing speaks against asking it first. */
    readonly isPreferred: (node: NodeId) => boolean
    /** To compare: the less the nearer. */
    readonly distance: (node: NodeId) => number
    /** Our own copy. */
    readonly shown: (partition: PartitionId, key: Uint8Array) => Shown
    readonly nextRequest: () => number
    readonly checksum: Checksum
    readonly hedgeAfter: Duration
  }) {
    this.#self = options.self
    this.#isUp = options.isUp
    this.#isPreferred = options.isPreferred
    this.#distance = options.distance
    this.#shown = options.shown
    this.#nextRequest = options.nextRequest
    this.#checksum = options.checksum
    this.#hedgeAfter = options.hedgeAfter
  }

  /**
   * Reads that somebody waits for. One slow replica must not fill the node with reads that are
   * answered.
   */
  get size(): number {
    return this.#reads.size - this.#late
  }

  step(event: ReadEvent<O>, now: Instant, effects: Effects<ReadEffect<O>>): void {
    switch (event.type) {
      case 'start':
        return this.#enter(this.#begin(event), now, effects)
      case 'replied':
        return this.#onReply(event.from, event.message, now, effects)
      case 'peer-lost':
        return this.#onPeerLost(event.peer, now, effects)
      case 'peer-suspected':
        return this.#onPeerSuspected(event.peer, effects)
      case 'replan':
        return this.#replan(event.placementOf, now, effects)
      case 'timer':
        return this.#onTimer(event.timer, now, effects)
    }
  }

  check(): void {
    let late = 0
    for (const read of this.#reads.values()) {
      if (read.late) late++
      assert(read.late === (read.merged !== undefined), 'answered, and not kept as such')
      assert(read.asked <= read.candidates.length, 'asked more than there are')
      assert(read.good <= read.answers.length, 'more good answers than answers')
      assert(
        read.merged !== undefined || read.waiting.length > 0,
        'an unanswered read waits for nobody',
      )
    }
    assert(
      late === this.#late && late <= LATE_MAX,
      () => `${late} late reads, ${this.#late} counted`,
    )
  }

  #enter(read: ReadState<O>, now: Instant, effects: Effects<ReadEffect<O>>): void {
    const request = this.#nextRequest()
    this.#reads.set(request, read)
    effects.push({ type: 'arm', timer: { request, reason: 'deadline' }, at: read.start.deadline })
    this.#ask(request, read, now, effects)
  }

  #begin(start: ReadStart<O>): ReadState<O> {
    return {
      start,
      ...this.#target(start, start.placement),
      answers: [],
      good: 0,
      merged: undefined,
      late: false,
    }
  }

  #target(
    start: ReadStart<O>,
    placement: Placement,
  ): {
    placement: Placement
    candidates: readonly NodeId[]
    needed: number
    asked: number
    waiting: NodeId[]
  } {
    const candidates = this.#order(placement.readSet, start.n)
    const needed = Math.min(start.r, candidates.length)
    return { placement, candidates, needed, asked: 0, waiting: [] }
  }

  /**
   * The first `n` of `set` as they are asked: ourselves, whom we would rather ask and of those the
   * nearest, who else is up, and as a last resort who is said to be down. One list in all, unless
   * somebody is not well.
   */
  #order(set: readonly NodeId[], n: number): NodeId[] {
    const first: NodeId[] = []
    let second: NodeId[] | undefined
    let third: NodeId[] | undefined
    for (let i = 0; i < set.length && i < n; i++) {
      const node = set[i]!
      if (node === this.#self) first.unshift(node)
      else if (this.#isPreferred(node)) this.#insert(first, node)
      else if (this.#isUp(node)) (second ??= []).push(node)
      else (third ??= []).push(node)
    }
    if (second !== undefined) for (const node of second) first.push(node)
    if (third !== undefined) for (const node of third) first.push(node)
    return first
  }

  /** Behind those who are as near: they are in the order of the set. */
  #insert(nodes: NodeId[], node: NodeId): void {
    const distance = this.#distance(node)
    let place = nodes.length
    while (place > 0 && this.#distance(nodes[place - 1]!) > distance) place--
    nodes.splice(place, 0, node)
  }

  /**
   * Asks on until enough have answered or are being waited for; ends the read when that cannot be.
   */
  #ask(request: number, read: ReadState<O>, now: Instant, effects: Effects<ReadEffect<O>>): void {
    while (read.good + read.waiting.length < read.needed && read.asked < read.candidates.length)
      this.#askNext(request, read, effects)
    if (read.merged !== undefined) return
    if (read.good >= read.needed) return this.#answer(request, read, now, effects)
    if (read.good + read.waiting.length < read.needed) return this.#fail(request, read, effects)
    if (read.asked < read.candidates.length)
      effects.push({
        type: 'arm',
        timer: { request, reason: 'hedge' },
        at: later(now, this.#hedgeAfter),
      })
  }

  #askNext(request: number, read: ReadState<O>, effects: Effects<ReadEffect<O>>): void {
    const node = read.candidates[read.asked++]!
    const { key } = read.start
    if (node !== this.#self) {
      const { readVersion, partition } = read.placement
      read.waiting.push(node)
      effects.push({
        type: 'send',
        to: node,
        message: { type: 'read', request, readVersion, partition, key },
      })
      return
    }
    const { record, base } = this.#shown(read.placement.partition, key)
    if (record !== 'unreadable') return accept(read, node, record ?? ABSENT, base)
    read.answers.push(unreadableAnswer(node))
    effects.push({ type: 'unreadable', key })
  }

  #onReply(from: NodeId, message: ReadReply, now: Instant, effects: Effects<ReadEffect<O>>): void {
    const read = this.#reads.get(message.request)
    if (read === undefined || !drop(read.waiting, from)) return
    switch (message.outcome) {
      case 'found':
        accept(read, from, message.record, message.base)
        break
      case 'absent':
        accept(read, from, ABSENT, message.base)
        break
      case 'unreadable':
        read.answers.push(unreadableAnswer(from))
        break
      // It is ahead of us and has sent its layout before this answer, or it knows nothing of the
      // partition: ask another.
      case 'stale-layout':
      case 'not-replica':
        break
    }
    this.#proceed(message.request, read, now, effects)
  }

  #onPeerLost(peer: NodeId, now: Instant, effects: Effects<ReadEffect<O>>): void {
    for (const [request, read] of this.#reads)
      if (drop(read.waiting, peer)) this.#proceed(request, read, now, effects)
  }

  /** One more is asked at once where an answer is wanting that a node in good standing owes. */
  #onPeerSuspected(peer: NodeId, effects: Effects<ReadEffect<O>>): void {
    for (const [request, read] of this.#reads) {
      if (read.merged !== undefined || read.asked >= read.candidates.length) continue
      if (!read.waiting.includes(peer)) continue
      const owed = read.waiting.filter((node) => this.#isPreferred(node)).length
      if (read.good + owed >= read.needed) continue
      effects.push({ type: 'hedged' })
      this.#askNext(request, read, effects)
    }
  }

  #proceed(
    request: number,
    read: ReadState<O>,
    now: Instant,
    effects: Effects<ReadEffect<O>>,
  ): void {
    if (read.merged === undefined) this.#ask(request, read, now, effects)
    else this.#onLate(read, effects)
    if (read.merged !== undefined && read.waiting.length === 0) this.#forget(request, read)
  }

  #replan(
    placementOf: (partition: PartitionId) => Placement,
    now: Instant,
    effects: Effects<ReadEffect<O>>,
  ): void {
    const restarts: ReadState<O>[] = []
    for (const [request, read] of this.#reads) {
      // Answered: only late answers are awaited, and those of the old layout are of no more use.
      this.#forget(request, read)
      // A new number, so that an answer under the old layout is not taken for one under the new.
      if (read.merged === undefined) restarts.push(read)
    }
    for (const { start, placement } of restarts) {
      const fresh = this.#begin({ ...start, placement: placementOf(placement.partition) })
      this.#enter(fresh, now, effects)
    }
  }

  #onTimer(timer: ReadTimer, now: Instant, effects: Effects<ReadEffect<O>>): void {
    const read = this.#reads.get(timer.request)
    if (read === undefined) return
    if (timer.reason === 'deadline') {
      if (read.merged === undefined) this.#timeOut(timer.request, read, effects)
      else this.#forget(timer.request, read)
      return
    }
    if (read.merged !== undefined || read.asked >= read.candidates.length) return
    effects.push({ type: 'hedged' })
    this.#askNext(timer.request, read, effects)
    this.#ask(timer.request, read, now, effects)
  }

  #answer(
    request: number,
    read: ReadState<O>,
    now: Instant,
    effects: Effects<ReadEffect<O>>,
  ): void {
    const { container, corrupt } = mergeAnswers(read.answers, this.#checksum)
    if (corrupt.length > 0) {
      this.#discard(read, corrupt, effects)
      return this.#ask(request, read, now, effects)
    }
    read.merged = container
    effects.push({
      type: 'done',
      origin: read.start.origin,
      result: { ok: true, container, answers: read.good },
    })
    this.#repair(read, effects)
    read.late = true
    this.#late++
    if (read.waiting.length === 0 || this.#late > LATE_MAX) this.#forget(request, read)
  }

  #forget(request: number, read: ReadState<O>): void {
    if (this.#reads.delete(request) && read.late) this.#late--
  }

  /**
   * Records that do not decode are broken where they came from: no answers, but replicas to repair.
   */
  #discard(read: ReadState<O>, corrupt: readonly Answer[], effects: Effects<ReadEffect<O>>): void {
    for (const { node } of corrupt) {
      const place = read.answers.findIndex((answer) => answer.node === node)
      read.answers[place] = unreadableAnswer(node)
      read.good--
      if (node === this.#self) effects.push({ type: 'unreadable', key: read.start.key })
    }
  }

  /** An answer after the client's: it may know more than the merge, or less. */
  #onLate(read: ReadState<O>, effects: Effects<ReadEffect<O>>): void {
    read.merged = mergeAnswers(read.answers, this.#checksum).container
    this.#repair(read, effects)
  }

  #repair(read: ReadState<O>, effects: Effects<ReadEffect<O>>): void {
    const merged = read.merged!
    // Nobody has anything, nor ever had.
    if (merged.vector.length === 0) return
    let replicas = 0
    let record: Uint8Array | undefined
    for (const [place, answer] of read.answers.entries()) {
      if (!isBehind(answer, merged)) continue
      replicas++
      record ??= encodeRecord(merged, this.#checksum)
      read.answers[place] = { node: answer.node, record, base: NO_BASE, container: merged }
      this.#mend(read, answer.node, record, effects)
    }
    if (replicas > 0) effects.push({ type: 'repaired', replicas })
  }

  #mend(
    read: ReadState<O>,
    node: NodeId,
    record: Uint8Array,
    effects: Effects<ReadEffect<O>>,
  ): void {
    const { key } = read.start
    const { layoutVersion, partition } = read.placement
    if (node === this.#self)
      return void effects.push({ type: 'repair-own', partition, key, record })
    effects.push({
      type: 'send',
      to: node,
      // A request number of its own, that nothing waits for: the reply finds no write and is
      // ignored.
      message: {
        type: 'replicate',
        request: this.#nextRequest(),
        layoutVersion,
        partition,
        key,
        record,
        base: NO_BASE,
      },
    })
  }

  #fail(request: number, read: ReadState<O>, effects: Effects<ReadEffect<O>>): void {
    this.#reads.delete(request)
    const message = `${read.good} of the ${read.needed} replicas needed can answer`
    this.#refuse(read, 'DND_ERR_QUORUM_UNAVAILABLE', message, effects)
  }

  #timeOut(request: number, read: ReadState<O>, effects: Effects<ReadEffect<O>>): void {
    this.#reads.delete(request)
    const message = `${read.good} of the ${read.needed} replicas needed answered in time`
    this.#refuse(read, 'DND_ERR_TIMEOUT', message, effects)
  }

  #refuse(
    read: ReadState<O>,
    code: 'DND_ERR_QUORUM_UNAVAILABLE' | 'DND_ERR_TIMEOUT',
    message: string,
    effects: Effects<ReadEffect<O>>,
  ): void {
    const failure: Failure = {
      ok: false,
      code,
      outcome: 'rejected',
      needed: read.needed,
      got: read.good,
      message,
    }
    effects.push({ type: 'done', origin: read.start.origin, result: failure })
    const { container, corrupt } = mergeAnswers(read.answers, this.#checksum)
    this.#discard(read, corrupt, effects)
    read.merged = container
    this.#repair(read, effects)
  }
}

function accept<O>(read: ReadState<O>, node: NodeId, record: Uint8Array, base: Uint8Array): void {
  read.answers.push({ node, record, base })
  read.good++
}

function drop(nodes: NodeId[], node: NodeId): boolean {
  const index = nodes.indexOf(node)
  if (index < 0) return false
  nodes.splice(index, 1)
  return true
}
