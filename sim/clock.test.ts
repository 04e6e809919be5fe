import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EPOCH_MS, EventQueue, ProcessClock } from './clock.ts'
import { stream } from './seed.ts'

function queue(seed = 1): EventQueue {
  return new EventQueue(stream(seed, 'ties'))
}

/** The order in which events scheduled `delays` after the start run. */
function order(seed: number, delays: readonly number[]): readonly number[] {
  const events = queue(seed)
  const ran: number[] = []
  delays.forEach((delay, index) => events.after(delay, () => ran.push(index)))
  while (events.runNext(Infinity)) continue
  return ran
}

test('events run in order of time, each once', () => {
  const delays = fc.array(fc.nat(20), { maxLength: 60 })
  fc.assert(
    fc.property(fc.nat(), delays, (seed, list) => {
      const ran = order(seed, list)
      assert.deepEqual(
        [...ran].sort((a, b) => a - b),
        [...list.keys()],
      )
      for (let i = 1; i < ran.length; i++) assert.ok(list[ran[i - 1]!]! <= list[ran[i]!]!)
    }),
    { seed: 11 },
  )
})

test('events of one instant run in an order that the seed decides', () => {
  const same = Array.from({ length: 12 }, () => 5)
  assert.deepEqual(order(1, same), order(1, same))
  assert.notDeepEqual(order(1, same), order(2, same))
})

test('time stands at the event that runs, and at the limit when none is left', () => {
  const events = queue()
  const seen: number[] = []
  events.after(3, () => {
    seen.push(events.nowMs)
    events.after(4, () => seen.push(events.nowMs))
    events.at(1, () => seen.push(events.nowMs))
  })
  while (events.runNext(100)) continue
  assert.deepEqual(seen, [3, 3, 7])
  assert.equal(events.nowMs, 100)
  assert.equal(events.size, 0)
})

test('an event after the limit waits', () => {
  const events = queue()
  let ran = false
  events.after(10, () => {
    ran = true
  })
  assert.equal(events.runNext(9), false)
  assert.equal(ran, false)
  assert.equal(events.runNext(10), true)
  assert.equal(ran, true)
})

test('a process clock has an origin, an offset and a drift of its own', () => {
  const events = queue()
  const clock = new ProcessClock(events, { originMs: 5_000, offsetMs: -70, drift: 0.5 })
  assert.equal(clock.instant(), 5_000)
  assert.equal(clock.wallMs(), EPOCH_MS - 70)
  events.runNext(1_000)
  assert.equal(clock.instant(), 6_000)
  assert.equal(clock.wallMs(), EPOCH_MS - 70 + 1_500)
  assert.equal(clock.worldMs(clock.instant()), 1_000)
})
