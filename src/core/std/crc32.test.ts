import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import { utf8Encode } from './bytes.ts'
import { crc32 } from './crc32.ts'

test('the check value of the CRC catalogue', () => {
  assert.equal(crc32(utf8Encode('123456789')), 0xcbf4_3926)
})

test('the checksum of nothing is zero', () => {
  assert.equal(crc32(new Uint8Array(0)), 0)
})

test('it gives the numbers of zlib, which a real node uses in its place', () => {
  const property = fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
    assert.equal(crc32(bytes), zlibCrc32(bytes))
  })
  fc.assert(property, { seed: 32, numRuns: 500 })
})

test('it reads a view from its beginning to its end', () => {
  const bytes = Uint8Array.of(9, 1, 2, 3, 9)
  assert.equal(crc32(bytes.subarray(1, 4)), crc32(Uint8Array.of(1, 2, 3)))
})
