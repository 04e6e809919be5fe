import assert from 'node:assert/strict'
import { test } from 'node:test'
import { A, B, Bench, cursorAt, key, pull, record } from './receiver-bench.test.ts'
import type { TransferProgress } from './transfer-progress.ts'

/** Bytes of a key and a record of the bench. */
const EACH = 4

test('how much there is to read is what the first sources say, for all that is to be read', () => {
  const bench = new Bench()
  const progress = (): TransferProgress | undefined => bench.receiver.progress
  assert.equal(progress(), undefined)
  bench.begin(Array.from({ length: 10 }, (_, p) => pull(p, [A, B], 2)))
  const zero = { records: 0, bytes: 0 }
  const unknown = { partitions: 10, done: 0, bytesPerSecond: undefined, read: zero }
  assert.deepEqual(progress(), { ...unknown, expected: undefined })
  const [fromA, fromB] = bench.take()
  const size = { records: 4, bytes: 4 * EACH }
  bench.reply(fromA!, [[1, record(1)]], false, 'ok', { size })
  const { read, expected } = progress()!
  assert.deepEqual(read, { records: 1, bytes: EACH })
  assert.deepEqual(expected, { records: 80, bytes: 80 * EACH }, 'two streams of each partition')
  bench.durable()
  bench.reply(fromB!, [[1, record(1)]], true, 'ok', { size: { records: 1, bytes: EACH } })
  const later = progress()!
  assert.deepEqual(later.read, { records: 2, bytes: 2 * EACH })
  assert.equal(later.expected!.records, 50, 'a stream has 2.5 on average')
})

test('a partition that is here counts with what was read of it', () => {
  const bench = new Bench()
  bench.begin([pull(1, [A], 1), pull(2, [A], 1)])
  const [first, second] = bench.take()
  bench.reply(first!, [[1, record(1)]], true)
  bench.durable()
  const { done, partitions, read, expected } = bench.receiver.progress!
  assert.deepEqual([done, partitions, read.records, expected!.records], [1, 2, 1, 2])
  bench.reply(second!, [], true)
  assert.equal(bench.receiver.progress, undefined)
})

test('what was read in an earlier life counts', () => {
  const bench = new Bench()
  const read = { records: 30, bytes: 30 * EACH }
  const size = { records: 40, bytes: 40 * EACH }
  bench.resume.set(A, cursorAt(key(1, 30), { read, size }))
  bench.begin([pull(1, [A], 1)])
  assert.deepEqual(bench.receiver.progress!.read, read)
  assert.deepEqual(bench.receiver.progress!.expected, size)
  bench.reply(bench.take()[0]!, [[31, record(1)]], false)
  assert.equal(bench.receiver.progress!.read.records, 31)
  assert.deepEqual(bench.cursors.at(-1)!.size, size)
})

test('the rate is that of chunks which follow each other', () => {
  const bench = new Bench()
  bench.begin([pull(1, [A], 1)])
  for (let n = 1; n < 6; n++) {
    bench.reply(bench.take()[0]!, [[n, record(1)]], false)
    bench.durable()
    bench.now += 500
  }
  assert.equal(bench.receiver.progress!.bytesPerSecond, 2 * EACH)
  assert.equal(bench.receiver.perSecond, 2 * EACH)
})
