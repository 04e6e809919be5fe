/**
 * A digest of 32 bytes for simulated nodes: spreads like one, and keeps nothing secret, which a
 * world without thieves does not need. It is the same on every machine and needs no library.
 */
import { crc32 } from '../src/core/std/crc32.ts'

const WORDS = 8

export function simDigest(bytes: Uint8Array): Uint8Array {
  const digest = new Uint8Array(WORDS * 4)
  const view = new DataView(digest.buffer)
  const salted = new Uint8Array(bytes.length + 1)
  salted.set(bytes, 1)
  for (let word = 0; word < WORDS; word++) {
    salted[0] = word
    view.setUint32(word * 4, crc32(salted))
  }
  return digest
}
