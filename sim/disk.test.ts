import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { utf8Decode, utf8Encode } from '../src/core/std/bytes.ts'
import type { StoreEntry, StoreOperation } from '../src/core/ports.ts'
import { EventQueue } from './clock.ts'
import type { DiskListener, DiskOptions } from './disk.ts'
import { Disk } from './disk.ts'
import { stream } from './seed.ts'

const OPTIONS: DiskOptions = {
  syncMs: [5, 5],
  scanMs: [1, 1],
  failureChance: 0,
  answersBeforeSync: false,
}

/** A disk with one process that writes down what it is told. */
class Bench {
  readonly queue: EventQueue
  readonly disk: Disk
  readonly told: string[] = []

  constructor(options: Partial<DiskOptions> = {}, seed = 1, opens = true) {
    this.queue = new EventQueue(stream(seed, 'ties'))
    this.disk = new Disk(this.queue, { ...OPTIONS, ...options }, stream(seed, 'disk'))
    if (opens) this.open()
  }

  open(more: Partial<DiskListener> = {}): void {
    this.disk.open({
      ...more,
      stored: (batch) => this.told.push(`stored ${batch}`),
      storeFailed: (batch) => this.told.push(`failed ${batch}`),
      scanned: (scan, ranges) =>
        this.told.push(`scanned ${scan} ${ranges.map((entries) => keys(entries)).join('|')}`),
    })
  }

  run(ms: number): void {
    const until = this.queue.nowMs + ms
    while (this.queue.runNext(until)) continue
  }

  text(key: string): string | undefined {
    const read = this.disk.get(utf8Encode(key))
    return read === undefined || read === 'unreadable' ? read : utf8Decode(read)
  }
}

function put(key: string, value: string): StoreOperation {
  return { type: 'put', key: utf8Encode(key), value: utf8Encode(value) }
}

function keys(entries: readonly StoreEntry[]): string {
  return entries.map(({ key }) => utf8Decode(key)).join(',')
}

function scanRange(from: string, to: string, limit = 100, reverse = false) {
  return { from: utf8Encode(from), to: utf8Encode(to), limit, bytesMax: 10_000, reverse }
}

test('a read sees what was handed over, long before it is durable', () => {
  const bench = new Bench()
  bench.disk.commit(1, [put('a', '1')])
  assert.equal(bench.text('a'), '1')
  assert.deepEqual(bench.told, [])
  bench.run(4.9)
  assert.deepEqual(bench.told, [])
  bench.run(0.2)
  assert.deepEqual(bench.told, ['stored 1'])
})

test('what arrives during a sync waits for the next one', () => {
  const bench = new Bench()
  bench.disk.commit(1, [put('a', '1')])
  bench.run(1)
  bench.disk.commit(2, [put('a', '2')])
  bench.disk.commit(3, [])
  bench.run(4.5)
  assert.deepEqual(bench.told, ['stored 1'])
  assert.equal(bench.disk.pending, 2)
  bench.run(5)
  assert.deepEqual(bench.told, ['stored 1', 'stored 2', 'stored 3'])
  assert.equal(bench.disk.pending, 0)
})

test('deletes and clears take effect in order', () => {
  const bench = new Bench()
  bench.disk.commit(1, [put('a', '1'), put('b', '1'), put('c', '1')])
  bench.disk.commit(2, [
    { type: 'delete', key: utf8Encode('a') },
    { type: 'clear', from: utf8Encode('b'), to: utf8Encode('c') },
    put('a', '2'),
  ])
  assert.deepEqual(
    ['a', 'b', 'c'].map((key) => bench.text(key)),
    ['2', undefined, '1'],
  )
})

test('a scan gives the range in order, from inclusive, to exclusive, up to its limit', () => {
  const bench = new Bench()
  bench.disk.commit(
    1,
    ['b', 'd', 'a', 'c'].map((key) => put(key, key)),
  )
  bench.disk.scan(7, [scanRange('a', 'd'), scanRange('b', 'z', 2, true), scanRange('x', 'y')])
  bench.run(10)
  assert.deepEqual(bench.told, ['stored 1', 'scanned 7 a,b,c|d,c|'])
})

test('a scan waits for what was handed over before it, and shows only what is durable', () => {
  const bench = new Bench()
  bench.disk.commit(1, [put('a', '1')])
  bench.disk.scan(1, [scanRange('a', 'z')])
  bench.run(4)
  assert.deepEqual(bench.told, [])
  bench.run(1.5)
  bench.disk.commit(2, [put('b', '2')])
  bench.run(1)
  assert.deepEqual(bench.told, ['stored 1', 'scanned 1 a'])
})

test('what is handed over and not durable is read, and not shown as durable', () => {
  const bench = new Bench()
  bench.disk.commit(1, [put('a', '1')])
  assert.equal(bench.text('a'), '1')
  assert.equal(bench.disk.getDurable(utf8Encode('a')), undefined)
  bench.run(5)
  assert.deepEqual(bench.disk.getDurable(utf8Encode('a')), utf8Encode('1'))
})

test('a crash leaves all that was durable and some whole batches of the rest, in order', () => {
  const batch = fc.tuple(fc.nat(3), fc.nat(3))
  fc.assert(
    fc.property(fc.nat(), fc.array(batch, { maxLength: 12 }), fc.nat(40), (seed, list, ms) => {
      const bench = new Bench({}, seed)
      const states: (readonly (string | undefined)[])[] = []
      const state = () => ['k0', 'k1', 'k2', 'k3', 'twin'].map((key) => bench.text(key))
      states.push(state())
      list.forEach(([key, gap], index) => {
        bench.disk.commit(index, [put(`k${key}`, `${index}`), put('twin', `${index}`)])
        states.push(state())
        bench.run(gap)
      })
      bench.run(ms)
      const promised = bench.told.length
      bench.disk.crash()
      const survived = states.findIndex((then) => then.join() === state().join())
      assert.ok(survived >= promised, `${promised} were promised, ${survived} survived`)
      bench.run(100)
      assert.equal(bench.told.length, promised)
    }),
    { seed: 5, numRuns: 200 },
  )
})

test('a crash loses nothing, all, or something between, as the seed says', () => {
  const survivors = Array.from({ length: 40 }, (_, seed) => {
    const bench = new Bench({}, seed)
    for (let i = 0; i < 3; i++) bench.disk.commit(i, [put('a', `${i}`)])
    bench.disk.crash()
    return bench.text('a')
  })
  assert.deepEqual(new Set(survivors), new Set([undefined, '0', '1', '2']))
})

test('the next process finds the disk and hears nothing of the last one', () => {
  const bench = new Bench()
  bench.disk.commit(1, [put('a', '1')])
  bench.disk.scan(1, [scanRange('a', 'b')])
  bench.disk.crash()
  bench.open()
  bench.disk.commit(2, [put('b', '2')])
  bench.run(50)
  assert.deepEqual(bench.told, ['stored 2'])
  assert.throws(() => bench.open(), /two processes on one disk/)
})

test('a group whose sync fails is gone, with all that is handed over until that is told', () => {
  const bench = new Bench({ failureChance: 1 })
  bench.disk.commit(1, [put('a', '1'), put('b', '1')])
  bench.run(1)
  bench.disk.commit(2, [put('a', '2')])
  assert.equal(bench.text('b'), '1')
  bench.run(4.5)
  assert.deepEqual(bench.told, ['failed 1', 'failed 2'])
  assert.deepEqual([bench.text('a'), bench.text('b')], [undefined, undefined])
})

test('who stands still is told when it goes on, and until then what it hands over fails too', () => {
  const bench = new Bench({ failureChance: 1 }, 1, false)
  let isStopped = true
  const waiting: (() => void)[] = []
  bench.open({ whenRunning: (happen) => (isStopped ? waiting.push(happen) : happen()) })
  bench.disk.commit(1, [put('a', '1')])
  bench.run(1_000)
  assert.deepEqual(bench.told, [])
  bench.disk.mend()
  // It goes on, and does something else before it hears of the disk.
  isStopped = false
  bench.disk.commit(2, [put('b', '2')])
  for (const happen of waiting) happen()
  bench.run(1_000)
  assert.deepEqual(bench.told, ['failed 1', 'failed 2'])
  bench.disk.commit(3, [put('c', '3')])
  bench.run(1_000)
  assert.deepEqual(bench.told.at(-1), 'stored 3')
})

test('a mended disk fails no more', () => {
  const bench = new Bench({ failureChance: 1 })
  bench.disk.mend()
  bench.disk.commit(1, [put('a', '1')])
  bench.run(10)
  assert.deepEqual(bench.told, ['stored 1'])
})

test('a full disk takes what puts nothing, until there is room again', () => {
  const bench = new Bench()
  bench.disk.fill(true)
  bench.disk.commit(1, [put('a', '1')])
  bench.run(6)
  bench.disk.commit(2, [])
  bench.run(6)
  bench.disk.fill(false)
  bench.disk.commit(3, [put('a', '3')])
  bench.run(6)
  assert.deepEqual(bench.told, ['failed 1', 'stored 2', 'stored 3'])
})

test('a slow disk takes longer by as much as it is slower', () => {
  const bench = new Bench()
  bench.disk.slow(10)
  bench.disk.commit(1, [put('a', '1')])
  bench.run(49)
  assert.deepEqual(bench.told, [])
  bench.run(2)
  assert.deepEqual(bench.told, ['stored 1'])
})

test('bits that flip stay flipped, over a crash too, until the value is written again', () => {
  const bench = new Bench()
  const key = utf8Encode('a')
  assert.equal(bench.disk.rot(key, 0, 1), false)
  bench.disk.commit(1, [put('a', 'abc')])
  bench.run(6)
  assert.equal(bench.disk.rot(key, 4, 0b11), true)
  assert.equal(bench.text('a'), 'aac')
  bench.disk.crash()
  assert.equal(bench.text('a'), 'aac')
  bench.open()
  bench.disk.commit(2, [put('a', 'abc')])
  bench.disk.rot(key, 0, 1)
  assert.equal(bench.text('a'), 'abc')
  bench.run(6)
  assert.equal(bench.text('a'), 'abc')
})

test('a snapshot is what was durable then, and can be put back', () => {
  const bench = new Bench()
  bench.disk.commit(1, [put('a', '1')])
  bench.run(6)
  bench.disk.commit(2, [put('a', '2')])
  const snapshot = bench.disk.snapshot()
  bench.run(6)
  assert.throws(() => bench.disk.restore(snapshot), /under a running process/)
  bench.disk.crash()
  bench.disk.restore(snapshot)
  assert.equal(bench.text('a'), '1')
})

test('the mutant promises before it has synced', () => {
  const lost = Array.from({ length: 20 }, (_, seed) => {
    const bench = new Bench({ answersBeforeSync: true }, seed)
    bench.disk.commit(1, [put('a', '1')])
    bench.run(0)
    assert.deepEqual(bench.told, ['stored 1'])
    bench.disk.crash()
    return bench.text('a') === undefined
  })
  assert.ok(lost.includes(true))
})
