/**
 * The model that reads are judged by. It knows nothing of how the core does it: dots, vectors and
 * stamps are compared here by code of our own, and who may replace what follows from what clients
 * were shown.
 *
 * In a `siblings` bucket a version may be gone for one reason only: somebody who had seen it wrote
 * in its place. So a missing write p is accounted for when some write q that may have happened had
 * seen p, and q is there itself, or is a delete, or is accounted for in turn. This is sound
 * whatever happens to writes of unknown outcome: the first copy that covers p without holding it
 * was made by such a q, covers q as well, and hands both on together. A delete without context is
 * the one write that replaces what its client has not seen; it accounts for whatever was not begun
 * after it ended.
 *
 * In an `lww` bucket a write also replaces what its coordinator happens to hold, so who saw what
 * says nothing; but stamps rise along causality, and therefore no read that reflects a write may
 * show a winner with a lesser stamp.
 *
 * In both, the vector of a copy that reflects a write covers all that the write's context covers.
 */
import type {
  Container,
  Dot,
  Stamp,
  Version,
  VersionVector,
} from '../../src/core/versions/version.ts'
import { valueText } from '../describe.ts'
import type { WriteRecord } from '../history.ts'
import { valueName, writerOf } from '../history.ts'

export function covers(vector: VersionVector, dot: Dot): boolean {
  return vector.some(({ vnode, counter }) => vnode === dot.vnode && counter >= dot.counter)
}

export function coversAll(vector: VersionVector, other: VersionVector): boolean {
  return other.every((dot) => covers(vector, dot))
}

export function compareStamps(a: Stamp, b: Stamp): number {
  return a.ms !== b.ms ? a.ms - b.ms : a.counter - b.counter
}

/**
 * The version with the greatest stamp, equal stamps settled by the dot; undefined when there is
 * none.
 */
export function winnerOf(container: Container): Version | undefined {
  let best: Version | undefined
  for (const version of container.versions)
    if (best === undefined || beats(version, best)) best = version
  return best
}

function beats(a: Version, b: Version): boolean {
  const stamps = compareStamps(a.stamp, b.stamp)
  if (stamps !== 0) return stamps > 0
  return a.dot.vnode !== b.dot.vnode ? a.dot.vnode > b.dot.vnode : a.dot.counter > b.dot.counter
}

/** What was found out once of things that live elsewhere. */
const writerOfBytes = new WeakMap<Uint8Array, number>()
const shownOf = new WeakMap<Container, ReadonlySet<number>>()
const successionsOf = new WeakMap<readonly WriteRecord[], Successions>()

/**
 * The operation whose value a version holds; undefined for a delete, and for a value that nobody
 * writes.
 */
export function writerOfVersion(version: Version): number | undefined {
  if (version.value === undefined) return undefined
  const known = writerOfBytes.get(version.value.bytes)
  if (known !== undefined) return known
  const writer = writerOf(valueText(version.value.bytes))
  if (writer !== undefined) writerOfBytes.set(version.value.bytes, writer)
  return writer
}

/** Ids of the writes whose values are in `container`. */
export function shownBy(container: Container): ReadonlySet<number> {
  // Each read is compared with hundreds of writes, by one checker after the other.
  const known = shownOf.get(container)
  if (known !== undefined) return known
  const shown = new Set<number>()
  for (const version of container.versions) {
    const writer = writerOfVersion(version)
    if (writer !== undefined) shown.add(writer)
  }
  shownOf.set(container, shown)
  return shown
}

/**
 * What is wrong with reading `container` after `write` was acknowledged, other than a lost sibling;
 * undefined: nothing. `writes`: all of the key; `atMs`: when it was read.
 */
export function notReflected(
  write: WriteRecord,
  container: Container,
  writes: readonly WriteRecord[],
  atMs: number = Infinity,
): string | undefined {
  const { context } = write
  if (context === undefined) return undefined
  const name = `${write.kind} ${valueName(write.id)}`
  if (!coversAll(container.vector, context.vector))
    return `its vector does not cover that of the acknowledged ${name}`
  if (write.mode !== 'lww') return undefined
  const winner = winnerOf(container)
  const isReaped = writes.some((other) => mayHaveEnded(other, write, atMs))
  if (winner === undefined)
    return isReaped ? undefined : `it shows nothing, and nothing ended it, after ${name}`
  if (compareStamps(winner.stamp, context.stamp) >= 0) return undefined
  if (!isReaped || isOlder(winner, write, writes))
    return `its winner has a lesser stamp than the acknowledged ${name}`
  return undefined
}

/**
 * Whether `other` is a delete, or a value that has expired, since reaped, that may have ended
 * `write`; what has expired may be `write` itself. One that was over before `write` began ended it
 * only if its stamp is not the lesser one: its clock was ahead, and nobody had told the other. Of
 * equal stamps either may have won.
 */
function mayHaveEnded(other: WriteRecord, write: WriteRecord, atMs: number): boolean {
  if (other.outcome === 'fail') return false
  if (other.kind !== 'delete' && !mayHaveExpired(other, atMs)) return false
  if (other.returned >= write.invoked) return true
  const [ended, begun] = [other.context?.stamp, write.context?.stamp]
  return ended !== undefined && begun !== undefined && compareStamps(ended, begun) >= 0
}

/** Whether a read at `atMs` of the world's time may leave out what `write` wrote. */
export function mayHaveExpired({ mayExpireAtMs = Infinity }: WriteRecord, atMs: number): boolean {
  return mayExpireAtMs <= atMs && mayExpireAtMs < Infinity
}

/**
 * Whether what is shown was acknowledged before `write` was. A stamp does not say so where a delete
 * was reaped: no later write knows of its stamp, and a slow clock draws a lesser one.
 */
function isOlder(winner: Version, write: WriteRecord, writes: readonly WriteRecord[]): boolean {
  const id = writerOfVersion(winner)
  const writer = writes.find((other) => other.id === id)
  return writer === undefined ? winner.value !== undefined : writer.returned < write.returned
}

/** Who may have replaced whom, for one key. */
export class Successions {
  readonly #byPredecessor = new Map<number, WriteRecord[]>()
  readonly #blindDeletes: WriteRecord[] = []

  private constructor(writes: readonly WriteRecord[]) {
    for (const write of writes) {
      if (write.outcome === 'fail') continue
      if (write.kind === 'delete' && write.supersedes === undefined) this.#blindDeletes.push(write)
      for (const id of write.supersedes?.writes ?? []) {
        const successors = this.#byPredecessor.get(id)
        if (successors === undefined) this.#byPredecessor.set(id, [write])
        else successors.push(write)
      }
    }
  }

  /** Of all writes of one key; made once for each list. */
  static among(writes: readonly WriteRecord[]): Successions {
    const known = successionsOf.get(writes)
    if (known !== undefined) return known
    const fresh = new Successions(writes)
    successionsOf.set(writes, fresh)
    return fresh
  }

  /** The writes that may have happened and had seen the write `id`. */
  of(id: number): readonly WriteRecord[] {
    return this.#byPredecessor.get(id) ?? []
  }

  /**
   * Whether `write` is shown, or was rightly replaced by writes invoked before `until`, or has
   * expired, or its successor has, by `atMs` of the world's time.
   */
  accountsFor(
    write: WriteRecord,
    shown: ReadonlySet<number>,
    until: number,
    atMs: number = Infinity,
  ): boolean {
    // Depth first without recursion: chains of writes with contexts grow as long as the run.
    const pending = [write]
    const visited = new Set<number>()
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (visited.has(next.id)) continue
      visited.add(next.id)
      if (next.kind === 'delete' || shown.has(next.id) || mayHaveExpired(next, atMs)) return true
      const { invoked } = next
      if (this.#blindDeletes.some((by) => by.returned > invoked && by.invoked < until)) return true
      for (const successor of this.of(next.id))
        if (successor.invoked < until) pending.push(successor)
    }
    return false
  }
}
