import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Prng } from '../src/core/std/prng.ts'
import { stream, wholeWithin, within } from './seed.ts'

function draws(rng: Prng): readonly number[] {
  return Array.from({ length: 8 }, () => rng.u32())
}

test('a stream is the same whenever it is asked for', () => {
  assert.deepEqual(draws(stream(7, 'node', 2)), draws(stream(7, 'node', 2)))
})

test('streams of other names, places or seeds are other streams', () => {
  const paths = [
    stream(7, 'node', 2),
    stream(7, 'node', 3),
    stream(7, 'disk', 2),
    stream(7, 'node'),
    stream(7, 'node', 2, 1),
    stream(8, 'node', 2),
  ]
  assert.equal(new Set(paths.map((rng) => draws(rng).join())).size, paths.length)
})

test('ranges are inclusive and reached', () => {
  const rng = stream(1, 'range')
  const whole = new Set(Array.from({ length: 200 }, () => wholeWithin([2, 4], rng)))
  assert.deepEqual([...whole].sort(), [2, 3, 4])
  for (let i = 0; i < 200; i++) {
    const drawn = within([-1, 3], rng)
    assert.ok(drawn >= -1 && drawn <= 3)
  }
  assert.equal(within([5, 5], rng), 5)
})
