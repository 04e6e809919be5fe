import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { fromHex, toHex } from '../std/bytes.ts'
import { crc32 } from '../std/crc32.ts'
import type { PartitionId } from '../std/ids.ts'
import { decodeHintRecord, encodeHintRecord } from './hint-record.ts'

const bytes = fc.uint8Array({ maxLength: 40 })
const hints = fc
  .tuple(fc.nat(4095), bytes, bytes, bytes)
  .map(([n, key, record, base]) => ({ partition: n as PartitionId, key, record, base }))

test('a hint comes back from the disk as it was kept', () => {
  fc.assert(
    fc.property(hints, (hint) => {
      assert.deepEqual(decodeHintRecord(encodeHintRecord(hint, crc32), crc32), hint)
    }),
    { seed: 3, numRuns: 200 },
  )
})

test('a flipped bit, a missing end or something behind it is no hint', () => {
  fc.assert(
    fc.property(hints, fc.nat(), (hint, place) => {
      const stored = encodeHintRecord(hint, crc32)
      const flipped = stored.slice()
      flipped[place % stored.length]! ^= 1 << (place % 8)
      assert.equal(decodeHintRecord(flipped, crc32), undefined)
      assert.equal(decodeHintRecord(stored.subarray(0, place % stored.length), crc32), undefined)
      assert.equal(decodeHintRecord(Uint8Array.of(...stored, 0), crc32), undefined)
    }),
    { seed: 4, numRuns: 200 },
  )
})

test('the format on the disk is this one', () => {
  const hint = {
    partition: 0x0102 as PartitionId,
    key: Uint8Array.of(0x4b),
    record: Uint8Array.of(0x52, 0x52),
    base: Uint8Array.of(0x42),
  }
  const golden = '01 858a89e1 0102 014b 025252 0142'.replaceAll(' ', '')
  assert.equal(toHex(encodeHintRecord(hint, crc32)), golden)
  assert.deepEqual(decodeHintRecord(fromHex(golden)!, crc32), hint)
})
