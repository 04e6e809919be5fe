import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Layout } from '../placement/layout.ts'
import type { StoreOperation } from '../ports.ts'
import { crc32 } from '../std/crc32.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import { instant } from '../std/instant.ts'
import { PartitionClock } from '../versions/partition-clock.ts'
import { A, B, C, D, FakeHost, keyIn, layoutOf, recordOf, written } from './fake-host.test.ts'
import { FEED_BYTES_MAX, Feeds, FEEDS_MAX } from './feeds.ts'
import type { StoreOwner } from './host.ts'
import type { LayoutKeeper } from './layout-keeper.ts'
import { clockKey, parseListingKey, parseRecordKey } from './storage-keys.ts'
import type { WatchPage } from './watch-messages.ts'

const LAYOUT = layoutOf([A, B, C])
const HELD = LAYOUT.table.map((_, partition) => partition as PartitionId)

/** The feeds of node A, as B asks them. */
class Bench {
  readonly host = new FakeHost()
  readonly own: WatchPage[] = []
  /** Partitions of which this node has all. */
  whole: readonly PartitionId[] = HELD
  held: readonly PartitionId[] = HELD
  readonly feeds: Feeds
  #pages = 0

  constructor(generation = 100, layout: Layout = LAYOUT) {
    const keeper = {
      held: () => this.held,
      placementOf: (partition: PartitionId) => ({
        readSet: this.whole.includes(partition) ? [A, B] : [B, C],
        writeSets: [layout.table[partition]],
      }),
    }
    this.feeds = new Feeds(this.host, {
      ...{ layout: keeper as unknown as LayoutKeeper, checksum: crc32, generation },
      own: (page) => this.own.push(page),
    })
  }

  ask(bucket = 'default', feed = 0, after = 0, from: NodeId = B, waits = true): void {
    this.feeds.asked(from, { type: 'watch-poll', request: 9, bucket, feed, after, waits })
    this.feeds.check()
  }

  /** What B was answered since the last call. */
  pages(): WatchPage[] {
    const all = this.host.sentOf('watch-page')
    const pages = all.slice(this.#pages).map(({ message }) => message)
    this.#pages = all.length
    return pages
  }

  /** The first poll of a bucket, answered at once with where the feed stands. */
  begin(bucket = 'default'): number {
    this.ask(bucket)
    const [page] = this.pages()
    assert.deepEqual([page?.outcome, page?.last, page?.changes], ['ok', 0, []])
    return page!.feed
  }

  store(keys: readonly string[], owner: StoreOwner = 'replica', bucket = 'default'): void {
    this.feeds.stored(owner, batchOf(keys, bucket))
    this.feeds.check()
  }

  pass(ms: number): void {
    this.host.now = instant(this.host.now + ms)
    this.feeds.onTimer()
    this.feeds.check()
  }
}

function batchOf(keys: readonly string[], bucket: string, bytes = 1): StoreOperation[] {
  const value = recordOf(written(7, 1, new Uint8Array(bytes)))
  return keys.map((key) => ({ type: 'put', key: keyIn(0, key, bucket), value }))
}

function namesOf({ changes }: WatchPage): string[] {
  return changes.map(({ key }) =>
    Buffer.from(parseListingKey(parseRecordKey(key)!.listing)!.key).toString(),
  )
}

test('nothing is kept of a bucket that nobody has asked for', () => {
  const bench = new Bench()
  assert.equal(bench.feeds.isWatched, false)
  bench.store(['a'])
  assert.equal(bench.feeds.bytes, 0)
  bench.begin()
  bench.store(['a'], 'replica', 'other')
  assert.equal(bench.feeds.bytes, 0)
})

test('who asks first begins now, with holes in all that this node holds', () => {
  const bench = new Bench()
  bench.ask()
  assert.deepEqual(bench.pages()[0]?.holes, HELD)
})

test('who waits is told as soon as something is durable, and once', () => {
  const bench = new Bench()
  const feed = bench.begin()
  bench.ask('default', feed, 0)
  assert.deepEqual(bench.pages(), [])
  bench.store(['a', 'b'])
  const [page, ...others] = bench.pages()
  assert.deepEqual([namesOf(page!), page?.last, page?.holes, others], [['a', 'b'], 2, [], []])
  bench.store(['c'])
  assert.deepEqual(bench.pages(), [], 'it has not asked again')
  bench.ask('default', feed, 2)
  assert.deepEqual(namesOf(bench.pages()[0]!), ['c'])
})

test('what a move brings, and what is reaped, is no change', () => {
  const bench = new Bench()
  bench.begin()
  for (const owner of ['receiver', 'reaping', 'drop'] as const) bench.store(['a'], owner)
  assert.equal(bench.feeds.bytes, 0)
})

test('a change comes with what the clock of its batch covers', () => {
  const bench = new Bench()
  const feed = bench.begin()
  const clock = new PartitionClock()
  clock.add({ vnode: 7 as never, counter: 1 })
  const { clock: value, base } = clock.encode(crc32)
  const key = clockKey(0 as PartitionId)
  bench.feeds.stored('replica', [...batchOf(['a'], 'default'), { type: 'put', key, value }])
  bench.ask('default', feed, 0)
  const [change] = bench.pages()[0]!.changes
  assert.ok(base.length > 0)
  assert.deepEqual([change?.base, change?.partition], [base, 0])
})

test('a poll that nothing answers is answered with nothing after a while', () => {
  const bench = new Bench()
  const feed = bench.begin()
  bench.ask('default', feed, 0)
  bench.pass(14_999)
  assert.deepEqual(bench.pages(), [])
  bench.pass(1)
  const [page] = bench.pages()
  assert.deepEqual([page?.last, page?.changes, page?.holes], [0, [], []])
})

test('a page says when there is more behind it', () => {
  const bench = new Bench()
  const feed = bench.begin()
  for (const key of ['a', 'b']) bench.feeds.stored('replica', batchOf([key], 'default', 200_000))
  bench.feeds.stored('replica', batchOf(['c'], 'default'))
  bench.ask('default', feed, 0)
  const [first] = bench.pages()
  assert.deepEqual([namesOf(first!), first!.last < first!.top], [['a', 'b'], true])
  bench.ask('default', feed, first!.last)
  const [second] = bench.pages()
  assert.deepEqual([namesOf(second!), second?.outcome], [['c'], 'ok'])
})

test('with the numbers of another life there are holes, and it goes on from now', () => {
  const old = new Bench(100).begin()
  const bench = new Bench(101)
  const feed = bench.begin()
  assert.notEqual(feed, old)
  bench.store(['a'])
  bench.ask('default', old, 0)
  const [page] = bench.pages()
  assert.deepEqual([page?.feed, page?.last, page?.changes, page?.holes], [feed, 1, [], HELD])
})

test('a partition that is gained is a hole for whoever stood before, and is told at once', () => {
  const bench = new Bench()
  const [gained, ...others] = HELD
  bench.whole = others
  const feed = bench.begin()
  bench.ask('default', feed, 0)
  bench.whole = HELD
  bench.feeds.replan()
  const [page] = bench.pages()
  assert.deepEqual([page?.holes, page?.last, page?.changes], [[gained], 1, []])
  bench.ask('default', feed, 1)
  bench.store(['a'])
  assert.deepEqual(bench.pages()[0]?.holes, [], 'from then on it is told')
})

test('a partition of which only a part is here is a hole with every page', () => {
  const bench = new Bench()
  const [filling] = HELD
  bench.whole = HELD.slice(1)
  const feed = bench.begin()
  for (let after = 0; after < 2; after++) {
    bench.store(['a'])
    bench.ask('default', feed, after)
    assert.deepEqual(bench.pages()[0]?.holes, [filling])
  }
})

test('beyond its bytes the oldest changes of the largest feed are forgotten, which is a hole', () => {
  const bench = new Bench()
  const [large, small] = [bench.begin(), bench.begin('small')]
  bench.store(['a'], 'replica', 'small')
  const megabyte = 1024 * 1024
  for (let i = 0; i <= FEED_BYTES_MAX / megabyte; i++)
    bench.feeds.stored('replica', batchOf(['a'], 'default', megabyte))
  bench.feeds.check()
  assert.ok(bench.feeds.bytes <= FEED_BYTES_MAX)
  bench.ask('default', large, 0)
  assert.deepEqual(bench.pages()[0]?.holes, HELD)
  bench.ask('small', small, 0)
  assert.deepEqual(bench.pages()[0]?.holes, [])
})

test('a feed that nobody asks ends after ten minutes, and not while somebody waits', () => {
  const bench = new Bench()
  const feed = bench.begin()
  bench.store(['a'])
  bench.pass(599_000)
  bench.ask('default', feed, 1)
  bench.pass(14_000)
  assert.equal(bench.feeds.isWatched, true)
  bench.pass(600_000)
  bench.pass(600_000)
  assert.deepEqual([bench.feeds.isWatched, bench.feeds.bytes], [false, 0])
  bench.pages()
  assert.notEqual(bench.begin(), feed, 'its successor is another one')
})

test('so many buckets are watched, and more are refused', () => {
  const bench = new Bench()
  for (let i = 0; i < FEEDS_MAX; i++) bench.begin(`b${i}`)
  bench.ask('one-more')
  assert.equal(bench.pages()[0]?.outcome, 'refused')
})

test('who is gone does not wait, and this node is answered without the network', () => {
  const bench = new Bench()
  const feed = bench.begin()
  bench.ask('default', feed, 0)
  bench.ask('default', feed, 0, D)
  bench.ask('default', feed, 0, A)
  bench.feeds.peerLost(B)
  bench.store(['a'])
  assert.deepEqual(
    bench.host
      .sentOf('watch-page')
      .slice(1)
      .map(({ to }) => to),
    [D],
  )
  assert.deepEqual(bench.own.map(namesOf), [['a']])
})
