import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DIRECT_PROBES_MAX, DirectProbes } from './direct-probes.ts'
import { idOf } from './harness.test.ts'

test('a new one is to be pinged at once, and one that is there waits for the next interval', () => {
  const probes = new DirectProbes()
  assert.ok(probes.add(idOf(2), 1, 5))
  assert.equal(probes.onSent(idOf(2)), 5)
  assert.ok(!probes.add(idOf(2), 2, 6))
  assert.deepEqual(probes.nextInterval(), [idOf(2)])
})

test('attempts are used up, one an interval', () => {
  const probes = new DirectProbes()
  probes.add(idOf(2), 3, 5)
  probes.onSent(idOf(2))
  for (let i = 0; i < 2; i++) {
    assert.deepEqual(probes.nextInterval(), [idOf(2)])
    assert.equal(probes.onSent(idOf(2)), 5)
  }
  assert.deepEqual(probes.nextInterval(), [])
})

test('fewer attempts granted later take none away', () => {
  const probes = new DirectProbes()
  probes.add(idOf(2), 3, 5)
  probes.add(idOf(2), 1, 6)
  probes.onSent(idOf(2))
  assert.deepEqual(probes.nextInterval(), [idOf(2)])
})

test('the answer to any attempt counts, for a whole interval after the last', () => {
  const probes = new DirectProbes()
  probes.add(idOf(2), 1, 5)
  probes.onSent(idOf(2))
  assert.ok(probes.isAnswer(idOf(2), 5))
  assert.ok(!probes.isAnswer(idOf(2), 6))
  assert.ok(!probes.isAnswer(idOf(3), 5))
  probes.nextInterval()
  assert.ok(probes.isAnswer(idOf(2), 5))
  probes.nextInterval()
  assert.ok(!probes.isAnswer(idOf(2), 5))
  assert.deepEqual([...probes.ids()], [])
})

test('one that ended is pinged no more', () => {
  const probes = new DirectProbes()
  probes.add(idOf(2), 3, 5)
  probes.end(idOf(2))
  assert.deepEqual(probes.nextInterval(), [])
  assert.ok(!probes.isAnswer(idOf(2), 5))
})

test('beyond the bound of an interval they wait, and who waits longest comes first', () => {
  const probes = new DirectProbes()
  const count = 2 * DIRECT_PROBES_MAX
  for (let n = 0; n < count; n++) {
    const isNow = probes.add(idOf(n), 3, n)
    assert.equal(isNow, n < DIRECT_PROBES_MAX)
    if (isNow) probes.onSent(idOf(n))
  }
  const second = probes.nextInterval()
  assert.equal(second.length, DIRECT_PROBES_MAX)
  assert.equal(second[0], idOf(DIRECT_PROBES_MAX))
  for (const id of second) probes.onSent(id)
  assert.deepEqual(probes.nextInterval()[0], idOf(0))
  assert.ok(probes.add(idOf(count), 1, count))
})
