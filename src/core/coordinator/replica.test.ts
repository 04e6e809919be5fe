import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../std/crc32.ts'
import type { NodeId, PartitionId, VnodeId } from '../std/ids.ts'
import type { StoreRead } from '../ports.ts'
import { Actor } from '../versions/actor.ts'
import { EMPTY_CONTAINER, sync, write } from '../versions/container.ts'
import { HybridClock } from '../versions/hybrid-clock.ts'
import { NO_BASE } from '../versions/partition-clock.ts'
import { decodeRecord, encodeRecord } from '../versions/record.ts'
import type { Container } from '../versions/version.ts'
import { LocalHoldings } from '../node/holdings.ts'
import type { ReplicaEffect, ReplicaFacts } from './replica.ts'
import { Replica } from './replica.ts'

const B = 'b'.repeat(16) as NodeId
const PARTITION = 5 as PartitionId
const KEY = Uint8Array.of(1, 2, 3)
const WALL = 1_000_000
const HOLDS: ReplicaFacts = { layoutVersion: 3, readVersion: 7, holds: true }

function written(
  vnode: number,
  counter: number,
  local: Container = EMPTY_CONTAINER,
  ms = counter,
): Container {
  return write(local, {
    dot: { vnode: vnode as VnodeId, counter },
    stamp: { ms, counter: 0 },
    value: {
      bytes: Uint8Array.of(counter),
      contentType: 'text/plain',
      metadata: [],
      expiresAtMs: 0,
    },
    context: local.vector,
    tombstone: false,
  })
}

const record = (container: Container): Uint8Array => encodeRecord(container, crc32)
const OLD = written(1, 1)
const NEW = written(1, 2, OLD)
const OTHER = written(2, 1)

class Bench {
  readonly effects: ReplicaEffect[] = []
  /** What the store was handed, and what of it is durable. */
  held: StoreRead = undefined
  durable: StoreRead = undefined
  readonly actor: Actor
  readonly clock: HybridClock
  readonly replica: Replica
  readonly holdings: LocalHoldings

  constructor() {
    this.actor = new Actor({ vnode: 7 as VnodeId, leasedUntil: 100 })
    this.clock = new HybridClock({ skewMaxMs: 500, leasedUntilMs: WALL + 3000 })
    this.replica = new Replica({
      holdings: (this.holdings = new LocalHoldings({
        store: {
          get: (key) => (key === KEY ? this.held : undefined),
          getDurable: (key) => (key === KEY ? this.durable : undefined),
        },
        checksum: crc32,
        onChange: () => undefined,
        onBrokenClock: () => undefined,
      })),
      clock: this.clock,
      actorOf: () => this.actor,
    })
  }

  /** The dots of what is held are in the partition clock, as they are wherever a record is. */
  know(): void {
    this.holdings.begin()
    const held = this.held instanceof Uint8Array ? decodeRecord(this.held, crc32) : 'corrupt'
    this.holdings.reload()
    if (typeof held === 'string') return
    for (const { vnode, counter } of held.vector) this.holdings.claimAll(PARTITION, vnode, counter)
  }

  replicate(bytes: Uint8Array, layoutVersion = 3, facts = HOLDS): void {
    this.know()
    const message = {
      type: 'replicate',
      request: 9,
      layoutVersion,
      partition: PARTITION,
      key: KEY,
      record: bytes,
      base: NO_BASE,
    } as const
    this.replica.step({ type: 'replicate', from: B, message, facts }, WALL, this.effects)
    this.replica.check()
  }

  mend(container: Container): void {
    this.know()
    const repair = { partition: PARTITION, key: KEY, record: record(container) }
    this.replica.step({ type: 'repair', ...repair }, WALL, this.effects)
  }

  read(readVersion = 7, facts = HOLDS): void {
    const message = {
      type: 'read',
      request: 9,
      readVersion,
      partition: PARTITION,
      key: KEY,
    } as const
    this.replica.step({ type: 'read', from: B, message, facts }, WALL, this.effects)
  }

  /** What it asked the store for, decoded. */
  storing(): (Container | string | undefined)[] {
    return this.effects.flatMap((e) =>
      e.type === 'store'
        ? [e.operations[0]?.type === 'put' ? decodeRecord(e.operations[0].value, crc32) : undefined]
        : [],
    )
  }

  settle(type: 'stored' | 'store-failed' = 'stored'): void {
    for (const effect of this.effects.slice())
      if (effect.type === 'store')
        this.replica.step({ type, token: effect.token }, WALL, this.effects)
  }

  replies(): string[] {
    return this.effects.flatMap((e) => (e.type === 'send' ? [e.message.outcome] : []))
  }
}

test('what arrives is stored and acknowledged only when durable', () => {
  const bench = new Bench()
  bench.replicate(record(NEW))
  assert.deepEqual(bench.storing(), [NEW])
  assert.deepEqual(bench.replies(), [])
  bench.settle()
  assert.deepEqual(bench.replies(), ['stored'])
  bench.settle()
  assert.deepEqual(bench.replies(), ['stored'], 'once')
})

test('it merges with what is held and never overwrites', () => {
  const bench = new Bench()
  bench.held = record(OTHER)
  bench.replicate(record(NEW))
  assert.deepEqual(bench.storing(), [sync(OTHER, NEW)])
})

test('what is held already is acknowledged after a barrier, for it may not be durable yet', () => {
  const bench = new Bench()
  bench.held = record(NEW)
  bench.replicate(record(OLD))
  assert.deepEqual(bench.storing(), [undefined])
  assert.deepEqual(bench.replies(), [])
  bench.settle()
  assert.deepEqual(bench.replies(), ['stored'])
})

test('a barrier is no proof when a batch was lost meanwhile: what is gone is stored again first', () => {
  const bench = new Bench()
  bench.held = record(NEW)
  bench.replicate(record(NEW))
  bench.held = undefined
  bench.replica.step({ type: 'batch-lost' }, WALL, bench.effects)
  bench.holdings.reload()
  bench.settle()
  assert.deepEqual(bench.replies(), [])
  assert.deepEqual(bench.storing(), [undefined, NEW])
  bench.settle()
  assert.deepEqual(bench.replies(), ['stored'])
})

test('what is still there after a lost batch waits for another barrier: it may be in a later batch', () => {
  const bench = new Bench()
  bench.held = record(NEW)
  bench.replicate(record(NEW))
  bench.replica.step({ type: 'batch-lost' }, WALL, bench.effects)
  bench.know()
  bench.settle()
  assert.deepEqual(bench.storing(), [undefined, undefined])
  assert.deepEqual(bench.replies(), [])
  bench.settle()
  assert.deepEqual(bench.replies(), ['stored'])
})

test('a put of its own needs no second look when other batches are lost', () => {
  const bench = new Bench()
  bench.replicate(record(NEW))
  bench.replica.step({ type: 'batch-lost' }, WALL, bench.effects)
  bench.holdings.reload()
  bench.settle()
  assert.deepEqual(bench.replies(), ['stored'])
})

test('a failed store is told, not acknowledged', () => {
  const bench = new Bench()
  bench.replicate(record(NEW))
  bench.settle('store-failed')
  assert.deepEqual(bench.replies(), ['store-failed'])
})

test('a sender with an older layout is refused, and gets ours first', () => {
  const bench = new Bench()
  bench.replicate(record(NEW), 2)
  bench.read(2)
  assert.deepEqual(
    bench.effects.map((e) => e.type),
    ['outdated', 'send', 'outdated', 'send'],
  )
  assert.deepEqual(bench.replies(), ['stale-layout', 'stale-layout'])
})

test('a sender ahead of us is served', () => {
  const bench = new Bench()
  bench.replicate(record(NEW), 4)
  bench.settle()
  assert.deepEqual(bench.replies(), ['stored'])
})

test('who does not hold the partition says so', () => {
  const bench = new Bench()
  const elsewhere = { ...HOLDS, holds: false }
  bench.replicate(record(NEW), 3, elsewhere)
  bench.read(7, elsewhere)
  assert.deepEqual(bench.replies(), ['not-replica', 'not-replica'])
  assert.deepEqual(bench.storing(), [])
})

test('a record that does not decode is refused and changes nothing', () => {
  const bench = new Bench()
  bench.held = record(OLD)
  bench.replicate(Uint8Array.of(1, 2, 3))
  assert.deepEqual(bench.replies(), ['malformed'])
  assert.deepEqual(bench.storing(), [])
  assert.ok(bench.effects.some((e) => e.type === 'malformed' && e.from === B))
})

test('a broken local record is replaced by what arrives, and told', () => {
  for (const held of ['unreadable', record(OLD).subarray(0, 9)] as const) {
    const bench = new Bench()
    bench.held = held
    bench.replicate(record(NEW))
    assert.deepEqual(bench.storing(), [NEW])
    assert.ok(bench.effects.some((e) => e.type === 'unreadable'))
  }
})

test('a read gives the stored bytes, absence, or the truth about a broken record', () => {
  const bench = new Bench()
  bench.read()
  bench.durable = record(NEW)
  bench.read()
  bench.durable = 'unreadable'
  bench.read()
  assert.deepEqual(bench.replies(), ['absent', 'found', 'unreadable'])
  const found = bench.effects.find((e) => e.type === 'send' && e.message.outcome === 'found')
  assert.ok(found?.type === 'send' && found.message.type === 'read-reply')
  assert.deepEqual(found.message.record, record(NEW))
})

test('a read gives what is durable: what is on its way to the disk may be lost, here alone', () => {
  const bench = new Bench()
  bench.held = record(NEW)
  bench.read()
  assert.deepEqual(bench.replies(), ['absent'])
  bench.durable = record(OLD)
  bench.read()
  const found = bench.effects.find((e) => e.type === 'send' && e.message.outcome === 'found')
  assert.ok(found?.type === 'send' && found.message.type === 'read-reply')
  assert.deepEqual(found.message.record, record(OLD))
})

test('a repair of the own copy with what is on its way to the disk stores nothing more', () => {
  const bench = new Bench()
  bench.held = record(NEW)
  bench.durable = record(OLD)
  bench.mend(NEW)
  assert.deepEqual(bench.storing(), [])
})

test('dots of this replica that it has not drawn mean that its disk forgot', () => {
  const bench = new Bench()
  bench.replicate(record(written(7, 100)))
  assert.ok(
    !bench.effects.some((e) => e.type === 'amnesia'),
    'up to the lease it may have drawn them in an earlier life',
  )
  bench.replicate(record(written(7, 101)))
  assert.ok(bench.effects.some((e) => e.type === 'amnesia' && e.partition === PARTITION))
})

test('the clock follows a stamp within the skew, and keeps the data but not the time of one beyond', () => {
  const bench = new Bench()
  bench.replicate(record(written(2, 1, EMPTY_CONTAINER, WALL + 400)))
  assert.ok(!bench.effects.some((e) => e.type === 'clock-skew'))
  bench.replicate(record(written(2, 2, EMPTY_CONTAINER, WALL + 60_000)))
  assert.ok(
    bench.effects.some((e) => e.type === 'clock-skew' && e.peer === B && e.aheadMs === 60_000),
  )
  bench.settle()
  assert.deepEqual(bench.replies(), ['stored', 'stored'])
})

test('a repair of the own copy is merged and answered to nobody', () => {
  const bench = new Bench()
  bench.held = record(OLD)
  bench.mend(NEW)
  assert.deepEqual(bench.storing(), [NEW])
  bench.settle()
  assert.deepEqual(bench.replies(), [])
  bench.effects.length = 0
  bench.held = record(NEW)
  bench.mend(OLD)
  assert.deepEqual(bench.effects, [], 'nothing to mend')
})

test('a repair that finds the own copy broken says so, for it may have held more', () => {
  const bench = new Bench()
  bench.held = 'unreadable'
  bench.mend(OLD)
  assert.deepEqual(
    bench.effects.map(({ type }) => type),
    ['unreadable', 'store'],
  )
})
