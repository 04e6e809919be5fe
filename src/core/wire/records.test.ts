import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import type { BucketProperties } from '../node/messages.ts'
import { ByteReader, ByteWriter } from '../std/bytes.ts'
import { NODES_MAX } from '../std/limits.ts'
import { bucketRecords, members, plain, SEED } from './arbitraries.test.ts'
import {
  decodeBucketRecord,
  decodeMembersList,
  encodeBucketRecord,
  encodeMembersList,
} from './records.ts'
import { DEFAULT_PROPERTIES, TTL_MS_MAX } from '../node/buckets.ts'
import { BUCKET } from './samples.test.ts'

suite('bucket records', () => {
  const decoded = (properties: BucketProperties): boolean => {
    const writer = new ByteWriter()
    encodeBucketRecord(writer, { ...BUCKET, properties })
    const reader = new ByteReader(writer.view())
    decodeBucketRecord(reader)
    return reader.finished
  }

  test('come back as they were kept', () => {
    fc.assert(
      fc.property(bucketRecords, (record) => {
        const writer = new ByteWriter()
        encodeBucketRecord(writer, record)
        const reader = new ByteReader(writer.view())
        assert.deepEqual(decodeBucketRecord(reader), plain(record))
        assert.ok(reader.finished)
      }),
      { seed: SEED },
    )
  })

  test('with quorums that no cluster can meet are malformed', () => {
    const good = DEFAULT_PROPERTIES
    assert.ok(decoded(good))
    assert.ok(decoded({ ...good, r: 3, w: 1 }))
    for (const bad of [{ n: 0 }, { r: 0 }, { w: 0 }, { r: 4 }, { w: 4 }]) {
      assert.ok(!decoded({ ...good, ...bad }), JSON.stringify(bad))
    }
  })

  test('with a value limit above what a value may be are malformed', () => {
    const good: BucketProperties = { ...DEFAULT_PROPERTIES, conflicts: 'siblings' }
    assert.ok(decoded(good))
    assert.ok(!decoded({ ...good, valueBytesMax: 0 }))
    assert.ok(!decoded({ ...good, valueBytesMax: 1024 * 1024 + 1 }))
  })

  test('with a time to live beyond a hundred years are malformed', () => {
    assert.ok(decoded({ ...DEFAULT_PROPERTIES, ttlMs: TTL_MS_MAX }))
    assert.ok(!decoded({ ...DEFAULT_PROPERTIES, ttlMs: TTL_MS_MAX + 1 }))
  })
})

suite('lists of members', () => {
  test('come back as they were kept', () => {
    fc.assert(
      fc.property(fc.array(members, { maxLength: 10 }), (list) => {
        const writer = new ByteWriter()
        encodeMembersList(writer, list)
        const reader = new ByteReader(writer.view())
        assert.deepEqual(decodeMembersList(reader), plain(list))
        assert.ok(reader.finished)
      }),
      { seed: SEED },
    )
  })

  test('that claim more members than a cluster has are malformed', () => {
    const writer = new ByteWriter()
    writer.varint(NODES_MAX + 1)
    writer.raw(new Uint8Array(100_000))
    const reader = new ByteReader(writer.view())
    assert.deepEqual(decodeMembersList(reader), [])
    assert.ok(!reader.ok)
  })
})
