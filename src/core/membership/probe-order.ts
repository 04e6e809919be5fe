/**
 * Whom to probe next: every member once in a shuffled round, then a new shuffle (SWIM §4.3).
 *
 * Choosing at random each time leaves a member unprobed for an unbounded while. In rounds, a member
 * is visited within 2n − 1 probes even if it stands first in one shuffle and last in the next. A
 * newcomer is inserted at a random place, so that no node becomes the favourite target of the whole
 * cluster when it joins.
 */
import { assert } from '../std/assert.ts'
import type { NodeId } from '../std/ids.ts'
import type { Prng } from '../std/prng.ts'

export class ProbeOrder {
  readonly #rng: Prng
  // Both bounded by: the live members other than this node, NODES_MAX. The same members.
  readonly #order: NodeId[] = []
  readonly #members = new Set<NodeId>()
  #cursor = 0

  constructor(rng: Prng) {
    this.#rng = rng
  }

  get size(): number {
    return this.#order.length
  }

  has(id: NodeId): boolean {
    return this.#members.has(id)
  }

  add(id: NodeId): void {
    assert(!this.has(id), () => `${id} twice in the probe order`)
    this.#members.add(id)
    const place = this.#rng.below(this.#order.length + 1)
    this.#order.splice(place, 0, id)
    // Before the cursor it would shift one that was visited back in front of it.
    if (place < this.#cursor) this.#cursor++
  }

  remove(id: NodeId): void {
    if (!this.#members.delete(id)) return
    const place = this.#order.indexOf(id)
    this.#order.splice(place, 1)
    if (place < this.#cursor) this.#cursor--
  }

  next(): NodeId | undefined {
    if (this.#cursor >= this.#order.length) {
      this.#rng.shuffle(this.#order)
      this.#cursor = 0
    }
    return this.#order[this.#cursor++]
  }
}
