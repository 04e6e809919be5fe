/**
 * Latencies of the last few slots of time, as a histogram of each slot and their sum: a percentile
 * costs one walk over some hundred counters, whatever the number of requests, and a slot that is
 * too old is taken out of the sum as a whole.
 *
 * The classes grow by a tenth each, so that a percentile is at most a tenth too high.
 *
 * Invariant: the sum is that of the slots kept.
 */
import { assert } from '../std/assert.ts'

const FIRST_BOUND_MS = 0.1
const GROWTH = 1.1
/** From 0.1 ms to more than a minute; what is longer belongs to the last. */
const CLASSES = 144
const BOUNDS: Float64Array = new Float64Array(CLASSES)
for (let i = 0, bound = FIRST_BOUND_MS; i < CLASSES; i++, bound *= GROWTH) BOUNDS[i] = bound

interface Slot {
  id: number
  count: number
  readonly classes: Uint32Array
}

export class LatencyWindow {
  // Bounded by: `slots` of the constructor, each of them used again and again.
  readonly #slots: Slot[]
  readonly #sum = new Uint32Array(CLASSES)
  #count = 0

  constructor(slots: number) {
    this.#slots = Array.from({ length: slots }, () => ({
      ...{ id: -1, count: 0, classes: new Uint32Array(CLASSES) },
    }))
  }

  /** Of all slots kept. */
  get count(): number {
    return this.#count
  }

  /** `slot` is never less than that of any call before. */
  record(ms: number, slot: number): void {
    const kept = this.#slots[slot % this.#slots.length]!
    if (kept.id !== slot) this.#empty(kept, slot)
    const at = classOf(ms)
    kept.classes[at]!++
    kept.count++
    this.#sum[at]!++
    this.#count++
  }

  /** Time has come to `slot`: what is as many slots older as are kept is forgotten. */
  advance(slot: number): void {
    for (const kept of this.#slots)
      if (kept.count > 0 && kept.id <= slot - this.#slots.length) this.#empty(kept, -1)
  }

  /** 0 when nothing is kept. `share` is 0 … 1. */
  percentile(share: number): number {
    const rank = Math.ceil(share * this.#count)
    if (rank === 0) return 0
    let seen = 0
    for (let i = 0; i < CLASSES; i++) {
      seen += this.#sum[i]!
      if (seen >= rank) return BOUNDS[i]!
    }
    return BOUNDS[CLASSES - 1]!
  }

  /** How many took longer than `ms`, for sure: those in the classes above that of `ms`. */
  slower(ms: number): number {
    return above(this.#sum, ms)
  }

  /** Of one slot: how many there were, and how many of them took longer than `ms`. */
  slowerIn(slot: number, ms: number): { readonly count: number; readonly slower: number } {
    const kept = this.#slots[slot % this.#slots.length]!
    if (kept.id !== slot) return { count: 0, slower: 0 }
    return { count: kept.count, slower: above(kept.classes, ms) }
  }

  check(): void {
    let count = 0
    for (const slot of this.#slots) count += slot.count
    assert(count === this.#count, () => `${this.#count} latencies, of which slots have ${count}`)
  }

  #empty(slot: Slot, id: number): void {
    for (let i = 0; i < CLASSES; i++) this.#sum[i]! -= slot.classes[i]!
    this.#count -= slot.count
    slot.classes.fill(0)
    slot.count = 0
    slot.id = id
  }
}

/** The first class whose bound is not below `ms`. */
function classOf(ms: number): number {
  let low = 0
  let high = CLASSES - 1
  while (low < high) {
    const middle = (low + high) >> 1
    if (BOUNDS[middle]! >= ms) high = middle
    else low = middle + 1
  }
  return low
}

function above(classes: Uint32Array, ms: number): number {
  let count = 0
  for (let i = classOf(ms) + 1; i < CLASSES; i++) count += classes[i]!
  return count
}
