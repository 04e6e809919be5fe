import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToBinary } from '../std/bytes.ts'
import type { NodeId } from '../std/ids.ts'
import {
  A,
  B,
  Bench,
  C,
  CORRUPT,
  cursorAt,
  key,
  pull,
  record,
  type Sent,
  versionsIn,
} from './receiver-bench.test.ts'
import { HashTree } from './hash-tree.ts'
import { PARTITIONS_AT_ONCE } from './transfer-receiver.ts'

const targets = (sent: readonly Sent[]): NodeId[] => sent.map(({ to }) => to)

test('nothing to pull is complete at once', () => {
  const bench = new Bench()
  bench.begin([])
  assert.deepEqual(bench.said, [{ type: 'complete', layoutVersion: 2 }])
  assert.equal(bench.receiver.pending, 0)
})

test('a partition that needs no source is complete at once', () => {
  const bench = new Bench()
  bench.begin([pull(1, [A], 0), pull(2, [], -1)])
  assert.deepEqual(bench.said, [
    { type: 'transferred', partition: 1, records: 0 },
    { type: 'transferred', partition: 2, records: 0 },
    { type: 'complete', layoutVersion: 2 },
  ])
  assert.equal(bench.sent.length, 0)
})

test('a partition is pulled from its beginning, from as many near sources as needed', () => {
  const bench = new Bench()
  bench.begin([pull(7, [B, A, C], 2)])
  assert.deepEqual(targets(bench.sent), [B, A])
  const { message } = bench.sent[0]!
  assert.deepEqual(message, {
    type: 'transfer-request',
    request: message.request,
    layoutVersion: 2,
    partition: 7,
    after: new Uint8Array(0),
  })
  assert.notEqual(bench.sent[1]!.message.request, message.request)
})

test('a chunk is merged and stored, and the next asked for when it is durable', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  const [first] = bench.take()
  bench.reply(
    first!,
    [
      [1, record(1)],
      [4, record(2)],
    ],
    false,
  )
  assert.deepEqual(bench.stores[0]!.operations, [
    { type: 'put', key: key(7, 1), value: record(1) },
    { type: 'put', key: key(7, 4), value: record(2) },
  ])
  assert.equal(bench.take().length, 0, 'not before it is durable')
  bench.durable()
  const [second] = bench.take()
  assert.deepEqual(second!.message.after, key(7, 4))
})

test('the last durable chunk completes the partition, and the last partition the transfer', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A], 1), pull(8, [A], 1)])
  const [seven, eight] = bench.take()
  bench.reply(
    seven!,
    [
      [1, record(1)],
      [2, record(2)],
    ],
    true,
  )
  assert.deepEqual(bench.said, [], 'not before it is durable')
  bench.durable()
  assert.deepEqual(bench.said, [{ type: 'transferred', partition: 7, records: 2 }])
  assert.equal(bench.receiver.pending, 1)
  bench.reply(eight!, [], true)
  assert.deepEqual(bench.said.slice(1), [
    { type: 'transferred', partition: 8, records: 0 },
    { type: 'complete', layoutVersion: 2 },
  ])
  assert.equal(bench.receiver.pending, 0)
  assert.equal(bench.receiver.records, 2)
})

test('a partition is complete only when as many sources as needed are done', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A, B], 2)])
  const [fromA, fromB] = bench.take()
  bench.reply(fromA!, [[1, record(1)]], true)
  bench.durable()
  assert.equal(bench.said.length, 0)
  assert.equal(bench.take().length, 0, 'A is done')
  bench.reply(fromB!, [[1, record(1)]], true)
  assert.deepEqual(
    bench.said.map((effect) => effect.type),
    ['transferred', 'complete'],
  )
})

test('what is here already is neither merged nor stored, and the next chunk is asked for', () => {
  const bench = new Bench()
  bench.held.set(bytesToBinary(key(7, 1)), record(1, 2))
  bench.begin([pull(7, [A], 1)])
  bench.reply(bench.take()[0]!, [[1, record(1, 2)]], false)
  assert.equal(bench.merges, 0)
  assert.equal(bench.stores.length, 0)
  assert.deepEqual(bench.take()[0]!.message.after, key(7, 1))
})

test('what is here in another version is merged, and stored only if that changes it', () => {
  const bench = new Bench()
  bench.held.set(bytesToBinary(key(7, 1)), record(1, 2))
  bench.held.set(bytesToBinary(key(7, 2)), record(1, 2))
  bench.begin([pull(7, [A], 1)])
  bench.reply(
    bench.take()[0]!,
    [
      [1, record(2, 3)],
      [2, record(1)],
    ],
    true,
  )
  assert.equal(bench.merges, 2)
  assert.deepEqual(bench.stores[0]!.operations, [
    { type: 'put', key: key(7, 1), value: record(1, 2, 3) },
  ])
  bench.durable()
  assert.equal(bench.receiver.records, 1)
})

test('a record of ours that cannot be read is reported and replaced', () => {
  const bench = new Bench()
  bench.held.set(bytesToBinary(key(7, 1)), 'unreadable')
  bench.begin([pull(7, [A], 1)])
  bench.reply(bench.take()[0]!, [[1, record(5)]], true)
  assert.deepEqual(bench.saidOf('unreadable'), [{ type: 'unreadable', key: key(7, 1) }])
  assert.deepEqual(bench.held.get(bytesToBinary(key(7, 1))), record(5))
})

test('a corrupt record that arrives changes nothing and stops nothing', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  bench.reply(
    bench.take()[0]!,
    [
      [1, record(CORRUPT)],
      [2, record(2)],
    ],
    true,
  )
  assert.equal(bench.stores[0]!.operations.length, 1)
  assert.equal(bench.held.has(bytesToBinary(key(7, 1))), false)
  bench.durable()
  assert.equal(bench.receiver.pending, 0)
})

/** The root of a partition's tree that holds these. */
function rootOf(records: readonly (readonly [n: number, record: Uint8Array])[]): Uint8Array {
  const tree = new HashTree(1)
  for (const [n, bytes] of records) tree.change(key(7, n), [], versionsIn(bytes))
  return tree.root()
}

const ONE = [1, record(1)] as const
const TWO = [2, record(2)] as const

test('a stream that brought all that its source holds takes over the clock, also when resumed', () => {
  const root = rootOf([ONE, TWO])
  const clock = Uint8Array.of(7)
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  bench.reply(bench.take()[0]!, [ONE], false, 'ok', { root, clock })
  bench.durable()
  const again = new Bench()
  again.resume.set(A, bench.cursors.at(-1)!)
  again.begin([pull(7, [A], 1)])
  again.reply(again.take()[0]!, [TWO], true, 'ok', { root })
  again.durable()
  assert.deepEqual(again.receiver.proofs, { proven: 1, unknown: 0, differs: 0 })
  assert.deepEqual(again.saidOf('absorb'), [{ type: 'absorb', partition: 7, clock }])
})

test('a stream that lacks something is read once more, and believed when it is whole then', () => {
  const root = rootOf([ONE, TWO])
  const clock = Uint8Array.of(7)
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  bench.reply(bench.take()[0]!, [ONE], true, 'ok', { root, clock })
  assert.equal(bench.cursors.at(-1)!.done, false)
  bench.durable()
  assert.deepEqual(bench.saidOf('transfer-differs'), [
    { type: 'transfer-differs', partition: 7, source: A, again: true },
  ])
  assert.equal(bench.receiver.pending, 1)
  const [second] = bench.take()
  assert.equal(second!.message.after.length, 0)
  bench.reply(second!, [ONE, TWO], true, 'ok', { root, clock })
  bench.durable()
  assert.equal(bench.saidOf('transfer-differs').length, 1)
  assert.deepEqual(bench.saidOf('absorb'), [{ type: 'absorb', partition: 7, clock }])
})

test('a stream that differs again counts, and its clock is not taken over', () => {
  const root = rootOf([ONE, TWO])
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  for (let times = 0; times < 2; times++) {
    const words = { root, clock: Uint8Array.of(7) }
    bench.reply(bench.take()[0]!, [ONE], true, 'ok', words)
    if (times === 0) bench.durable()
  }
  assert.equal(bench.receiver.pending, 0)
  assert.equal(bench.saidOf('transfer-differs').length, 2)
  assert.deepEqual(bench.saidOf('absorb'), [])
})

test('a stream that differed, and then proves nothing, counts without its clock', () => {
  const root = rootOf([ONE, TWO])
  const clock = Uint8Array.of(7)
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  bench.reply(bench.take()[0]!, [ONE], true, 'ok', { root, clock })
  bench.durable()
  // Somebody writes during the second reading: the roots differ, and its hole is not noticed.
  bench.reply(bench.take()[0]!, [ONE], false, 'ok', { root, clock })
  bench.reply(bench.take()[0]!, [[3, record(3)]], true, 'ok', { root: rootOf([ONE, TWO]).fill(9) })
  bench.durable()
  assert.deepEqual(bench.receiver.proofs, { proven: 0, unknown: 1, differs: 1 })
  assert.equal(bench.receiver.pending, 0)
  assert.deepEqual(bench.saidOf('absorb'), [])
})

test('that a stream differed is known after a restart', () => {
  const root = rootOf([ONE, TWO])
  const clock = Uint8Array.of(7)
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  bench.reply(bench.take()[0]!, [ONE], true, 'ok', { root, clock })
  bench.durable()
  const again = new Bench()
  again.resume.set(A, bench.cursors.at(-1)!)
  again.begin([pull(7, [A], 1)])
  again.reply(again.take()[0]!, [ONE], true, 'ok', { root, clock })
  again.durable()
  assert.deepEqual(again.saidOf('transfer-differs'), [
    { type: 'transfer-differs', partition: 7, source: A, again: false },
  ])
  assert.equal(again.receiver.pending, 0)
  assert.deepEqual(again.saidOf('absorb'), [])
})

test('a stream of a partition that changed meanwhile proves nothing, and is believed', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  const clock = Uint8Array.of(7)
  bench.reply(bench.take()[0]!, [ONE], false, 'ok', { root: rootOf([ONE]), clock })
  bench.durable()
  bench.reply(bench.take()[0]!, [TWO], true, 'ok', { root: rootOf([ONE, TWO]) })
  bench.durable()
  assert.deepEqual(bench.saidOf('transfer-differs'), [])
  assert.equal(bench.saidOf('absorb').length, 1)
})

test('the clock of a source that sent a broken record is not taken over', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  const words = { root: rootOf([TWO]), clock: Uint8Array.of(7) }
  bench.reply(bench.take()[0]!, [[1, record(CORRUPT)], TWO], false, 'ok', words)
  bench.durable()
  bench.reply(bench.take()[0]!, [], true, 'ok', { root: words.root })
  assert.equal(bench.receiver.pending, 0)
  assert.equal(bench.receiver.brokenRecords, 1)
  assert.deepEqual(bench.saidOf('absorb'), [])
})

test('several partitions are pulled at a time, the others wait their turn', () => {
  const bench = new Bench()
  bench.begin(Array.from({ length: 20 }, (_, p) => pull(p, [A, B], 2)))
  const first = bench.take()
  assert.equal(first.length, 2 * PARTITIONS_AT_ONCE)
  const partitions = new Set(first.map(({ message }) => message.partition))
  assert.equal(partitions.size, PARTITIONS_AT_ONCE)
  bench.reply(first[0]!, [], true)
  assert.equal(bench.take().length, 0, 'its other source is not done')
  bench.reply(first[1]!, [], true)
  const next = bench.take()
  assert.deepEqual(
    next.map(({ message }) => message.partition),
    [8, 8],
  )
})

test('a newer layout replaces the work in hand', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  const [old] = bench.take()
  bench.reply(old!, [[1, record(1)]], false)
  bench.durable()
  assert.equal(bench.receiver.records, 1)
  bench.reply(bench.take()[0]!, [[2, record(1)]], false)
  bench.begin([pull(9, [B], 1)], 3)
  bench.durable()
  const requests = bench.take()
  assert.deepEqual(
    requests.map(({ to, message }) => [to, message.partition, message.layoutVersion]),
    [[B, 9, 3]],
  )
  assert.equal(bench.receiver.records, 0)
  bench.reply(requests[0]!, [], true)
  assert.deepEqual(bench.saidOf('complete'), [{ type: 'complete', layoutVersion: 3 }])
})

test('rests of the old work do not hold up the new', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  bench.step({ type: 'peer-lost', peer: A })
  bench.take()
  bench.begin([pull(7, [A], 1)], 3)
  assert.equal(bench.take().length, 1)
  bench.step({ type: 'peer-lost', peer: A })
  bench.fire('rested')
  assert.equal(bench.take().length, 0, 'the timer of the old rest')
  bench.fire('rested')
  assert.equal(bench.take().length, 1)
})

test('the same work again, or an older layout, changes nothing', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A, B], 1)])
  bench.take()
  bench.begin([pull(7, [B, A], 1)])
  bench.begin([pull(8, [B, A], 1)], 1)
  assert.equal(bench.take().length, 0)
  assert.equal(bench.receiver.pending, 1)
})

test('the same work is not done twice when it is complete', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A], 1)])
  bench.reply(bench.take()[0]!, [], true)
  bench.begin([pull(7, [A], 1)])
  assert.equal(bench.take().length, 0)
  assert.equal(bench.saidOf('complete').length, 1)
})

test('other work for the same version replaces it: the layout lost to a rival', () => {
  for (const rival of [[pull(8, [A], 1)], [pull(7, [A, B], 2)], []]) {
    const bench = new Bench()
    bench.begin([pull(7, [A, B], 1)])
    bench.take()
    bench.begin(rival)
    assert.equal(bench.take().length, rival[0]?.needed ?? 0)
    assert.equal(bench.receiver.pending, rival.length)
  }
})

test('to need more sources than there are is to need all of them', () => {
  const bench = new Bench()
  bench.begin([pull(7, [A, B], 3), pull(8, [], 1)])
  assert.deepEqual(bench.said, [{ type: 'transferred', partition: 8, records: 0 }])
  const [fromA, fromB] = bench.take()
  bench.reply(fromA!, [], true)
  assert.equal(bench.receiver.pending, 1)
  bench.reply(fromB!, [], true)
  assert.equal(bench.receiver.pending, 0)
})

test('a stream goes on from the cursor of an earlier life, with the clock of its beginning', () => {
  const bench = new Bench()
  const clock = Uint8Array.of(7)
  bench.resume.set(A, cursorAt(key(1, 5), { clock }))
  bench.begin([pull(1, [A], 1)])
  const [request] = bench.take()
  assert.deepEqual(request!.message.after, key(1, 5))
  bench.reply(request!, [[6, record(1)]], true)
  bench.durable()
  assert.deepEqual(bench.saidOf('absorb'), [{ type: 'absorb', partition: 1, clock }])
  assert.deepEqual(bench.saidOf('complete').length, 1)
})

test('a source that was pulled completely in an earlier life is not asked again', () => {
  const bench = new Bench()
  const clock = Uint8Array.of(7)
  bench.resume.set(B, cursorAt(key(1, 5), { clock, done: true }))
  bench.begin([pull(1, [A, B, C], 2)])
  assert.deepEqual(bench.saidOf('absorb'), [{ type: 'absorb', partition: 1, clock }])
  const asked = bench.take()
  assert.deepEqual(
    asked.map(({ to }) => to),
    [A],
  )
  bench.reply(asked[0]!, [], true)
  assert.deepEqual(bench.saidOf('complete').length, 1)
})

test('a cursor is kept with each chunk, whether it changed something or not', () => {
  const bench = new Bench()
  bench.begin([pull(1, [A, B], 2)])
  const [first, second] = bench.take()
  bench.reply(first!, [[1, record(1)]], false)
  bench.reply(second!, [[1, record(1)]], true)
  assert.equal(bench.stores.length, 1)
  assert.deepEqual(
    bench.cursors.map(({ source, after, done }) => ({ source, after, done })),
    [
      { source: A, after: key(1, 1), done: false },
      { source: B, after: key(1, 1), done: true },
    ],
  )
})

test('once a batch was lost no cursor is kept until the work begins anew', () => {
  const bench = new Bench()
  bench.begin([pull(1, [A], 1)])
  bench.step({ type: 'batch-lost' })
  bench.reply(bench.take()[0]!, [[1, record(1)]], false)
  bench.durable()
  assert.deepEqual(bench.cursors, [])
  bench.begin([pull(1, [A], 1)], 3)
  bench.reply(bench.take().at(-1)!, [[2, record(1)]], true)
  assert.equal(bench.cursors.length, 1)
})
