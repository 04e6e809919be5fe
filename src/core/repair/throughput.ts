/**
 * How fast something goes while it goes: bytes over the time in which they came one after the
 * other. A pause longer than IDLE_MS is no time at which anything went, so a rate measured in one
 * move says something about the next. What is long ago counts less and less.
 *
 * Nothing is said before a second of work: an estimate from two chunks is a guess.
 */
import type { Instant } from '../std/instant.ts'
import { since } from '../std/instant.ts'

const IDLE_MS = 2_000
const LEAST_MS = 1_000
/** Beyond so much time, what was is halved. */
const MEMORY_MS = 60_000

export class Throughput {
  #bytes = 0
  #busyMs = 0
  #lastAt: Instant | undefined

  /** So many bytes have come now. */
  add(bytes: number, now: Instant): void {
    const gap = this.#lastAt === undefined ? Number.POSITIVE_INFINITY : since(this.#lastAt, now)
    this.#lastAt = now
    // What it took to get the first of a row is not known.
    if (gap > IDLE_MS) return
    this.#bytes += bytes
    this.#busyMs += gap
    if (this.#busyMs <= MEMORY_MS) return
    this.#bytes /= 2
    this.#busyMs /= 2
  }

  /** undefined: too little has gone to tell. */
  get perSecond(): number | undefined {
    if (this.#busyMs < LEAST_MS) return undefined
    return (this.#bytes * 1_000) / this.#busyMs
  }
}
