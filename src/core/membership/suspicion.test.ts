import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Instant } from '../std/instant.ts'
import { duration, instant } from '../std/instant.ts'
import { idOf } from './harness.test.ts'
import { CONFIRMATIONS_MAX, Suspicions, suspicionTimeout } from './suspicion.ts'

const P = 1_000
const START = instant(100)

function isNear(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 1, `${actual} ms and not ${expected}`)
}

/** Member 2 suspected at START by member 10 in a cluster of so many. */
function suspecting(members: number): Suspicions {
  const suspicions = new Suspicions(P)
  suspicions.start(idOf(2), idOf(10), members, START)
  return suspicions
}

/** Counted from START. */
function timeLeft(suspicions: Suspicions): number {
  return suspicions.deadline(idOf(2)) - START
}

function dueAt(suspicions: Suspicions, ms: number): string[] {
  return suspicions.due(instant(START + ms))
}

suite('the time to refute', () => {
  test('shrinks from six times three intervals to three with two confirmations, and no further', () => {
    const table: readonly (readonly [members: number, timeouts: readonly number[]])[] = [
      [4, [18_000, 8_536, 3_000, 3_000]],
      [10, [18_000, 8_536, 3_000, 3_000]],
      [100, [36_000, 17_073, 6_000, 6_000]],
      [1_000, [54_000, 25_609, 9_000, 9_000]],
    ]
    for (const [members, timeouts] of table)
      for (const [confirmations, timeout] of timeouts.entries())
        isNear(suspicionTimeout(members, P, confirmations), timeout)
  })

  test('grows with the logarithm of a cluster of more than ten', () => {
    assert.equal(suspicionTimeout(10, P, 2), suspicionTimeout(4, P, 2))
    assert.ok(suspicionTimeout(11, P, 2) > suspicionTimeout(10, P, 2))
    assert.ok(suspicionTimeout(11, P, 0) > suspicionTimeout(10, P, 0))
  })

  test('is measured in probe intervals', () => {
    isNear(suspicionTimeout(100, 200, 2), 1_200)
    isNear(suspicionTimeout(3, 5_000, 0), 15_000)
  })

  test('is the least at once where nobody is there to confirm: among one, two or three', () => {
    for (const members of [1, 2, 3])
      for (const confirmations of [0, 1, 2]) {
        assert.equal(suspicionTimeout(members, P, confirmations), 3_000)
      }
    for (const members of [4, 5, 6]) isNear(suspicionTimeout(members, P, 0), 18_000)
  })
})

suite('confirmations', () => {
  test('of distinct nodes shorten the time of a suspicion that runs', () => {
    const suspicions = suspecting(10)
    isNear(timeLeft(suspicions), 18_000)
    assert.ok(suspicions.confirm(idOf(2), idOf(11)))
    isNear(timeLeft(suspicions), 8_536)
    assert.ok(suspicions.confirm(idOf(2), idOf(12)))
    isNear(timeLeft(suspicions), 3_000)
    assert.deepEqual(suspicions.accusers(idOf(2)), [10, 11, 12].map(idOf))
  })

  test('of the first accuser or of one who has confirmed do not count', () => {
    const suspicions = suspecting(10)
    assert.ok(!suspicions.confirm(idOf(2), idOf(10)))
    suspicions.confirm(idOf(2), idOf(11))
    assert.ok(!suspicions.confirm(idOf(2), idOf(11)))
    isNear(timeLeft(suspicions), 8_536)
  })

  test('beyond those expected are not news and not remembered', () => {
    const suspicions = suspecting(10)
    for (let n = 0; n < CONFIRMATIONS_MAX; n++) suspicions.confirm(idOf(2), idOf(11 + n))
    assert.ok(!suspicions.confirm(idOf(2), idOf(50)))
    assert.equal(suspicions.accusers(idOf(2)).length, CONFIRMATIONS_MAX + 1)
  })

  test('that bring the deadline into the past make the suspicion due at once', () => {
    const suspicions = suspecting(10)
    assert.deepEqual(dueAt(suspicions, 10_000), [])
    suspicions.confirm(idOf(2), idOf(11))
    assert.deepEqual(dueAt(suspicions, 10_000), [idOf(2)])
  })

  test('of one suspicion are none of another, and none of the next of the same member', () => {
    const suspicions = suspecting(10)
    suspicions.start(idOf(3), idOf(10), 10, START)
    suspicions.confirm(idOf(3), idOf(11))
    isNear(timeLeft(suspicions), 18_000)
    suspicions.start(idOf(3), idOf(12), 10, START)
    assert.deepEqual(suspicions.accusers(idOf(3)), [idOf(12)])
    isNear(suspicions.deadline(idOf(3)) - START, 18_000)
  })
})

suite('a suspicion', () => {
  test('is due at its deadline and not before', () => {
    const suspicions = suspecting(3)
    suspicions.start(idOf(3), idOf(10), 3, instant(START - 50))
    assert.deepEqual(dueAt(suspicions, 2_949), [])
    assert.deepEqual(dueAt(suspicions, 2_950), [idOf(3)])
    assert.deepEqual(dueAt(suspicions, 3_000), [idOf(2), idOf(3)])
  })

  test('that ended is never due, and accuses nobody', () => {
    const suspicions = suspecting(3)
    assert.ok(suspicions.has(idOf(2)))
    suspicions.end(idOf(2))
    assert.ok(!suspicions.has(idOf(2)))
    assert.equal(suspicions.size, 0)
    assert.deepEqual(suspicions.accusers(idOf(2)), [])
    assert.deepEqual(dueAt(suspicions, 1e9), [])
  })

  test('started again has its full time from then on', () => {
    const suspicions = suspecting(3)
    suspicions.start(idOf(2), idOf(11), 3, instant(START + 2_000))
    assert.equal(suspicions.size, 1)
    assert.deepEqual(dueAt(suspicions, 4_999), [])
    assert.deepEqual(dueAt(suspicions, 5_000), [idOf(2)])
  })

  test('keeps the size of the cluster in which it began', () => {
    const small: Instant = suspecting(3).deadline(idOf(2))
    const large: Instant = suspecting(100).deadline(idOf(2))
    assert.ok(large > small)
  })

  test('is postponed together with all others', () => {
    const suspicions = suspecting(3)
    suspicions.start(idOf(3), idOf(10), 3, instant(START - 50))
    suspicions.postpone(duration(1_000))
    assert.deepEqual(dueAt(suspicions, 3_949), [])
    assert.deepEqual(dueAt(suspicions, 3_950), [idOf(3)])
    assert.deepEqual(dueAt(suspicions, 4_000), [idOf(2), idOf(3)])
  })
})
