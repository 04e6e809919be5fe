/**
 * When which partition is compared with which of its other replicas.
 *
 * ```
 *   in turn      each pair once in an interval, begun at a moment drawn for it, so that the work of
 *                a cluster that was started at once is spread all the same
 *   hurried      a replica was lost and is back, or what is here is in doubt: now
 *   failed       once more after a rest, which doubles with each failure in a row
 * ```
 * One comparison serves both sides, and either may begin it. So of two the one with the lesser id
 * begins those of even partitions, the other those of odd ones; it is waited for half an interval
 * longer, and then begun all the same.
 *
 * A pair that is not comparable at the moment keeps its place: what is due stays due, whatever else
 * happens, and a restart draws the moments anew. That is all there is to resuming.
 */
import { assert } from '../std/assert.ts'
import { Heap } from '../std/heap.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import type { Prng } from '../std/prng.ts'

/** A partition of ours and one of its other replicas. */
export interface Pair {
  readonly partition: PartitionId
  readonly peer: NodeId
  dueAt: Instant
  /** In a row. */
  failures: number
  isRunning: boolean
  /** Not begun before, whoever wants it. */
  restsUntil: Instant
  /** When both were last found or made equal, milliseconds since 1970; 0: not in this life. */
  comparedMs: number
  /** Keys that differed then. */
  differences: number
}

/** The first rest after a failure, milliseconds; jitter takes up to half off. */
const REST_MS = 1_000
/** No failure rests a pair for longer than this, nor than the interval. */
const REST_MS_MAX = 60_000

/** A pair's place in the queue; of no account when the pair is due at another time by now. */
interface Turn {
  readonly pair: Pair
  readonly at: Instant
}

export class ExchangeSchedule {
  readonly #self: NodeId
  readonly #rng: Prng
  readonly #intervalMs: number
  // Bounded by: the partitions of the ring, and the replicas of one (7 in each of two layouts).
  readonly #pairs = new Map<PartitionId, Map<NodeId, Pair>>()
  // Bounded by: COMPACT_FACTOR turns for each pair; then what is of no account is let go.
  #turns = new Heap<Turn>(isBefore)
  #size = 0

  constructor(options: { readonly self: NodeId; readonly rng: Prng; readonly intervalMs: number }) {
    this.#self = options.self
    this.#rng = options.rng
    this.#intervalMs = options.intervalMs
  }

  get size(): number {
    return this.#size
  }

  /** These partitions are compared with these peers from now on, and no others. */
  replan(wanted: ReadonlyMap<PartitionId, readonly NodeId[]>, now: Instant): void {
    for (const partition of this.#pairs.keys())
      if (!wanted.has(partition)) this.#pairs.delete(partition)
    this.#size = 0
    for (const [partition, peers] of wanted) {
      const known = this.#pairs.get(partition)
      const pairs = new Map<NodeId, Pair>()
      for (const peer of peers)
        pairs.set(peer, known?.get(peer) ?? this.#pair(partition, peer, now))
      this.#pairs.set(partition, pairs)
      this.#size += pairs.size
    }
    this.#compact()
  }

  pairOf(partition: PartitionId, peer: NodeId): Pair | undefined {
    return this.#pairs.get(partition)?.get(peer)
  }

  pairsOf(partition: PartitionId): Iterable<Pair> {
    return this.#pairs.get(partition)?.values() ?? []
  }

  *pairs(): Iterable<Pair> {
    for (const pairs of this.#pairs.values()) yield* pairs.values()
  }

  /** The pair that has been due for longest, taken off; undefined when none is due. */
  next(now: Instant): Pair | undefined {
    for (;;) {
      const turn = this.#turns.peek()
      if (turn === undefined || turn.at > now) return undefined
      this.#turns.pop()
      const { pair } = turn
      if (turn.at === pair.dueAt && !pair.isRunning && this.#isKnown(pair)) return pair
    }
  }

  /** When the next one may be due. */
  nextAt(): Instant | undefined {
    return this.#turns.peek()?.at
  }

  /** It could not be begun now, through no fault of the peer. */
  putOff(pair: Pair, now: Instant, ms: number): void {
    pair.restsUntil = later(now, duration(ms * (0.5 + this.#rng.fraction() / 2)))
    this.#due(pair, pair.restsUntil)
  }

  /** Both sides are equal. */
  succeeded(pair: Pair, now: Instant, wallMs: number, differences: number): void {
    pair.failures = 0
    pair.comparedMs = wallMs
    pair.differences = differences
    const isOurs = this.#self < pair.peer === (pair.partition % 2 === 0)
    const jitter = 0.9 + this.#rng.fraction() / 5
    this.#due(pair, later(now, duration(this.#intervalMs * (isOurs ? 1 : 1.5) * jitter)))
  }

  failed(pair: Pair, now: Instant): void {
    const longest = Math.min(REST_MS * 2 ** Math.min(pair.failures, 16), REST_MS_MAX)
    pair.failures++
    this.putOff(pair, now, Math.min(longest, this.#intervalMs))
  }

  /** The pair is due now. */
  hurry(pair: Pair, now: Instant): void {
    pair.failures = 0
    pair.restsUntil = now
    if (pair.dueAt > now) this.#due(pair, now)
  }

  check(): void {
    let size = 0
    for (const pairs of this.#pairs.values()) size += pairs.size
    assert(size === this.#size, () => `${size} pairs, ${this.#size} counted`)
  }

  #pair(partition: PartitionId, peer: NodeId, now: Instant): Pair {
    const pair: Pair = {
      ...{ partition, peer, dueAt: now, failures: 0, isRunning: false },
      ...{ restsUntil: now, comparedMs: 0, differences: 0 },
    }
    this.#due(pair, later(now, duration(this.#intervalMs * this.#rng.fraction())))
    return pair
  }

  #due(pair: Pair, at: Instant): void {
    pair.dueAt = at
    this.#turns.push({ pair, at })
    if (this.#turns.size > COMPACT_FACTOR * (this.#size + 64)) this.#compact()
  }

  #isKnown(pair: Pair): boolean {
    return this.pairOf(pair.partition, pair.peer) === pair
  }

  #compact(): void {
    this.#turns = new Heap<Turn>(isBefore)
    for (const pair of this.pairs()) this.#turns.push({ pair, at: pair.dueAt })
  }
}

const COMPACT_FACTOR = 4

function isBefore(a: Turn, b: Turn): boolean {
  return a.at < b.at
}
