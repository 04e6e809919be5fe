import assert from 'node:assert/strict'
import { test } from 'node:test'
import { instant } from '../std/instant.ts'
import type { Pair } from './anti-entropy-schedule.ts'
import { B, bytes, C, partition, WALL } from './fake-host.test.ts'
import { EVERYTHING, RepairRuns, RUNS_MAX } from './repair-runs.ts'
import type { Compared } from './repair-runs.ts'

function pairOf(place: number, peer = B): Pair {
  return {
    ...{ partition: partition(place), peer, dueAt: instant(0), failures: 0, isRunning: false },
    ...{ restsUntil: instant(0), comparedMs: 0, differences: 0 },
  }
}

function compared(pair: Pair, at: number, more: Partial<Compared> = {}): Compared {
  const counts = { found: 0, received: 0, sent: 0 }
  return { pair, scope: EVERYTHING, begunAt: instant(at), isOurs: true, ...counts, ...more }
}

const all = (): boolean => true
const CARTS = { bucket: 'carts', prefix: bytes('user:') }

test('a repair is over when each of its pairs was compared, and adds up what was found', () => {
  const runs = new RepairRuns()
  const [one, two] = [pairOf(1), pairOf(2)]
  const begun = runs.begin(EVERYTHING, [one, two], instant(10), WALL)
  assert.equal(begun?.pairs, 2)
  assert.deepEqual(runs.next(all, all, WALL)?.pair, one)
  runs.compared(compared(one, 11, { found: 3, received: 2, sent: 1 }), WALL + 1)
  assert.equal(runs.views[0]!.finishedMs, undefined)
  runs.compared(compared(two, 12, { isOurs: false, found: 4 }), WALL + 2)
  const [view] = runs.views
  assert.equal(view!.finishedMs, WALL + 2)
  assert.deepEqual([view!.done, view!.found, view!.foundByOthers], [2, 3, 4])
  assert.deepEqual([view!.received, view!.sent], [2, 1])
  assert.equal(runs.next(all, all, WALL), undefined)
  runs.check()
})

test('what was compared before the repair began does not count', () => {
  const runs = new RepairRuns()
  const pair = pairOf(1)
  runs.begin(EVERYTHING, [pair], instant(10), WALL)
  runs.compared(compared(pair, 9), WALL)
  assert.equal(runs.views[0]!.done, 0)
})

test('a part of the keys answers for no more than that part', () => {
  const runs = new RepairRuns()
  const pair = pairOf(1)
  runs.begin(EVERYTHING, [pair], instant(10), WALL)
  runs.begin(CARTS, [pair], instant(10), WALL)
  runs.begin({ bucket: 'carts', prefix: bytes('user:42') }, [pair], instant(10), WALL)
  runs.begin({ bucket: 'other', prefix: bytes('user:42') }, [pair], instant(10), WALL)
  runs.compared(compared(pair, 11, { scope: CARTS }), WALL)
  assert.deepEqual(
    runs.views.map(({ done }) => done),
    [0, 1, 1, 0],
  )
  runs.compared(compared(pair, 11), WALL)
  assert.deepEqual(
    runs.views.map(({ done }) => done),
    [1, 1, 1, 1],
  )
})

test('a peer that is not up is left out and named', () => {
  const runs = new RepairRuns()
  const [there, away] = [pairOf(1), pairOf(1, C)]
  runs.begin(EVERYTHING, [away, there], instant(10), WALL)
  const next = runs.next(all, (peer) => peer !== C, WALL)
  assert.equal(next?.pair, there)
  runs.compared(compared(there, 11), WALL + 5)
  const [view] = runs.views
  assert.deepEqual([view!.failed, view!.unreachable, view!.finishedMs], [1, [C], WALL + 5])
})

test('a pair that fails again and again is given up', () => {
  const runs = new RepairRuns()
  const pair = pairOf(1)
  runs.begin(EVERYTHING, [pair], instant(10), WALL)
  for (let i = 0; i < 5; i++) {
    assert.equal(runs.views[0]!.finishedMs, undefined)
    runs.failed(pair, WALL + i)
  }
  assert.deepEqual([runs.views[0]!.failed, runs.views[0]!.finishedMs], [1, WALL + 4])
})

test('a repair of nothing is over at once, and a partition that goes ends the wait for it', () => {
  const runs = new RepairRuns()
  assert.equal(runs.begin(EVERYTHING, [], instant(1), WALL)?.finishedMs, WALL)
  runs.begin(EVERYTHING, [pairOf(1)], instant(1), WALL)
  runs.retain(() => false, WALL + 9)
  assert.equal(runs.views[1]!.finishedMs, WALL + 9)
  runs.check()
})

test('the oldest repair that is over makes room, and one under way does not', () => {
  const runs = new RepairRuns()
  for (let i = 0; i < RUNS_MAX; i++) runs.begin(EVERYTHING, [pairOf(i)], instant(i), WALL)
  assert.equal(runs.begin(EVERYTHING, [], instant(99), WALL), undefined)
  runs.retain(({ partition }) => partition !== 3, WALL)
  assert.equal(runs.begin(EVERYTHING, [], instant(99), WALL)?.run, RUNS_MAX + 1)
  assert.equal(
    runs.views.some(({ run }) => run === 4),
    false,
  )
})
