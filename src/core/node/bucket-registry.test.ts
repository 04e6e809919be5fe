import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { BUCKETS_MAX } from '../std/limits.ts'
import { BucketRegistry } from './bucket-registry.ts'
import { DEFAULT_PROPERTIES } from './buckets.ts'
import type { BucketProperties, BucketRecord } from './messages.ts'

const P1: BucketProperties = { ...DEFAULT_PROPERTIES, r: 1 }
const P2: BucketProperties = { ...DEFAULT_PROPERTIES, w: 1 }

function record(name: string, ms: number, properties: BucketProperties | undefined): BucketRecord {
  return { name, stamp: { ms, counter: 0 }, properties }
}

test('a bucket that nobody configured has the defaults', () => {
  const registry = new BucketRegistry()
  assert.deepEqual(registry.of('b'), DEFAULT_PROPERTIES)
  assert.equal(registry.record('b'), undefined)
  assert.deepEqual(registry.configured(), [])
})

test('the later word wins, in whatever order they come', () => {
  for (const order of [
    [record('b', 1, P1), record('b', 2, P2)],
    [record('b', 2, P2), record('b', 1, P1)],
  ]) {
    const registry = new BucketRegistry()
    for (const one of order) registry.merge([one])
    assert.deepEqual(registry.of('b'), P2)
  }
})

test('a merge says whether it brought anything', () => {
  const registry = new BucketRegistry()
  assert.ok(registry.merge([record('b', 2, P2)]))
  assert.ok(!registry.merge([record('b', 2, P2)]))
  assert.ok(!registry.merge([record('b', 1, P1)]))
  assert.ok(!registry.merge([]))
})

test('a reset gives the defaults back and is remembered, so that no older word undoes it', () => {
  const registry = new BucketRegistry()
  registry.merge([record('b', 1, P1), record('b', 2, undefined)])
  assert.deepEqual(registry.of('b'), DEFAULT_PROPERTIES)
  assert.deepEqual(registry.configured(), [])
  assert.equal(registry.records().length, 1)
  assert.ok(!registry.merge([record('b', 1, P1)]))
})

test('two words of one stamp are settled the same way everywhere', () => {
  const stamps = fc.integer({ min: 1, max: 2 })
  const properties = fc.constantFrom(P1, P2, undefined)
  const records = fc.array(
    fc.tuple(fc.constantFrom('a', 'b'), stamps, properties).map((parts) => record(...parts)),
    { maxLength: 6 },
  )
  fc.assert(
    fc.property(records, fc.infiniteStream(fc.nat()), (list, dice) => {
      const one = new BucketRegistry()
      const other = new BucketRegistry()
      one.merge(list)
      const shuffled = list
        .map((item) => ({ item, die: dice.next().value as number }))
        .sort((a, b) => a.die - b.die)
      for (const { item } of shuffled) other.merge([item, item])
      assert.deepEqual(one.records(), other.records())
    }),
    { seed: 5 },
  )
})

test('records that no node would make are left out', () => {
  const registry = new BucketRegistry()
  const hostile = [
    record('UPPER', 1, P1),
    record('', 1, P1),
    record('a\0b', 1, P1),
    record('b', 1, { ...P1, n: 8 }),
    record('b', 1, { ...P1, w: 0 }),
    record('b', 1, { ...P1, r: 4 }),
    record('b', 1, { ...P1, valueBytesMax: 2 ** 40 }),
  ]
  assert.ok(!registry.merge(hostile))
  assert.deepEqual(registry.records(), [])
})

test('a full registry takes news of the buckets it has, and no more', () => {
  const registry = new BucketRegistry()
  for (let i = 0; i < BUCKETS_MAX; i++) registry.merge([record(`b${i}`, 1, P1)])
  assert.ok(registry.full)
  assert.ok(!registry.merge([record('one-more', 9, P1)]))
  assert.ok(registry.merge([record('b7', 2, P2)]))
  assert.equal(registry.records().length, BUCKETS_MAX)
})

test('the least W is that of the bucket which asks for least, the defaults among them', () => {
  const registry = new BucketRegistry()
  assert.equal(registry.leastW(), 2)
  registry.merge([record('b', 1, { ...P1, w: 3 })])
  assert.equal(registry.leastW(), 2)
  registry.merge([record('c', 1, P2)])
  assert.equal(registry.leastW(), 1)
  registry.merge([record('c', 2, undefined)])
  assert.equal(registry.leastW(), 2)
})

test('what is stored is restored, and damaged bytes change nothing', () => {
  const registry = new BucketRegistry()
  registry.merge([record('b', 1, P1), record('c', 2, undefined)])
  const bytes = registry.encode()
  const copy = new BucketRegistry()
  copy.restore(bytes)
  assert.deepEqual(copy.records(), registry.records())
  for (let length = 0; length < bytes.length; length++) {
    const empty = new BucketRegistry()
    empty.restore(bytes.subarray(0, length))
    assert.deepEqual(empty.records(), [], `${length} bytes`)
  }
  const longer = new BucketRegistry()
  longer.restore(Uint8Array.of(...bytes, 0))
  assert.deepEqual(longer.records(), [])
})

test('a member confirms a change when it knows that or something later', () => {
  const change = record('b', 2, P1)
  assert.ok(BucketRegistry.confirms([record('b', 2, P1)], change))
  assert.ok(BucketRegistry.confirms([record('a', 1, P1), record('b', 3, P2)], change))
  assert.ok(!BucketRegistry.confirms([record('b', 1, P2)], change))
  assert.ok(!BucketRegistry.confirms([], change))
})
