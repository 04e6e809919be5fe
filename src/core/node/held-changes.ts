/**
 * Changes that a watcher was given and that are not told yet, because what came before them may
 * still be on its way.
 *
 * Two writes of a key, one after the other: the first is on W replicas before the second begins.
 * Still the second may be heard of first, from a replica that is quicker or that the first has not
 * reached. To tell it at once would mean to tell the first after it, or never. So a change is held
 * until its predecessors must have been heard: until n − W + 1 of the replicas of each set, who
 * told it among them, have told all they had when they were asked after it came, since one of
 * those has the first. What is older of the same key is told before it then, in order of stamps.
 *
 * ```
 *   epoch   counts pages; a change has that of its page, an answer that in which it was asked for
 *   told    when enough replicas are heard of its epoch or later,
 *           or have told what they took before the time of its stamp, and the skew of clocks,
 *           or after HOLD
 * ```
 * The first takes one round trip of the other replicas; by the second a watcher that is far
 * behind is told what is old before it has read all that is new. Nothing is held for ever: replicas
 * that do not answer may be dead, and what they have told is then nobody's order any more.
 */
import { assert } from '../std/assert.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import { greatestStamp } from '../versions/container.ts'
import { compareStamps } from '../versions/stamp.ts'
import type { Container, Stamp } from '../versions/version.ts'

/** How long a change is held at the most. */
export const HOLD: Duration = duration(5_000)
/** Bytes of changes that are held; what is beyond it is told, the oldest first. */
export const HELD_BYTES_MAX: number = 8 * 1024 * 1024

export interface HeldChange {
  /** Of the record, as text. */
  readonly name: string
  readonly key: Uint8Array
  readonly partition: PartitionId
  readonly container: Container
  readonly bytes: number
  /** Who told it, and which change of which feed it is there. */
  readonly node: NodeId
  readonly feed: number
  readonly number: number
  readonly epoch: number
}

/** How far those are heard who may know of what came before. */
export interface Coverage {
  /** They have told what they had in this epoch. */
  readonly epoch: number
  /** They have told what was written before anything with a stamp below this time, ms. */
  readonly ms: number
}

interface Held extends HeldChange {
  readonly stamp: Stamp
  readonly until: Instant
  isTold: boolean
}

export class HeldChanges {
  // In order of epochs, some told already. Bounded by: HELD_BYTES_MAX, and the last page.
  #held: Held[] = []
  // Those of each key. Bounded by: as above.
  readonly #byName = new Map<string, Held[]>()
  #bytes = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Whether something has been held long enough, or there is too much. */
  isOverdue(now: Instant): boolean {
    return this.#bytes > HELD_BYTES_MAX || (this.#held[0]?.until ?? now + 1) <= now
  }

  hold(change: HeldChange, now: Instant): void {
    const stamp = greatestStamp(change.container)
    const held: Held = { ...change, stamp, until: later(now, HOLD), isTold: false }
    this.#held.push(held)
    this.#bytes += held.bytes
    this.#size++
    const same = this.#byName.get(held.name)
    if (same === undefined) this.#byName.set(held.name, [held])
    else same.push(held)
  }

  /** Gives what is of this epoch or earlier, in the order in which to tell it. */
  *releaseUpTo(epoch: number): Generator<HeldChange, void, undefined> {
    let count = 0
    for (; count < this.#held.length && this.#held[count]!.epoch <= epoch; count++)
      if (!this.#held[count]!.isTold) yield* this.#upTo(this.#held[count]!)
    if (count > 0) this.#held.splice(0, count)
  }

  /**
   * Gives what may be told now, in the order in which to tell it. `coveredTo`: how far what this
   * node told of this partition is covered.
   */
  *release(
    now: Instant,
    coveredTo: (partition: PartitionId, node: NodeId) => Coverage,
  ): Generator<HeldChange, void, undefined> {
    for (const held of this.#held) {
      if (held.isTold) continue
      const isOverdue = held.until <= now || this.#bytes > HELD_BYTES_MAX
      const { epoch, ms } = coveredTo(held.partition, held.node)
      if (!isOverdue && held.epoch > epoch && held.stamp.ms >= ms) continue
      yield* this.#upTo(held)
    }
    this.#held = this.#held.filter(({ isTold }) => !isTold)
  }

  /** Nothing told by `node` is held before this change of this feed; undefined: nothing at all. */
  oldestOf(node: NodeId): { readonly feed: number; readonly number: number } | undefined {
    return this.#held.find((held) => held.node === node && !held.isTold)
  }

  check(): void {
    const held = this.#held.filter(({ isTold }) => !isTold)
    const bytes = held.reduce((sum, each) => sum + each.bytes, 0)
    assert(bytes === this.#bytes, () => `${bytes} bytes held, ${this.#bytes} counted`)
    const named = [...this.#byName.values()].reduce((sum, same) => sum + same.length, 0)
    assert(held.length === this.#size, () => `${held.length} changes held, ${this.#size} counted`)
    assert(named === this.#size, () => `${named} changes by name, ${this.#size} held`)
  }

  /** What is held of the same key and not younger, the oldest first. */
  *#upTo(last: Held): Generator<HeldChange, void, undefined> {
    const same = this.#byName.get(last.name)!
    const [due, rest] = [[] as Held[], [] as Held[]]
    for (const held of same) (compareStamps(held.stamp, last.stamp) <= 0 ? due : rest).push(held)
    if (rest.length === 0) this.#byName.delete(last.name)
    else this.#byName.set(last.name, rest)
    due.sort((a, b) => compareStamps(a.stamp, b.stamp))
    for (const held of due) {
      held.isTold = true
      this.#bytes -= held.bytes
      this.#size--
      yield held
    }
  }
}
