/**
 * Timers as data. A machine asks for a wake-up by value; its parent keeps all of them in one binary
 * heap, ordered by (deadline, order of arming), and the driver sees a single next deadline. Nothing
 * is cancelled: a timer that fires late for what it was armed for finds a changed token and is
 * ignored by its machine, so stale timers are harmless.
 */
import { assert } from './assert.ts'
import { Heap } from './heap.ts'
import type { Instant } from './instant.ts'
import { NEVER } from './instant.ts'

interface Entry<T> {
  readonly at: Instant
  readonly sequence: number
  readonly timer: T
}

export class TimerQueue<T> {
  // Bounded by: the machines that arm timers, each of which bounds its own table.
  readonly #heap = new Heap<Entry<T>>(before)
  #sequence = 0

  get size(): number {
    return this.#heap.size
  }

  nextDeadline(): Instant {
    return this.#heap.peek()?.at ?? NEVER
  }

  arm(timer: T, at: Instant): void {
    // A heap with a NaN in it loses other timers, without a trace.
    assert(!Number.isNaN(at), 'a timer at no time')
    this.#heap.push({ at, sequence: this.#sequence++, timer })
  }

  /** Removes and returns the earliest timer due at `now`, or undefined. */
  due(now: Instant): T | undefined {
    const first = this.#heap.peek()
    if (first === undefined || first.at > now) return undefined
    this.#heap.pop()
    return first.timer
  }
}

function before<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence)
}
