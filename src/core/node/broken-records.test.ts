import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../std/crc32.ts'
import { duration } from '../std/instant.ts'
import type { NodeId, PartitionId, VnodeId } from '../std/ids.ts'
import { Prng } from '../std/prng.ts'
import type { ReadEffect } from '../coordinator/reads.ts'
import { Reads } from '../coordinator/reads.ts'
import { Actors } from './actors.ts'
import { BrokenRecords } from './broken-records.ts'
import {
  A,
  B,
  C,
  FakeHost,
  FakeStore,
  holdingsOf,
  keyIn,
  layoutOf,
  partition,
} from './fake-host.test.ts'
import { FakeRegisters } from './fake-registers.test.ts'
import type { LocalHoldings } from './holdings.ts'
import { LayoutKeeper } from './layout-keeper.ts'
import type { Origin } from './requests.ts'
import { actorKey } from './storage-keys.ts'

const KEY = keyIn(3, 'a')

class Bench {
  readonly doubted: PartitionId[] = []
  readonly host = new FakeHost()
  readonly effects: ReadEffect<Origin>[] = []
  readonly actors: Actors
  readonly holdings: LocalHoldings
  readonly broken: BrokenRecords

  constructor(nodes: readonly NodeId[] = [A, B, C]) {
    const { host, effects } = this
    const store = new FakeStore()
    const rng = new Prng(1)
    const address = { host: '10.0.0.1', port: 1 }
    const self = {
      id: A,
      name: 'n',
      address,
      httpAddress: address,
      zone: 'z',
      weight: 100,
      version: '1.0.0',
      leaveLock: '00'.repeat(16),
    }
    const layout = new LayoutKeeper(host, {
      leastR: () => 2,
      registers: new FakeRegisters(),
      adopted: () => undefined,
      self,
      rng,
      store,
    })
    layout.merge({ current: layoutOf(nodes), previous: undefined, synced: [], acked: [], lost: [] })
    this.holdings = holdingsOf(store)
    const { holdings } = this
    this.actors = new Actors(host, { store, checksum: crc32, rng, resumed: true, holdings })
    this.actors.ensure([partition(3)])
    const reads = new Reads<Origin>({
      ...{ self: A, isUp: (node) => host.isUp(node) },
      shown: () => ({ record: 'unreadable', base: new Uint8Array(0) }),
      isPreferred: (node) => host.isPreferred(node),
      distance: (node) => host.distance(node),
      ...{ nextRequest: () => host.nextRequest(), checksum: crc32, hedgeAfter: duration(50) },
    })
    this.broken = new BrokenRecords(host, {
      ...{ layout, actors: this.actors, holdings, reads, readEffects: effects },
      timeoutMs: 5_000,
      doubted: (place) => void this.doubted.push(place),
    })
  }

  vnode(): VnodeId {
    return this.actors.of(partition(3))!.vnode
  }

  found(key: Uint8Array = KEY): void {
    this.broken.found(key)
    this.broken.check()
  }

  asked(): NodeId[] {
    return this.effects.flatMap((effect) => (effect.type === 'send' ? [effect.to] : []))
  }
}

test('a broken record is read from all other replicas, so that it is mended', () => {
  const bench = new Bench()
  bench.found()
  assert.deepEqual(bench.asked().sort(), [B, C])
  assert.deepEqual(bench.host.notes, [{ type: 'unreadable', key: KEY }])
})

test('while it is being read it is not read again; afterwards it may be', () => {
  const bench = new Bench()
  bench.found()
  bench.found()
  assert.equal(bench.asked().length, 2)
  const arm = bench.effects.find((effect) => effect.type === 'arm')
  assert.ok(arm?.type === 'arm' && arm.at === 5_000, 'it does not wait for ever')
  bench.broken.repaired(KEY.join())
  bench.found()
  assert.equal(bench.asked().length, 2, 'that was another name')
})

test('somebody new draws the dots, once for each damage however often it is met', () => {
  const bench = new Bench()
  const before = bench.vnode()
  bench.found()
  const after = bench.vnode()
  assert.notEqual(after, before)
  for (let i = 0; i < 10; i++) bench.found()
  assert.equal(bench.vnode(), after)
  assert.deepEqual(bench.doubted, [3], 'and what was compared is to be compared again')
})

test('after a write of the key a new damage is another matter', () => {
  const bench = new Bench()
  bench.found()
  const first = bench.vnode()
  bench.broken.drew(keyIn(3, 'b'))
  bench.found()
  assert.equal(bench.vnode(), first, 'another key was written')
  bench.broken.drew(KEY)
  bench.found()
  assert.notEqual(bench.vnode(), first)
})

test('with no other replica up there is nobody to read it from', () => {
  const alone = new Bench([A])
  alone.found()
  assert.deepEqual(alone.effects, [])
  const bench = new Bench()
  bench.host.down.add(B).add(C)
  bench.found()
  assert.deepEqual(bench.effects, [])
})

test('keys that are no record keys are noted, and no more', () => {
  const bench = new Bench()
  const before = bench.vnode()
  bench.found(Uint8Array.of(9, 9))
  bench.found(actorKey(partition(3)))
  assert.equal(bench.vnode(), before)
  assert.deepEqual(bench.effects, [])
  assert.equal(bench.host.notes.length, 2)
})

test('a disk full of broken records is bounded in what it makes us remember and read', () => {
  const bench = new Bench()
  for (let i = 0; i < 5_000; i++) bench.broken.found(keyIn(3, `k${i}`))
  bench.broken.check()
  const starts = bench.effects.filter(({ type }) => type === 'arm').length
  assert.ok(starts <= 2 * 256, `${starts} reads`)
})
