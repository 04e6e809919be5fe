/**
 * Version vectors: per replica the highest counter seen, and so a short name for a set of writes. A
 * vector covers a dot when its entry for the dot's vnode is at least the dot's counter.
 *
 * Why a single number can stand for a set: a replica makes each write out of its own copy, in which
 * all its earlier writes of that key are present or superseded. Whoever has seen the later one has
 * therefore seen what became of the earlier ones. It ends where a replica forgets its copy and
 * writes on under the same vnode id (V1, V9).
 *
 * Entries are sorted by vnode id, so that two vectors are compared and joined in one walk over
 * both. Vectors are never changed: every function returns one of its arguments when that is already
 * the answer.
 */
import { assert } from '../std/assert.ts'
import type { VnodeId } from '../std/ids.ts'
import type { Dot, VersionVector } from './version.ts'

export const EMPTY_VECTOR: VersionVector = []

/**
 * By vnode, then by counter: an order for sorting and for ties, without a meaning. Both are safe
 * integers, so exact.
 */
export function compareDots(a: Dot, b: Dot): number {
  return a.vnode === b.vnode ? a.counter - b.counter : a.vnode - b.vnode
}

/** The highest counter of `vnode` that `vector` has seen; 0 when none. */
export function counterOf(vector: VersionVector, vnode: VnodeId): number {
  const entry = vector[placeOf(vector, vnode)]
  return entry !== undefined && entry.vnode === vnode ? entry.counter : 0
}

export function covers(vector: VersionVector, dot: Dot): boolean {
  return counterOf(vector, dot.vnode) >= dot.counter
}

/** Whether `a` covers all that `b` covers. */
export function dominates(a: VersionVector, b: VersionVector): boolean {
  if (a === b) return true
  if (b.length > a.length) return false
  let place = 0
  for (const entry of b) {
    while (place < a.length && a[place]!.vnode < entry.vnode) place++
    const own = a[place++]
    if (own === undefined || own.vnode !== entry.vnode || own.counter < entry.counter) return false
  }
  return true
}

/** The least vector that dominates both: the union of the two sets of writes. */
export function joinVectors(a: VersionVector, b: VersionVector): VersionVector {
  if (dominates(a, b)) return a
  if (dominates(b, a)) return b
  const joined: Dot[] = []
  let i = 0
  let j = 0
  while (i < a.length && j < b.length) {
    const left = a[i]!
    const right = b[j]!
    if (left.vnode <= right.vnode) i++
    if (right.vnode <= left.vnode) j++
    if (left.vnode === right.vnode) joined.push(left.counter >= right.counter ? left : right)
    else joined.push(left.vnode < right.vnode ? left : right)
  }
  while (i < a.length) joined.push(a[i++]!)
  while (j < b.length) joined.push(b[j++]!)
  return joined
}

/** `vector` with one more write in it. */
export function withDot(vector: VersionVector, dot: Dot): VersionVector {
  const place = placeOf(vector, dot.vnode)
  const entry = vector[place]
  const known = entry !== undefined && entry.vnode === dot.vnode
  if (known && entry.counter >= dot.counter) return vector
  const joined = vector.slice()
  joined.splice(place, known ? 1 : 0, dot)
  return joined
}

/**
 * Asserts that the entries are sorted, each vnode once, and that ids and counters are positive safe
 * integers.
 */
export function checkVector(vector: VersionVector): void {
  let before = 0
  for (const entry of vector) {
    checkDot(entry)
    assert(entry.vnode > before, () => `vnode ${entry.vnode} stands after ${before}`)
    before = entry.vnode
  }
}

export function checkDot(dot: Dot): void {
  assert(Number.isSafeInteger(dot.vnode) && dot.vnode > 0, () => `no vnode id: ${dot.vnode}`)
  assert(Number.isSafeInteger(dot.counter) && dot.counter > 0, () => `no counter: ${dot.counter}`)
}

/**
 * Where the entry of `vnode` stands or would stand: a binary search, since decoders admit a
 * thousand entries.
 */
function placeOf(vector: VersionVector, vnode: VnodeId): number {
  let low = 0
  let high = vector.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (vector[middle]!.vnode < vnode) low = middle + 1
    else high = middle
  }
  return low
}
