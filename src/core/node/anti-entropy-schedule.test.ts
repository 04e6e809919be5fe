import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId, PartitionId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import { ExchangeSchedule } from './anti-entropy-schedule.ts'
import type { Pair } from './anti-entropy-schedule.ts'
import { A, B, C, partition } from './fake-host.test.ts'

const INTERVAL = 60_000
const WALL = 1_700_000_000_000

function scheduleOf(partitions: number, peers: readonly NodeId[] = [B, C]): ExchangeSchedule {
  const schedule = new ExchangeSchedule({ self: A, rng: new Prng(7), intervalMs: INTERVAL })
  schedule.replan(wantedOf(partitions, peers), instant(0))
  return schedule
}

function wantedOf(
  partitions: number,
  peers: readonly NodeId[],
): Map<PartitionId, readonly NodeId[]> {
  return new Map(Array.from({ length: partitions }, (_, p) => [partition(p), peers] as const))
}

/** All pairs that come due by then, each compared at once without a difference. */
function run(schedule: ExchangeSchedule, fromMs: number, untilMs: number): Pair[] {
  const done: Pair[] = []
  for (let ms = fromMs; ms <= untilMs; ms += 100)
    for (let pair = schedule.next(instant(ms)); pair !== undefined;) {
      done.push(pair)
      schedule.succeeded(pair, instant(ms), WALL + ms, 0)
      schedule.check()
      pair = schedule.next(instant(ms))
    }
  return done
}

test('every pair is compared once in the first interval, spread over it', () => {
  const schedule = scheduleOf(16)
  const early = run(schedule, 0, INTERVAL / 2)
  const late = run(schedule, INTERVAL / 2 + 100, INTERVAL)
  assert.equal(new Set([...early, ...late]).size, 32)
  assert(early.length >= 8 && early.length <= 24, `${early.length} in the first half`)
})

test('of two sides the one whose turn it is begins, and the other does if it does not', () => {
  const schedule = scheduleOf(8, [B])
  run(schedule, 0, INTERVAL)
  const next = [...schedule.pairs()].map(({ partition, dueAt, comparedMs }) => ({
    isOurs: partition % 2 === 0,
    wait: dueAt - (comparedMs - WALL),
  }))
  for (const { isOurs, wait } of next)
    if (isOurs) assert(wait <= INTERVAL * 1.1, `ours after ${wait}`)
    else assert(wait >= INTERVAL * 1.3 && wait <= INTERVAL * 1.7, `theirs after ${wait}`)
})

test('a failed pair rests, longer each time, and never longer than the interval', () => {
  const schedule = scheduleOf(1, [B])
  const [pair] = [...schedule.pairs()]
  const rests: number[] = []
  for (let i = 0; i < 10; i++) {
    schedule.failed(pair!, instant(0))
    rests.push(pair!.dueAt)
  }
  assert(rests[0]! >= 500 && rests[0]! <= 1_000, `${rests[0]}`)
  assert(rests[3]! >= 4_000 && rests[3]! <= 8_000, `${rests[3]}`)
  assert(Math.max(...rests) <= INTERVAL)
})

test('a hurried pair is due now, and is not handed out twice', () => {
  const schedule = scheduleOf(4)
  const pair = schedule.pairOf(partition(2), C)!
  const now = instant(1)
  schedule.hurry(pair, now)
  assert.equal(schedule.next(now), pair)
  pair.isRunning = true
  schedule.hurry(pair, now)
  assert.equal(schedule.next(now), undefined)
})

test('what is not held any more is not compared, and what is keeps its place', () => {
  const schedule = scheduleOf(4)
  const kept = schedule.pairOf(partition(1), B)!
  schedule.replan(new Map([[partition(1), [B]]]), instant(10))
  assert.equal(schedule.size, 1)
  assert.equal(schedule.pairOf(partition(1), B), kept)
  assert.deepEqual(new Set(run(schedule, 0, INTERVAL)), new Set([kept]))
})

test('however often pairs are put off, the queue stays within its bound', () => {
  const schedule = scheduleOf(2)
  const pair = schedule.pairOf(partition(0), B)!
  for (let i = 0; i < 10_000; i++) schedule.putOff(pair, instant(i), 1_000)
  schedule.check()
  assert.notEqual(schedule.next(instant(20_000)), undefined)
})
