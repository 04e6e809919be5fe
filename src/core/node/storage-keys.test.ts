import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compareBytes, startsWith } from '../std/bytes.ts'
import { bytes, partition } from './fake-host.test.ts'
import {
  actorKey,
  bucketRange,
  cursorKey,
  cursorsRange,
  isRecordKey,
  listingKey,
  listingPrefix,
  parseListingKey,
  parseRecordKey,
  partitionRange,
  recordKey,
  stateKey,
} from './storage-keys.ts'

const SEED = { seed: 11, numRuns: 500 }
const keys = fc.uint8Array({ maxLength: 6, max: 3 })
const names = fc.record({ key: keys, sort: fc.option(keys, { nil: undefined }) })
const buckets = fc.constantFrom('a', 'aa', 'b', 'a-b', 'default')
const NONE = new Uint8Array(0)

test('a listing key gives back the key and the sort key that made it', () => {
  fc.assert(
    fc.property(names, ({ key, sort }) => {
      assert.deepEqual(parseListingKey(listingKey(key, sort)), { key, sort })
    }),
    SEED,
  )
})

test('listing keys stand in the order of key, then sort key, none first', () => {
  const order = (a: Uint8Array | undefined, b: Uint8Array | undefined): number => {
    if (a === undefined || b === undefined) return Number(a !== undefined) - Number(b !== undefined)
    return compareBytes(a, b)
  }
  fc.assert(
    fc.property(names, names, (a, b) => {
      const wanted = order(a.key, b.key) || order(a.sort, b.sort)
      const got = compareBytes(listingKey(a.key, a.sort), listingKey(b.key, b.sort))
      assert.equal(Math.sign(got), Math.sign(wanted))
    }),
    SEED,
  )
})

test('the listing keys of a prefix are those that begin with its bytes', () => {
  fc.assert(
    fc.property(names, keys, ({ key, sort }, prefix) => {
      const within = startsWith(listingKey(key, sort), listingPrefix(prefix))
      assert.equal(within, startsWith(key, prefix))
    }),
    SEED,
  )
})

test('bytes that are no listing key are told apart, whatever they are', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 12, max: 3 }), (hostile) => {
      const parsed = parseListingKey(hostile)
      if (parsed !== undefined) assert.deepEqual(listingKey(parsed.key, parsed.sort), hostile)
    }),
    SEED,
  )
  assert.equal(parseListingKey(NONE), undefined)
  assert.equal(parseListingKey(bytes('a')), undefined, 'no terminator')
  assert.equal(parseListingKey(Uint8Array.of(97, 0)), undefined, 'half a terminator')
  assert.equal(parseListingKey(Uint8Array.of(97, 0, 7)), undefined, 'no escape')
  const whole = [...listingKey(bytes('a'), bytes('b'))]
  assert.equal(parseListingKey(Uint8Array.from([...whole, 1])), undefined, 'something behind it')
})

test('a record key gives back what made it, and belongs to its partition alone', () => {
  fc.assert(
    fc.property(fc.nat(0xffff), buckets, names, (place, bucket, { key, sort }) => {
      const listing = listingKey(key, sort)
      const full = recordKey(partition(place), bucket, listing)
      assert.deepEqual(parseRecordKey(full), { partition: place, bucket, listing })
      assert.ok(isRecordKey(full, partition(place)))
      assert.ok(!isRecordKey(full, partition(place ^ 1)))
    }),
    SEED,
  )
})

test('what is no record key is not taken for one', () => {
  const hostile: Uint8Array[] = [
    NONE,
    Uint8Array.of(1, 0, 0),
    Uint8Array.of(1, 0, 0, 97),
    Uint8Array.of(1, 0, 0, 0, 97),
    Uint8Array.of(1, 0, 0, 97, 98),
    actorKey(partition(0)),
    stateKey('layout'),
  ]
  for (const key of hostile) {
    assert.equal(parseRecordKey(key), undefined, key.join())
    assert.ok(!isRecordKey(key, partition(0)), key.join())
  }
})

test('a partition’s range holds its records and nothing else', () => {
  const last = partition(0xffff)
  for (const place of [0, 1, 255, 256, 0xffff].map(partition)) {
    const { from, to } = partitionRange(place)
    const isWithin = (key: Uint8Array): boolean =>
      compareBytes(key, from) >= 0 && compareBytes(key, to) < 0
    assert.ok(isWithin(recordKey(place, 'zzz', Uint8Array.of(255, 255))))
    assert.ok(isWithin(recordKey(place, '0', NONE)))
    for (const other of [place - 1, place + 1].map(partition))
      if (other >= 0 && other <= last) assert.ok(!isWithin(recordKey(other, 'b', NONE)))
    assert.ok(!isWithin(actorKey(place)))
    assert.ok(!isWithin(stateKey('clock')))
  }
})

test('a bucket’s range holds the keys between its bounds, and none of a bucket of a longer name', () => {
  fc.assert(
    fc.property(
      buckets,
      names,
      names,
      fc.option(names, { nil: undefined }),
      (bucket, at, low, high) => {
        const listing = listingKey(at.key, at.sort)
        const from = listingKey(low.key, low.sort)
        const to = high === undefined ? NONE : listingKey(high.key, high.sort)
        const range = bucketRange(partition(3), bucket, from, to)
        const isWithin = (key: Uint8Array): boolean =>
          compareBytes(key, range.from) >= 0 && compareBytes(key, range.to) < 0
        const wanted =
          compareBytes(listing, from) >= 0 && (to.length === 0 || compareBytes(listing, to) < 0)
        assert.equal(isWithin(recordKey(partition(3), bucket, listing)), wanted)
        for (const other of ['a', 'aa', 'b', 'a-b', 'default'])
          if (other !== bucket) assert.ok(!isWithin(recordKey(partition(3), other, listing)))
        assert.ok(!isWithin(recordKey(partition(4), bucket, listing)))
      },
    ),
    SEED,
  )
})

test('the node’s own state has a key for each name, outside of all records', () => {
  const all = (['layout', 'members', 'buckets', 'clock'] as const).map(stateKey)
  assert.equal(new Set(all.map(String)).size, 4)
  for (const key of all) assert.ok(compareBytes(key, actorKey(partition(0xffff))) > 0)
})

test('the cursors of all partitions and sources, and nothing else, are in their range', () => {
  const { from, to } = cursorsRange()
  const isIn = (key: Uint8Array): boolean =>
    compareBytes(key, from) >= 0 && compareBytes(key, to) < 0
  const source = Uint8Array.of(255, 2, 3, 4, 5, 6, 7, 8)
  const some = [0, 1, 4095].map((at) => cursorKey(partition(at), source))
  assert.ok(some.every(isIn))
  assert.equal(new Set(some.map((key) => key.join())).size, 3)
  assert.ok(!isIn(stateKey('layout')) && !isIn(actorKey(partition(1))))
})
