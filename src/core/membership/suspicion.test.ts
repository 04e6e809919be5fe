import assert from 'node:assert/strict'
import { test } from 'node:test'
import { duration, instant, NEVER } from '../std/instant.ts'
import { idOf } from './harness.test.ts'
import { Suspicions, suspicionTimeout } from './suspicion.ts'

test('the time to refute is three intervals up to ten members and grows with the logarithm beyond', () => {
  const table: readonly (readonly [members: number, interval: number, timeout: number])[] = [
    [1, 1_000, 3_000],
    [3, 1_000, 3_000],
    [10, 1_000, 3_000],
    [100, 1_000, 6_000],
    [1_000, 1_000, 9_000],
    [100, 200, 1_200],
  ]
  for (const [members, interval, timeout] of table) {
    assert.ok(Math.abs(suspicionTimeout(members, interval) - timeout) < 1e-6)
  }
  assert.ok(suspicionTimeout(11, 1_000) > 3_000)
})

test('a suspicion is due at its deadline and not before', () => {
  const suspicions = new Suspicions()
  suspicions.start(idOf(2), instant(100))
  suspicions.start(idOf(3), instant(50))
  assert.equal(suspicions.earliest(), 50)
  assert.deepEqual(suspicions.due(instant(49)), [])
  assert.deepEqual(suspicions.due(instant(50)), [idOf(3)])
  assert.deepEqual(suspicions.due(instant(100)), [idOf(2), idOf(3)])
})

test('a suspicion that ended is never due', () => {
  const suspicions = new Suspicions()
  suspicions.start(idOf(2), instant(100))
  assert.ok(suspicions.has(idOf(2)))
  suspicions.end(idOf(2))
  assert.ok(!suspicions.has(idOf(2)))
  assert.equal(suspicions.size, 0)
  assert.equal(suspicions.earliest(), NEVER)
  assert.deepEqual(suspicions.due(instant(1_000)), [])
})

test('started again it has the new deadline', () => {
  const suspicions = new Suspicions()
  suspicions.start(idOf(2), instant(100))
  suspicions.start(idOf(2), instant(200))
  assert.equal(suspicions.size, 1)
  assert.deepEqual(suspicions.due(instant(199)), [])
})

test('all are postponed together', () => {
  const suspicions = new Suspicions()
  suspicions.start(idOf(2), instant(100))
  suspicions.start(idOf(3), instant(50))
  suspicions.postpone(duration(1_000))
  assert.deepEqual(suspicions.due(instant(1_050)), [idOf(3)])
  assert.deepEqual(suspicions.due(instant(1_100)), [idOf(2), idOf(3)])
})
