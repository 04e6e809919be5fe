import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../std/assert.ts'
import { dot, dots, SEED, vector, vectors } from './arbitraries.test.ts'
import type { VersionVector } from './version.ts'
import {
  checkDot,
  checkVector,
  compareDots,
  counterOf,
  covers,
  dominates,
  EMPTY_VECTOR,
  joinVectors,
  withDot,
} from './version-vector.ts'

/** The slow truth: the set of all dots that a vector covers. */
function writes(of: VersionVector): Set<string> {
  const set = new Set<string>()
  for (const entry of of)
    for (let counter = 1; counter <= entry.counter; counter++) set.add(`${entry.vnode}:${counter}`)
  return set
}

function union(a: Set<string>, b: Set<string>): Set<string> {
  return new Set([...a, ...b])
}

test('dots are ordered by vnode, then by counter', () => {
  const sorted = [dot(1, 1), dot(1, 2), dot(2, 1), dot(Number.MAX_SAFE_INTEGER, 1)]
  const shuffled = [sorted[3]!, sorted[1]!, sorted[0]!, sorted[2]!]
  assert.deepEqual(shuffled.toSorted(compareDots), sorted)
  assert.equal(compareDots(dot(3, 4), dot(3, 4)), 0)
})

test('the order of dots is exact at the ends of the numbers', () => {
  const max = Number.MAX_SAFE_INTEGER
  assert.ok(compareDots(dot(max - 1, 1), dot(max, 1)) < 0)
  assert.ok(compareDots(dot(max, max), dot(max, max - 1)) > 0)
  assert.ok(compareDots(dot(max, 1), dot(1, max)) > 0)
})

test('an absent vnode has counter zero', () => {
  assert.equal(counterOf(EMPTY_VECTOR, dot(1, 1).vnode), 0)
  const of = vector(2, 5, 4, 9, 6, 1)
  for (const [vnode, counter] of [
    [1, 0],
    [2, 5],
    [3, 0],
    [4, 9],
    [5, 0],
    [6, 1],
    [7, 0],
  ] as const)
    assert.equal(counterOf(of, dot(vnode, 1).vnode), counter, `vnode ${vnode}`)
})

test('a vector covers a dot up to its counter and not beyond', () => {
  const of = vector(1, 2, 3, 4)
  assert.ok(covers(of, dot(3, 4)))
  assert.ok(covers(of, dot(3, 1)))
  assert.ok(!covers(of, dot(3, 5)))
  assert.ok(!covers(of, dot(2, 1)))
})

test('covering is membership in the set of writes', () => {
  const property = fc.property(vectors, dots, (of, d) => {
    assert.equal(covers(of, d), writes(of).has(`${d.vnode}:${d.counter}`))
  })
  fc.assert(property, { seed: SEED })
})

test('dominance is inclusion of the sets of writes', () => {
  const property = fc.property(vectors, vectors, (a, b) => {
    const of = writes(a)
    assert.equal(
      dominates(a, b),
      [...writes(b)].every((write) => of.has(write)),
    )
  })
  fc.assert(property, { seed: SEED, numRuns: 500 })
})

test('a join is the union of the sets of writes, and a proper vector', () => {
  const property = fc.property(vectors, vectors, (a, b) => {
    const joined = joinVectors(a, b)
    checkVector(joined)
    assert.deepEqual(writes(joined), union(writes(a), writes(b)))
  })
  fc.assert(property, { seed: SEED, numRuns: 500 })
})

test('a join that adds nothing is the dominating argument itself', () => {
  const small = vector(1, 2)
  const large = vector(1, 3, 2, 1)
  assert.equal(joinVectors(large, small), large)
  assert.equal(joinVectors(small, large), large)
  const same = vector(1, 2)
  assert.equal(joinVectors(small, same), small)
  assert.equal(joinVectors(EMPTY_VECTOR, small), small)
})

test('joining leaves its arguments as they were', () => {
  const a = Object.freeze(vector(1, 2, 5, 1)) as VersionVector
  const b = Object.freeze(vector(1, 1, 3, 1, 5, 4)) as VersionVector
  assert.deepEqual(joinVectors(a, b), vector(1, 2, 3, 1, 5, 4))
  assert.deepEqual(withDot(a, dot(3, 7)), vector(1, 2, 3, 7, 5, 1))
})

test('adding a dot is joining with the vector of its writes', () => {
  const property = fc.property(vectors, dots, (of, d) => {
    const joined = withDot(of, d)
    checkVector(joined)
    assert.deepEqual(joined, joinVectors(of, [d]))
    if (covers(of, d)) assert.equal(joined, of)
  })
  fc.assert(property, { seed: SEED, numRuns: 500 })
})

test('the check refuses vectors that are out of order, double or not made of positive integers', () => {
  checkVector(EMPTY_VECTOR)
  checkVector(vector(1, 1, 2, 1))
  for (const bad of [
    vector(2, 1, 1, 1),
    vector(1, 1, 1, 2),
    vector(0, 1),
    vector(-1, 1),
    vector(1, 0),
    vector(1, 1.5),
    vector(1.5, 1),
    vector(2 ** 53, 1),
    vector(1, 2 ** 53),
  ])
    assert.throws(() => checkVector(bad), AssertionError, JSON.stringify(bad))
  assert.throws(() => checkDot(dot(0, 1)), AssertionError)
  assert.throws(() => checkDot(dot(1, 0)), AssertionError)
})
