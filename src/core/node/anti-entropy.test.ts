import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../std/crc32.ts'
import type { NodeId, VnodeId } from '../std/ids.ts'
import { duration, instant, later } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import { Exchanges } from '../repair/exchanges.ts'
import { write } from '../versions/container.ts'
import type { PeerMessage } from '../wire/messages.ts'
import { AntiEntropy } from './anti-entropy.ts'
import { Trees } from './anti-entropy-trees.ts'
import { A, B, bytes, C, FakeHost, FakeStore, keyIn, layoutOf } from './fake-host.test.ts'
import { FakeRegisters } from './fake-registers.test.ts'
import { partition } from './fake-host.test.ts'
import { LocalHoldings } from './holdings.ts'
import { LayoutKeeper } from './layout-keeper.ts'
import { clockKey, partitionRange } from './storage-keys.ts'

const INTERVAL = 10_000
const P = partition(3)
const EVERYTHING = { bucket: undefined, prefix: new Uint8Array(0) }

class Side {
  readonly host: FakeHost = new FakeHost()
  readonly store: FakeStore
  readonly holdings: LocalHoldings
  readonly trees: Trees
  readonly antiEntropy: AntiEntropy
  readonly vnode: VnodeId
  /** Whether the end of an exchange does not become durable. */
  isDiskStuck = false
  counter = 0

  constructor(self: NodeId, nodes: readonly NodeId[], store: FakeStore = new FakeStore()) {
    const { host } = this
    host.self = self
    this.store = store
    this.vnode = ([A, B, C].indexOf(self) + 1) as VnodeId
    const info = {
      ...{ id: self, name: self, zone: 'z', weight: 100, version: '1', leaveLock: '' },
      ...{ address: { host: 'h', port: 1 }, httpAddress: { host: 'h', port: 2 } },
    }
    const rng = new Prng(self.charCodeAt(0))
    const layout = new LayoutKeeper(host, {
      leastR: () => 2,
      registers: new FakeRegisters(),
      adopted: () => undefined,
      self: info,
      rng,
      store,
    })
    layout.merge({ current: layoutOf(nodes), previous: undefined, synced: [], acked: [], lost: [] })
    this.holdings = new LocalHoldings({
      ...{ store, checksum: crc32, onBrokenClock: () => undefined },
      onChange: (...change) => this.trees.onChange(...change),
    })
    const { holdings } = this
    const unreadable = (): void => undefined
    this.trees = new Trees(host, {
      ...{ store, holdings, checksum: crc32, unreadable, scrubIntervalMs: 1e9 },
      held: () => layout.held(),
      partitions: () => 8,
      dropped: (place) => this.antiEntropy.exchanging.dropped(place),
      admit: (_work, go) => go(),
    })
    this.antiEntropy = new AntiEntropy(host, {
      ...{ layout, holdings, trees: this.trees, checksum: crc32, unreadable, rng: rng.fork() },
      exchanges: new Exchanges({
        ...{ checksum: crc32, rangeOf: partitionRange, treeOf: (place) => this.trees.of(place) },
        shown: (place, key) => holdings.shown(place, key),
      }),
      ...{ intervalMs: INTERVAL, skewMs: 500, isReady: () => true, raised: () => undefined },
      admit: (go) => go(),
    })
    this.antiEntropy.replan()
  }

  put(key: string, text: string | undefined, bucket = 'default', place = 3): void {
    const name = keyIn(place, key, bucket)
    const held = this.holdings.held(partition(place), name)
    if (held === 'unreadable') throw new Error('unreadable')
    const value =
      text === undefined
        ? undefined
        : { bytes: bytes(text), contentType: 'text/plain', metadata: [], expiresAtMs: 0 }
    const dot = { vnode: this.vnode, counter: ++this.counter }
    const after = write(held.container, {
      ...{ dot, stamp: { ms: this.counter, counter: 0 }, value },
      ...{ context: held.container.vector, tombstone: true },
    })
    const kept = this.holdings.keep(partition(place), name, held, after)
    this.host.store('writes', 0, kept!.operations)
  }

  /** What is held under a key: the values, `deleted` for a version without one. */
  get(key: string, bucket = 'default', place = 3): string {
    const held = this.holdings.held(partition(place), keyIn(place, key, bucket))
    if (held === 'unreadable') return held
    const texts = held.container.versions.map(({ value }) =>
      value === undefined ? 'deleted' : String.fromCharCode(...value.bytes),
    )
    return texts.join()
  }

  repair(scope = EVERYTHING): void {
    this.antiEntropy.repair(1, scope)
  }

  get run(): NonNullable<AntiEntropy['view']['repairs'][number]> {
    return this.antiEntropy.view.repairs.at(-1)!
  }
}

/** Sides that hear each other, on disks that are durable at once. */
class Cluster {
  readonly sides: ReadonlyMap<NodeId, Side>
  readonly seen: PeerMessage[] = []
  now = 0

  constructor(nodes: readonly NodeId[], stores: ReadonlyMap<NodeId, FakeStore> = new Map()) {
    this.sides = new Map(nodes.map((node) => [node, new Side(node, nodes, stores.get(node))]))
    this.settle()
  }

  of(node: NodeId): Side {
    return this.sides.get(node)!
  }

  settle(): void {
    for (let isQuiet = false; !isQuiet;) {
      isQuiet = true
      for (const side of this.sides.values()) if (this.#advance(side)) isQuiet = false
    }
    for (const { antiEntropy, trees } of this.sides.values()) {
      antiEntropy.check()
      trees.check()
    }
  }

  tick(ms: number): void {
    this.now += ms
    for (const { host, antiEntropy, trees } of this.sides.values()) {
      host.now = later(instant(0), duration(this.now))
      host.wallMs += ms
      trees.onTimer()
      antiEntropy.onTimer()
    }
    this.settle()
  }

  run(ms: number): void {
    for (let i = 0; i < ms; i += 100) this.tick(100)
  }

  cut(node: NodeId): void {
    for (const side of this.sides.values()) {
      if (side.host.self === node) continue
      side.host.down.add(node)
      side.antiEntropy.peerLost(node)
    }
  }

  join(node: NodeId): void {
    for (const side of this.sides.values()) side.host.down.delete(node)
  }

  #advance(side: Side): boolean {
    const { host, store, trees, antiEntropy } = side
    const isStuck = side.isDiskStuck && host.batches[0]?.owner === 'floors'
    const [batch] = isStuck ? [] : host.batches.splice(0, 1)
    if (batch !== undefined) {
      store.apply(batch.operations)
      if (batch.owner === 'trees') trees.stored(batch.token)
      if (batch.owner === 'anti-entropy') antiEntropy.exchanging.stored(batch.token)
      if (batch.owner === 'floors') antiEntropy.stored(batch.token)
      return true
    }
    const [scan] = host.scans.splice(0, 1)
    if (scan !== undefined) {
      const entries = store.scan(scan.ranges[0]!)
      if (scan.owner === 'trees') trees.scanned(scan.token, entries)
      else antiEntropy.exchanging.scanned(scan.token, entries)
      return true
    }
    const [sent] = host.sent.splice(0, 1)
    if (sent === undefined) return false
    const to = this.sides.get(sent.to)
    if (to === undefined || host.down.has(sent.to)) return true
    this.seen.push(sent.message)
    if (sent.message.type === 'exchange-open')
      to.antiEntropy.exchanging.opened(host.self, sent.message)
    else to.antiEntropy.exchanging.received(host.self, sent.message as never)
    return true
  }
}

test('within an interval every pair was compared, and replicas that differed are equal', () => {
  const cluster = new Cluster([A, B, C])
  cluster.of(A).put('only-a', 'one')
  cluster.of(B).put('only-b', 'two')
  cluster.of(B).put('both', 'left')
  cluster.of(C).put('both', 'right')
  cluster.run(2 * INTERVAL)
  for (const side of cluster.sides.values()) {
    assert.equal(side.get('only-a'), 'one')
    assert.equal(side.get('only-b'), 'two')
    assert.equal(side.get('both'), 'left,right')
    const { pairs, compared } = side.antiEntropy.view
    assert.deepEqual([pairs, compared], [16, 16])
  }
})

test('a delete that one side has forgotten is told to the other, and nothing comes back', () => {
  const cluster = new Cluster([A, B])
  cluster.of(A).put('k', 'value')
  cluster.run(INTERVAL)
  assert.equal(cluster.of(B).get('k'), 'value')
  const { holdings, host } = cluster.of(A)
  const key = keyIn(3, 'k')
  const held = holdings.held(P, key)
  assert(held !== 'unreadable')
  // As a delete whose tombstone was reaped: its clock has seen the value, and nothing is here.
  const gone = { versions: [], vector: held.container.vector }
  const kept = holdings.keep(P, key, held, gone)
  host.store('writes', 0, kept!.operations)
  cluster.run(INTERVAL)
  assert.equal(cluster.of(A).get('k'), '')
  assert.equal(cluster.of(B).get('k'), '')
})

test('a complete exchange closes the holes of the clock, on both sides', () => {
  const cluster = new Cluster([A, B])
  const a = cluster.of(A)
  for (let i = 0; i < 5; i++) a.put(`k${i}`, 'v')
  cluster.settle()
  assert.equal(a.holdings.clockOf(P).covers({ vnode: a.vnode, counter: 5 }), true)
  cluster.run(2 * INTERVAL)
  const { base } = cluster.of(B).holdings.clockOf(P)
  assert.deepEqual(base, [{ vnode: a.vnode, counter: 5 }])
  assert.deepEqual(cluster.of(B).antiEntropy.floorOf(P), base)
  assert(cluster.of(B).antiEntropy.horizonOf(P) > 0)
})

test('how far others are counts when what they had is durable here, and not before', () => {
  const cluster = new Cluster([A, B])
  const [a, b] = [cluster.of(A), cluster.of(B)]
  b.isDiskStuck = true
  a.put('k', 'v')
  // What is superseded is nobody's record any more: only the other's clock tells of it.
  a.put('k', 'w')
  cluster.run(2 * INTERVAL)
  assert.equal(b.holdings.clockOf(P).covers({ vnode: a.vnode, counter: 1 }), true)
  assert.deepEqual(b.antiEntropy.floorOf(P), [])
  b.isDiskStuck = false
  cluster.settle()
  assert.deepEqual(b.antiEntropy.floorOf(P), [{ vnode: a.vnode, counter: 2 }])
})

test('what a repair finds is counted once, and the next one finds nothing', () => {
  const cluster = new Cluster([A, B, C])
  for (let i = 0; i < 10; i++) cluster.of(A).put(`k${i}`, 'v')
  cluster.settle()
  for (const side of cluster.sides.values()) side.repair()
  cluster.run(1_000)
  const first = [...cluster.sides.values()].map(({ run }) => run)
  for (const { finishedMs, failed, done, pairs } of first) {
    assert.notEqual(finishedMs, undefined)
    assert.deepEqual([failed, done, pairs], [0, 16, 16])
  }
  assert(first.reduce((sum, { found }) => sum + found, 0) >= 20)
  for (const side of cluster.sides.values()) side.repair()
  cluster.run(1_000)
  for (const { run } of cluster.sides.values())
    assert.deepEqual([run.found, run.foundByOthers, run.done], [0, 0, 16])
})

test('a repair of a part mends that part, and concludes nothing', () => {
  const cluster = new Cluster([A, B])
  const a = cluster.of(A)
  a.put('user:1', 'v', 'carts')
  a.put('shop:1', 'v', 'carts')
  a.put('user:1', 'v', 'other')
  cluster.settle()
  a.repair({ bucket: 'carts', prefix: bytes('user:') } as never)
  cluster.settle()
  const b = cluster.of(B)
  assert.deepEqual([b.get('user:1', 'carts'), b.get('shop:1', 'carts')], ['v', ''])
  assert.equal(b.get('user:1', 'other'), '')
  assert.deepEqual(
    b.holdings.clockOf(P).base,
    [{ vnode: a.vnode, counter: 1 }],
    'one dot, no clock',
  )
  assert.deepEqual([a.run.found, a.run.done], [1, 8])
})

test('a replica that is back is compared with at once', () => {
  const cluster = new Cluster([A, B])
  cluster.run(2 * INTERVAL)
  cluster.cut(B)
  cluster.of(A).put('k', 'missed')
  cluster.run(1_000)
  assert.equal(cluster.of(B).get('k'), '')
  cluster.join(B)
  cluster.run(1_000)
  assert.equal(cluster.of(B).get('k'), 'missed')
})

test('a partition of which a transfer may lack something is compared before its turn', () => {
  const cluster = new Cluster([A, B, C])
  const { antiEntropy } = cluster.of(A)
  const compared = (): number =>
    [...antiEntropy.comparisons(P)].filter(({ atMs }) => atMs > 0).length
  cluster.tick(100)
  assert.equal(compared(), 0)
  antiEntropy.compareSoon(P)
  cluster.tick(100)
  assert.equal(compared(), 0, 'not before the next plan')
  antiEntropy.replan()
  cluster.run(300)
  assert.equal(compared(), 2)
})

test('a repair names who is not up, and ends', () => {
  const cluster = new Cluster([A, B, C])
  cluster.cut(C)
  cluster.of(A).repair()
  cluster.run(1_000)
  const { run } = cluster.of(A)
  assert.notEqual(run.finishedMs, undefined)
  assert.deepEqual([run.unreachable, run.done, run.failed], [[C], 8, 8])
})

test('a doubted partition is doubted until it was compared with all others, and no clock is taken from it', () => {
  const cluster = new Cluster([A, B, C])
  const a = cluster.of(A)
  a.put('k', 'v')
  cluster.settle()
  const doubt = a.holdings.doubt(P)
  a.host.store('holdings', 0, [doubt!])
  cluster.cut(C)
  a.antiEntropy.doubted(P)
  cluster.run(2_000)
  assert.equal(cluster.of(B).get('k'), 'v', 'records are taken all the same')
  assert.equal(a.antiEntropy.view.doubtful, 1, 'C was not asked')
  cluster.join(C)
  cluster.run(2 * INTERVAL)
  assert.equal(a.antiEntropy.view.doubtful, 0)
  const stored = a.store.get(clockKey(P))
  assert(stored instanceof Uint8Array)
  assert.equal(a.holdings.shownClock(P)?.doubtful, false)
})

test('nothing is concluded from an exchange during which a batch was lost', () => {
  const cluster = new Cluster([A, B])
  const [a, b] = [cluster.of(A), cluster.of(B)]
  a.put('k', 'v')
  cluster.settle()
  a.repair()
  a.holdings.reload()
  a.antiEntropy.batchLost()
  cluster.settle()
  assert.equal(a.run.finishedMs, undefined, 'the exchanges under way came to nothing')
  assert(a.antiEntropy.view.counts.failed >= 4)
  cluster.run(5_000)
  assert.notEqual(a.run.finishedMs, undefined)
  assert.equal(b.get('k'), 'v')
})
