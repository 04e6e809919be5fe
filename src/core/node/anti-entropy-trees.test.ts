import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../std/crc32.ts'
import type { PartitionId, VnodeId } from '../std/ids.ts'
import { duration, later } from '../std/instant.ts'
import { HashTree, leavesOf } from '../repair/hash-tree.ts'
import { write } from '../versions/container.ts'
import { Trees } from './anti-entropy-trees.ts'
import { bytes, FakeHost, FakeStore, keyIn, partition, WALL } from './fake-host.test.ts'
import { LocalHoldings } from './holdings.ts'
import { parseRecordKey, treeKey } from './storage-keys.ts'

const PARTITIONS = 256
const MONTH = 30 * 24 * 3_600_000
const VNODE = 9 as VnodeId
// Dots are never drawn twice, whichever bench stands on the store.
let drawn = 0

class Bench {
  readonly host: FakeHost = new FakeHost()
  readonly store: FakeStore
  readonly holdings: LocalHoldings
  readonly trees: Trees
  readonly broken: Uint8Array[] = []
  readonly dropped: PartitionId[] = []
  /** While set, batches do not reach the disk. */
  stalled = false
  readonly #held: readonly PartitionId[]

  constructor(store: FakeStore = new FakeStore(), held: readonly number[] = [3, 4]) {
    this.store = store
    this.#held = held.map((place) => partition(place))
    this.holdings = new LocalHoldings({
      ...{ store, checksum: crc32, onBrokenClock: () => undefined },
      onChange: (...change) => this.trees.onChange(...change),
    })
    this.trees = new Trees(this.host, {
      ...{ store, holdings: this.holdings, checksum: crc32, scrubIntervalMs: MONTH },
      held: () => this.#held,
      partitions: () => PARTITIONS,
      unreadable: (key) => void this.broken.push(key),
      dropped: (place) => void this.dropped.push(place),
      admit: (_work, go) => go(),
    })
  }

  put(place: number, key: string): void {
    const name = keyIn(place, key)
    const held = this.holdings.held(partition(place), name)
    const before = held === 'unreadable' ? { versions: [], vector: [] } : held.container
    const counter = ++drawn
    const value = { bytes: bytes('v'), contentType: 'text/plain', metadata: [], expiresAtMs: 0 }
    const after = write(before, {
      ...{ dot: { vnode: VNODE, counter }, stamp: { ms: counter, counter: 0 }, value },
      ...{ context: before.vector, tombstone: true },
    })
    const kept = this.holdings.keep(partition(place), name, held, after)
    this.host.store('writes', counter, kept!.operations)
  }

  /** The disk and the scans answer, until nothing is asked. */
  settle(): void {
    for (;;) {
      const [batch] = this.stalled ? [] : this.host.batches.splice(0, 1)
      if (batch !== undefined) {
        this.store.apply(batch.operations)
        if (batch.owner === 'trees') this.trees.stored(batch.token)
        continue
      }
      const [scan] = this.host.scans.splice(0, 1)
      if (scan === undefined) return this.trees.check()
      this.trees.scanned(scan.token, this.store.scan(scan.ranges[0]!))
    }
  }

  tick(ms: number): void {
    this.host.now = later(this.host.now, duration(ms))
    this.host.wallMs += ms
    this.trees.onTimer()
    this.settle()
  }

  /** What the tree of a partition must be, by its records. */
  expected(place: number): HashTree {
    const tree = new HashTree(leavesOf(PARTITIONS))
    for (const { key } of this.store.entries) {
      if (parseRecordKey(key)?.partition !== place) continue
      const held = this.holdings.held(partition(place), key)
      if (held !== 'unreadable') tree.change(key, [], held.container.versions)
    }
    return tree
  }

  isRight(place: number): boolean {
    return this.trees.of(partition(place))?.equals(this.expected(place)) === true
  }
}

function started(store?: FakeStore): Bench {
  const bench = new Bench(store)
  bench.trees.replan()
  bench.settle()
  return bench
}

test('trees are made of the records when none was written down, and then follow each change', () => {
  const before = new Bench()
  for (let i = 0; i < 20; i++) before.put(3 + (i % 2), `k${i}`)
  before.settle()
  const bench = started(before.store)
  assert.equal(bench.trees.view.checked, 20)
  assert(bench.isRight(3) && bench.isRight(4))
  bench.put(3, 'k0')
  bench.put(3, 'new')
  bench.settle()
  assert(bench.isRight(3))
  assert.equal(bench.trees.view.missing, 0)
})

test('a tree is written down when its partition is quiet, and is there after a restart', () => {
  const bench = started()
  bench.put(3, 'a')
  bench.settle()
  bench.tick(1_000)
  assert.equal(bench.store.get(treeKey(partition(3))), undefined, 'it may change at once again')
  for (let i = 0; i < 20; i++) bench.tick(1_000)
  assert(bench.store.get(treeKey(partition(3))) instanceof Uint8Array)
  const again = started(bench.store)
  assert.equal(again.trees.view.checked, 0, 'no record was read for it')
  assert(again.isRight(3))
})

test('about how much a partition holds is known, after a restart as well', () => {
  const bench = started()
  for (let i = 0; i < 5; i++) bench.put(3, `k${i}`)
  assert.equal(bench.trees.sizeOf(partition(3))!.records, 5)
  assert.deepEqual(bench.trees.sizeOf(partition(4)), { records: 0, bytes: 0 })
  assert.equal(bench.trees.sizeOf(partition(9)), undefined, 'it is not held')
  let stored = 0
  bench.settle()
  for (const { key, value } of bench.store.entries)
    if (parseRecordKey(key)?.partition === 3) stored += key.length + value.length
  const { bytes: counted } = bench.trees.sizeOf(partition(3))!
  assert.ok(Math.abs(counted - stored) < stored / 4, `${counted} counted, ${stored} stored`)
  for (let i = 0; i < 20; i++) bench.tick(1_000)
  const again = started(bench.store)
  assert.deepEqual([...again.trees.sizes()], [...bench.trees.sizes()])
  // Without a tree on the disk, the walk that makes one counts.
  bench.put(3, 'k0')
  bench.settle()
  const walked = started(bench.store)
  assert.equal(walked.trees.view.checked, 5)
  assert.deepEqual(walked.trees.sizeOf(partition(3)), bench.trees.sizeOf(partition(3)))
})

test('a root is given as settled once a barrier has passed behind the last change', () => {
  const bench = started()
  const roots = (): unknown[] =>
    [true, false].map((settled) => bench.trees.rootOf(partition(3), settled))
  const [empty] = roots()
  assert.deepEqual(roots(), [empty, empty])
  bench.put(3, 'a')
  const [young, root] = roots()
  assert.equal(young, undefined)
  assert.notDeepEqual(root, empty)
  bench.stalled = true
  bench.tick(1_000)
  assert.equal(roots()[0], undefined, 'the barrier is under way')
  bench.stalled = false
  bench.settle()
  assert.deepEqual(roots(), [root, root])
})

test('before the first change of a record its tree is wiped, so that none is stored beside a newer record', () => {
  const bench = started()
  for (let i = 0; i < 20; i++) bench.tick(1_000)
  bench.put(3, 'a')
  const [first, second] = bench.host.batches
  assert.deepEqual(first!.operations, [{ type: 'delete', key: treeKey(partition(3)) }])
  assert.equal(second!.owner, 'writes')
  bench.put(3, 'b')
  assert.equal(bench.host.batches.length, 3, 'once is enough')
  const crashed = new FakeStore()
  crashed.apply(bench.store.entries.map(({ key, value }) => ({ type: 'put', key, value })))
  crashed.apply(first!.operations)
  assert.equal(started(crashed).trees.view.missing, 0)
})

test('after a lost batch what it had changed is read again', () => {
  const bench = started()
  bench.put(3, 'kept')
  bench.settle()
  bench.tick(1_000)
  bench.stalled = true
  bench.put(3, 'lost')
  bench.tick(1_000)
  bench.host.batches.length = 0
  bench.stalled = false
  bench.holdings.reload()
  bench.trees.batchLost()
  assert.deepEqual(bench.dropped, [3])
  assert.equal(bench.trees.of(partition(3)), undefined)
  bench.settle()
  assert.equal(bench.trees.of(partition(3)), undefined, 'not at once: the disk may be full')
  bench.tick(1_000)
  assert(bench.isRight(3))
  assert(bench.isRight(4), 'the other was not touched')
})

test('where nobody knows what a record was, the tree is made anew', () => {
  const bench = started()
  bench.put(3, 'a')
  bench.put(3, 'b')
  bench.settle()
  bench.store.put(keyIn(3, 'a'), Uint8Array.of(1, 2, 3, 4, 5, 6))
  bench.holdings.begin()
  bench.put(3, 'a')
  assert.equal(bench.trees.of(partition(3)), undefined)
  bench.settle()
  bench.tick(1_000)
  assert(bench.isRight(3))
})

test('once a month every record is read, and a broken one is told', () => {
  const bench = started()
  bench.put(3, 'a')
  bench.put(4, 'b')
  bench.settle()
  const { checked } = bench.trees.view
  bench.store.put(keyIn(4, 'b'), Uint8Array.of(1, 2, 3, 4, 5, 6))
  bench.holdings.begin()
  for (let i = 0; i < 62; i++) bench.tick(MONTH / 60)
  assert(bench.trees.view.checked >= checked + 2, `${bench.trees.view.checked} records`)
  assert.deepEqual(bench.broken[0], keyIn(4, 'b'))
  assert.equal(bench.trees.view.mended, 1, 'it is not in the tree any more')
})

test('the month goes on where the last life of the node was', () => {
  const bench = started()
  bench.tick(MONTH / 2)
  assert.equal(bench.trees.view.scrubbed, 4, 'partition 3 is done')
  const again = new Bench(bench.store)
  again.host.wallMs = WALL + MONTH / 2
  again.trees.replan()
  again.settle()
  again.tick(MONTH / 2)
  assert.equal(again.trees.view.scrubbed, 5)
})
