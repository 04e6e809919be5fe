/**
 * Where a key lives on the ring. A key's slot is Redis Cluster's (cluster specification, "Key
 * distribution model" and "Hash tags"), shifted by an offset of its bucket:
 *
 * ```
 *   slot      = (CRC16 of the key's hash tag + offset of the bucket) mod 16384
 *   partition = slot >> k            2^k slots a partition; the offset of `default` is 0
 * ```
 * Hashing the plain key would scatter what a client wants together; hashing (bucket, key) as one
 * string would lose Redis' slots. The offset keeps both: within a bucket the hash tag decides, and
 * the same key of two buckets lies in two places, so that a thousand buckets with the same popular
 * key do not all burden one partition.
 *
 * Once for each request, hence table driven and without allocation.
 */
import { assert } from '../std/assert.ts'
import type { PartitionId, Slot } from '../std/ids.ts'

export const SLOTS = 16_384
const SLOT_BITS = 14
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d

/** CRC-16/XMODEM: polynomial 0x1021, initial value 0, not reflected. */
const TABLE: Uint16Array = new Uint16Array(256)
for (let n = 0; n < 256; n++) {
  let c = n << 8
  for (let k = 0; k < 8; k++) c = (c & 0x8000) === 0 ? c << 1 : (c << 1) ^ 0x1021
  TABLE[n] = c
}

export function crc16(bytes: Uint8Array): number {
  return crc16Between(bytes, 0, bytes.length)
}

/**
 * The slot of a key of a bucket. `key` is the partition key alone: the sort key does not move an
 * item.
 */
export function slotOf(bucket: string, key: Uint8Array): Slot {
  let from = 0
  let to = key.length
  const opening = key.indexOf(OPENING_BRACE)
  if (opening >= 0) {
    const closing = key.indexOf(CLOSING_BRACE, opening + 1)
    // Only the first opening brace and the first closing one after it count, and an empty tag is
    // none.
    if (closing > opening + 1) {
      from = opening + 1
      to = closing
    }
  }
  return ((crc16Between(key, from, to) + bucketOffset(bucket)) & (SLOTS - 1)) as Slot
}

/** `partitions` is Q, a power of two up to the number of slots. */
export function partitionOf(slot: Slot, partitions: number): PartitionId {
  assert(slot >= 0 && slot < SLOTS, () => `slot ${slot}`)
  return ((slot * partitions) >>> SLOT_BITS) as PartitionId
}

/** Bucket names are ASCII, so that their characters are their bytes. */
function bucketOffset(bucket: string): number {
  if (bucket === 'default') return 0
  let c = 0
  for (let i = 0; i < bucket.length; i++) {
    c = ((c << 8) & 0xffff) ^ TABLE[(c >> 8) ^ (bucket.charCodeAt(i) & 0xff)]!
  }
  return c
}

function crc16Between(bytes: Uint8Array, from: number, to: number): number {
  let c = 0
  for (let i = from; i < to; i++) c = ((c << 8) & 0xffff) ^ TABLE[(c >> 8) ^ bytes[i]!]!
  return c
}
