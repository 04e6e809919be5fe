import assert from 'node:assert/strict'
import { test } from 'node:test'
import { areaPath, indexAt, linePath, niceMax, xOf } from './chart.ts'

test('an axis ends at a round number that nothing exceeds', () => {
  assert.deepEqual(
    [[3], [5], [5.1], [0.012], [99], [101]].map((v) => niceMax(v, 0.001)),
    [5, 5, 10, 0.02, 100, 200],
  )
  assert.equal(niceMax([undefined], 5), 5)
  assert.equal(niceMax([], 0.001), 0.001)
})

test('the latest point is at the right end, however few there are', () => {
  assert.equal(xOf(0, 1, 61), 100)
  assert.deepEqual([xOf(0, 61, 61), xOf(60, 61, 61)], [0, 100])
  assert.equal(indexAt(1, 10, 61), 9)
  assert.equal(indexAt(0.5, 10, 61), undefined, 'before the first')
  assert.equal(indexAt(0, 61, 61), 0)
})

test('a gap in what is known is a gap in the line, and no area is made of it', () => {
  assert.equal(linePath([1, 2, undefined, 2], 2, 5), 'M25 50h0L50 0M100 0h0')
  assert.equal(areaPath([1, undefined], 2, 5), '')
  assert.equal(areaPath([0, 2], 2, 2), 'M0 100h0L100 0L100 100L0 100Z')
})
