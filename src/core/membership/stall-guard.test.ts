import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '../std/instant.ts'
import { StallGuard } from './stall-guard.ts'

test('the first step is never a gap', () => {
  assert.equal(new StallGuard(1_000).gapBefore(instant(1e9)), 0)
})

test('a gap is what lies between two steps further apart than two intervals', () => {
  const guard = new StallGuard(1_000)
  guard.gapBefore(instant(0))
  assert.equal(guard.gapBefore(instant(2_000)), 0)
  assert.equal(guard.gapBefore(instant(4_001)), 2_001)
  assert.equal(guard.gapBefore(instant(4_001)), 0)
  assert.equal(guard.gapBefore(instant(64_001)), 60_000)
})

test('with short intervals it is at least a second', () => {
  const guard = new StallGuard(100)
  guard.gapBefore(instant(0))
  assert.equal(guard.gapBefore(instant(1_000)), 0)
  assert.equal(guard.gapBefore(instant(2_001)), 1_001)
})

test('a clock that runs backwards is no gap', () => {
  const guard = new StallGuard(100)
  guard.gapBefore(instant(5_000))
  assert.equal(guard.gapBefore(instant(1_000)), 0)
})
