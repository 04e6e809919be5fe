import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../std/ids.ts'
import { Prng } from '../std/prng.ts'
import { REST_MS, REST_MS_MAX, SourceRests } from './source-rests.ts'

const A = '000000000000000a' as NodeId
const B = '000000000000000b' as NodeId

/** Lengths of `count` rests in a row. */
function restsOf(rests: SourceRests, count: number): number[] {
  return Array.from({ length: count }, () => {
    const rest = rests.fail(A)
    assert.ok(rest !== undefined)
    assert.ok(rests.wake(A, rest.rest))
    return rest.time
  })
}

test('each failure in a row doubles the rest up to a limit, less at most half', () => {
  const times = restsOf(new SourceRests(new Prng(1)), 10)
  times.forEach((time, failures) => {
    const longest = Math.min(REST_MS * 2 ** failures, REST_MS_MAX)
    assert.ok(time > 0 && time >= longest / 2 && time <= longest, `${time} after ${failures}`)
  })
})

test('rests are jittered', () => {
  const one = restsOf(new SourceRests(new Prng(1)), 5)
  const other = restsOf(new SourceRests(new Prng(2)), 5)
  assert.notDeepEqual(one, other)
})

test('failures of one moment are one failure', () => {
  const rests = new SourceRests(new Prng(1))
  assert.ok(rests.fail(A) !== undefined)
  assert.equal(rests.fail(A), undefined)
  assert.equal(rests.fail(A), undefined)
  rests.wake(A)
  assert.ok(rests.fail(A)!.time <= 2 * REST_MS)
})

test('success makes the next rest short again', () => {
  const rests = new SourceRests(new Prng(1))
  restsOf(rests, 6)
  rests.succeed(A)
  assert.ok(rests.fail(A)!.time <= REST_MS)
})

test('only the rest that is named ends', () => {
  const rests = new SourceRests(new Prng(1))
  const first = rests.fail(A)!
  assert.ok(rests.wake(A, first.rest))
  assert.equal(rests.wake(A, first.rest), false, 'it is over')
  const second = rests.fail(A)!
  assert.equal(rests.wake(A, first.rest), false, 'an old timer')
  assert.ok(rests.isResting(A))
  assert.ok(rests.wake(A, second.rest))
})

test('sources rest each for itself', () => {
  const rests = new SourceRests(new Prng(1))
  assert.equal(rests.anyResting, false)
  rests.fail(A)
  assert.ok(rests.isResting(A))
  assert.equal(rests.isResting(B), false)
  assert.equal(rests.wake(B), false)
  assert.ok(rests.anyResting)
  rests.clear()
  assert.equal(rests.isResting(A), false)
  assert.equal(rests.anyResting, false)
})

test('a timer from before a clearing ends no rest after it', () => {
  const rests = new SourceRests(new Prng(1))
  const before = rests.fail(A)!
  rests.clear()
  rests.fail(A)
  assert.equal(rests.wake(A, before.rest), false)
})
