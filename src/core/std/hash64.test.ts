import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { utf8Encode } from './bytes.ts'
import type { Hash64 } from './hash64.ts'
import { Hasher64 } from './hash64.ts'
import { Prng } from './prng.ts'

function hashOf(bytes: Uint8Array, from?: Hash64): string {
  const hasher = new Hasher64()
  hasher.start(from)
  hasher.bytes(bytes)
  hasher.finish()
  return hasher.high.toString(16).padStart(8, '0') + hasher.low.toString(16).padStart(8, '0')
}

function bitsSet(value: number): number {
  let count = 0
  for (let rest = value >>> 0; rest !== 0; rest >>>= 1) count += rest & 1
  return count
}

suite('the 64-bit hash', () => {
  test('gives the numbers that stored trees and peers were built with', () => {
    assert.equal(hashOf(new Uint8Array(0)), '804296be49e70d2b')
    assert.equal(hashOf(utf8Encode('a')), 'f6a4d14be5c81a80')
    assert.equal(hashOf(utf8Encode('cart:4711')), 'a53f08c23ecf19ac')
    assert.equal(hashOf(utf8Encode('a'), { high: 1, low: 2 }), '1351a7bec0f2e661')
  })

  test('tells apart what differs in length only', () => {
    const hashes = new Set<string>()
    for (let length = 0; length < 64; length++) hashes.add(hashOf(new Uint8Array(length)))
    assert.equal(hashes.size, 64)
  })

  test('is the same wherever in a buffer the bytes stand', () => {
    const buffer = utf8Encode('xxcart:4711')
    assert.equal(hashOf(buffer.subarray(2)), hashOf(utf8Encode('cart:4711')))
  })

  test('tells 300,000 keys apart that are nearly the same', () => {
    const hasher = new Hasher64()
    const key = new Uint8Array(4)
    const view = new DataView(key.buffer)
    const seen = new Set<number>()
    let alike = 0
    for (let i = 0; i < 300_000; i++) {
      view.setUint32(0, i)
      hasher.start()
      hasher.bytes(key)
      hasher.finish()
      // 53 of the 64 bits: among so many keys a pair alike is expected once in 200,000 tries.
      const number = hasher.high * 0x20_0000 + (hasher.low >>> 11)
      if (seen.has(number)) alike++
      seen.add(number)
    }
    assert.equal(alike, 0)
  })

  test('changes half of all bits with each bit of the input', () => {
    const rng = new Prng(7)
    const a = new Hasher64()
    const b = new Hasher64()
    let flipped = 0
    let tries = 0
    for (let round = 0; round < 200; round++) {
      const key = Uint8Array.from({ length: 13 }, () => rng.below(256))
      a.start()
      a.bytes(key)
      a.finish()
      for (let bit = 0; bit < key.length * 8; bit++) {
        key[bit >> 3]! ^= 1 << (bit & 7)
        b.start()
        b.bytes(key)
        b.finish()
        key[bit >> 3]! ^= 1 << (bit & 7)
        const count = bitsSet(a.high ^ b.high) + bitsSet(a.low ^ b.low)
        assert.ok(count > 8, `bit ${bit} changes ${count} bits`)
        flipped += count
        tries++
      }
    }
    const mean = flipped / tries
    assert.ok(mean > 31.8 && mean < 32.2, `${mean} bits on average`)
  })
})
