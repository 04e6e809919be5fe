/**
 * The dotted version vector set: what one key holds, and how two copies of it become one.
 *
 * The problem: replicas take writes of one key at the same time. A clock that picks one of two
 * writes loses the other, although neither writer knew of it. A plain version vector per value
 * cannot tell two writes that the same replica took one after the other from two clients that had
 * both read the same thing: it orders them, and one is lost; with an id per client instead it grows
 * without end.
 *
 * The way out: each write gets a name of its own, its dot, apart from the vector that names what
 * has been seen. A write supersedes just what its context covers:
 *
 * ```
 *   write(local, dot, context)  keep what context does not cover, add the dot's version;
 *                               vector ∪ context ∪ dot
 *   sync(a, b)                  keep what both have, and what one has and the other's vector
 *                               does not cover
 * ```
 *
 * A version that one side has and the other side covers without having it was superseded there, and
 * goes. Since that is decided by sets alone, sync is commutative, associative and idempotent:
 * copies that have met the same writes are equal, in whatever order and however often they were
 * told (V4).
 *
 * Preguiça, Baquero, Almeida, Fonte, Gonçalves, "Brief announcement: efficient causality tracking
 * in distributed storage systems with dotted version vectors" (PODC 2012), and dvvset.erl. As
 * there, `sync` compares dots with vectors; the vector is stored once a key and not once a version,
 * because all versions of a copy share it.
 *
 * Invariants: versions are sorted by dot, each dot once, and each is covered by the vector.
 */
import { assert } from '../std/assert.ts'
import { checkStamp, compareStamps, maxStamp, ZERO_STAMP } from './stamp.ts'
import type { Container, Context, Dot, Stamp, Value, Version, VersionVector } from './version.ts'
import {
  checkDot,
  checkVector,
  compareDots,
  covers,
  dominates,
  EMPTY_VECTOR,
  joinVectors,
  withDot,
} from './version-vector.ts'

export const EMPTY_CONTAINER: Container = { versions: [], vector: EMPTY_VECTOR }

const NO_BYTES = new Uint8Array(0)
const NO_METADATA: Value['metadata'] = []

/** What a coordinator decided of one write. */
export interface Write {
  /** Fresh: nobody may have seen it. */
  readonly dot: Dot
  /** Above the stamp of all that the write supersedes. */
  readonly stamp: Stamp
  /** undefined: a delete. */
  readonly value: Value | undefined
  /** What the write supersedes. */
  readonly context: VersionVector
  /**
   * Whether a delete leaves a version without value, which competes by its stamp, rather than none.
   */
  readonly tombstone: boolean
}

/**
 * `local` after a write. The dot must be new to it and to the context: one that is covered would be
 * taken for superseded by every copy it meets. So a coordinator first asks its actor whether it
 * `forgot` either of the two vectors.
 */
export function write(local: Container, w: Write): Container {
  assert(!covers(local.vector, w.dot), 'a dot drawn twice: the copy covers it')
  assert(!covers(w.context, w.dot), 'a dot drawn twice: the context covers it')
  const versions = local.versions.filter((version) => !covers(w.context, version.dot))
  if (w.value !== undefined || w.tombstone)
    insert(versions, { dot: w.dot, stamp: w.stamp, value: w.value })
  return { versions, vector: withDot(joinVectors(local.vector, w.context), w.dot) }
}

/**
 * The least container that knows what either knows; one of the arguments itself when that one knows
 * it all.
 */
export function sync(a: Container, b: Container): Container {
  if (contains(a, b)) return a
  if (contains(b, a)) return b
  const versions: Version[] = []
  let i = 0
  let j = 0
  while (i < a.versions.length || j < b.versions.length) {
    const left = a.versions[i]
    const right = b.versions[j]
    const order = compareHeads(left, right)
    if (order <= 0) i++
    if (order >= 0) j++
    if (order === 0) versions.push(left!)
    else if (order < 0 && !covers(b.vector, left!.dot)) versions.push(left!)
    else if (order > 0 && !covers(a.vector, right!.dot)) versions.push(right!)
  }
  return { versions, vector: joinVectors(a.vector, b.vector) }
}

/**
 * How the knowledge of `a` stands to that of `b`. `descends`: a knows all that b knows, and more.
 */
export function compareContainers(
  a: Container,
  b: Container,
): 'equal' | 'descends' | 'precedes' | 'concurrent' {
  if (contains(a, b)) return contains(b, a) ? 'equal' : 'descends'
  return contains(b, a) ? 'precedes' : 'concurrent'
}

/** The versions that have a value. */
export function liveVersions(container: Container): readonly Version[] {
  const { versions } = container
  return versions.every(isLive) ? versions : versions.filter(isLive)
}

/**
 * The version with the greatest stamp, then dot; it may be a delete. undefined when there are no
 * versions.
 */
export function winner(container: Container): Version | undefined {
  let best: Version | undefined
  // In order of dot, so that of equal stamps the later one wins.
  for (const version of container.versions)
    if (best === undefined || compareStamps(version.stamp, best.stamp) >= 0) best = version
  return best
}

/** A successor of all versions is stamped above this. */
export function greatestStamp(container: Container): Stamp {
  let greatest = ZERO_STAMP
  for (const version of container.versions) greatest = maxStamp(greatest, version.stamp)
  return greatest
}

/** What a client that is given all of `container` has seen. */
export function contextOf(container: Container): Context {
  return { vector: container.vector, stamp: greatestStamp(container) }
}

/**
 * The same causality without the values' bytes and what was said of them: enough to tell a live key
 * from a deleted one.
 */
export function summarise(container: Container): Container {
  return { versions: container.versions.map(summariseVersion), vector: container.vector }
}

/** Asserts the invariants above. */
export function checkContainer(container: Container): void {
  checkVector(container.vector)
  let before: Dot | undefined
  for (const { dot, stamp } of container.versions) {
    checkDot(dot)
    checkStamp(stamp)
    assert(
      covers(container.vector, dot),
      () => `version ${dot.vnode}:${dot.counter} is not in its own vector`,
    )
    assert(
      before === undefined || compareDots(before, dot) < 0,
      () => `version ${dot.vnode}:${dot.counter} is out of order`,
    )
    before = dot
  }
}

/**
 * Whether merging `b` into `a` would leave `a` as it is: a has seen it all, and b supersedes
 * nothing that a keeps.
 */
function contains(a: Container, b: Container): boolean {
  if (a === b) return true
  if (!dominates(a.vector, b.vector)) return false
  let j = 0
  for (const version of a.versions) {
    while (j < b.versions.length && compareDots(b.versions[j]!.dot, version.dot) < 0) j++
    const other = b.versions[j]
    const both = other !== undefined && compareDots(other.dot, version.dot) === 0
    if (!both && covers(b.vector, version.dot)) return false
  }
  return true
}

/** Order of two heads of sorted lists, where an ended list comes last. */
function compareHeads(left: Version | undefined, right: Version | undefined): number {
  if (left === undefined) return 1
  return right === undefined ? -1 : compareDots(left.dot, right.dot)
}

function insert(versions: Version[], version: Version): void {
  let place = versions.length
  while (place > 0 && compareDots(versions[place - 1]!.dot, version.dot) > 0) place--
  versions.splice(place, 0, version)
}

function isLive(version: Version): boolean {
  return version.value !== undefined
}

function summariseVersion(version: Version): Version {
  const { dot, stamp, value } = version
  if (value === undefined) return version
  const { expiresAtMs } = value
  const empty = { bytes: NO_BYTES, contentType: '', metadata: NO_METADATA, expiresAtMs }
  return { dot, stamp, value: empty }
}
