import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../std/crc32.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import { Prng } from '../std/prng.ts'
import { partitionOf, slotOf } from '../placement/slot.ts'
import { Actors } from './actors.ts'
import { BucketRegistry } from './bucket-registry.ts'
import { DEFAULT_PROPERTIES } from './buckets.ts'
import { Explaining } from './explaining.ts'
import type { CopyReport, Explanation, HintsWaiting } from './explanation.ts'
import { EXPLAINED_VERSIONS_MAX } from './explanation.ts'
import {
  A,
  B,
  bytes,
  C,
  D,
  FakeHost,
  FakeStore,
  holdingsOf,
  keyIn,
  layoutOf,
  recordOf,
  written,
} from './fake-host.test.ts'
import { FakeRegisters } from './fake-registers.test.ts'
import { LayoutKeeper } from './layout-keeper.ts'
import { infoOf } from './node-bench.test.ts'
import { clockKey } from './storage-keys.ts'

const KEY = bytes('a')
const PLACE = partitionOf(slotOf('default', KEY), 8)
const RECORD = keyIn(PLACE, 'a')
const ASK = { type: 'explain', bucket: 'default', key: KEY, sort: undefined } as const

const NOTHING: CopyReport = {
  ...{ outcome: 'absent', bytes: 0, versions: [], more: 0, vector: [], clock: 'whole' },
  ...{ vnode: undefined, wait: undefined, compared: [], hints: [] },
}

class Bench {
  readonly host = new FakeHost()
  readonly store = new FakeStore()
  readonly buckets = new BucketRegistry()
  readonly explaining: Explaining
  readonly actors: Actors
  hints: HintsWaiting[] = []
  others: NodeId[] = [B, C]

  constructor(nodes: readonly NodeId[] = [A, B, C]) {
    const { host, store, buckets } = this
    const rng = new Prng(1)
    const layout = new LayoutKeeper(host, {
      leastR: () => 2,
      registers: new FakeRegisters(),
      adopted: () => undefined,
      self: infoOf(A),
      rng,
      store,
    })
    if (nodes.length > 0)
      layout.merge({
        current: layoutOf(nodes),
        previous: undefined,
        synced: [],
        acked: [],
        lost: [],
      })
    const holdings = holdingsOf(store)
    this.actors = new Actors(host, { store, checksum: crc32, rng, resumed: true, holdings })
    this.actors.ensure([PLACE])
    this.explaining = new Explaining(host, {
      ...{ layout, buckets, holdings, actors: this.actors, timeoutMs: 5_000 },
      others: () => this.others,
      comparisons: (place) => [{ peer: B, atMs: place, differences: 2 }],
      hints: () => this.hints,
      waitOf: () => 'floor',
    })
  }

  ask(ask: Partial<Omit<typeof ASK, 'timeoutMs'>> & { timeoutMs?: number } = {}): void {
    this.explaining.ask(1, { ...ASK, timeoutMs: undefined, ...ask })
    this.explaining.check()
  }

  asked(): NodeId[] {
    return this.host.sentOf('explain-request').map(({ to }) => to)
  }

  answer(from: NodeId, report: CopyReport = NOTHING): void {
    const { request } = this.host.sentOf('explain-request').at(-1)!.message
    this.explaining.replied(from, { type: 'explain-reply', request, report })
    this.explaining.check()
  }

  explanation(): Explanation {
    const reply = this.host.replies.at(-1)?.reply
    assert(reply?.type === 'explain' && reply.result.ok, 'no explanation')
    return reply.result
  }

  own(): CopyReport {
    return this.reportOf(A) as CopyReport
  }

  reportOf(node: NodeId): CopyReport | 'down' | 'silent' | undefined {
    return this.explanation().replicas.find((replica) => replica.node === node)?.report
  }
}

test('all replicas are asked, and the answer comes with the last of theirs', () => {
  const bench = new Bench()
  bench.ask()
  assert.deepEqual(bench.asked().sort(), [B, C])
  bench.answer(B)
  assert.equal(bench.host.replies.length, 0)
  bench.answer(C)
  const { slot, partition, layoutVersion, isMoving, replicas, others } = bench.explanation()
  assert.deepEqual([slot, partition], [slotOf('default', KEY), PLACE])
  assert.deepEqual([layoutVersion, isMoving, others.length], [1, false, 0])
  assert.deepEqual(replicas.map(({ node }) => node).sort(), [A, B, C])
  assert(replicas.every(({ serves }) => serves === 'reads'))
})

test('what is held here is told without its bytes', () => {
  const bench = new Bench()
  const record = recordOf(written(7, 2, 'deleted', written(7, 1, bytes('hello'))))
  bench.store.put(RECORD, record)
  bench.ask()
  for (const peer of bench.others) bench.answer(peer)
  const own = bench.own()
  assert.deepEqual([own.outcome, own.bytes, own.more], ['found', record.length, 0])
  assert.deepEqual(own.versions, [
    { dot: { vnode: 7, counter: 2 }, stamp: { ms: 2, counter: 0 }, value: undefined },
  ])
  assert.deepEqual(own.vector, [{ vnode: 7, counter: 2 }])
  assert.deepEqual([own.clock, own.wait], ['whole', 'floor'])
  assert.equal(own.vnode, bench.actors.of(PLACE)?.vnode)
  assert.deepEqual(own.compared, [{ peer: B, atMs: PLACE, differences: 2 }])
})

test('a value is told by size, type and deadline', () => {
  const bench = new Bench()
  bench.store.put(RECORD, recordOf(written(7, 1, bytes('hello'))))
  bench.ask()
  for (const peer of bench.others) bench.answer(peer)
  assert.deepEqual(bench.own().versions[0]?.value, {
    ...{ bytes: 5, contentType: 'text/plain', expiresAtMs: 0 },
  })
})

test('a record that cannot be read is no absent one', () => {
  const bench = new Bench()
  bench.store.put(RECORD, recordOf(written(7, 1)))
  bench.store.damage(RECORD)
  bench.ask()
  for (const peer of bench.others) bench.answer(peer)
  assert.equal(bench.own().outcome, 'unreadable')
})

test('a lost clock is told', () => {
  const bench = new Bench()
  bench.store.put(clockKey(PLACE), bytes('nonsense'))
  bench.ask()
  for (const peer of bench.others) bench.answer(peer)
  assert.deepEqual([bench.own().outcome, bench.own().clock], ['unreadable', 'incomplete'])
})

test('who is down is not asked, and who does not answer in time is told as silent', () => {
  const bench = new Bench()
  bench.others = [B]
  bench.host.down.add(C)
  bench.ask({ timeoutMs: 700 })
  assert.deepEqual(bench.asked(), [B])
  const { timer, at } = bench.host.timers.at(-1)!
  assert(timer.owner === 'explaining')
  assert.equal(at, 700)
  bench.explaining.onDeadline(timer.ask)
  assert.deepEqual([bench.reportOf(B), bench.reportOf(C)], ['silent', 'down'])
  bench.answer(B)
  bench.explaining.onDeadline(timer.ask)
  assert.equal(bench.host.replies.length, 1, 'one answer to each question')
})

test('a peer that is lost is waited for no longer', () => {
  const bench = new Bench()
  bench.ask()
  bench.answer(B)
  bench.explaining.peerLost(C)
  assert.equal(bench.reportOf(C), 'silent')
})

test('a bucket with fewer replicas keeps copies on the others of the partition', () => {
  const bench = new Bench()
  const properties = { ...DEFAULT_PROPERTIES, n: 1, r: 1, w: 1 }
  bench.buckets.merge([{ name: 'default', stamp: { ms: 1, counter: 0 }, properties }])
  bench.ask()
  for (const peer of bench.others) bench.answer(peer)
  const serves = bench.explanation().replicas.map((replica) => replica.serves)
  assert.deepEqual(serves, ['reads', 'keeps', 'keeps'])
})

test('a node without a replica is told of only when it keeps hints for one', () => {
  const bench = new Bench()
  bench.others = [B, C, D]
  const hints = [{ target: C, count: 3, bytes: 90, oldestMs: 5 }]
  bench.ask()
  bench.answer(B)
  bench.answer(C)
  bench.answer(D, { ...NOTHING, hints })
  assert.deepEqual(bench.explanation().others, [{ node: D, report: { ...NOTHING, hints } }])
  bench.ask()
  for (const peer of bench.others) bench.answer(peer)
  assert.deepEqual(bench.explanation().others, [])
})

test('a peer is told what is held here, of records only', () => {
  const bench = new Bench()
  bench.hints = [{ target: C, count: 1, bytes: 9, oldestMs: 4 }]
  const request = { type: 'explain-request', request: 9, partition: PLACE } as const
  bench.explaining.requested(B, { ...request, key: RECORD })
  const [reply] = bench.host.sentOf('explain-reply')
  assert.deepEqual([reply?.to, reply?.message.request], [B, 9])
  assert.deepEqual(reply?.message.report.hints, bench.hints)
  bench.explaining.requested(B, { ...request, key: clockKey(PLACE) })
  bench.explaining.requested(B, {
    ...request,
    partition: ((PLACE + 1) % 8) as PartitionId,
    key: RECORD,
  })
  assert.equal(bench.host.sentOf('explain-reply').length, 1)
  assert.deepEqual(
    bench.host.notes.map(({ type }) => type),
    ['peer-misbehaved', 'peer-misbehaved'],
  )
})

test('more versions than a report may have are counted', () => {
  const bench = new Bench()
  const dots = Array.from({ length: EXPLAINED_VERSIONS_MAX + 3 }, (_, i) => i + 1)
  const value = { bytes: new Uint8Array(0), contentType: '', metadata: [], expiresAtMs: 0 }
  const versions = dots.map((counter) => ({
    ...{ dot: { vnode: 7 as never, counter }, stamp: { ms: counter, counter: 0 }, value },
  }))
  const vector = [{ vnode: 7 as never, counter: dots.length }]
  bench.store.put(RECORD, recordOf({ versions, vector }))
  bench.ask()
  for (const peer of bench.others) bench.answer(peer)
  assert.deepEqual([bench.own().versions.length, bench.own().more], [EXPLAINED_VERSIONS_MAX, 3])
})

test('before there is a layout, of a bucket that cannot be, and beyond its bound it refuses', () => {
  const codeOf = (bench: Bench): string | undefined => {
    const reply = bench.host.replies.at(-1)?.reply
    return reply?.type === 'explain' && !reply.result.ok ? reply.result.code : undefined
  }
  const young = new Bench([])
  young.ask()
  assert.equal(codeOf(young), 'DND_ERR_NOT_READY')
  const bench = new Bench()
  bench.explaining.ask(1, { ...ASK, bucket: 'No', timeoutMs: undefined })
  assert.equal(codeOf(bench), 'DND_ERR_BAD_BUCKET')
  for (let i = 0; i < 64; i++) bench.ask()
  assert.equal(bench.host.replies.length, 1)
  bench.ask()
  assert.equal(codeOf(bench), 'DND_ERR_OVERLOADED')
})
