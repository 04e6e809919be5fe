import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { instant, NEVER } from './instant.ts'
import { TimerQueue } from './timer-queue.ts'

function dueAll(queue: TimerQueue<string>, at: number): string[] {
  const fired: string[] = []
  for (;;) {
    const timer = queue.due(instant(at))
    if (timer === undefined) return fired
    fired.push(timer)
  }
}

test('an empty queue has no deadline and nothing due', () => {
  const queue = new TimerQueue<string>()
  assert.equal(queue.size, 0)
  assert.equal(queue.nextDeadline(), NEVER)
  assert.equal(queue.due(NEVER), undefined)
})

test('a timer is due at its deadline and not before', () => {
  const queue = new TimerQueue<string>()
  queue.arm('a', instant(10))
  assert.equal(queue.nextDeadline(), 10)
  assert.equal(queue.due(instant(9.999)), undefined)
  assert.equal(queue.size, 1)
  assert.equal(queue.due(instant(10)), 'a')
  assert.equal(queue.size, 0)
  assert.equal(queue.nextDeadline(), NEVER)
})

test('timers fire in the order of their deadlines, whatever the order of arming', () => {
  const queue = new TimerQueue<string>()
  for (const at of [5, 3, 9, 1, 7, 8, 2, 6, 4]) queue.arm(String(at), instant(at))
  assert.deepEqual(dueAll(queue, 6), ['1', '2', '3', '4', '5', '6'])
  assert.equal(queue.nextDeadline(), 7)
  assert.deepEqual(dueAll(queue, 100), ['7', '8', '9'])
})

test('timers of one deadline fire in the order of arming', () => {
  const queue = new TimerQueue<string>()
  for (const name of ['a', 'b', 'c', 'd', 'e']) queue.arm(name, instant(5))
  queue.arm('first', instant(4))
  assert.deepEqual(dueAll(queue, 5), ['first', 'a', 'b', 'c', 'd', 'e'])
})

test('a timer armed while others fire takes its place among them', () => {
  const queue = new TimerQueue<string>()
  queue.arm('a', instant(1))
  queue.arm('c', instant(3))
  assert.equal(queue.due(instant(3)), 'a')
  queue.arm('b', instant(2))
  assert.deepEqual(dueAll(queue, 3), ['b', 'c'])
})

test('timers that never come stay', () => {
  const queue = new TimerQueue<string>()
  queue.arm('never', NEVER)
  assert.equal(queue.due(instant(Number.MAX_SAFE_INTEGER)), undefined)
  assert.equal(queue.nextDeadline(), NEVER)
  assert.equal(queue.size, 1)
})

test('over any arming and firing it does what a sorted list does', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ type: fc.constant('arm' as const), at: fc.nat(50) }) },
    { weight: 1, arbitrary: fc.record({ type: fc.constant('fire' as const), at: fc.nat(50) }) },
  )
  const property = fc.property(fc.array(step, { minLength: 40, maxLength: 120 }), (steps) => {
    const queue = new TimerQueue<number>()
    let list: { at: number; timer: number }[] = []
    for (const [timer, { type, at }] of steps.entries()) {
      if (type === 'arm') {
        queue.arm(timer, instant(at))
        list.push({ at, timer })
        // Stable, so that equal deadlines stay in the order of arming.
        list = list.toSorted((a, b) => a.at - b.at)
      } else {
        const expected = list[0] !== undefined && list[0].at <= at ? list.shift() : undefined
        assert.equal(queue.due(instant(at)), expected?.timer)
      }
      assert.equal(queue.size, list.length)
      assert.equal(queue.nextDeadline(), list[0]?.at ?? NEVER)
    }
  })
  fc.assert(property, { seed: 11, numRuns: 500 })
})
