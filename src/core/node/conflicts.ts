/**
 * Counts what concurrent writes come to, by bucket: how many values each read met (Dynamo §6.3 asks
 * just that), and how many reads and writes met a conflict. And says when a key has so many that
 * somebody should merge them, long before writes are refused (V11).
 *
 * Names of buckets come from strangers. So a bucket that nobody has configured is counted with all
 * others of its kind.
 */
import { assert } from '../std/assert.ts'
import { SIBLINGS_MAX, SIBLINGS_WARN } from '../std/limits.ts'
import { DEFAULT_BUCKET } from './buckets.ts'
import type { Host } from './host.ts'

/** Upper bounds of the classes of values met by one read; one class more is beyond. */
export const MET_BOUNDS: readonly number[] = [1, 2, 3, 5, 10, 25, 50, 100]
/** What buckets are counted as that have no count of their own. */
export const OTHER_BUCKETS = '*'
/** Configured buckets with a count of their own. */
const BUCKETS_COUNTED_MAX = 128

export interface BucketConflicts {
  /** Reads by the number of live values they met: one for each of MET_BOUNDS, and one beyond. */
  readonly reads: Float64Array
  /** Of all these reads together. */
  valuesRead: number
  /** Writes that left other live values beside their own. */
  writes: number
}

/** For people, from SIBLINGS_WARN on: told with each read and write of such a key. */
export function siblingsWarning(siblings: number): string {
  return (
    `the key has ${siblings} concurrent values; read it, merge them, and write the result with ` +
    `the context of that read; at ${SIBLINGS_MAX} writes that supersede none are refused`
  )
}

export class Conflicts {
  readonly #host: Host
  readonly #isConfigured: (bucket: string) => boolean
  // Bounded by: BUCKETS_COUNTED_MAX, and two.
  readonly #buckets = new Map<string, BucketConflicts>()

  constructor(host: Host, isConfigured: (bucket: string) => boolean) {
    this.#host = host
    this.#isConfigured = isConfigured
  }

  get counts(): ReadonlyMap<string, BucketConflicts> {
    return this.#buckets
  }

  /** A read met so many live values; whether those are too many. */
  read(bucket: string, values: number): boolean {
    if (values === 0) return false
    const counts = this.#of(bucket)
    let place = 0
    while (place < MET_BOUNDS.length && values > MET_BOUNDS[place]!) place++
    counts.reads[place]! += 1
    counts.valuesRead += values
    return this.#isMany(bucket, values)
  }

  /** A write left so many live values, its own among them; whether those are too many. */
  wrote(bucket: string, values: number): boolean {
    if (values < 2) return false
    this.#of(bucket).writes++
    return this.#isMany(bucket, values)
  }

  check(): void {
    assert(this.#buckets.size <= BUCKETS_COUNTED_MAX + 2, () => `${this.#buckets.size} buckets`)
  }

  #isMany(bucket: string, siblings: number): boolean {
    if (siblings < SIBLINGS_WARN) return false
    this.#host.note({ type: 'many-siblings', bucket, siblings })
    return true
  }

  #of(bucket: string): BucketConflicts {
    const known = this.#buckets.get(bucket)
    if (known !== undefined) return known
    const isOwn =
      bucket === DEFAULT_BUCKET ||
      bucket === OTHER_BUCKETS ||
      (this.#buckets.size < BUCKETS_COUNTED_MAX && this.#isConfigured(bucket))
    if (!isOwn) return this.#of(OTHER_BUCKETS)
    const counts = { reads: new Float64Array(MET_BOUNDS.length + 1), valuesRead: 0, writes: 0 }
    this.#buckets.set(bucket, counts)
    return counts
  }
}
