import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { LatencyWindow } from './latency-window.ts'

test('a percentile is that of the sorted latencies, at most a tenth too high', () => {
  const latencies = fc.array(fc.double({ min: 0.2, max: 50_000, noNaN: true }), { minLength: 1 })
  fc.assert(
    fc.property(latencies, fc.constantFrom(0.5, 0.9, 0.99, 1), (values, share) => {
      const window = new LatencyWindow(4)
      for (const value of values) window.record(value, 7)
      const sorted = values.toSorted((a, b) => a - b)
      const exact = sorted[Math.ceil(share * values.length) - 1]!
      const seen = window.percentile(share)
      assert.ok(seen >= exact && seen <= exact * 1.1001, `${seen} for ${exact}`)
      window.check()
    }),
    { seed: 11 },
  )
})

test('what is as old as the window is long is forgotten, whether or not anything came since', () => {
  const window = new LatencyWindow(3)
  window.record(100, 1)
  window.record(1, 2)
  window.advance(3)
  assert.equal(window.count, 2)
  window.advance(4)
  assert.equal(window.count, 1)
  assert.ok(window.percentile(1) < 2)
  window.record(1, 5)
  assert.equal(window.count, 1, 'slot 2 gave its place')
  window.advance(100)
  assert.deepEqual([window.count, window.percentile(0.99)], [0, 0])
  window.check()
})

test('those slower than a limit are counted, over all slots and in one', () => {
  const window = new LatencyWindow(3)
  for (const ms of [1, 2, 30]) window.record(ms, 1)
  for (const ms of [1, 40]) window.record(ms, 2)
  assert.equal(window.slower(10), 2)
  assert.deepEqual(window.slowerIn(1, 10), { count: 3, slower: 1 })
  assert.deepEqual(window.slowerIn(2, 50), { count: 2, slower: 0 })
  assert.deepEqual(window.slowerIn(3, 10), { count: 0, slower: 0 })
  assert.equal(window.slower(1e9), 0)
})
