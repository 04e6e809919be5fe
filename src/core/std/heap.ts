/**
 * A binary heap: the least element at hand, the next after O(log n) comparisons. Elements that
 * neither comes before the other leave in any order; who needs one puts it into the comparison.
 *
 * Invariant: no element comes before its parent, the one at (index − 1) / 2.
 */
export class Heap<T> {
  // Bounded by whoever pushes: a heap does not know what its elements stand for.
  readonly #elements: T[] = []
  readonly #before: (a: T, b: T) => boolean

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before
  }

  get size(): number {
    return this.#elements.length
  }

  /** The least element, which stays; undefined when there is none. */
  peek(): T | undefined {
    return this.#elements[0]
  }

  push(element: T): void {
    const elements = this.#elements
    const before = this.#before
    let index = elements.length
    elements.push(element)
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (!before(element, elements[parent]!)) break
      elements[index] = elements[parent]!
      index = parent
    }
    elements[index] = element
  }

  /** Removes the least element and gives it; undefined when there is none. */
  pop(): T | undefined {
    const least = this.#elements[0]
    const last = this.#elements.pop()
    if (this.#elements.length > 0) this.#sink(last!)
    return least
  }

  /** Puts `element` where the root was, and lets it sink to its place. */
  #sink(element: T): void {
    const elements = this.#elements
    const before = this.#before
    let index = 0
    for (;;) {
      let child = 2 * index + 1
      if (child >= elements.length) break
      if (child + 1 < elements.length && before(elements[child + 1]!, elements[child]!)) child++
      if (!before(elements[child]!, element)) break
      elements[index] = elements[child]!
      index = child
    }
    elements[index] = element
  }
}
