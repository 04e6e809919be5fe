/**
 * What an exchange costs, counted in bytes on the wire: two replicas with a million keys that
 * differ in a hundred. The figures stand in `docs/internals/anti-entropy.md`.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LocalHoldings } from '../node/holdings.ts'
import { clockKey, listingKey, partitionRange, recordKey } from '../node/storage-keys.ts'
import type { ScanRange, StoreEntry, StoreOperation, StoreReader } from '../ports.ts'
import { cut } from '../ports.ts'
import { bytesToBinary, ByteWriter, compareBytes, utf8Encode } from '../std/bytes.ts'
import { crc32 } from '../std/crc32.ts'
import type { NodeId, PartitionId, VnodeId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import { write } from '../versions/container.ts'
import { encodeBase, NO_BASE, PartitionClock } from '../versions/partition-clock.ts'
import { decodePartitionClock } from '../versions/partition-clock.ts'
import { encodeStripped } from '../versions/record.ts'
import type { Value, Version, VersionVector } from '../versions/version.ts'
import { decodeMessage, encodeMessage } from '../wire/codec.ts'
import type { ExchangeDone, ExchangeEffect, ExchangeEvent } from './exchange.ts'
import type { ExchangeFacts, ExchangeMessage } from './exchange-messages.ts'
import { Exchanges } from './exchanges.ts'
import { HashTree, leavesOf } from './hash-tree.ts'

const KEYS = 1_000_000
const PARTITIONS = 256
const DIFFERENCES = 100
const LEAVES = leavesOf(PARTITIONS)
const FRAME_HEADER = 4

/** Key `n` is of partition `n` modulo their number, so it is the one with this number in it. */
const partitionOf = (n: number): PartitionId => (n % PARTITIONS) as PartitionId
const countOf = (n: number): number => Math.floor(n / PARTITIONS) + 1
const vnodeOf = (partition: number, replica: number): VnodeId =>
  (2 ** 40 + partition * 8 + replica) as VnodeId

/** The keys of a partition are in order of their numbers. */
function keyOf(n: number): Uint8Array {
  const name = `user:${String(n).padStart(8, '0')}`
  return recordKey(partitionOf(n), 'users', listingKey(utf8Encode(name), undefined))
}

function valueOf(text: string): Value {
  return { bytes: utf8Encode(text), contentType: 'text/plain', metadata: [], expiresAtMs: 0 }
}

/** What all replicas have: each of three has coordinated about as many writes. */
function baseOf(partition: number): VersionVector {
  const counter = Math.ceil(KEYS / PARTITIONS)
  return [1, 2, 3].map((replica) => ({ vnode: vnodeOf(partition, replica), counter }))
}

function firstVersion(n: number): Version {
  const dot = { vnode: vnodeOf(partitionOf(n), 1 + (n % 3)), counter: countOf(n) }
  return { dot, stamp: { ms: 1_700_000_000_000 + n, counter: 0 }, value: valueOf(`value ${n}`) }
}

/** The same on both sides, so made once. Bounded by: one partition. */
let cached: { partition: number; records: readonly StoreEntry[] } = { partition: -1, records: [] }

function firstRecords(partition: number): readonly StoreEntry[] {
  if (cached.partition === partition) return cached.records
  const base = baseOf(partition)
  const records: StoreEntry[] = []
  for (let n = partition; n < KEYS; n += PARTITIONS) {
    const version = firstVersion(n)
    const container = { versions: [version], vector: [version.dot] }
    records.push({ key: keyOf(n), value: encodeStripped(container, base, crc32) })
  }
  cached = { partition, records }
  return records
}

/** The first records, and over them what was written since. Everything is durable at once. */
class Store implements StoreReader {
  readonly #written = new Map<string, Uint8Array>()

  get(key: Uint8Array): Uint8Array | undefined {
    const written = this.#written.get(bytesToBinary(key))
    if (written !== undefined || key[0] !== 1) return written
    const records = firstRecords((key[1]! << 8) | key[2]!)
    const record = records[placeOf(records, key)]
    return record !== undefined && compareBytes(record.key, key) === 0 ? record.value : undefined
  }

  getDurable(key: Uint8Array): Uint8Array | undefined {
    return this.get(key)
  }

  put(operations: readonly StoreOperation[]): void {
    for (const operation of operations)
      if (operation.type === 'put') this.#written.set(bytesToBinary(operation.key), operation.value)
  }

  scan(range: ScanRange): StoreEntry[] {
    const records = firstRecords((range.from[1]! << 8) | range.from[2]!)
    const from = placeOf(records, range.from)
    const entries = records
      .slice(from, from + range.limit)
      .filter(({ key }) => compareBytes(key, range.to) < 0)
      .map(({ key, value }) => ({ key, value: this.#written.get(bytesToBinary(key)) ?? value }))
    return cut(range, entries)
  }
}

function placeOf(records: readonly StoreEntry[], key: Uint8Array): number {
  let low = 0
  let high = records.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (compareBytes(records[middle]!.key, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

class Side {
  readonly node: NodeId
  readonly holdings: LocalHoldings
  readonly done: ExchangeDone[] = []
  readonly wire: ExchangeMessage[] = []
  received = new Set<string>()
  readonly #replica: number
  readonly #store = new Store()
  readonly #trees: readonly HashTree[]
  readonly #exchanges: Exchanges
  #counter = 10_000

  constructor(replica: number, trees: readonly HashTree[]) {
    this.#replica = replica
    this.node = String(replica).padStart(16, '0') as NodeId
    this.#trees = trees
    this.holdings = new LocalHoldings({
      store: this.#store,
      checksum: crc32,
      onChange: (partition, key, before, after) => {
        assert.ok(before !== 'unreadable')
        trees[partition]!.change(key, before, after)
      },
      onBrokenClock: () => assert.fail('the clock broke'),
    })
    this.#exchanges = new Exchanges({
      checksum: crc32,
      rangeOf: partitionRange,
      treeOf: (partition) => trees[partition],
      shown: (partition, key) => this.holdings.shown(partition, key),
    })
    for (let partition = 0; partition < PARTITIONS; partition++) {
      const clock = new PartitionClock()
      for (const { vnode, counter } of baseOf(partition)) clock.addRun(vnode, 1, counter)
      const value = clock.encode(crc32).clock
      this.#store.put([{ type: 'put', key: clockKey(partition as PartitionId), value }])
    }
  }

  write(n: number, text: string | undefined): void {
    const partition = partitionOf(n)
    const before = this.holdings.held(partition, keyOf(n))
    assert.ok(before !== 'unreadable')
    const dot = { vnode: vnodeOf(partition, this.#replica), counter: ++this.#counter }
    const after = write(before.container, {
      ...{ dot, stamp: { ms: 1_800_000_000_000, counter: 0 }, tombstone: true },
      ...{ value: text === undefined ? undefined : valueOf(text) },
      context: before.container.vector,
    })
    this.#store.put(this.holdings.keep(partition, keyOf(n), before, after)!.operations)
  }

  facts(partition: PartitionId): ExchangeFacts {
    const clock = this.holdings.clockOf(partition)
    return {
      clock: clock.encode(crc32).clock,
      floor: encodeBase(clock.base),
      horizonMs: 1_800_000_000_000,
      wallMs: 1_800_000_000_000,
    }
  }

  begin(peer: Side, partition: PartitionId): void {
    this.step({
      ...{ type: 'start', exchange: 2 ** 32 + partition, peer: peer.node, partition },
      ...{ layoutVersion: 9, from: NO_BASE, to: NO_BASE, facts: this.facts(partition) },
    })
  }

  hear(from: NodeId, message: ExchangeMessage): void {
    if (message.type === 'exchange-open')
      this.step({ type: 'open', from, message, facts: this.facts(message.partition) })
    else this.step({ type: 'message', from, message })
  }

  step(event: ExchangeEvent): void {
    const effects: ExchangeEffect[] = []
    this.#exchanges.step(event, instant(0), effects)
    for (const effect of effects) this.#execute(effect)
  }

  equals(other: Side): boolean {
    return this.#trees.every((tree, partition) => tree.equals(other.#trees[partition]!))
  }

  #execute(effect: ExchangeEffect): void {
    if (effect.type === 'send') this.wire.push(effect.message)
    else if (effect.type === 'scan')
      this.step({ ...effect, type: 'scanned', entries: this.#store.scan(effect.range) })
    else if (effect.type === 'merge') this.#merge(effect)
    else if (effect.type === 'done') this.#onDone(effect)
    else assert.equal(effect.type, 'arm')
  }

  #merge({ token, partition, records, base }: Extract<ExchangeEffect, { type: 'merge' }>): void {
    let changed = 0
    for (const { key, record } of records) {
      this.received.add(bytesToBinary(key))
      const merged = this.holdings.mergeChange(partition, key, record, base)
      assert.ok(merged !== 'malformed')
      if (merged.operations === undefined) continue
      changed++
      this.#store.put(merged.operations)
    }
    this.#store.put([this.holdings.clockChange(partition).operation])
    this.step({ type: 'merged', token, changed, refused: 0 })
  }

  #onDone(done: ExchangeDone): void {
    this.done.push(done)
    const theirs = decodePartitionClock(done.theirs!.clock, crc32)
    this.holdings.clockOf(done.partition).merge(theirs!)
    this.#store.put([this.holdings.clockChange(done.partition).operation])
  }
}

/** Compares all partitions; bytes of each. */
function exchangeAll(a: Side, b: Side): number[] {
  const bytes: number[] = []
  for (let partition = 0; partition < PARTITIONS; partition++) {
    a.begin(b, partition as PartitionId)
    let sum = 0
    while (a.wire.length > 0 || b.wire.length > 0) {
      const [from, to] = a.wire.length > 0 ? [a, b] : [b, a]
      const writer = new ByteWriter()
      encodeMessage(writer, from.wire.shift()!)
      sum += FRAME_HEADER + writer.length
      to.hear(from.node, decodeMessage(writer.take()) as ExchangeMessage)
    }
    bytes.push(sum)
  }
  return bytes
}

function firstTrees(): HashTree[] {
  const trees = Array.from({ length: PARTITIONS }, () => new HashTree(LEAVES))
  for (let n = 0; n < KEYS; n++) trees[partitionOf(n)]!.change(keyOf(n), [], [firstVersion(n)])
  return trees
}

test('a hundred differences in a million keys are found with less than 200 KiB', (context) => {
  const trees = firstTrees()
  const copies = trees.map((tree) => HashTree.decode(tree.encode(crc32), LEAVES, crc32)!)
  const a = new Side(1, trees)
  const b = new Side(2, copies)
  const rng = new Prng(7)
  const changed = new Set<number>()
  while (changed.size < DIFFERENCES) changed.add(rng.below(KEYS))
  const inOrder = [...changed].toSorted((x, y) => (x % PARTITIONS) - (y % PARTITIONS))
  for (const [i, n] of inOrder.entries())
    (i % 2 === 0 ? a : b).write(n, i % 5 === 0 ? undefined : `newer ${n}`)

  const bytes = exchangeAll(a, b)
  const total = bytes.reduce((sum, each) => sum + each, 0)
  assert.ok(a.done.every(({ outcome }) => outcome === 'complete'))
  assert.ok(b.done.every(({ outcome }) => outcome === 'complete'))
  assert.equal(
    a.done.reduce((sum, { found }) => sum + found, 0),
    DIFFERENCES,
  )
  const touched = new Set([...a.received, ...b.received])
  assert.deepEqual(touched, new Set(inOrder.map((n) => bytesToBinary(keyOf(n)))))
  assert.ok(a.equals(b))
  assert.ok(total <= 200 * 1024, `${total} bytes`)

  const equal = exchangeAll(a, b)
  const most = Math.max(...equal)
  const sum = equal.reduce((all, each) => all + each, 0)
  assert.ok(a.done.slice(PARTITIONS).every(({ found }) => found === 0))
  assert.ok(most <= 2 * 1024, `${most} bytes for a partition that is equal`)
  const each = Math.round((total - sum) / DIFFERENCES)
  context.diagnostic(`${total} bytes in all: ${each} for each key that differs`)
  context.diagnostic(`${sum} bytes when all is equal, at most ${most} for a partition`)
})
