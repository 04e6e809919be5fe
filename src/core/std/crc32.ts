/**
 * CRC-32 (IEEE 802.3, reflected polynomial 0xEDB88320), the checksum of stored records. This table
 * version serves the simulator and the tests; a real node hands its core `zlib.crc32`, which gives
 * the same numbers faster.
 */

/** Checksum of some bytes, a 32-bit unsigned integer. */
export type Checksum = (bytes: Uint8Array) => number

const TABLE: Uint32Array = new Uint32Array(256)
for (let n = 0; n < 256; n++) {
  let c = n
  for (let k = 0; k < 8; k++) c = (c & 1) === 1 ? 0xedb8_8320 ^ (c >>> 1) : c >>> 1
  TABLE[n] = c
}

export function crc32(bytes: Uint8Array): number {
  let c = 0xffff_ffff
  for (let i = 0; i < bytes.length; i++) c = TABLE[(c ^ bytes[i]!) & 0xff]! ^ (c >>> 8)
  return (c ^ 0xffff_ffff) >>> 0
}
