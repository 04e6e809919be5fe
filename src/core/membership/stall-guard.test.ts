import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '../std/instant.ts'
import { StallGuard } from './stall-guard.ts'

test('the first step is never a gap', () => {
  assert.equal(new StallGuard(300).gapBefore(instant(1e9)), 0)
})

test('a gap is what lies between two steps more than a second apart', () => {
  const guard = new StallGuard(300)
  guard.gapBefore(instant(0))
  assert.equal(guard.gapBefore(instant(1_000)), 0)
  assert.equal(guard.gapBefore(instant(2_001)), 1_001)
  assert.equal(guard.gapBefore(instant(2_001)), 0)
  assert.equal(guard.gapBefore(instant(62_001)), 60_000)
})

test('where probes wait longer than a second, so must a gap', () => {
  const guard = new StallGuard(3_000)
  guard.gapBefore(instant(0))
  assert.equal(guard.gapBefore(instant(3_000)), 0)
  assert.equal(guard.gapBefore(instant(6_001)), 3_001)
})

test('a clock that runs backwards is no gap', () => {
  const guard = new StallGuard(100)
  guard.gapBefore(instant(5_000))
  assert.equal(guard.gapBefore(instant(1_000)), 0)
})
