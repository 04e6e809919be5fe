import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { AssertionError } from '../std/assert.ts'
import { SEED, stamp, stamps } from './arbitraries.test.ts'
import {
  checkStamp,
  compareStamps,
  maxStamp,
  nextStamp,
  STAMP_MS_MAX,
  ZERO_STAMP,
} from './stamp.ts'

test('stamps are ordered by millisecond, then by counter', () => {
  const sorted = [ZERO_STAMP, stamp(0, 1), stamp(1, 0), stamp(1, 65_535), stamp(2, 0)]
  assert.deepEqual(sorted.toReversed().toSorted(compareStamps), sorted)
  assert.equal(compareStamps(stamp(5, 6), stamp(5, 6)), 0)
})

test('the greater of two stamps is either argument, the first of equals', () => {
  const low = stamp(1, 9)
  const high = stamp(2, 0)
  assert.equal(maxStamp(low, high), high)
  assert.equal(maxStamp(high, low), high)
  assert.equal(maxStamp(low, stamp(1, 9)), low)
})

test('the next stamp is the least one above', () => {
  assert.deepEqual(nextStamp(stamp(7, 3)), stamp(7, 4))
  assert.deepEqual(nextStamp(ZERO_STAMP), stamp(0, 1))
})

test('a full counter carries into the millisecond', () => {
  assert.deepEqual(nextStamp(stamp(7, 65_534)), stamp(7, 65_535))
  assert.deepEqual(nextStamp(stamp(7, 65_535)), stamp(8, 0))
})

test('nothing is above the greatest stamp, and asking does not stop anybody', () => {
  const greatest = stamp(STAMP_MS_MAX, 65_535)
  assert.equal(nextStamp(greatest), greatest)
  assert.deepEqual(nextStamp(stamp(STAMP_MS_MAX, 65_534)), greatest)
})

test('the next stamp of any stamp but the greatest is above it and within its bits', () => {
  const property = fc.property(stamps, (of) => {
    const next = nextStamp(of)
    checkStamp(next)
    fc.pre(of.ms < STAMP_MS_MAX)
    assert.ok(compareStamps(next, of) > 0)
  })
  fc.assert(property, { seed: SEED })
})

test('the check refuses what does not fit 48 and 16 bits', () => {
  checkStamp(ZERO_STAMP)
  checkStamp(stamp(STAMP_MS_MAX, 65_535))
  for (const bad of [
    stamp(-1),
    stamp(0.5),
    stamp(STAMP_MS_MAX + 1),
    stamp(Number.NaN),
    stamp(0, -1),
    stamp(0, 0.5),
    stamp(0, 65_536),
  ])
    assert.throws(() => checkStamp(bad), AssertionError, JSON.stringify(bad))
})
