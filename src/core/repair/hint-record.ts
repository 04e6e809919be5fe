/**
 * A hint as it stands on the disk of who keeps it; whom it is for and when it was kept is its key.
 *
 * ```
 * format u8 (1) · crc32 u32, of all that follows ·
 * partition u16 · key bytes · record bytes · base bytes
 * ```
 */
import { assert } from '../std/assert.ts'
import { ByteReader, ByteWriter } from '../std/bytes.ts'
import type { Checksum } from '../std/crc32.ts'
import type { PartitionId } from '../std/ids.ts'
import { BASE_BYTES_MAX, RECORD_BYTES_MAX } from '../std/limits.ts'
import type { HandedHint } from './hint-messages.ts'

const FORMAT = 1
const CRC_OFFSET = 1
const HEADER_BYTES = 5
/** More than any storage key has. */
const KEY_BYTES_MAX = 4096

export function encodeHintRecord(hint: HandedHint, checksum: Checksum): Uint8Array {
  assert(hint.key.length <= KEY_BYTES_MAX, () => `a hint of a key of ${hint.key.length} bytes`)
  const writer = new ByteWriter(32 + hint.key.length + hint.record.length + hint.base.length)
  writer.u8(FORMAT)
  writer.u32(0)
  writer.u16(hint.partition)
  writer.bytes(hint.key)
  writer.bytes(hint.record)
  writer.bytes(hint.base)
  writer.patchU32(CRC_OFFSET, checksum(writer.view().subarray(HEADER_BYTES)))
  return writer.take()
}

/** undefined: not what was written. Byte strings are views into `bytes`. */
export function decodeHintRecord(bytes: Uint8Array, checksum: Checksum): HandedHint | undefined {
  const reader = new ByteReader(bytes)
  const format = reader.u8()
  const crc = reader.u32()
  if (!reader.ok || format !== FORMAT || crc !== checksum(bytes.subarray(HEADER_BYTES)))
    return undefined
  const hint: HandedHint = {
    partition: reader.u16() as PartitionId,
    key: reader.bytes(KEY_BYTES_MAX),
    record: reader.bytes(RECORD_BYTES_MAX),
    base: reader.bytes(BASE_BYTES_MAX),
  }
  return reader.finished ? hint : undefined
}
