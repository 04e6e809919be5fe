import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareBytes } from '../std/bytes.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { StoreEntry } from '../ports.ts'
import { cut } from '../ports.ts'
import {
  TRANSFER_CHUNK_BYTES_MAX,
  TRANSFER_CHUNK_RECORDS_MAX,
  type TransferChunk,
} from './messages.ts'
import { NO_BASE } from '../versions/partition-clock.ts'
import type { PartitionSize } from './partition-size.ts'
import { SCANS_MAX, TransferSource, type TransferSourceEffect } from './transfer-source.ts'

const PEER = '00000000000000ff' as NodeId
const EMPTY: Uint8Array = new Uint8Array(0)
const rangeOf = (partition: PartitionId): { from: Uint8Array; to: Uint8Array } => ({
  from: Uint8Array.of(1, partition),
  to: Uint8Array.of(1, partition + 1),
})
const key = (partition: number, n: number): Uint8Array =>
  Uint8Array.of(1, partition, n >> 8, n & 0xff)
const entry = (partition: number, n: number, size = 10): StoreEntry => ({
  key: key(partition, n),
  value: new Uint8Array(size).fill(n),
})

/** A source over a store that is a sorted list. */
class Bench {
  root: Uint8Array | undefined
  settledRoot: Uint8Array | undefined
  size: PartitionSize | undefined
  isIntact = true
  readonly source = new TransferSource({
    rangeOf,
    isIntact: () => this.isIntact,
    sizeOf: () => this.size,
    rootOf: (_, settled) => (settled ? this.settledRoot : this.root),
  })
  layoutVersion = 4
  replica = true
  readonly records: StoreEntry[]
  #request = 0

  constructor(records: StoreEntry[] = []) {
    this.records = records
  }

  ask(after: Uint8Array = EMPTY, partition = 5, layoutVersion = 4): TransferSourceEffect[] {
    const effects: TransferSourceEffect[] = []
    const request = ++this.#request
    const message = {
      type: 'transfer-request',
      request,
      layoutVersion,
      partition: partition as PartitionId,
      after,
    } as const
    const { layoutVersion: adopted, replica } = this
    this.source.step(
      {
        type: 'request',
        from: PEER,
        message,
        layoutVersion: adopted,
        replica,
        base: NO_BASE,
        clock: NO_BASE,
      },
      effects,
    )
    this.source.check()
    return effects
  }

  /** Executes a scan and gives its chunk. */
  scan(effects: readonly TransferSourceEffect[]): TransferChunk {
    const [effect] = effects
    assert.ok(effect?.type === 'scan')
    const { from, to, reverse } = effect.range
    assert.equal(reverse, false)
    const found = this.records.filter(
      (record) => compareBytes(record.key, from) >= 0 && compareBytes(record.key, to) < 0,
    )
    const entries = cut(effect.range, found)
    return this.answer({ type: 'scanned', token: effect.token, entries })
  }

  answer(event: Parameters<TransferSource['step']>[0]): TransferChunk {
    const effects: TransferSourceEffect[] = []
    this.source.step(event, effects)
    this.source.check()
    return chunkOf(effects)
  }

  /** Reads a partition to its end. */
  readAll(): TransferChunk[] {
    const chunks: TransferChunk[] = []
    for (let after = EMPTY; ; after = chunks.at(-1)!.entries.at(-1)?.key ?? after) {
      const effects = this.ask(after)
      chunks.push(effects[0]!.type === 'send' ? chunkOf(effects) : this.scan(effects))
      if (chunks.at(-1)!.done) return chunks
      assert.ok(chunks.length < 1000, 'it never ends')
    }
  }
}

function chunkOf(effects: readonly TransferSourceEffect[]): TransferChunk {
  assert.equal(effects.length, 1)
  const [effect] = effects
  assert.ok(effect?.type === 'send')
  assert.equal(effect.to, PEER)
  return effect.message
}

test('a chunk has the records as they are stored, and says when it was the last', () => {
  const bench = new Bench([entry(4, 9), entry(5, 1), entry(5, 2), entry(6, 0)])
  const chunk = bench.scan(bench.ask())
  assert.deepEqual(chunk, {
    type: 'transfer-chunk',
    request: 1,
    outcome: 'ok',
    entries: [
      { key: key(5, 1), record: new Uint8Array(10).fill(1) },
      { key: key(5, 2), record: new Uint8Array(10).fill(2) },
    ],
    base: NO_BASE,
    clock: NO_BASE,
    done: true,
  })
})

test('the next chunk begins behind the key that the receiver names', () => {
  const bench = new Bench([entry(5, 1), entry(5, 2), entry(5, 3)])
  const chunk = bench.scan(bench.ask(key(5, 2)))
  assert.deepEqual(
    chunk.entries.map((one) => one.key),
    [key(5, 3)],
  )
})

test('an empty partition is done at once', () => {
  const bench = new Bench([])
  const chunk = bench.scan(bench.ask())
  assert.deepEqual([chunk.outcome, chunk.entries.length, chunk.done], ['ok', 0, true])
})

test('a key outside of the partition opens no other records', () => {
  const bench = new Bench([entry(4, 1), entry(5, 1), entry(6, 1)])
  const low = bench.ask(key(0, 0))
  assert.ok(low[0]?.type === 'scan')
  assert.deepEqual(low[0].range.from, rangeOf(5 as PartitionId).from)
  assert.deepEqual(
    bench.scan(low).entries.map((one) => one.key),
    [key(5, 1)],
  )
  const high = chunkOf(bench.ask(key(7, 0)))
  assert.deepEqual([high.outcome, high.entries.length, high.done], ['ok', 0, true])
  assert.equal(chunkOf(bench.ask(Uint8Array.of(0xff))).done, true)
})

test('only the layout that this node has adopted is served', () => {
  const bench = new Bench([entry(5, 1)])
  for (const version of [3, 5]) {
    const chunk = chunkOf(bench.ask(EMPTY, 5, version))
    assert.deepEqual([chunk.outcome, chunk.entries.length, chunk.done], ['stale-layout', 0, false])
  }
})

test('a partition that this node does not hold is not served', () => {
  const bench = new Bench([entry(5, 1)])
  bench.replica = false
  assert.equal(chunkOf(bench.ask()).outcome, 'not-replica')
})

test('a store that cannot be read is said to be so', () => {
  const bench = new Bench([entry(5, 1)])
  const [effect] = bench.ask()
  assert.ok(effect?.type === 'scan')
  const chunk = bench.answer({ type: 'scan-failed', token: effect.token })
  assert.deepEqual([chunk.request, chunk.outcome, chunk.done], [1, 'store-failed', false])
})

test('beyond so many scans at once a request is refused until one ends', () => {
  const bench = new Bench([entry(5, 1)])
  const scans = Array.from({ length: SCANS_MAX }, () => bench.ask())
  assert.ok(scans.every(([effect]) => effect?.type === 'scan'))
  assert.equal(chunkOf(bench.ask()).outcome, 'store-failed')
  bench.scan(scans[3]!)
  assert.equal(bench.ask()[0]?.type, 'scan')
  const [failing] = scans[4]!
  assert.ok(failing?.type === 'scan')
  bench.answer({ type: 'scan-failed', token: failing.token })
  assert.equal(bench.ask()[0]?.type, 'scan')
})

test('each answer goes to the request whose scan it was', () => {
  const bench = new Bench([entry(5, 1), entry(6, 1)])
  const first = bench.ask(EMPTY, 5)
  const second = bench.ask(EMPTY, 6)
  const late = bench.scan(second)
  assert.deepEqual([late.request, late.entries[0]?.key], [2, key(6, 1)])
  const early = bench.scan(first)
  assert.deepEqual([early.request, early.entries[0]?.key], [1, key(5, 1)])
})

test('the answer to no scan of ours is nothing', () => {
  const { source } = new Bench()
  const effects: TransferSourceEffect[] = []
  source.step({ type: 'scanned', token: 77, entries: [] }, effects)
  source.step({ type: 'scan-failed', token: 77 }, effects)
  assert.deepEqual(effects, [])
})

test('an answer is given once', () => {
  const bench = new Bench([entry(5, 1)])
  const [effect] = bench.ask()
  assert.ok(effect?.type === 'scan')
  const event = { type: 'scanned', token: effect.token, entries: [] } as const
  bench.answer(event)
  const effects: TransferSourceEffect[] = []
  bench.source.step(event, effects)
  assert.deepEqual(effects, [])
})

test('chunks of small records are cut by their number', () => {
  const bench = new Bench(Array.from({ length: 4000 }, (_, n) => entry(5, n)))
  const counts = bench.readAll().map((chunk) => chunk.entries.length)
  assert.deepEqual(counts, [1024, 1024, 1024, 928])
  assert.equal(counts[0], TRANSFER_CHUNK_RECORDS_MAX)
})

test('chunks of large records are cut by their bytes, and a scan reads one record more at most', () => {
  const size = 60_000
  const bench = new Bench(Array.from({ length: 40 }, (_, n) => entry(5, n, size)))
  const effects = bench.ask()
  assert.ok(effects[0]?.type === 'scan')
  assert.equal(cut(effects[0].range, bench.records).length, 5)
  const first = bench.scan(effects)
  assert.equal(first.entries.length, 4)
  assert.equal(first.done, false)
  assert.equal(bench.readAll().flatMap((chunk) => chunk.entries).length, 40)
})

test('a partition that ends where a bound does is done with one more, empty chunk', () => {
  const full = TRANSFER_CHUNK_BYTES_MAX - 4
  assert.deepEqual(
    new Bench([entry(5, 1, full)]).readAll().map(({ entries, done }) => [entries.length, done]),
    [
      [1, false],
      [0, true],
    ],
  )
  const many = Array.from({ length: TRANSFER_CHUNK_RECORDS_MAX }, (_, n) => entry(5, n))
  const counts = new Bench(many).readAll().map((chunk) => chunk.entries.length)
  assert.deepEqual(counts, [TRANSFER_CHUNK_RECORDS_MAX, 0])
})

test('a record larger than a chunk goes alone', () => {
  const size = TRANSFER_CHUNK_BYTES_MAX + 1
  const bench = new Bench([entry(5, 1), entry(5, 2, size), entry(5, 3, size), entry(5, 4)])
  const counts = bench.readAll().map((chunk) => chunk.entries.length)
  assert.deepEqual(counts.slice(0, 3), [1, 1, 1])
})

test('whatever the records, all arrive once, in order, in chunks within their bounds', () => {
  const sizes = fc.array(fc.oneof(fc.nat(200), fc.integer({ min: 10_000, max: 300_000 })), {
    maxLength: 60,
  })
  fc.assert(
    fc.property(sizes, (each) => {
      const records = each.map((size, n) => entry(5, n, size))
      const chunks = new Bench([entry(4, 1), ...records, entry(6, 1)]).readAll()
      const received = chunks.flatMap((chunk) => chunk.entries)
      assert.deepEqual(
        received.map((one) => one.key),
        records.map((one) => one.key),
      )
      received.forEach((one, n) => assert.equal(one.record, records[n]!.value))
      for (const { entries } of chunks) {
        const bytes = entries.reduce((sum, one) => sum + one.key.length + one.record.length, 0)
        assert.ok(entries.length <= 1 || bytes <= TRANSFER_CHUNK_BYTES_MAX)
        assert.ok(entries.length <= TRANSFER_CHUNK_RECORDS_MAX)
      }
    }),
    { seed: 51, numRuns: 100 },
  )
})

test('the first chunk says about how much there is, and the first and last have the root', () => {
  const bench = new Bench(Array.from({ length: 2_500 }, (_, n) => entry(5, n)))
  bench.size = { records: 2_500, bytes: 30_000 }
  bench.root = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
  bench.settledRoot = bench.root
  const words = bench.readAll().map(({ size, root }) => [size, root])
  assert.deepEqual(words, [
    [bench.size, bench.root],
    [undefined, undefined],
    [undefined, bench.root],
  ])
})

test('a root is not given while changes are on their way to the disk', () => {
  const bench = new Bench([entry(5, 1)])
  bench.root = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
  assert.deepEqual(
    bench.readAll().map(({ root }) => root),
    [undefined],
  )
})

test('one chunk has one root, or none when the partition changed while it was read', () => {
  const bench = new Bench([entry(5, 1)])
  bench.settledRoot = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
  bench.root = bench.settledRoot.slice()
  assert.deepEqual(bench.readAll()[0]!.root, bench.settledRoot)
  const scan = bench.ask()
  bench.root = Uint8Array.of(9, 2, 3, 4, 5, 6, 7, 8)
  assert.equal(bench.scan(scan).root, undefined)
})

test('a record that broke is told of, and sent for the receiver to see', () => {
  const bench = new Bench([entry(5, 1)])
  bench.isIntact = false
  const [scan] = bench.ask()
  assert.ok(scan?.type === 'scan')
  const effects: TransferSourceEffect[] = []
  const scanned = { type: 'scanned', token: scan.token, entries: bench.records } as const
  bench.source.step(scanned, effects)
  const [told, sent] = effects
  assert.deepEqual(told, { type: 'unreadable', key: key(5, 1) })
  assert.ok(sent?.type === 'send')
  assert.equal(sent.message.entries.length, 1)
})
