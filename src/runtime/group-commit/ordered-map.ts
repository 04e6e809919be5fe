/**
 * A map from byte strings (as binary text, one character a byte) that can also be walked in order.
 * Lookup is a hash map's; the order is kept in sorted runs of at most {@link RUN_MAX} keys, so that
 * an insertion moves some kilobytes at most and a walk starts after two binary searches. A balanced
 * tree would do the same with an object and three pointers for each key.
 *
 * JavaScript compares text by code unit, so binary text stands in the order of its bytes.
 */

/** Keys of one run: what an insertion may have to move. */
const RUN_MAX = 512

/** The binary text of some bytes: equal when they are, ordered as they are. */
export function nameOf(bytes: Uint8Array): string {
  return latin1Slice.call(bytes, 0, bytes.length)
}

const { latin1Slice } = Buffer.prototype as unknown as {
  readonly latin1Slice: (this: Uint8Array, start: number, end: number) => string
}

export class OrderedMap<V> {
  // Both bounded by: whoever fills the map.
  readonly #values = new Map<string, V>()
  /** Non-empty sorted runs, each wholly before the next. */
  readonly #runs: string[][] = []

  get size(): number {
    return this.#values.size
  }

  get(name: string): V | undefined {
    return this.#values.get(name)
  }

  set(name: string, value: V): void {
    const before = this.#values.size
    this.#values.set(name, value)
    if (this.#values.size > before) this.#insert(name)
  }

  delete(name: string): void {
    if (!this.#values.delete(name)) return
    const index = this.#runOf(name)
    const run = this.#runs[index]!
    run.splice(lowerBound(run, name), 1)
    if (run.length === 0) this.#runs.splice(index, 1)
  }

  /** Visits [from, to) in order until `visit` returns false. The map must not change meanwhile. */
  walk(from: string, to: string, visit: (name: string, value: V) => boolean): void {
    for (let r = this.#runOf(from); r < this.#runs.length; r++) {
      const run = this.#runs[r]!
      for (let i = lowerBound(run, from); i < run.length; i++) {
        const name = run[i]!
        if (name >= to || !visit(name, this.#values.get(name)!)) return
      }
    }
  }

  /**
   * Visits [from, to) from its end until `visit` returns false. The map must not change meanwhile.
   */
  walkBack(from: string, to: string, visit: (name: string, value: V) => boolean): void {
    for (let r = Math.min(this.#runOf(to), this.#runs.length - 1); r >= 0; r--) {
      const run = this.#runs[r]!
      for (let i = lowerBound(run, to) - 1; i >= 0; i--) {
        const name = run[i]!
        if (name < from || !visit(name, this.#values.get(name)!)) return
      }
    }
  }

  /** Asserts the order; for tests. */
  names(): string[] {
    return this.#runs.flat()
  }

  #insert(name: string): void {
    const index = Math.min(this.#runOf(name), this.#runs.length - 1)
    if (index < 0) {
      this.#runs.push([name])
      return
    }
    const run = this.#runs[index]!
    run.splice(lowerBound(run, name), 0, name)
    if (run.length > RUN_MAX) this.#runs.splice(index + 1, 0, run.splice(RUN_MAX >> 1))
  }

  /** The first run whose last key is not before `name`; the number of runs when there is none. */
  #runOf(name: string): number {
    let low = 0
    let high = this.#runs.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const run = this.#runs[middle]!
      if (run[run.length - 1]! < name) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The first index whose key is not before `name`. */
function lowerBound(run: readonly string[], name: string): number {
  let low = 0
  let high = run.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (run[middle]! < name) low = middle + 1
    else high = middle
  }
  return low
}
