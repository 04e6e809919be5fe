import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareBytes } from '../std/bytes.ts'
import { crc32 } from '../std/crc32.ts'
import {
  B,
  bytes,
  FakeHost,
  FakeStore,
  keyIn,
  partition,
  recordOf,
  written,
} from './fake-host.test.ts'
import { ListingReplica } from './listing-replica.ts'
import type { ListReply, ListRequest } from './messages.ts'
import { listingKey, parseListingKey } from './storage-keys.ts'

const NONE = new Uint8Array(0)

class Bench {
  readonly host = new FakeHost()
  readonly store = new FakeStore()
  readonly unreadable: Uint8Array[] = []
  readonly replies: ListReply[] = []
  readonly listings: ListingReplica
  /** Largest number of bytes that one scan gave. */
  largest = 0
  scans = 0

  constructor() {
    this.listings = new ListingReplica(this.host, {
      checksum: crc32,
      shownBase: () => new Uint8Array(0),
      unreadable: (key) => void this.unreadable.push(key),
    })
  }

  request(change: Partial<ListRequest> = {}): ListRequest {
    return {
      ...{ type: 'list-request', request: 7, readVersion: 1, bucket: 'default' },
      ...{ partitions: [0, 1, 2].map(partition), from: NONE, to: NONE },
      ...{ reverse: false, limit: 10, ...change },
    }
  }

  /** Lists to the end; scans larger than `bytesMax` fail. */
  list(change: Partial<ListRequest> = {}, bytesMax = Infinity): ListReply {
    this.listings.list(this.request(change), (reply) => void this.replies.push(reply))
    while (this.host.scans.length > 0) {
      assert.ok(this.scans++ < 1000, 'it scans for ever')
      const { owner, token, ranges } = this.host.scans.shift()!
      assert.equal(owner, 'listing')
      const found = ranges.map((range) => this.store.scan(range))
      const size = found.flat().reduce((sum, { value }) => sum + value.length, 0)
      if (size > bytesMax) this.listings.scanFailed(token)
      else {
        this.largest = Math.max(this.largest, size)
        this.listings.scanned(token, found)
      }
      this.listings.check()
    }
    return this.replies.at(-1)!
  }
}

const names = ({ entries }: ListReply): string[] =>
  entries.map(({ key }) => String.fromCharCode(...parseListingKey(key)!.key))

test('keys of several partitions come in one order, each with what tells live from deleted', () => {
  const bench = new Bench()
  bench.store.put(keyIn(2, 'a'), recordOf(written(1, 1)))
  bench.store.put(keyIn(0, 'b'), recordOf(written(1, 2, 'deleted')))
  bench.store.put(keyIn(1, 'c'), recordOf(written(1, 3)))
  const reply = bench.list()
  assert.deepEqual(names(reply), ['a', 'b', 'c'])
  assert.deepEqual([reply.outcome, reply.more, reply.request], ['ok', false, 7])
  assert.deepEqual(names(bench.list({ reverse: true })), ['c', 'b', 'a'])
})

test('other buckets and partitions, and what lies beyond the bounds, are left out', () => {
  const bench = new Bench()
  for (const key of ['a', 'b', 'c', 'd']) bench.store.put(keyIn(0, key), recordOf(written(1, 1)))
  bench.store.put(keyIn(3, 'b'), recordOf(written(1, 1)))
  bench.store.put(keyIn(0, 'b', 'other'), recordOf(written(1, 1)))
  const bounds = { from: listingKey(bytes('b'), undefined), to: listingKey(bytes('d'), undefined) }
  assert.deepEqual(names(bench.list(bounds)), ['b', 'c'])
  assert.deepEqual(names(bench.list({ ...bounds, reverse: true })), ['c', 'b'])
})

test('a page ends at its limit and says that there is more', () => {
  const bench = new Bench()
  for (let i = 0; i < 9; i++) bench.store.put(keyIn(i % 3, `k${i}`), recordOf(written(1, 1)))
  const page = bench.list({ limit: 4 })
  assert.deepEqual(names(page), ['k0', 'k1', 'k2', 'k3'])
  assert.ok(page.more)
  const whole = bench.list({ limit: 9 })
  assert.equal(whole.entries.length, 9)
  assert.ok(!whole.more)
})

test('no partitions, no keys', () => {
  const bench = new Bench()
  assert.deepEqual(bench.list({ partitions: [] }).entries, [])
  assert.equal(bench.scans, 0)
})

test('a record that cannot be read is left to the other replicas, and told', () => {
  const bench = new Bench()
  const broken = recordOf(written(1, 1))
  broken[broken.length - 1]! ^= 1
  bench.store.put(keyIn(0, 'a'), broken)
  bench.store.put(keyIn(0, 'b'), recordOf(written(1, 1)))
  assert.deepEqual(names(bench.list()), ['b'])
  assert.deepEqual(bench.unreadable, [keyIn(0, 'a')])
})

test('a page of nothing but broken records does not hide what stands behind it', () => {
  const bench = new Bench()
  for (let i = 0; i < 40; i++) bench.store.put(keyIn(0, `a${i}`), bytes('broken'))
  bench.store.put(keyIn(0, 'b'), recordOf(written(1, 1)))
  assert.deepEqual(names(bench.list({ limit: 1 })), ['b'])
  const big = recordOf(written(1, 1, new Uint8Array(600_000)))
  bench.store.put(keyIn(1, 'a'), big)
  bench.list({ limit: 1 })
  assert.deepEqual(names(bench.list({ limit: 2 })), ['a', 'b'], 'in rounds of several scans, too')
})

test('a scan that fails makes the listing fail only when it cannot be made smaller', () => {
  const bench = new Bench()
  for (let i = 0; i < 6; i++) bench.store.put(keyIn(i % 3, `k${i}`), recordOf(written(1, 1)))
  assert.equal(bench.list({}, -1).outcome, 'store-failed')
  const one = recordOf(written(1, 1)).length
  assert.deepEqual(names(bench.list({}, one)), ['k0', 'k1', 'k2', 'k3', 'k4', 'k5'])
})

test('large records are scanned a few at a time', () => {
  const bench = new Bench()
  const large = recordOf(written(1, 1, new Uint8Array(1_000_000)))
  const partitions = Array.from({ length: 16 }, (_, i) => partition(i))
  for (let i = 0; i < 64; i++)
    bench.store.put(keyIn(i % 16, `k${String(i).padStart(2, '0')}`), large)
  bench.list({ partitions, limit: 3 })
  bench.largest = 0
  const reply = bench.list({ partitions, limit: 50 })
  assert.equal(reply.entries.length, 50)
  assert.ok(bench.largest <= 13_000_000, `${bench.largest} bytes in one scan`)
})

test('however large the records turn out, no scan gives more than its bound and one of each', () => {
  const bench = new Bench()
  const small = recordOf(written(1, 1))
  const large = recordOf(written(1, 1, new Uint8Array(1_000_000)))
  for (let i = 0; i < 20; i++) bench.store.put(keyIn(0, `a${String(i).padStart(2, '0')}`), small)
  assert.equal(bench.list({ limit: 20 }).entries.length, 20)
  const keys = Array.from({ length: 120 }, (_, i) => `k${String(i).padStart(3, '0')}`)
  for (const [i, key] of keys.entries()) bench.store.put(keyIn(i % 2, key), large)
  const from = listingKey(bytes('k'), undefined)
  for (const reverse of [false, true]) {
    bench.largest = 0
    const page = bench.list({ from, limit: 100, reverse })
    const wanted = reverse ? keys.toReversed() : keys
    assert.deepEqual(names(page), wanted.slice(0, 100))
    assert.ok(page.more)
    assert.ok(bench.largest <= 36_000_000, `${bench.largest} bytes in one scan`)
  }
})

test('a reply ends early at its bound in bytes, and says that there is more', () => {
  const bench = new Bench()
  let siblings = written(1, 1)
  for (let vnode = 2; vnode <= 400; vnode++) {
    const { versions, vector } = written(vnode, 1)
    siblings = {
      versions: [...siblings.versions, ...versions],
      vector: [...siblings.vector, ...vector],
    }
  }
  const record = recordOf(siblings)
  for (let i = 0; i < 1000; i++) bench.store.put(keyIn(0, `k${1000 + i}`), record)
  const reply = bench.list({ partitions: [partition(0)], limit: 1000 })
  const size = reply.entries.reduce((sum, { summary }) => sum + summary.length, 0)
  assert.ok(size > 3_000_000 && size < 5_000_000, `${size} bytes`)
  assert.ok(reply.more)
})

test('beyond so many listings at once the next is refused, and none is forgotten', () => {
  const bench = new Bench()
  const outcomes: string[] = []
  for (let i = 0; i < 70; i++)
    bench.listings.list(bench.request(), ({ outcome }) => void outcomes.push(outcome))
  assert.equal(outcomes.length, 6)
  assert.ok(outcomes.every((outcome) => outcome === 'store-failed'))
  for (const { token } of bench.host.scans.splice(0)) bench.listings.scanned(token, [[], [], []])
  assert.equal(outcomes.length, 70)
})

test('what comes twice, or to an unknown number, changes nothing', () => {
  const bench = new Bench()
  bench.listings.scanned(99, [])
  bench.listings.scanFailed(99)
  bench.list()
  assert.equal(bench.replies.length, 1)
  bench.listings.scanned(1, [[], [], []])
  assert.equal(bench.replies.length, 1)
})

test('a peer is answered over the connection', () => {
  const bench = new Bench()
  bench.store.put(keyIn(0, 'a'), recordOf(written(1, 1)))
  bench.listings.answer(B, bench.request())
  const { token, ranges } = bench.host.scans[0]!
  bench.listings.scanned(
    token,
    ranges.map((range) => bench.store.scan(range)),
  )
  assert.deepEqual(
    bench.host.sentOf('list-reply').map(({ to, message }) => [to, names(message)]),
    [[B, ['a']]],
  )
})

test('page after page, every key comes once and in order, whatever the scans can carry', () => {
  const places = fc.uniqueArray(fc.tuple(fc.nat(3), fc.nat(50)), {
    maxLength: 40,
    selector: ([, key]) => key,
  })
  fc.assert(
    fc.property(
      places,
      fc.integer({ min: 1, max: 9 }),
      fc.boolean(),
      fc.integer({ min: 1, max: 8 }),
      (keys, limit, reverse, carried) => {
        const bench = new Bench()
        const record = recordOf(written(1, 1))
        for (const [place, key] of keys)
          bench.store.put(keyIn(place, String.fromCharCode(64 + key)), record)
        const partitions = [0, 1, 2, 3].map(partition)
        const seen: Uint8Array[] = []
        let bounds: Partial<ListRequest> = {}
        for (let page = 0; page < 100; page++) {
          const request = { partitions, limit, reverse, ...bounds }
          const { entries, more } = bench.list(request, carried * record.length)
          seen.push(...entries.map(({ key }) => key))
          const last = entries.at(-1)
          if (!more || last === undefined) break
          bounds = reverse ? { to: last.key } : { from: Uint8Array.of(...last.key, 0) }
        }
        const order = reverse ? -1 : 1
        const wanted = keys
          .map(([, key]) => listingKey(bytes(String.fromCharCode(64 + key)), undefined))
          .sort((a, b) => order * compareBytes(a, b))
        assert.deepEqual(seen, wanted)
      },
    ),
    { seed: 6, numRuns: 150 },
  )
})
