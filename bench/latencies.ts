/**
 * Latencies in buckets 2 % wide from 10 µs to about 60 s: a percentile is right to 2 %, and a
 * million samples cost nothing.
 */

const LEAST_MS = 0.01
const GROWTH = Math.log(1.02)
const BUCKETS = Math.ceil(Math.log(60_000 / LEAST_MS) / GROWTH)

export class Latencies {
  readonly #buckets = new Float64Array(BUCKETS)
  #count = 0

  get count(): number {
    return this.#count
  }

  add(ms: number): void {
    const bucket =
      ms <= LEAST_MS ? 0 : Math.min(BUCKETS - 1, Math.ceil(Math.log(ms / LEAST_MS) / GROWTH))
    this.#buckets[bucket]!++
    this.#count++
  }

  /** Milliseconds below which the share `p` (0 … 1) of the samples lies; 0 without samples. */
  percentile(p: number): number {
    let rest = Math.ceil(this.#count * p)
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      rest -= this.#buckets[bucket]!
      if (rest <= 0) return LEAST_MS * Math.exp(bucket * GROWTH)
    }
    return 0
  }
}
