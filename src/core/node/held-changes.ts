/**
 * Changes that a watcher was given and that are not told yet, because what came before them may
 * still be on its way.
 *
 * Two writes of a key, one after the other: the first is on W replicas before the second begins.
 * Still the second may be heard of first, from a replica that is quicker or that the first has not
 * reached. To tell it at once would mean to tell the first after it, or never. So a change is held
 * until its predecessors must have been heard: until n − W + 1 of the replicas of each set, who
 * told it among them, have answered a question that was asked after it came, since one of those
 * has the first. What is older of the same key is told before it then, in order of stamps.
 *
 * ```
 *   epoch   counts pages; a change has that of its page, an answer that in which it was asked for
 *   told    when enough replicas have answered in its epoch or later, or after HOLD
 * ```
 * It takes one round trip of the other replicas. Nothing is held for ever: replicas that do not
 * answer may be dead, and what they have told is then nobody's order any more.
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

interface Held extends HeldChange {
  readonly stamp: Stamp
  readonly until: Instant
  isTold: boolean
}

export class HeldChanges {
  // In order of epochs. Bounded by: the bytes that a watcher takes (`watcher.ts`).
  #held: Held[] = []
  // Those of each key. Bounded by: as above.
  readonly #byName = new Map<string, Held[]>()
  #bytes = 0

  get size(): number {
    return this.#held.length
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Of the youngest; 0: none is held. */
  get lastEpoch(): number {
    return this.#held.at(-1)?.epoch ?? 0
  }

  hold(change: HeldChange, now: Instant): void {
    const stamp = greatestStamp(change.container)
    const held: Held = { ...change, stamp, until: later(now, HOLD), isTold: false }
    this.#held.push(held)
    this.#bytes += held.bytes
    const same = this.#byName.get(held.name)
    if (same === undefined) this.#byName.set(held.name, [held])
    else same.push(held)
  }

  /**
   * Gives what may be told now, in the order in which to tell it. `coveredTo`: the epoch up to
   * which what this node told of this partition is covered.
   */
  *release(
    now: Instant,
    coveredTo: (partition: PartitionId, node: NodeId) => number,
  ): Generator<HeldChange, void, undefined> {
    if (this.#held.length === 0) return
    for (const held of this.#held) {
      if (held.isTold) continue
      if (held.until > now && held.epoch > coveredTo(held.partition, held.node)) continue
      yield* this.#upTo(held)
    }
    this.#held = this.#held.filter(({ isTold }) => !isTold)
  }

  /** Nothing told by `node` is held before this change of this feed; undefined: nothing at all. */
  oldestOf(node: NodeId): { readonly feed: number; readonly number: number } | undefined {
    return this.#held.find((held) => held.node === node)
  }

  check(): void {
    let bytes = 0
    for (const held of this.#held) {
      bytes += held.bytes
      assert(!held.isTold, () => `${held.name} is held and told`)
    }
    assert(bytes === this.#bytes, () => `${bytes} bytes held, ${this.#bytes} counted`)
    const named = [...this.#byName.values()].reduce((sum, same) => sum + same.length, 0)
    assert(named === this.#held.length, () => `${named} changes by name, ${this.#held.length} held`)
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
      yield held
    }
  }
}
