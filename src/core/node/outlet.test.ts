import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import { NODES_MAX } from '../std/limits.ts'
import { Prng } from '../std/prng.ts'
import type { PeerMessage } from '../wire/messages.ts'
import type { NodeEffect } from './events.ts'
import { A, B, C, keyIn, partition } from './fake-host.test.ts'
import type { StateSync } from './messages.ts'
import { BATCHES_BUSY, Outlet } from './outlet.ts'

const STATE: StateSync = {
  ...{ type: 'state-sync', answer: false, members: [], layout: undefined, buckets: [] },
}
const READ: PeerMessage = {
  ...{ type: 'read', request: 1, readVersion: 3, partition: partition(0), key: keyIn(0, 'a') },
}
const REPLY: PeerMessage = { type: 'replicate-reply', request: 1, outcome: 'stored' }
const CHUNK: PeerMessage = {
  ...{ type: 'transfer-chunk', request: 1, outcome: 'ok', entries: [], done: true },
  base: new Uint8Array(0),
  clock: new Uint8Array(0),
}

class Bench {
  readonly effects: NodeEffect[] = []
  readonly outlet: Outlet

  constructor(generation = 1, seed = 1) {
    const state = (answer: boolean): StateSync => ({ ...STATE, answer })
    this.outlet = new Outlet({
      ...{ self: A, generation, rng: new Prng(seed), state },
      isUp: (node) => node !== C,
      isPreferred: (node) => node === B,
      distance: (node) => (node === B ? 1 : 2),
      settled: () => undefined,
      replied: () => undefined,
    })
    this.outlet.begin({ instant: instant(5), wallMs: 7 }, this.effects)
  }

  /** Types of what was sent to each, since the last look. */
  sent(): string[] {
    const types = this.effects.flatMap((effect) =>
      effect.type === 'send' ? [`${effect.to[0]} ${effect.message.type}`] : [],
    )
    this.effects.length = 0
    return types
  }
}

test('a peer hears our state before the first message that speaks of a layout, and once', () => {
  const bench = new Bench()
  bench.outlet.send(B, READ)
  assert.deepEqual(bench.sent(), ['b state-sync', 'b read'])
  bench.outlet.send(B, READ)
  assert.deepEqual(bench.sent(), ['b read'])
  bench.outlet.send(C, READ)
  assert.deepEqual(bench.sent(), ['c state-sync', 'c read'], 'each for itself')
})

test('what does not speak of a layout goes alone', () => {
  const bench = new Bench()
  bench.outlet.send(B, REPLY)
  assert.deepEqual(bench.sent(), ['b replicate-reply'])
})

test('a chunk is preceded by our state: its receiver may pull for another layout of the same version', () => {
  const bench = new Bench()
  bench.outlet.send(B, CHUNK)
  assert.deepEqual(bench.sent(), ['b state-sync', 'b transfer-chunk'])
})

test('after a change, and after a lost connection, a peer is told again', () => {
  const bench = new Bench()
  bench.outlet.send(B, READ)
  bench.sent()
  bench.outlet.changed()
  bench.outlet.send(B, READ)
  assert.deepEqual(bench.sent(), ['b state-sync', 'b read'])
  bench.outlet.lost(B)
  bench.outlet.tell(B)
  assert.deepEqual(bench.sent(), ['b state-sync'])
  bench.outlet.tell(B)
  assert.deepEqual(bench.sent(), [])
})

test('whom it has told is remembered of so many, beyond which all are told again', () => {
  const bench = new Bench()
  for (let i = 0; i < NODES_MAX; i++) bench.outlet.tell(i.toString(16).padStart(16, '0') as NodeId)
  assert.equal(bench.sent().length, NODES_MAX)
  bench.outlet.tell(B)
  bench.outlet.tell(B)
  bench.outlet.tell('0'.repeat(16) as NodeId)
  assert.deepEqual(bench.sent(), ['b state-sync', '0 state-sync'])
})

test('a batch comes back to who handed it over, once', () => {
  const bench = new Bench()
  bench.outlet.store('writes', 7, [])
  bench.outlet.store('clock', 7, [])
  const ticket = { token: 7, at: 5, operations: undefined }
  assert.deepEqual(bench.outlet.takeBatch(2), { ...ticket, owner: 'clock' })
  assert.deepEqual(bench.outlet.takeBatch(1), { ...ticket, owner: 'writes' })
  assert.equal(bench.outlet.takeBatch(1), undefined)
  assert.equal(bench.outlet.takeBatch(99), undefined)
})

test('while somebody watches, what became durable is told with the batch', () => {
  const bench = new Bench()
  const operations = [{ type: 'delete', key: Uint8Array.of(1) }] as const
  bench.outlet.store('writes', 1, operations)
  bench.outlet.isWatched = () => true
  bench.outlet.store('writes', 2, operations)
  assert.equal(bench.outlet.takeBatch(1)?.operations, undefined)
  assert.equal(bench.outlet.takeBatch(2)?.operations, operations)
})

test('a scan comes back to who asked, once', () => {
  const bench = new Bench()
  bench.outlet.scan('listing', 3, [])
  assert.deepEqual(bench.effects, [{ type: 'scan', scan: 1, ranges: [] }])
  assert.deepEqual(bench.outlet.takeScan(1), { owner: 'listing', token: 3 })
  assert.equal(bench.outlet.takeScan(1), undefined)
})

test('a store that answers nothing is soon called busy, and not any more when it answers', () => {
  const bench = new Bench()
  for (let i = 0; i < BATCHES_BUSY; i++) {
    assert.ok(!bench.outlet.storeBusy)
    bench.outlet.store('replica', i, [])
  }
  assert.ok(bench.outlet.storeBusy)
  bench.outlet.takeBatch(1)
  assert.ok(!bench.outlet.storeBusy)
})

test('request numbers rise, over restarts too', () => {
  const first = new Bench(1_700_000_000).outlet
  const numbers = Array.from({ length: 1000 }, () => first.nextRequest())
  assert.equal(new Set(numbers).size, 1000)
  const next = new Bench(1_700_000_001, 2).outlet.nextRequest()
  assert.ok(next > Math.max(...numbers))
  assert.ok(Number.isSafeInteger(next))
})

test('two processes of one id and generation number their requests differently', () => {
  const one = new Bench(7, 1).outlet
  const other = new Bench(7, 2).outlet
  const numbers = new Set(Array.from({ length: 1000 }, () => one.nextRequest()))
  for (let i = 0; i < 1000; i++) assert.ok(!numbers.has(other.nextRequest()))
})

test('time is that of the step', () => {
  const bench = new Bench()
  assert.deepEqual([bench.outlet.now, bench.outlet.wallMs], [5, 7])
  bench.outlet.arm({ owner: 'leases' }, instant(9))
  assert.equal(bench.outlet.timers.nextDeadline(), 9)
  assert.ok(bench.outlet.isUp(B) && !bench.outlet.isUp(C))
  assert.ok(bench.outlet.isPreferred(B) && !bench.outlet.isPreferred(A))
  assert.ok(bench.outlet.distance(B) < bench.outlet.distance(C))
})
