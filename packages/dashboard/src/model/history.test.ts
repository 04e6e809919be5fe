import assert from 'node:assert/strict'
import { test } from 'node:test'
import { History, percentiles, POINTS_MAX } from './history.ts'
import { figuresOf } from './metrics.ts'
import type { Figures } from './metrics.ts'

const BOTH: ReadonlySet<string> = new Set(['a', 'b'])

function figures(reads: number, writes: number, slow = 0): Figures {
  return {
    ...figuresOf(''),
    ...{ reads, writes, cpuSeconds: reads / 100 },
    readLatency: { bounds: [0.001, 1, Infinity], counts: [reads - slow, reads, reads] },
  }
}

test('growth between two looks is a rate, for each node and for all', () => {
  const history = new History()
  history.add(
    0,
    new Map([
      ['a', figures(0, 0)],
      ['b', figures(10, 0)],
    ]),
    BOTH,
  )
  assert.equal(history.points.length, 0, 'one look says nothing yet')
  history.add(
    2000,
    new Map([
      ['a', figures(20, 4)],
      ['b', figures(30, 0)],
    ]),
    BOTH,
  )
  assert.deepEqual(history.rateOf('a'), { reads: 10, writes: 2, cpu: 0.1 })
  assert.deepEqual(
    history.points.map(({ reads, writes }) => [reads, writes]),
    [[20, 2]],
  )
})

test('a node that was started anew counts from zero', () => {
  const history = new History()
  history.add(0, new Map([['a', figures(1000, 0)]]), BOTH)
  history.add(1000, new Map([['a', figures(5, 0)]]), BOTH)
  assert.equal(history.rateOf('a')?.reads, 5)
})

test('a node that was not asked for a while has grown over all that time', () => {
  const history = new History()
  history.add(
    0,
    new Map([
      ['a', figures(0, 0)],
      ['b', figures(0, 0)],
    ]),
    BOTH,
  )
  history.add(1000, new Map([['a', figures(1, 0)]]), BOTH)
  history.add(2000, new Map([['a', figures(2, 0)]]), BOTH)
  history.add(4000, new Map([['b', figures(40, 0)]]), BOTH)
  assert.equal(history.rateOf('b')?.reads, 10)
  assert.equal(history.rateOf('a')?.reads, 1, 'what was known of the other goes on')
  history.add(5000, new Map([['a', figures(3, 0)]]), new Set(['a']))
  assert.equal(history.rateOf('b'), undefined, 'who is gone is forgotten')
})

test('the past is bounded', () => {
  const history = new History()
  for (let i = 0; i < POINTS_MAX + 10; i++)
    history.add(i * 1000, new Map([['a', figures(i, 0)]]), BOTH)
  assert.equal(history.points.length, POINTS_MAX)
  assert.equal(history.points.at(-1)?.atMs, (POINTS_MAX + 9) * 1000)
})

test('percentiles look at the requests around each point', () => {
  const history = new History()
  history.add(0, new Map([['a', figures(0, 0)]]), BOTH)
  history.add(1000, new Map([['a', figures(100, 0)]]), BOTH)
  history.add(2000, new Map([['a', figures(100, 0)]]), BOTH)
  const p50 = percentiles(history.points, ({ readLatency }) => readLatency, 0.5)
  assert.deepEqual(p50, [0.0005, 0.0005], 'a look without requests keeps what was said before')
  assert.deepEqual(
    percentiles(history.points, ({ writeLatency }) => writeLatency, 0.5),
    [undefined, undefined],
  )
})
