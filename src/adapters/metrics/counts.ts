/**
 * Counts by name, of which there are only so many: labels of a metric must never grow with what
 * strangers send.
 */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$/

/** What a name that is one too many, or not a name, is counted as. */
export const OTHER = 'other'

export class Counts {
  readonly #max: number
  // Bounded by: #max names and `other`.
  readonly #counts = new Map<string, number>()

  constructor(max: number) {
    this.#max = max
  }

  add(name: string, by: number): void {
    const count = this.#counts.get(name)
    if (count !== undefined) this.#counts.set(name, count + by)
    else if (name !== OTHER && (this.#counts.size >= this.#max || !NAME.test(name)))
      this.add(OTHER, by)
    else this.#counts.set(name, by)
  }

  entries(): Iterable<readonly [name: string, count: number]> {
    return this.#counts
  }
}
