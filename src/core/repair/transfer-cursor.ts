/**
 * How far one stream of a transfer has come, as it stands on the receiver's disk; of which
 * partition and source is its key. With it a node that is started again goes on where it stopped,
 * instead of having every partition read out to it from the beginning.
 *
 * A cursor is a claim: all that the source held of the partition up to `after`, when it was adopted
 * for this layout, is here. It is true for three reasons:
 *
 * - It is handed to the store in the batch of the chunk that led to it, or behind it. What the
 *   chunk left out, as being here, was handed over before. Batches become durable in order, and one
 *   that fails takes all behind it until its failure is told: so a cursor that is on the disk has
 *   all that it tells of before it. Once a failure was told, streams in hand keep none any more,
 *   for they may stand behind what is gone (`TransferReceiver`).
 * - The source serves only under the layout for which it is asked, and from then on refuses writes
 *   of older ones. What comes below `after` later goes to both sets, whether we run or not.
 * - `clock` is the source's as of the beginning of the stream, never a younger one: a younger one
 *   would tell of what is below `after` and was never read out.
 *
 * So a cursor is worth something only for the layout, version and hash, that it was kept for.
 *
 * ```
 * format u8 (1) · crc32 u32, of all that follows ·
 * layout version u32 · layout hash u32 · done u8 · after bytes · clock bytes
 * ```
 */
import { ByteReader, ByteWriter } from '../std/bytes.ts'
import type { Checksum } from '../std/crc32.ts'
import { CLOCK_BYTES_MAX } from '../versions/partition-clock.ts'

/** Where a stream stands. */
export interface TransferCursor {
  /** Storage key of the last record that is here; empty at the beginning. */
  readonly after: Uint8Array
  /** The source's clock, as it was when the stream began; empty when nobody may take it over. */
  readonly clock: Uint8Array
  /** Whether nothing comes behind `after`. */
  readonly done: boolean
}

/** The layout for which data moves. */
export interface MovingLayout {
  readonly version: number
  readonly hash: number
}

const FORMAT = 1
const CRC_OFFSET = 1
const HEADER_BYTES = 5
/** More than any storage key has. */
const KEY_BYTES_MAX = 4096

export function encodeTransferCursor(
  cursor: TransferCursor,
  layout: MovingLayout,
  checksum: Checksum,
): Uint8Array {
  const writer = new ByteWriter(32 + cursor.after.length + cursor.clock.length)
  writer.u8(FORMAT)
  writer.u32(0)
  writer.u32(layout.version)
  writer.u32(layout.hash)
  writer.u8(cursor.done ? 1 : 0)
  writer.bytes(cursor.after)
  writer.bytes(cursor.clock)
  writer.patchU32(CRC_OFFSET, checksum(writer.view().subarray(HEADER_BYTES)))
  return writer.take()
}

/** undefined: not what was written, or for another layout. */
export function decodeTransferCursor(
  bytes: Uint8Array,
  layout: MovingLayout,
  checksum: Checksum,
): TransferCursor | undefined {
  const reader = new ByteReader(bytes)
  const format = reader.u8()
  const crc = reader.u32()
  if (!reader.ok || format !== FORMAT || crc !== checksum(bytes.subarray(HEADER_BYTES)))
    return undefined
  const version = reader.u32()
  const hash = reader.u32()
  const done = reader.u8() === 1
  const after = reader.bytes(KEY_BYTES_MAX)
  const clock = reader.bytes(CLOCK_BYTES_MAX)
  if (!reader.finished || version !== layout.version || hash !== layout.hash) return undefined
  return { after, clock, done }
}
