import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '../std/instant.ts'
import { Throughput } from './throughput.ts'

test('nothing is said before a second of work', () => {
  const rate = new Throughput()
  rate.add(1_000, instant(0))
  rate.add(1_000, instant(500))
  assert.equal(rate.perSecond, undefined)
  rate.add(1_000, instant(1_000))
  assert.equal(rate.perSecond, 2_000)
})

test('a pause is no time in which anything went', () => {
  const rate = new Throughput()
  for (const at of [0, 1_000, 2_000, 60_000, 61_000]) rate.add(500, instant(at))
  assert.equal(rate.perSecond, 500)
})

test('what is long ago counts less and less', () => {
  const rate = new Throughput()
  for (let at = 0; at <= 60_000; at += 500) rate.add(50, instant(at))
  assert.equal(rate.perSecond, 100)
  for (let at = 60_500; at <= 400_000; at += 500) rate.add(500, instant(at))
  assert.ok(rate.perSecond! > 900, `${rate.perSecond}`)
})
