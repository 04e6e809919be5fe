/**
 * Where a key lives on the ring, computed as the nodes do (`docs/internals/placement.md`): CRC-16
 * of the key's hash tag plus an offset of its bucket, modulo 16384; partitions are equal runs of
 * slots. A client that were wrong here would only ask a node that is no replica, and that node
 * serves the request too.
 */
const SLOTS = 16_384
const OPENING_BRACE = 0x7b
const CLOSING_BRACE = 0x7d
const utf8 = new TextEncoder()

/** CRC-16/XMODEM: polynomial 0x1021, initial value 0, not reflected. */
const TABLE: Uint16Array = new Uint16Array(256)
for (let n = 0; n < 256; n++) {
  let c = n << 8
  for (let k = 0; k < 8; k++) c = (c & 0x8000) === 0 ? c << 1 : (c << 1) ^ 0x1021
  TABLE[n] = c
}

/** The slot of a key of a bucket, 0 to 16383; the sort key does not count. */
export function slotOf(bucket: string, key: string): number {
  const bytes = utf8.encode(key)
  let from = 0
  let to = bytes.length
  const opening = bytes.indexOf(OPENING_BRACE)
  if (opening >= 0) {
    const closing = bytes.indexOf(CLOSING_BRACE, opening + 1)
    // An empty tag is none.
    if (closing > opening + 1) {
      from = opening + 1
      to = closing
    }
  }
  const offset = bucket === 'default' ? 0 : crc16(utf8.encode(bucket), 0, bucket.length)
  return (crc16(bytes, from, to) + offset) & (SLOTS - 1)
}

/** `partitions` is a power of two up to 16384. */
export function partitionOf(slot: number, partitions: number): number {
  return (slot * partitions) >>> 14
}

function crc16(bytes: Uint8Array, from: number, to: number): number {
  let c = 0
  for (let i = from; i < to; i++) c = ((c << 8) & 0xffff) ^ TABLE[(c >> 8) ^ bytes[i]!]!
  return c
}
