import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../std/ids.ts'
import { Prng } from '../std/prng.ts'
import type { Container, VersionVector } from '../versions/version.ts'
import { BucketRegistry } from './bucket-registry.ts'
import {
  A,
  B,
  C,
  FakeHost,
  FakeStore,
  bytes,
  holdingsOf,
  keyIn,
  layoutOf,
  partition,
  written,
} from './fake-host.test.ts'
import { FakeRegisters } from './fake-registers.test.ts'
import type { LocalHoldings } from './holdings.ts'
import { LayoutKeeper } from './layout-keeper.ts'
import { Reaping } from './reaping.ts'
import { clockKey, reapableKey, wholeReapableRange } from './storage-keys.ts'

const P = partition(3)
const VNODE = 7
const DEADLINE = 5_000
const upTo = (counter: number): VersionVector => [
  { vnode: written(VNODE, 1).versions[0]!.dot.vnode, counter },
]

class Bench {
  readonly host = new FakeHost()
  readonly store = new FakeStore()
  readonly holdings: LocalHoldings
  readonly reaping: Reaping
  readonly layout: LayoutKeeper
  readonly broken: Uint8Array[] = []
  readonly admitted: (() => void)[] = []
  isHeldBack = false
  floor: VersionVector = []
  horizonMs = 0

  constructor(nodes: readonly NodeId[] = [A, B, C]) {
    const { host, store } = this
    const address = { host: '10.0.0.1', port: 1 }
    const self = {
      ...{ id: A, name: 'n', address, httpAddress: address, zone: 'z', weight: 100 },
      ...{ version: '1.0.0', leaveLock: '00'.repeat(16) },
    }
    this.layout = new LayoutKeeper(host, {
      leastR: () => 2,
      registers: new FakeRegisters(),
      adopted: () => undefined,
      self,
      rng: new Prng(1),
      store,
    })
    this.layout.merge({
      current: layoutOf(nodes),
      previous: undefined,
      synced: [],
      acked: [],
      lost: [],
    })
    this.holdings = holdingsOf(store)
    this.reaping = new Reaping(host, {
      isComparing: () => false,
      ...{ layout: this.layout, buckets: new BucketRegistry(), holdings: this.holdings },
      floorOf: () => this.floor,
      horizonOf: () => this.horizonMs,
      admit: (go) => (this.isHeldBack ? void this.admitted.push(go) : go()),
      unreadable: (key) => this.broken.push(key),
    })
  }

  /** Puts `after` in the place of what is held. */
  keep(key: Uint8Array, after: Container): void {
    const before = this.holdings.held(P, key)
    const kept = this.holdings.keep(P, key, before, after)
    assert.ok(kept !== undefined)
    this.store.apply(kept.operations)
  }

  delete(name: string, counter: number): Uint8Array {
    const key = keyIn(3, name)
    this.keep(key, written(VNODE, counter, 'deleted'))
    return key
  }

  put(name: string, counter: number, expiresAtMs: number): Uint8Array {
    const key = keyIn(3, name)
    const { versions, vector } = written(VNODE, counter)
    const [version] = versions
    const value = { ...version!.value!, expiresAtMs }
    this.keep(key, { versions: [{ ...version!, value }], vector })
    return key
  }

  /** Answers all that is asked; how many entries were scanned. */
  run(): number {
    const { host, store, reaping } = this
    let scanned = 0
    while (host.scans.length + host.batches.length > 0) {
      for (const { token, ranges } of host.scans.splice(0)) {
        const entries = store.scan(ranges[0]!)
        scanned += entries.length
        reaping.scanned(token, entries)
      }
      for (const { owner, token, operations } of host.batches.splice(0)) {
        if (owner !== 'reaping') continue
        store.apply(operations)
        reaping.stored(token)
      }
      reaping.check()
    }
    return scanned
  }

  reap(floor: number, horizonMs = 0): number {
    this.floor = floor === 0 ? [] : upTo(floor)
    this.horizonMs = horizonMs
    this.reaping.wake(P)
    return this.run()
  }

  listed(): number {
    const bounds = { limit: 1e6, bytesMax: 1e9, reverse: false }
    return this.store.scan({ ...wholeReapableRange(P), ...bounds }).length
  }
}

test('a delete goes with its entry when the floor has passed it; nothing of it is left but the clock', () => {
  const bench = new Bench()
  const [one, two] = [bench.delete('one', 1), bench.delete('two', 2)]
  bench.reap(1)
  assert.equal(bench.store.get(one), undefined)
  assert.ok(bench.store.get(two) instanceof Uint8Array)
  assert.deepEqual(bench.reaping.view, { reaped: 1, waiting: 1 })
  bench.reap(2)
  assert.deepEqual(
    bench.store.entries.map(({ key }) => key),
    [clockKey(P)],
  )
  assert.deepEqual(bench.reaping.view, { reaped: 2, waiting: 0 })
  const notes = bench.host.notes.filter(({ type }) => type === 'reaped')
  assert.deepEqual(
    notes,
    [1, 1].map((versions) => ({ type: 'reaped', partition: 3, versions })),
  )
  assert.equal(bench.holdings.clockOf(P).covers({ ...upTo(2)[0]! }), true)
})

test('what arrives of a key that was reaped meets the clock, and is kept out', () => {
  const bench = new Bench()
  const value = written(VNODE, 1)
  const key = keyIn(3, 'k')
  bench.keep(key, value)
  const kept = bench.holdings.held(P, key)
  const record = bench.store.get(key) as Uint8Array
  assert.ok(kept !== 'unreadable')
  bench.keep(key, written(VNODE, 2, 'deleted', kept.container))
  bench.reap(2)
  assert.equal(bench.store.get(key), undefined)
  assert.equal(bench.holdings.merge(P, key, record, new Uint8Array(0)) !== 'malformed', true)
  const after = bench.holdings.held(P, key)
  assert.ok(after !== 'unreadable')
  assert.deepEqual([after.container.versions, after.isStored], [[], false])
})

test('a value that expires stays until the horizon has passed its deadline, then goes', () => {
  const bench = new Bench()
  const key = bench.put('k', 1, DEADLINE)
  assert.equal(bench.reap(1, DEADLINE), 0, 'it is not even looked at')
  assert.ok(bench.store.get(key) instanceof Uint8Array)
  bench.reap(1, DEADLINE + 1)
  assert.equal(bench.store.get(key), undefined)
  assert.equal(bench.listed(), 0)
})

test('a partition is walked again only when something has changed by which more may go', () => {
  const bench = new Bench()
  bench.delete('k', 2)
  assert.equal(bench.reap(1), 1)
  assert.equal(bench.reap(1), 0, 'the floor is as it was')
  bench.reaping.onTimer()
  assert.equal(bench.run(), 0, 'here, too')
  bench.horizonMs = 1
  bench.reaping.onTimer()
  assert.equal(bench.run(), 1)
  assert.equal(bench.reap(2, 1), 1)
})

test('records that wait for the clock of this replica are looked at when it has gone on', () => {
  const bench = new Bench()
  const key = bench.delete('k', 2)
  assert.equal(bench.reaping.waitOf(P, key), 'base')
  bench.reap(2)
  assert.equal(bench.reaping.view.waiting, 1)
  bench.holdings.clockOf(P).addRun(upTo(1)[0]!.vnode, 1, 1)
  bench.reap(2)
  assert.equal(bench.store.get(key), undefined)
})

test('nothing is reaped while the partition moves, nor where this node holds no replica', () => {
  const bench = new Bench()
  const key = bench.delete('k', 1)
  const [previous, D] = [bench.layout.state!.current, 'd'.repeat(16) as NodeId]
  bench.layout.merge({
    current: layoutOf([A, B, C, D], previous),
    previous,
    synced: [],
    acked: [],
    lost: [],
  })
  const isMoving = bench.layout.placementOf(P)!.writeSets.length > 1
  assert.equal(isMoving, true, 'else choose another partition')
  assert.equal(bench.reap(1), 0)
  assert.equal(bench.reaping.waitOf(P, key), 'moving')
  const elsewhere = new Bench([B, C, D])
  elsewhere.delete('k', 1)
  assert.equal(elsewhere.reap(1), 0)
})

test('nothing is reaped while the clock of the partition is in doubt', () => {
  const bench = new Bench()
  const key = bench.delete('k', 1)
  bench.holdings.doubt(P)
  assert.equal(bench.reap(1), 0)
  assert.equal(bench.reaping.waitOf(P, key), 'doubt')
  bench.holdings.clockOf(P).doubtful = false
  bench.reap(1)
  assert.equal(bench.store.get(key), undefined)
})

test('a delete in a record that was kept whole goes like any other when the doubt is over', () => {
  const bench = new Bench()
  const key = bench.put('k', 1, 0)
  bench.store.damage(key)
  bench.holdings.begin()
  bench.keep(key, written(VNODE, 2, 'deleted'))
  const held = bench.holdings.held(P, key)
  assert.ok(held !== 'unreadable' && held.isWhole)
  assert.ok(bench.holdings.clockOf(P).doubtful)
  bench.holdings.clockOf(P).doubtful = false
  bench.reap(2)
  assert.equal(bench.store.get(key), undefined)
  assert.equal(bench.listed(), 0)
})

test('a broken record is reported, and stays for whoever mends it', () => {
  const bench = new Bench()
  const key = bench.delete('k', 1)
  bench.store.damage(key)
  bench.holdings.begin()
  bench.reap(1)
  assert.deepEqual(bench.broken, [key])
  assert.ok(bench.store.get(key) instanceof Uint8Array)
})

test('an entry that speaks of what is so no more is taken off the list', () => {
  const bench = new Bench()
  const key = bench.put('k', 1, 0)
  bench.store.put(reapableKey(0, key), bytes('x'))
  bench.store.put(reapableKey(0, keyIn(3, 'gone')), bytes('x'))
  bench.reap(1)
  assert.equal(bench.listed(), 0)
  assert.ok(bench.store.get(key) instanceof Uint8Array)
})

test('what a delete waits for can be told', () => {
  const bench = new Bench()
  const [deleted, value] = [bench.delete('d', 1), bench.put('v', 2, 0)]
  const expiring = bench.put('e', 3, DEADLINE)
  const waits = (): unknown[] =>
    [deleted, value, expiring].map((key) => bench.reaping.waitOf(P, key))
  assert.deepEqual(waits(), ['floor', undefined, 'horizon'])
  bench.floor = upTo(2)
  bench.horizonMs = DEADLINE + 1
  assert.deepEqual(waits(), ['turn', undefined, 'floor'])
  assert.equal(bench.reaping.waitOf(P, keyIn(3, 'never')), undefined)
})

test('each unit waits for leave; a disk that is behind, or that fails, puts the rest off', () => {
  const bench = new Bench()
  const key = bench.delete('k', 1)
  bench.isHeldBack = true
  assert.equal(bench.reap(1), 0)
  assert.equal(bench.reaping.isIdle, false)
  bench.host.storeBusy = true
  bench.admitted.shift()!()
  assert.equal(bench.reaping.isIdle, true)
  bench.host.storeBusy = false
  bench.isHeldBack = false
  bench.reaping.wake(P)
  const { token, ranges } = bench.host.scans.shift()!
  bench.reaping.scanned(token, bench.store.scan(ranges[0]!))
  bench.reaping.storeFailed(bench.host.batches.shift()!.token)
  bench.holdings.reload()
  assert.ok(bench.store.get(key) instanceof Uint8Array)
  bench.reap(1)
  assert.equal(bench.store.get(key), undefined)
})

test('a node that has met its clone writes nothing', () => {
  const bench = new Bench()
  bench.delete('k', 1)
  bench.host.clonedBy = { host: '10.0.0.9', port: 1 }
  assert.equal(bench.reap(1), 0)
})
