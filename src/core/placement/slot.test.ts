import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { utf8Encode } from '../std/bytes.ts'
import type { Slot } from '../std/ids.ts'
import { crc16, partitionOf, slotOf, SLOTS } from './slot.ts'

const slotOfText = (key: string, bucket = 'default'): number => slotOf(bucket, utf8Encode(key))

/** CRC-16/XMODEM a bit at a time, from its definition. */
function naiveCrc16(bytes: Uint8Array): number {
  let c = 0
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit--) {
      const top = (c >> 15) ^ ((byte >> bit) & 1)
      c = (c << 1) & 0xffff
      if (top === 1) c ^= 0x1021
    }
  }
  return c
}

test('crc16 has the check value of XMODEM', () => {
  assert.equal(crc16(utf8Encode('123456789')), 0x31c3)
  assert.equal(crc16(new Uint8Array(0)), 0)
})

test('crc16 is the polynomial division that it abbreviates', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => crc16(bytes) === naiveCrc16(bytes)),
    { seed: 1 },
  )
})

test('slots of the default bucket are those of Redis Cluster', () => {
  assert.equal(slotOfText('foo'), 12_182)
  assert.equal(slotOfText('bar'), 5_061)
  assert.equal(slotOfText('hello'), 866)
  assert.equal(slotOfText('somekey'), 11_058)
  assert.equal(slotOfText('foo{hash_tag}'), 2_515)
  assert.equal(slotOfText('bar{hash_tag}'), 2_515)
  assert.equal(slotOfText(''), 0)
})

test('keys with the same hash tag share a slot', () => {
  assert.equal(slotOfText('{user1000}.following'), slotOfText('{user1000}.followers'))
  assert.equal(slotOfText('{user1000}.following'), slotOfText('user1000'))
})

test('an empty tag is none: the whole key counts', () => {
  assert.equal(slotOfText('foo{}{bar}'), crc16(utf8Encode('foo{}{bar}')) % SLOTS)
  assert.notEqual(slotOfText('foo{}{bar}'), slotOfText('bar'))
})

test('a tag goes from the first opening brace to the first closing one after it', () => {
  assert.equal(slotOfText('foo{{bar}}zap'), slotOfText('{bar'))
  assert.equal(slotOfText('foo{bar}{zap}'), slotOfText('bar'))
  assert.equal(slotOfText('a}b{c}d'), slotOfText('c'))
})

test('a brace without its partner makes no tag', () => {
  for (const key of ['foo{bar', 'foo}bar', '}{', '{', '}'])
    assert.equal(slotOfText(key), crc16(utf8Encode(key)) % SLOTS, key)
})

test('a bucket shifts all its slots by the checksum of its name', () => {
  const offset = crc16(utf8Encode('sessions'))
  for (const key of ['foo', 'bar', '{user1}.cart', ''])
    assert.equal(slotOfText(key, 'sessions'), (slotOfText(key) + offset) % SLOTS, key)
  assert.notEqual(slotOfText('foo', 'sessions'), slotOfText('foo'))
})

test('every slot is within the ring and every partition within the cluster', () => {
  const bucket = fc.stringMatching(/^[a-z0-9][a-z0-9._-]{0,63}$/)
  const bits = fc.integer({ min: 0, max: 12 })
  fc.assert(
    fc.property(bucket, fc.uint8Array({ maxLength: 40 }), bits, (name, key, k) => {
      const slot = slotOf(name, key)
      assert.ok(slot >= 0 && slot < SLOTS, `slot ${slot}`)
      const partition = partitionOf(slot, 1 << k)
      assert.equal(partition, Math.floor(slot / (SLOTS / (1 << k))))
    }),
    { seed: 2 },
  )
})

test('partitions are equal runs of slots, in order', () => {
  for (const partitions of [1, 2, 256, 4096]) {
    const sizes = new Array<number>(partitions).fill(0)
    let last = 0
    for (let slot = 0; slot < SLOTS; slot++) {
      const partition = partitionOf(slot as Slot, partitions)
      assert.ok(partition === last || partition === last + 1)
      last = partition
      sizes[partition] = sizes[partition]! + 1
    }
    assert.ok(sizes.every((size) => size === SLOTS / partitions))
  }
})

test('a slot outside of the ring is our bug', () => {
  assert.throws(() => partitionOf(SLOTS as Slot, 256), /slot 16384/)
  assert.throws(() => partitionOf(-1 as Slot, 256), /slot -1/)
})
