import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../std/crc32.ts'
import { Prng } from '../std/prng.ts'
import { decodeActor } from '../versions/actor.ts'
import { Actors } from './actors.ts'
import { FakeHost, FakeStore, holdingsOf, keyIn, partition } from './fake-host.test.ts'
import type { LocalHoldings } from './holdings.ts'
import { actorKey } from './storage-keys.ts'

const P1 = partition(1)
const P2 = partition(2)
const P3 = partition(3)

class Bench {
  readonly host = new FakeHost()
  readonly store: FakeStore
  readonly actors: Actors
  readonly holdings: LocalHoldings
  #settled = 0

  constructor(store = new FakeStore(), seed = 1, resumed = true) {
    this.store = store
    this.holdings = holdingsOf(store)
    const { holdings } = this
    this.actors = new Actors(this.host, {
      ...{ store, checksum: crc32, rng: new Prng(seed), resumed, holdings },
    })
  }

  /** Every batch that is under way reaches the disk, or does not. */
  settle(durable = true): void {
    for (; this.#settled < this.host.batches.length; this.#settled++) {
      const { token, operations } = this.host.batches[this.#settled]!
      if (durable) this.store.apply(operations)
      if (durable) this.actors.stored(token)
      else this.actors.storeFailed(token)
    }
    this.actors.check()
  }
}

test('new partitions get an id each, and their leases go to the disk as one batch', () => {
  const bench = new Bench()
  bench.actors.ensure([P1, P2])
  assert.equal(bench.host.batches.length, 1)
  assert.equal(bench.host.batches[0]!.operations.length, 2)
  assert.notEqual(bench.actors.of(P1)!.vnode, bench.actors.of(P2)!.vnode)
  assert.equal(bench.actors.of(P3), undefined)
  assert.deepEqual(bench.actors.partitions(), [P1, P2])
})

test('no dot is drawn before the lease is durable', () => {
  const bench = new Bench()
  bench.actors.ensure([P1])
  assert.ok(!bench.actors.leased)
  assert.equal(bench.actors.of(P1)!.draw(), undefined)
  bench.settle()
  assert.ok(bench.actors.leased)
  assert.equal(bench.actors.of(P1)!.draw()?.counter, 1)
})

test('a partition that has an actor keeps it', () => {
  const bench = new Bench()
  bench.actors.ensure([P1])
  const actor = bench.actors.of(P1)
  bench.settle()
  bench.actors.ensure([P1, P2])
  assert.equal(bench.actors.of(P1), actor)
  assert.equal(bench.host.batches.at(-1)!.operations.length, 1)
})

test('a restart goes on under the same id above everything that may have been drawn', () => {
  const bench = new Bench()
  bench.actors.ensure([P1])
  bench.settle()
  const dot = bench.actors.of(P1)!.draw()!
  const again = new Bench(bench.store, 2)
  again.actors.ensure([P1])
  again.settle()
  const next = again.actors.of(P1)!.draw()!
  assert.equal(next.vnode, dot.vnode)
  assert.equal(next.counter, 10_001)
})

test('an id that cannot be read is replaced by a new one', () => {
  const bench = new Bench()
  bench.actors.ensure([P1])
  bench.settle()
  const { vnode } = bench.actors.of(P1)!
  const broken = (bench.store.get(actorKey(P1)) as Uint8Array).slice()
  broken[3]! ^= 1
  bench.store.put(actorKey(P1), broken)
  const again = new Bench(bench.store, 2)
  again.actors.ensure([P1])
  assert.notEqual(again.actors.of(P1)!.vnode, vnode)
})

test('a lease that failed is asked for again, and until then nothing is drawn', () => {
  const bench = new Bench()
  bench.actors.ensure([P1])
  bench.settle(false)
  assert.ok(bench.actors.leased, 'nothing is on its way')
  assert.equal(bench.actors.of(P1)!.draw(), undefined)
  bench.actors.retry()
  bench.settle()
  assert.equal(bench.actors.of(P1)!.draw()?.counter, 1)
})

test('the next lease is asked for in time, one at a time', () => {
  const bench = new Bench()
  bench.actors.ensure([P1])
  bench.settle()
  const actor = bench.actors.of(P1)!
  for (let i = 0; i < 9_999; i++) {
    assert.ok(actor.draw() !== undefined)
    bench.actors.drew(P1)
  }
  assert.equal(bench.host.batches.length, 2)
  bench.settle()
  for (let i = 0; i < 10_001; i++) assert.ok(actor.draw() !== undefined)
  assert.equal(actor.draw(), undefined, 'both leases are used up')
})

test('a renewed partition draws under a new id, and the old id’s lease is nobody’s', () => {
  const bench = new Bench()
  bench.actors.ensure([P1])
  const old = bench.actors.of(P1)!
  bench.actors.renew(P1)
  const fresh = bench.actors.of(P1)!
  assert.notEqual(fresh.vnode, old.vnode)
  bench.settle()
  assert.equal(old.draw(), undefined)
  assert.equal(fresh.draw()?.counter, 1)
  const stored = decodeActor(bench.store.get(actorKey(P1)) as Uint8Array, crc32)
  assert.equal(stored?.vnode, fresh.vnode, 'the disk knows the new one')
  bench.actors.renew(P2)
  assert.equal(bench.actors.of(P2), undefined, 'what is not held is not renewed')
})

test('a dropped partition loses its id in the batch of its data, and begins under another when it comes back', () => {
  const bench = new Bench()
  bench.actors.ensure([P1, P2])
  bench.settle()
  const { vnode } = bench.actors.of(P1)!
  bench.store.put(keyIn(1, 'a'), Uint8Array.of(1))
  bench.store.put(keyIn(2, 'b'), Uint8Array.of(2))
  const operations = bench.actors.drop([P1])
  assert.deepEqual(operations[0], { type: 'delete', key: actorKey(P1) })
  bench.store.apply(operations)
  assert.equal(bench.store.get(keyIn(1, 'a')), undefined)
  assert.deepEqual(bench.store.get(keyIn(2, 'b')), Uint8Array.of(2))
  assert.deepEqual(bench.actors.partitions(), [P2])
  bench.actors.ensure([P1])
  assert.notEqual(bench.actors.of(P1)!.vnode, vnode)
})

test('a lease that becomes durable after its partition was dropped is nobody’s', () => {
  const bench = new Bench()
  bench.actors.ensure([P1])
  const actor = bench.actors.of(P1)!
  bench.actors.drop([P1])
  bench.settle()
  assert.equal(actor.draw(), undefined)
})

test('a life that does not resume deletes the ids that it finds, and may be gone on with when that is durable', () => {
  const first = new Bench()
  first.actors.ensure([P1, P2])
  first.settle()
  const old = [P1, P2].map((p) => first.actors.of(p)!.vnode)
  // A backup: nobody knows what was drawn since. P2 is not held any more.
  const second = new Bench(first.store, 2, false)
  second.actors.ensure([P1])
  assert.ok(!second.actors.resumable)
  second.settle(false)
  assert.ok(!second.actors.resumable)
  assert.ok(second.store.get(actorKey(P2)) !== undefined)
  second.actors.retry()
  second.settle()
  assert.ok(second.actors.resumable)
  assert.equal(second.store.get(actorKey(P2)), undefined)
  const third = new Bench(second.store, 3)
  third.actors.ensure([P1, P2])
  assert.equal(third.actors.of(P1)!.vnode, second.actors.of(P1)!.vnode)
  assert.ok(!old.includes(third.actors.of(P2)!.vnode))
  assert.ok(!third.actors.resumable, 'the new id of the second partition is not durable yet')
  third.settle()
  assert.ok(third.actors.resumable)
})
