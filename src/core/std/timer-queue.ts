/**
 * Timers as data. A machine asks for a wake-up by value; its parent keeps all of them in one binary
 * heap, ordered by (deadline, order of arming), and the driver sees a single next deadline. Nothing
 * is cancelled: a timer that fires late for what it was armed for finds a changed token and is
 * ignored by its machine, so stale timers are harmless.
 */
import type { Instant } from './instant.ts'
import { NEVER } from './instant.ts'

interface Entry<T> {
  readonly at: Instant
  readonly sequence: number
  readonly timer: T
}

export class TimerQueue<T> {
  // Bounded by: the machines that arm timers, each of which bounds its own table.
  readonly #heap: Entry<T>[] = []
  #sequence = 0

  get size(): number {
    return this.#heap.length
  }

  nextDeadline(): Instant {
    return this.#heap[0]?.at ?? NEVER
  }

  arm(timer: T, at: Instant): void {
    const heap = this.#heap
    const entry: Entry<T> = { at, sequence: this.#sequence++, timer }
    let index = heap.length
    heap.push(entry)
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!before(entry, heap[parent]!)) break
      heap[index] = heap[parent]!
      index = parent
    }
    heap[index] = entry
  }

  /** Removes and returns the earliest timer due at `now`, or undefined. */
  due(now: Instant): T | undefined {
    const heap = this.#heap
    const first = heap[0]
    if (first === undefined || first.at > now) return undefined
    const last = heap.pop()!
    if (heap.length > 0) this.#sink(last)
    return first.timer
  }

  #sink(entry: Entry<T>): void {
    const heap = this.#heap
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++
      if (!before(heap[child]!, entry)) break
      heap[index] = heap[child]!
      index = child
    }
    heap[index] = entry
  }
}

function before<T>(a: Entry<T>, b: Entry<T>): boolean {
  return a.at < b.at || (a.at === b.at && a.sequence < b.sequence)
}
