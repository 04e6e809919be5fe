/**
 * What a read must reflect, summed up.
 *
 * Hundreds of reads of a key must each reflect hundreds of acknowledged writes; to compare them
 * pair by pair takes longer than the run. So the writes acknowledged by a moment are summed up
 * once: all that their contexts cover, the greatest of their stamps, and of the writes only those
 * that no acknowledged write had seen, for whoever accounts for a successor accounts for what it
 * replaced. A read that reflects the sum reflects each. One that does not is looked at write by
 * write, since some of them may be excused (a damaged disk).
 */
import type { Stamp, VersionVector } from '../../src/core/versions/version.ts'
import type { WriteRecord } from '../history.ts'
import type { AnsweredGet, Evidence, KeyEvidence } from './evidence.ts'
import { compareStamps, covers, shownBy, Successions, winnerOf } from './causality.ts'

/** The writes that had w acknowledgements or more, up to a moment that only moves on. */
interface Sum {
  /** How many of the writes, in order of their returns, have been looked at. */
  seen: number
  vector: VersionVector
  stamp: Stamp
  // Bounded by: the writes of the key.
  readonly unreplaced: Map<number, WriteRecord>
}

export class Acknowledged {
  readonly #key: KeyEvidence
  readonly #replicas: number
  readonly #byReturn: readonly WriteRecord[]
  // By the least w that counts. Bounded by: the replicas.
  readonly #sums = new Map<number, Sum>()

  constructor(key: KeyEvidence, { replicas }: Evidence) {
    this.#key = key
    this.#replicas = replicas
    this.#byReturn = key.writes
      .filter(({ outcome }) => outcome === 'ok')
      .sort((a, b) => a.returned - b.returned)
  }

  /**
   * Whether `get` surely reflects all that it must; asked in order of invocation. `false` says that
   * it has to be looked at more closely.
   */
  isReflectedBy(get: AnsweredGet): boolean {
    const sum = this.#upTo(get.invoked, (get.n ?? this.#replicas) - get.r + 1)
    const { container } = get.result
    if (!sum.vector.every((dot) => covers(container.vector, dot))) return false
    if (this.#key.mode === 'lww') {
      const winner = winnerOf(container)
      return (
        sum.unreplaced.size === 0 || (winner !== undefined && !isBelow(winner.stamp, sum.stamp))
      )
    }
    const shown = shownBy(container)
    const successions = Successions.among(this.#key.writes)
    for (const write of sum.unreplaced.values())
      if (!successions.accountsFor(write, shown, get.returned, get.returnedAtMs)) return false
    return true
  }

  #upTo(position: number, leastW: number): Sum {
    const sum = this.#sums.get(leastW) ?? {
      seen: 0,
      vector: [],
      stamp: { ms: 0, counter: 0 },
      unreplaced: new Map<number, WriteRecord>(),
    }
    this.#sums.set(leastW, sum)
    for (; sum.seen < this.#byReturn.length; sum.seen++) {
      const write = this.#byReturn[sum.seen]!
      if (write.returned >= position) break
      if (write.w >= leastW) add(sum, write)
    }
    return sum
  }
}

function add(sum: Sum, write: WriteRecord): void {
  for (const id of write.supersedes?.writes ?? []) sum.unreplaced.delete(id)
  sum.unreplaced.set(write.id, write)
  if (write.context === undefined) return
  const { vector, stamp } = write.context
  if (isBelow(sum.stamp, stamp)) sum.stamp = stamp
  const ahead = vector.filter((dot) => !covers(sum.vector, dot))
  if (ahead.length === 0) return
  const behind = sum.vector.filter(({ vnode }) => !ahead.some((dot) => dot.vnode === vnode))
  sum.vector = [...behind, ...ahead]
}

function isBelow(a: Stamp, b: Stamp): boolean {
  return compareStamps(a, b) < 0
}
