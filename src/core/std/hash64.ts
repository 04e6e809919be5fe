/**
 * A fast 64-bit hash of bytes, as two halves of 32 bits, which is what this language computes with
 * quickly. Two lanes in the manner of MurmurHash3 (Appleby, 2011, the x86 variants), each fed every
 * word and the other lane, so that 64 bits are mixed and not twice 32. Good enough to tell apart
 * what nobody made to collide; no protection against somebody who does.
 */

/** Two unsigned halves. */
export interface Hash64 {
  readonly high: number
  readonly low: number
}

export const HASH_BYTES = 8

const HIGH_1 = 0xcc9e_2d51
const HIGH_2 = 0x1b87_3593
const LOW_1 = 0x239b_961b
const LOW_2 = 0xab0e_9789

/** Reusable: `start`, feed it, `finish`, read both halves. */
export class Hasher64 implements Hash64 {
  high = 0
  low = 0
  #words = 0

  /** Goes on from another hash, or from nothing. */
  start(from?: Hash64): void {
    this.high = from === undefined ? 0x9747_b28c : from.high
    this.low = from === undefined ? 0x5bd1_e995 : from.low
    this.#words = 0
  }

  /** Integers of 32 bits; whatever stands above is cut off. */
  word(value: number): void {
    let k = Math.imul(value, HIGH_1)
    k = Math.imul((k << 15) | (k >>> 17), HIGH_2)
    let { high, low } = this
    high ^= k
    high = (((high << 19) | (high >>> 13)) + low) | 0
    high = (Math.imul(high, 5) + 0x561c_cd1b) | 0
    k = Math.imul(value, LOW_1)
    k = Math.imul((k << 16) | (k >>> 16), LOW_2)
    low ^= k
    low = (((low << 17) | (low >>> 15)) + high) | 0
    this.low = (Math.imul(low, 5) + 0x0bca_a747) | 0
    this.high = high
    this.#words++
  }

  /** The bytes and their number. */
  bytes(bytes: Uint8Array): void {
    const { length } = bytes
    const whole = length - (length % 4)
    let i = 0
    for (; i < whole; i += 4)
      this.word(bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24))
    let rest = 0
    for (let shift = 0; i < length; i++, shift += 8) rest |= bytes[i]! << shift
    if (length > whole) this.word(rest)
    this.word(length)
  }

  finish(): void {
    let high = this.high ^ this.#words
    let low = this.low ^ this.#words
    high = (high + low) | 0
    low = (low + high) | 0
    high = mix(high)
    low = mix(low)
    high = (high + low) | 0
    this.high = high >>> 0
    this.low = (low + high) >>> 0
  }
}

/** Every bit of the result depends on every bit of `value`. */
function mix(value: number): number {
  let h = value
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35)
  return h ^ (h >>> 16)
}
