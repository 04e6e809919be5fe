import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../std/crc32.ts'
import { decodeClockLease, encodeClockLease } from './clock-lease.ts'

const UNTIL = 1_700_000_003_000

test('a lease is read back as it was written', () => {
  assert.equal(decodeClockLease(encodeClockLease(UNTIL, crc32), crc32), UNTIL)
})

test('any flipped bit makes it no lease: a high one would set the clock years ahead for good', () => {
  const whole = encodeClockLease(UNTIL, crc32)
  for (let bit = 0; bit < whole.length * 8; bit++) {
    const broken = whole.slice()
    broken[bit >> 3]! ^= 1 << (bit & 7)
    assert.equal(decodeClockLease(broken, crc32), 0, `bit ${bit}`)
  }
})

test('bytes cut short, or with something behind them, are no lease', () => {
  const whole = encodeClockLease(UNTIL, crc32)
  for (let length = 0; length < whole.length; length++)
    assert.equal(decodeClockLease(whole.subarray(0, length), crc32), 0)
  assert.equal(decodeClockLease(Uint8Array.of(...whole, 0), crc32), 0)
})
