/**
 * Of one write: who keeps a hint of it in the place of which replica.
 *
 * Invariants: a node stands in for one replica at most, or it would count twice in a sloppy quorum;
 * a replica has one stand-in at a time, and once one has kept the write no other is asked.
 */
import { assert } from '../std/assert.ts'
import type { NodeId } from '../std/ids.ts'

interface StandIn {
  readonly owner: NodeId
  readonly keeper: NodeId
  state: 'asked' | 'kept' | 'failed'
}

/** Fallbacks asked for one write; then the coordinator keeps what is left. */
const FALLBACKS_MAX = 6

export class StandIns {
  // Bounded by: FALLBACKS_MAX, and the replicas of the partition for which the coordinator does it.
  readonly #list: StandIn[] = []
  // Who will not answer any more. Bounded by: the replicas of the partition.
  readonly #gone: NodeId[] = []
  #fallbacks = 0

  /** Whether somebody keeps the write for `owner`, or has been asked to. */
  has(owner: NodeId): boolean {
    return this.#list.some((each) => each.owner === owner && each.state !== 'failed')
  }

  isAsked(owner: NodeId): boolean {
    return this.#list.some((each) => each.owner === owner && each.state === 'asked')
  }

  isKept(owner: NodeId): boolean {
    return this.#list.some((each) => each.owner === owner && each.state === 'kept')
  }

  /** Whether `owner` will not store the write itself, as far as is known. */
  isGone(owner: NodeId): boolean {
    return this.#gone.includes(owner)
  }

  setGone(owner: NodeId, isGone: boolean): void {
    const place = this.#gone.indexOf(owner)
    if (isGone && place < 0) this.#gone.push(owner)
    if (!isGone && place >= 0) this.#gone.splice(place, 1)
  }

  /** Asks the first of `fallbacks` who stands in for nobody yet; undefined: there is none. */
  ask(owner: NodeId, fallbacks: Iterable<NodeId>): NodeId | undefined {
    if (this.#fallbacks >= FALLBACKS_MAX) return undefined
    for (const keeper of fallbacks) {
      if (this.#list.some((each) => each.keeper === keeper)) continue
      this.#fallbacks++
      this.#list.push({ owner, keeper, state: 'asked' })
      return keeper
    }
    return undefined
  }

  /** The coordinator itself keeps it. */
  keep(owner: NodeId, self: NodeId): void {
    this.#list.push({ owner, keeper: self, state: 'kept' })
  }

  /** Whether that was asked of `keeper`, and not answered before. */
  answer(owner: NodeId, keeper: NodeId, kept: boolean): boolean {
    for (const each of this.#list) {
      if (each.owner !== owner || each.keeper !== keeper || each.state !== 'asked') continue
      each.state = kept ? 'kept' : 'failed'
      return true
    }
    return false
  }

  /** For whom `keeper` was asked to keep the write and has not answered, nor ever will. */
  lost(keeper: NodeId): NodeId | undefined {
    const lost = this.#list.find((each) => each.keeper === keeper && each.state === 'asked')
    if (lost !== undefined) lost.state = 'failed'
    return lost?.owner
  }

  check(self: NodeId): void {
    assert(this.#fallbacks <= FALLBACKS_MAX, () => `${this.#fallbacks} fallbacks asked`)
    const keepers = this.#list.flatMap(({ keeper }) => (keeper === self ? [] : [keeper]))
    assert(new Set(keepers).size === keepers.length, () => `stands in twice: ${keepers.join()}`)
    const owners = this.#list.flatMap(({ owner, state }) => (state === 'failed' ? [] : [owner]))
    assert(new Set(owners).size === owners.length, () => `kept for twice: ${owners.join()}`)
  }
}
