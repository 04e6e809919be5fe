/**
 * How the clock's lease stands on disk: format, bound in milliseconds, checksum. The checksum
 * matters more than its size says: a flipped high bit would set this node's stamps years ahead, for
 * good.
 */
import { ByteReader, ByteWriter } from '../std/bytes.ts'
import type { Checksum } from '../std/crc32.ts'

const FORMAT = 1
const CRC_OFFSET = 9

export function encodeClockLease(untilMs: number, checksum: Checksum): Uint8Array {
  const writer = new ByteWriter(16)
  writer.u8(FORMAT)
  writer.u64(untilMs)
  writer.u32(checksum(writer.view()))
  return writer.take()
}

/**
 * 0, no lease, for bytes that are not what was written: then the clock begins at the wall clock.
 */
export function decodeClockLease(bytes: Uint8Array, checksum: Checksum): number {
  const reader = new ByteReader(bytes)
  const format = reader.u8()
  const untilMs = reader.u64()
  const crc = reader.u32()
  if (!reader.finished || format !== FORMAT) return 0
  return crc === checksum(bytes.subarray(0, CRC_OFFSET)) ? untilMs : 0
}
