/**
 * Time in the simulated world: one heap of events for everybody, and for each node a monotonic and
 * a wall clock that tell of it only what a real machine would know.
 *
 * Events are ordered by (time, tie, sequence). The tie is drawn from the seed when an event is
 * scheduled, so that events of the same instant run in an order that differs from seed to seed and
 * is the same at each replay; the sequence settles equal ties.
 */
import { assert } from '../src/core/std/assert.ts'
import { Heap } from '../src/core/std/heap.ts'
import type { Instant } from '../src/core/std/instant.ts'
import { instant } from '../src/core/std/instant.ts'
import type { Prng } from '../src/core/std/prng.ts'

interface Entry {
  readonly at: number
  readonly tie: number
  readonly sequence: number
  readonly run: () => void
}

/** Events of the whole world; its length is checked by whoever runs the world. */
const EVENTS_MAX = 1_000_000

export class EventQueue {
  // Bounded by: EVENTS_MAX; a world that schedules more has gone wild, and `schedule` says so.
  readonly #heap = new Heap(before)
  readonly #rng: Prng
  #sequence = 0
  #nowMs = 0

  constructor(rng: Prng) {
    this.#rng = rng
  }

  /** The world's time, milliseconds since it began. */
  get nowMs(): number {
    return this.#nowMs
  }

  get size(): number {
    return this.#heap.size
  }

  /** Runs `run` after `delayMs`; not before what has already been scheduled for an earlier time. */
  after(delayMs: number, run: () => void): void {
    this.at(this.#nowMs + Math.max(0, delayMs), run)
  }

  at(atMs: number, run: () => void): void {
    assert(this.#heap.size < EVENTS_MAX, `more than ${EVENTS_MAX} events scheduled`)
    const at = Math.max(atMs, this.#nowMs)
    this.#heap.push({ at, tie: this.#rng.u32(), sequence: this.#sequence++, run })
  }

  /**
   * Advances to the next event and runs it; false when there is none up to `untilMs`, to which time
   * has then advanced.
   */
  runNext(untilMs: number): boolean {
    const first = this.#heap.peek()
    if (first === undefined || first.at > untilMs) {
      this.#nowMs = Math.max(this.#nowMs, untilMs)
      return false
    }
    this.#heap.pop()
    this.#nowMs = first.at
    first.run()
    return true
  }
}

function before(a: Entry, b: Entry): boolean {
  if (a.at !== b.at) return a.at < b.at
  return a.tie !== b.tie ? a.tie < b.tie : a.sequence < b.sequence
}

/** The date at which every world begins, milliseconds since 1970. */
export const EPOCH_MS = 1_700_000_000_000

/**
 * The clocks of one process. The monotonic one begins anywhere, so that an instant that leaks to
 * another node or into the store is nonsense there, as in reality; the wall clock is wrong by an
 * offset and goes wrong by a drift.
 */
export class ProcessClock {
  readonly #queue: EventQueue
  readonly #originMs: number
  #offsetMs: number
  readonly #drift: number

  constructor(
    queue: EventQueue,
    options: { readonly originMs: number; readonly offsetMs: number; readonly drift: number },
  ) {
    this.#queue = queue
    this.#originMs = options.originMs
    this.#offsetMs = options.offsetMs
    this.#drift = options.drift
  }

  instant(): Instant {
    return instant(this.#queue.nowMs + this.#originMs)
  }

  wallMs(): number {
    return Math.floor(EPOCH_MS + this.#offsetMs + this.#queue.nowMs * (1 + this.#drift))
  }

  /** Somebody sets the wall clock, forward or back; the monotonic clock knows nothing of it. */
  stepWall(byMs: number): void {
    this.#offsetMs += byMs
  }

  /** The world's time at which this process reads `at`. */
  worldMs(at: Instant): number {
    return at - this.#originMs
  }
}
