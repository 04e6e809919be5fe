import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../std/ids.ts'
import { BUCKETS_MAX } from '../std/limits.ts'
import type { Failure } from '../coordinator/messages.ts'
import { HybridClock } from '../versions/hybrid-clock.ts'
import { BucketChanges } from './bucket-changes.ts'
import { BucketRegistry } from './bucket-registry.ts'
import { DEFAULT_PROPERTIES } from './buckets.ts'
import type { ConfigureResult } from './events.ts'
import { B, C, FakeHost, WALL } from './fake-host.test.ts'
import type { BucketProperties } from './messages.ts'
import { stateKey } from './storage-keys.ts'

const SIBLINGS: BucketProperties = { ...DEFAULT_PROPERTIES, conflicts: 'siblings' }

class Bench {
  readonly host = new FakeHost()
  readonly registry = new BucketRegistry()
  readonly clock = new HybridClock({ skewMaxMs: 500, leasedUntilMs: 0 })
  others: readonly NodeId[] = [B, C]
  replicas: number | undefined = 3
  announced = 0
  /** Who waits for an answer to "is it empty?". */
  readonly asked: ((result: boolean | Failure) => void)[] = []
  readonly changes: BucketChanges
  diskStands = false
  #stored = 0

  constructor() {
    this.clock.leaseGranted(WALL + 60_000)
    this.changes = new BucketChanges(this.host, {
      registry: this.registry,
      clock: this.clock,
      isEmpty: (_bucket, done) => void this.asked.push(done),
      replicas: () => this.replicas,
      others: () => this.others,
      announce: () => void this.announced++,
    })
  }

  configure(bucket: string, properties: BucketProperties | undefined, client = 1): void {
    this.changes.configure(client, bucket, properties)
    if (!this.diskStands) this.settle()
  }

  /** All that was handed over is durable. */
  settle(): void {
    for (; this.#stored < this.host.batches.length; this.#stored++)
      this.changes.stored(this.host.batches[this.#stored]!.token)
    this.changes.check()
  }

  results(): ConfigureResult[] {
    return this.host.replies.map(({ reply }) => {
      assert.ok(reply.type === 'configure-bucket')
      return reply.result
    })
  }

  code(): string | undefined {
    const result = this.results().at(-1)
    return result === undefined || result.ok ? undefined : result.code
  }
}

test('a change is kept, announced, and answered when everybody who is up has confirmed it', () => {
  const bench = new Bench()
  bench.configure('carts', SIBLINGS)
  assert.deepEqual(bench.registry.of('carts'), SIBLINGS)
  assert.deepEqual(bench.host.batches[0]?.operations, [
    { type: 'put', key: stateKey('buckets'), value: bench.registry.encode() },
  ])
  assert.equal(bench.announced, 1)
  assert.deepEqual(bench.results(), [])
  bench.changes.heard(B, bench.registry.records())
  assert.deepEqual(bench.results(), [])
  bench.changes.heard(B, bench.registry.records())
  bench.changes.heard(C, bench.registry.records())
  assert.deepEqual(bench.results(), [{ ok: true, properties: SIBLINGS, pending: [] }])
})

test('who does not confirm in time is named', () => {
  const bench = new Bench()
  bench.configure('carts', SIBLINGS)
  bench.changes.heard(C, [])
  bench.changes.heard(B, bench.registry.records())
  const armed = bench.host.timers[0]!
  assert.equal(armed.at, 1000)
  assert.ok(armed.timer.owner === 'buckets')
  bench.changes.finish(armed.timer.change)
  assert.deepEqual(bench.results(), [{ ok: true, properties: SIBLINGS, pending: [C] }])
  bench.changes.finish(armed.timer.change)
  bench.changes.heard(C, bench.registry.records())
  assert.equal(bench.results().length, 1, 'and answered once')
})

test('alone there is nobody to wait for', () => {
  const bench = new Bench()
  bench.others = []
  bench.configure('carts', SIBLINGS)
  assert.equal(bench.results().length, 1)
})

test('a later change is stamped above the one before, whatever the clock says', () => {
  const bench = new Bench()
  bench.others = []
  bench.configure('carts', SIBLINGS)
  bench.host.wallMs -= 10_000
  bench.configure('carts', { ...SIBLINGS, r: 1 })
  assert.equal(bench.registry.of('carts').r, 1)
})

test('n is changed only while the bucket is empty, and so is a reset', () => {
  const bench = new Bench()
  bench.others = []
  bench.configure('b', { ...DEFAULT_PROPERTIES, n: 2 })
  assert.equal(bench.results().length, 0, 'it is looked through first')
  bench.asked[0]!(true)
  bench.settle()
  assert.equal(bench.registry.of('b').n, 2)
  bench.configure('b', undefined)
  bench.asked[1]!(false)
  assert.equal(bench.code(), 'DND_ERR_BUCKET_NOT_EMPTY')
  assert.equal(bench.registry.of('b').n, 2)
  bench.configure('b', undefined)
  bench.asked[2]!(true)
  bench.settle()
  assert.deepEqual(bench.results().at(-1), {
    ok: true,
    properties: DEFAULT_PROPERTIES,
    pending: [],
  })
})

test('a reset of what was never configured needs no look', () => {
  const bench = new Bench()
  bench.others = []
  bench.configure('b', undefined)
  assert.equal(bench.asked.length, 0)
  assert.ok(bench.results()[0]!.ok)
})

test('when it cannot be told whether the bucket is empty, the reason is the answer', () => {
  const bench = new Bench()
  bench.configure('b', { ...DEFAULT_PROPERTIES, n: 1, r: 1, w: 1 })
  const failure: Failure = {
    ...{ ok: false, code: 'DND_ERR_TIMEOUT', outcome: 'rejected', needed: 2, got: 1 },
    message: 'late',
  }
  bench.asked[0]!(failure)
  assert.deepEqual(bench.results(), [failure])
  assert.deepEqual(bench.registry.records(), [])
})

test('wrong names and properties are refused, and change nothing', () => {
  const bench = new Bench()
  bench.configure('UPPER', SIBLINGS)
  assert.equal(bench.code(), 'DND_ERR_BAD_BUCKET')
  bench.configure('b', { ...DEFAULT_PROPERTIES, n: 4 })
  assert.equal(bench.code(), 'DND_ERR_BAD_BUCKET')
  bench.configure('b', { ...DEFAULT_PROPERTIES, w: 0 })
  assert.equal(bench.code(), 'DND_ERR_BAD_BUCKET')
  assert.deepEqual(bench.registry.records(), [])
  assert.equal(bench.announced, 0)
  assert.deepEqual(bench.host.batches, [])
})

test('a node that is not part of a cluster yet changes no bucket', () => {
  const bench = new Bench()
  bench.replicas = undefined
  bench.configure('b', SIBLINGS)
  assert.equal(bench.code(), 'DND_ERR_NOT_READY')
  assert.deepEqual(bench.registry.records(), [])
})

test('without a lease of the clock there is no stamp, and so no change', () => {
  const bench = new Bench()
  bench.host.wallMs += 120_000
  bench.configure('b', SIBLINGS)
  assert.equal(bench.code(), 'DND_ERR_OVERLOADED')
  assert.deepEqual(bench.registry.records(), [])
})

test('a full registry takes no new bucket, but changes those it has', () => {
  const bench = new Bench()
  bench.others = []
  for (let i = 0; i < BUCKETS_MAX; i++)
    bench.registry.merge([{ name: `b${i}`, stamp: { ms: 1, counter: 0 }, properties: SIBLINGS }])
  bench.configure('one-more', SIBLINGS)
  assert.equal(bench.code(), 'DND_ERR_BAD_BUCKET')
  bench.configure('b3', { ...SIBLINGS, r: 1 })
  assert.ok(bench.results().at(-1)!.ok)
})

test('only so many changes wait at once, also of those whose bucket was looked through meanwhile', () => {
  const bench = new Bench()
  bench.configure('b', { ...DEFAULT_PROPERTIES, n: 2 }, 999)
  for (let i = 0; i < 100; i++) bench.configure(`b${i}`, SIBLINGS, i)
  const refused = bench.results().filter((result) => !result.ok).length
  assert.equal(refused, 36)
  bench.asked[0]!(true)
  bench.changes.check()
  assert.deepEqual(bench.host.replies.at(-1)!.client, 999)
  assert.equal(bench.code(), 'DND_ERR_OVERLOADED')
})

test('others are told of a change, and its client too, only when it is durable here', () => {
  const bench = new Bench()
  bench.diskStands = true
  bench.configure('carts', SIBLINGS)
  bench.changes.heard(B, bench.registry.records())
  bench.changes.heard(C, bench.registry.records())
  assert.deepEqual([bench.announced, bench.results()], [0, []])
  assert.deepEqual(bench.registry.durableRecords(), [])
  bench.settle()
  assert.equal(bench.announced, 1)
  assert.deepEqual(bench.registry.durableRecords(), bench.registry.records())
  assert.deepEqual(bench.results(), [{ ok: true, properties: SIBLINGS, pending: [] }])
})

test('a change that the disk does not take in time is in doubt, and told later all the same', () => {
  const bench = new Bench()
  bench.diskStands = true
  bench.configure('carts', SIBLINGS)
  const { timer } = bench.host.timers[0]!
  assert.ok(timer.owner === 'buckets')
  bench.changes.finish(timer.change)
  const [result] = bench.results()
  assert.ok(result?.ok === false)
  assert.deepEqual([result.code, result.outcome], ['DND_ERR_TIMEOUT', 'unknown'])
  bench.settle()
  assert.equal(bench.results().length, 1)
  assert.deepEqual(bench.registry.durableRecords(), bench.registry.records())
})

test('of two changes the first is durable with the second at the latest', () => {
  const bench = new Bench()
  bench.others = []
  bench.diskStands = true
  bench.configure('one', SIBLINGS, 1)
  bench.configure('two', SIBLINGS, 2)
  bench.changes.stored(bench.host.batches[0]!.token)
  assert.deepEqual(
    bench.host.replies.map(({ client }) => client),
    [1],
  )
  assert.deepEqual(bench.registry.durableRecords(), [], 'what has changed since is on its way')
  bench.changes.stored(bench.host.batches[1]!.token)
  assert.deepEqual(bench.registry.durableRecords().length, 2)
})
