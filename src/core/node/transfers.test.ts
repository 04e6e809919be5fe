import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../std/crc32.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import { beginTransition } from '../placement/layout-state.ts'
import type { Layout, LayoutState } from '../placement/layout.ts'
import type { TransferChunk, TransferRequest } from '../repair/messages.ts'
import { NO_BASE } from '../versions/partition-clock.ts'
import { BucketRegistry } from './bucket-registry.ts'
import { DEFAULT_PROPERTIES } from './buckets.ts'
import {
  A,
  B,
  C,
  D,
  FakeHost,
  FakeStore,
  holdingsOf,
  keyIn,
  layoutOf,
  partition,
  recordOf,
  written,
} from './fake-host.test.ts'
import { FakeRegisters } from './fake-registers.test.ts'
import type { LocalHoldings } from './holdings.ts'
import { LayoutKeeper } from './layout-keeper.ts'
import { cursorsRange } from './storage-keys.ts'
import { Transfers } from './transfers.ts'
import type { TransfersParts } from './transfers.ts'

const complete = (current: Layout): LayoutState => ({
  current,
  previous: undefined,
  synced: [],
  acked: [],
  lost: [],
})
const PAGE = { limit: 10_000, bytesMax: 10_000_000, reverse: false }
const FIRST = layoutOf([A, B, C])
const MOVING = beginTransition(complete(FIRST), layoutOf([A, B, C, D], FIRST))

class Bench {
  readonly host = new FakeHost()
  readonly store: FakeStore
  readonly buckets = new BucketRegistry()
  readonly layout: LayoutKeeper
  readonly transfers: Transfers
  readonly holdings: LocalHoldings
  readonly unreadable: Uint8Array[] = []
  readonly soon: PartitionId[] = []
  trees: ReturnType<TransfersParts['trees']>
  completed = 0
  leaves = 0
  #chunked = 0
  #batched = 0

  constructor(self: NodeId, state: LayoutState, store: FakeStore = new FakeStore()) {
    this.store = store
    this.host.self = self
    const address = { host: '10.0.0.1', port: 1 }
    const info = {
      id: self,
      name: 'n',
      address,
      httpAddress: address,
      zone: 'z',
      weight: 100,
      version: '1.0.0',
      leaveLock: '00'.repeat(16),
    }
    const { host, buckets } = this
    this.holdings = holdingsOf(store)
    this.layout = new LayoutKeeper(host, {
      leastR: () => 2,
      registers: new FakeRegisters(),
      adopted: () => undefined,
      self: info,
      rng: new Prng(1),
      store,
    })
    this.layout.merge(state)
    this.layout.stored(2 * state.current.version)
    this.#batched = host.batches.length
    this.transfers = new Transfers(host, {
      ...{
        layout: this.layout,
        buckets,
        holdings: this.holdings,
        store,
        checksum: crc32,
        rng: new Prng(2),
      },
      unreadable: (key) => void this.unreadable.push(key),
      trees: () => this.trees,
      compareSoon: (place) => void this.soon.push(place),
      admit: (go) => {
        this.leaves++
        go()
      },
      complete: () => void this.completed++,
    })
  }

  begin(): void {
    this.transfers.begin()
    this.transfers.check()
  }

  /** Requests not answered yet. */
  requests(): { readonly to: NodeId; readonly message: TransferRequest }[] {
    return this.host.sentOf('transfer-request').slice(this.#chunked)
  }

  /** Answers the oldest request. */
  chunk(records: readonly [key: Uint8Array, record: Uint8Array][] = [], done = true): void {
    const [first] = this.requests()
    assert.ok(first !== undefined, 'nothing was asked')
    this.#chunked++
    const entries = records.map(([key, record]) => ({ key, record }))
    const { request } = first.message
    const rest = { outcome: 'ok', entries, base: NO_BASE, clock: NO_BASE, done } as const
    const message = { type: 'transfer-chunk', request, ...rest } as const
    this.transfers.received(first.to, message)
    this.transfers.check()
  }

  /** The oldest batch that somebody waits for reaches the disk, or does not; cursors do. */
  settle(durable = true): string {
    const batch = this.host.batches[this.#batched++]
    assert.ok(batch !== undefined, 'nothing was stored')
    const { owner, token, operations } = batch
    if (owner === 'cursors') {
      this.store.apply(operations)
      return this.settle(durable)
    }
    if (durable) this.store.apply(operations)
    else this.transfers.batchLost()
    if (owner === 'barrier') this.transfers.onBarrier(token)
    else if (durable) this.transfers.stored(token)
    else this.transfers.storeFailed(token)
    this.transfers.check()
    return owner
  }

  /** Empty chunks for whatever is asked, to the end of the pull. */
  pullNothing(): void {
    while (this.requests().length > 0) this.chunk()
  }
}

test('a new owner pulls each partition from as many old owners as a write may have missed, and one more', () => {
  const bench = new Bench(D, MOVING)
  bench.begin()
  const gained = bench.layout.gained()
  assert.equal(bench.transfers.pending, gained.length)
  const asked = bench.requests().filter(({ message }) => message.partition === gained[0])
  assert.equal(asked.length, 2, 'n − W + 1 of 3')
  assert.ok(asked.every(({ message }) => message.layoutVersion === 2))
})

test('a bucket that asks for less makes more sources necessary', () => {
  const bench = new Bench(D, MOVING)
  const properties = { ...DEFAULT_PROPERTIES, w: 1 }
  bench.buckets.merge([{ name: 'b', stamp: { ms: 1, counter: 0 }, properties }])
  bench.begin()
  const [first] = bench.layout.gained()
  const asked = bench.requests().filter(({ message }) => message.partition === first)
  assert.deepEqual(asked.map(({ to }) => to).sort(), [A, B, C])
})

test('an old owner that moves up in a set is one of those who are needed, whatever W is', () => {
  for (const w of [1, 2, 3]) {
    for (const self of [A, B, C]) {
      const bench = new Bench(self, MOVING)
      const properties = { ...DEFAULT_PROPERTIES, w }
      bench.buckets.merge([{ name: 'b', stamp: { ms: 1, counter: 0 }, properties }])
      bench.begin()
      for (const place of bench.layout.gained()) {
        const asked = bench.requests().filter(({ message }) => message.partition === place)
        assert.ok(asked.length <= 3 - Math.min(w, 2), `${asked.length} asked for w=${w}`)
        assert.ok(asked.every(({ to }) => to !== self))
      }
    }
  }
})

test('who gains nothing pulls nothing', () => {
  const bench = new Bench(A, complete(FIRST))
  bench.begin()
  assert.deepEqual(bench.requests(), [])
  assert.equal(bench.transfers.pending, 0)
  assert.equal(bench.host.batches.length, 1, 'the layout alone')
})

test('all is here when a barrier behind the last record has passed', () => {
  const bench = new Bench(D, MOVING)
  bench.begin()
  bench.pullNothing()
  assert.equal(bench.transfers.pending, 0)
  assert.equal(bench.completed, 0, 'what was here already may not be durable')
  assert.equal(bench.settle(), 'barrier')
  assert.equal(bench.completed, 1)
  bench.begin()
  bench.transfers.retry()
  assert.deepEqual(bench.requests(), [], 'nothing is pulled twice')
})

test('records that are new are merged and stored, and counted', () => {
  const bench = new Bench(D, MOVING)
  bench.begin()
  const place = bench.requests()[0]!.message.partition
  const record = recordOf(written(1, 1))
  bench.chunk([[keyIn(place, 'a'), record]], false)
  assert.equal(bench.settle(), 'receiver')
  const held = bench.holdings.held(place, keyIn(place, 'a'))
  assert.ok(held !== 'unreadable')
  assert.deepEqual(held.container, written(1, 1))
  assert.equal(bench.transfers.view.records, 1)
})

test('a batch that was lost meanwhile makes the pull begin once more, after a while', () => {
  const bench = new Bench(D, MOVING)
  bench.begin()
  bench.transfers.batchLost()
  bench.pullNothing()
  bench.settle()
  assert.equal(bench.completed, 0)
  assert.deepEqual(bench.requests(), [], 'not at once: the disk is full')
  bench.transfers.retry()
  assert.ok(bench.requests().length > 0)
  bench.pullNothing()
  bench.settle()
  assert.equal(bench.completed, 1)
})

test('a barrier that failed is no barrier', () => {
  const bench = new Bench(D, MOVING)
  bench.begin()
  bench.pullNothing()
  bench.settle(false)
  assert.equal(bench.completed, 0)
  bench.transfers.retry()
  bench.pullNothing()
  bench.settle()
  assert.equal(bench.completed, 1)
})

test('a batch lost while nothing is pulled concerns nobody', () => {
  const bench = new Bench(A, complete(FIRST))
  bench.begin()
  bench.transfers.batchLost()
  bench.transfers.retry()
  assert.deepEqual(bench.requests(), [])
})

test('when the layout is complete without us, what is being pulled is let go', () => {
  const bench = new Bench(D, MOVING)
  bench.begin()
  assert.ok(bench.transfers.pending > 0)
  bench.layout.merge(complete(MOVING.current))
  bench.begin()
  assert.equal(bench.transfers.pending, 0)
  bench.chunk()
  assert.equal(bench.completed, 0)
})

test('a layout of the same version by another planner is pulled from the beginning', () => {
  const plans = [
    layoutOf([A, B, C, D], FIRST),
    layoutOf([A, B, C, D, 'e'.repeat(16) as NodeId], FIRST),
  ].sort((a, b) => a.hash - b.hash)
  const [lesser, greater] = plans.map((plan) => beginTransition(complete(FIRST), plan))
  const bench = new Bench(D, lesser!)
  bench.begin()
  bench.pullNothing()
  bench.layout.merge(greater!)
  bench.begin()
  assert.ok(bench.transfers.pending > 0)
  bench.settle()
  bench.settle()
  assert.equal(bench.completed, 0, 'the barrier was that of the other layout')
})

test('a transfer is served only under a durable layout, and only for that one', () => {
  const bench = new Bench(A, complete(FIRST))
  const request = (layoutVersion: number, place = 0): TransferChunk => {
    bench.transfers.requested(D, {
      ...{ type: 'transfer-request', request: 1, layoutVersion },
      ...{ partition: partition(place), after: new Uint8Array(0) },
    })
    const scan = bench.host.scans.pop()
    if (scan !== undefined) bench.transfers.scanned(scan.token, bench.store.scan(scan.ranges[0]!))
    return bench.host.sentOf('transfer-chunk').at(-1)!.message
  }
  assert.equal(request(1).outcome, 'ok')
  assert.equal(request(2).outcome, 'stale-layout')
  bench.layout.merge(MOVING)
  assert.equal(request(2).outcome, 'stale-layout', 'adopted, but a crash would take that back')
  bench.layout.stored(4)
  assert.equal(request(2).outcome, 'ok')
  assert.equal(request(1).outcome, 'stale-layout')
  assert.equal(request(2, 4095).outcome, 'not-replica')
})

test('a scan that fails is told', () => {
  const bench = new Bench(A, complete(FIRST))
  bench.transfers.requested(D, {
    ...{ type: 'transfer-request', request: 1, layoutVersion: 1 },
    ...{ partition: partition(0), after: new Uint8Array(0) },
  })
  bench.transfers.scanFailed(bench.host.scans[0]!.token)
  assert.equal(bench.host.sentOf('transfer-chunk')[0]!.message.outcome, 'store-failed')
})

test('a broken record of ours that a chunk replaces is told', () => {
  const bench = new Bench(D, MOVING)
  bench.begin()
  const place = bench.requests()[0]!.message.partition
  const key = keyIn(place, 'a')
  bench.store.get = () => 'unreadable'
  bench.chunk([[key, recordOf(written(1, 1))]])
  assert.deepEqual(bench.unreadable, [key])
})

test('a source that is lost, silent or refuses is replaced or asked again later', () => {
  const bench = new Bench(D, MOVING)
  bench.begin()
  const [first] = bench.requests()
  bench.transfers.peerLost(first!.to)
  bench.transfers.check()
  const rested = bench.host.timers.find(
    ({ timer }) => timer.owner === 'receiver' && timer.timer.reason === 'rested',
  )
  assert.ok(rested?.timer.owner === 'receiver')
  const before = bench.requests().length
  bench.host.now = instant(rested.at)
  bench.transfers.onTimer(rested.timer.timer)
  bench.transfers.peerUp(first!.to)
  bench.transfers.check()
  assert.ok(bench.requests().length >= before)
})

/** A node of the same identity over the same store. */
function startedAgain(before: Bench): Bench {
  const bench = new Bench(D, MOVING, before.store)
  bench.begin()
  return bench
}

test('a node that is started again goes on where it stopped', () => {
  const bench = new Bench(D, MOVING)
  bench.begin()
  const { to, message } = bench.requests()[0]!
  const last = keyIn(message.partition, 'b')
  bench.chunk([[last, recordOf(written(1, 1))]], false)
  bench.settle()
  const again = startedAgain(bench)
  const asked = again
    .requests()
    .find((one) => one.to === to && one.message.partition === message.partition)
  assert.deepEqual(asked!.message.after, last)
})

test('a node that is started again when all is here asks nobody, and says so', () => {
  const bench = new Bench(D, MOVING)
  bench.begin()
  bench.pullNothing()
  bench.settle()
  const again = startedAgain(bench)
  assert.deepEqual(again.requests(), [])
  assert.equal(again.settle(), 'barrier')
  assert.equal(again.completed, 1)
})

test('what was pulled of a partition is not believed when its clock is in doubt', () => {
  const bench = new Bench(D, MOVING)
  bench.begin()
  const { to, message } = bench.requests()[0]!
  bench.chunk([[keyIn(message.partition, 'b'), recordOf(written(1, 1))]], false)
  bench.settle()
  bench.store.apply([bench.holdings.doubt(message.partition)!])
  const again = startedAgain(bench)
  const asked = again
    .requests()
    .find((one) => one.to === to && one.message.partition === message.partition)
  assert.equal(asked!.message.after.length, 0)
})

test('the cursors go when the move is over', () => {
  const bench = new Bench(D, MOVING)
  bench.begin()
  bench.pullNothing()
  bench.settle()
  const kept = [...bench.store.scan({ ...cursorsRange(), ...PAGE })]
  assert.ok(kept.length > 0)
  bench.layout.merge(complete(MOVING.current))
  bench.begin()
  for (const { owner, operations } of bench.host.batches)
    if (owner === 'cursors') bench.store.apply(operations)
  assert.deepEqual(bench.store.scan({ ...cursorsRange(), ...PAGE }), [])
})

test('leave is asked for chunks of many records or bytes, and for no others', () => {
  const bench = new Bench(D, MOVING)
  bench.begin()
  const records = (count: number): [Uint8Array, Uint8Array][] => {
    const place = bench.requests()[0]!.message.partition
    return Array.from({ length: count }, (_, n) => [
      keyIn(place, `k${1000 + n}`),
      recordOf(written(1, n + 1)),
    ])
  }
  bench.chunk()
  bench.chunk(records(64))
  assert.equal(bench.leaves, 0)
  bench.chunk(records(65))
  assert.equal(bench.leaves, 1)
  const [key] = records(1)[0]!
  bench.chunk([[key, new Uint8Array(64 * 1024 + 1)]])
  assert.equal(bench.leaves, 2)
})

test('a source says about how much it has of a partition, and the root of its tree', () => {
  const bench = new Bench(A, complete(FIRST))
  const root = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
  const size = { records: 3, bytes: 300 }
  const first = (): TransferChunk => {
    bench.transfers.requested(D, {
      ...{ type: 'transfer-request', request: 1, layoutVersion: 1 },
      ...{ partition: partition(0), after: new Uint8Array(0) },
    })
    bench.transfers.scanned(bench.host.scans.at(-1)!.token, [])
    return bench.host.sentOf('transfer-chunk').at(-1)!.message
  }
  assert.deepEqual([first().size, first().root], [undefined, undefined], 'nobody has counted')
  bench.trees = { rootOf: () => root, sizeOf: () => size }
  assert.deepEqual([first().size, first().root], [size, root])
})

test('a broken record of the source is told of here, so that it is mended', () => {
  const bench = new Bench(A, complete(FIRST))
  const key = keyIn(0, 'a')
  bench.store.put(key, recordOf(written(1, 1)))
  bench.store.damage(key)
  bench.transfers.requested(D, {
    ...{ type: 'transfer-request', request: 1, layoutVersion: 1 },
    ...{ partition: partition(0), after: new Uint8Array(0) },
  })
  const scan = bench.host.scans.at(-1)!
  bench.transfers.scanned(scan.token, bench.store.scan(scan.ranges[0]!))
  assert.deepEqual(bench.unreadable, [key])
})

test('a stream that is not what its source holds is noted and counted', () => {
  const bench = new Bench(D, MOVING)
  bench.begin()
  const { to, message } = bench.requests()[0]!
  const { request, partition: place } = message
  const words = { base: NO_BASE, clock: NO_BASE, done: true, root: new Uint8Array(8).fill(1) }
  const chunk = { type: 'transfer-chunk', request, outcome: 'ok', entries: [], ...words } as const
  bench.transfers.received(to, chunk)
  const note = { type: 'transfer-differs', partition: place, source: to, again: true }
  assert.deepEqual(bench.host.notes, [note])
  assert.equal(bench.transfers.view.proofs.differs, 1)
  assert.deepEqual(bench.soon, [place])
})

test('the progress of a pull is in the view while there is one', () => {
  const bench = new Bench(D, MOVING)
  bench.begin()
  const { copies, progress } = bench.transfers.view
  assert.equal(copies, 2)
  assert.equal(progress!.partitions, bench.layout.gained().length)
  bench.pullNothing()
  assert.equal(bench.transfers.view.progress, undefined)
})
