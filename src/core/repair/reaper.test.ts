import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compareBytes } from '../std/bytes.ts'
import type { StoreEntry, StoreOperation } from '../ports.ts'
import { cut } from '../ports.ts'
import { BATCH_RECORDS_MAX, Reaper, SCAN_ENTRIES_MAX, UNIT_BYTES_MAX } from './reaper.ts'
import type { Reaped, ReaperEffect, ReaperEvent, ReapResult } from './reaper.ts'

const SEAL: StoreOperation = { type: 'put', key: Uint8Array.of(9), value: Uint8Array.of(1) }
const keyOf = (n: number): Uint8Array => Uint8Array.of(5, n >> 16, (n >> 8) & 0xff, n & 0xff)
const RANGE = { from: Uint8Array.of(5), to: Uint8Array.of(6) }

class Bench {
  entries: StoreEntry[]
  readonly seen: number[] = []
  readonly effects: ReaperEffect[] = []
  readonly batches: (readonly StoreOperation[])[] = []
  readonly reaper: Reaper
  result: ReapResult | undefined
  waits = 0

  constructor(entries: number, reap: (n: number) => Partial<Reaped> | 'stop') {
    this.entries = Array.from({ length: entries }, (_, n) => ({
      key: keyOf(n),
      value: Uint8Array.of(1),
    }))
    this.reaper = new Reaper({
      range: RANGE,
      reap: (entry) => {
        const n = (entry[1]! << 16) | (entry[2]! << 8) | entry[3]!
        const outcome = reap(n)
        if (outcome === 'stop') return outcome
        this.seen.push(n)
        return { operations: [], reaped: 0, waits: undefined, bytes: 10, ...outcome }
      },
      seal: () => SEAL,
    })
    this.step({ type: 'start' })
  }

  step(event: ReaperEvent): void {
    this.reaper.step(event, this.effects)
    this.reaper.check()
  }

  /** Does what is asked, until nothing more is; `on` may answer in another way. */
  run(on: (effect: ReaperEffect) => ReaperEvent | undefined = () => undefined): void {
    for (let effect = this.effects.shift(); effect !== undefined; effect = this.effects.shift()) {
      if (effect.type === 'store') this.batches.push(effect.operations)
      if (effect.type === 'wait') this.waits++
      if (effect.type === 'done') this.result = effect.result
      const event = on(effect) ?? this.#answer(effect)
      if (event !== undefined) this.step(event)
    }
  }

  #answer(effect: ReaperEffect): ReaperEvent | undefined {
    if (effect.type === 'wait') return { type: 'go' }
    if (effect.type === 'done') return undefined
    if (effect.type === 'scan') {
      const { from } = effect.range
      const rest = this.entries.filter(({ key }) => compareBytes(key, from) >= 0)
      return { type: 'scanned', entries: cut(effect.range, rest) }
    }
    for (const operation of effect.operations)
      if (operation.type === 'delete')
        this.entries = this.entries.filter(({ key }) => compareBytes(key, operation.key) !== 0)
    return { type: 'stored' }
  }
}

const drop = (n: number): Partial<Reaped> => ({
  operations: [{ type: 'delete', key: keyOf(n) }],
  reaped: 1,
})

test('every entry is looked at once, in order, and all that is dropped is stored and sealed', () => {
  const bench = new Bench(3000, drop)
  bench.run()
  assert.deepEqual(
    bench.seen,
    Array.from({ length: 3000 }, (_, n) => n),
  )
  assert.equal(bench.entries.length, 0)
  for (const batch of bench.batches) {
    assert.equal(batch.at(-1), SEAL)
    assert.ok(batch.length <= BATCH_RECORDS_MAX + 1)
  }
  const result = { reaped: 3000, waiting: 0, waitingForBase: 0, isComplete: true }
  assert.deepEqual(bench.result, result)
  assert.equal(bench.waits, Math.ceil(3000 / BATCH_RECORDS_MAX), 'leave for each unit')
})

test('records that wait are counted, and cost no batch', () => {
  const waits = (n: number): Partial<Reaped> => ({ waits: n % 3 === 0 ? 'base' : 'other' })
  const bench = new Bench(SCAN_ENTRIES_MAX + 2, waits)
  bench.run()
  assert.deepEqual(bench.batches, [])
  assert.equal(bench.result?.waiting, SCAN_ENTRIES_MAX + 2)
  assert.equal(bench.result?.waitingForBase, Math.ceil((SCAN_ENTRIES_MAX + 2) / 3))
  assert.equal(bench.result?.isComplete, true)
})

test('large records end a unit early, and the next begins behind them', () => {
  const bench = new Bench(5, () => ({ bytes: UNIT_BYTES_MAX }))
  bench.run()
  assert.equal(bench.waits, 5)
  assert.deepEqual(bench.seen, [0, 1, 2, 3, 4])
})

test('an empty list is done at once', () => {
  const bench = new Bench(0, drop)
  bench.run()
  assert.deepEqual(bench.result, { reaped: 0, waiting: 0, waitingForBase: 0, isComplete: true })
})

test('when nothing may be reaped any more the walk ends, and what was dropped is stored', () => {
  const bench = new Bench(10, (n) => (n === 4 ? 'stop' : drop(n)))
  bench.run()
  assert.equal(bench.result?.isComplete, false)
  assert.deepEqual(
    bench.batches.map((batch) => batch.length),
    [5],
  )
  assert.deepEqual(bench.effects, [], 'its end is the end')
})

test('a disk that does not give or does not take ends the walk', () => {
  for (const type of ['scan', 'store'] as const) {
    const bench = new Bench(10, drop)
    bench.run((effect) => (effect.type === type ? { type: `${type}-failed` } : undefined))
    assert.equal(bench.result?.isComplete, false, type)
    for (const event of ['stored', 'store-failed', 'scan-failed', 'go'] as const)
      bench.step({ type: event })
    bench.step({ type: 'scanned', entries: [] })
    assert.deepEqual(bench.effects, [], 'what is late is not heard')
  }
})
