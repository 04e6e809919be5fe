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
 * format u8 (2) · crc32 u32, of all that follows ·
 * layout version u32 · layout hash u32 · flags u8 · after bytes · clock bytes ·
 * root bytes · sum high u32 · sum low u32 ·          what it proves (`transfer-proof.ts`)
 * records varint · bytes varint ·                    read so far
 * sized u8 · [records varint · bytes varint]         about what there is to read
 * flags: 1 done · 2 has differed
 * ```
 */
import { ByteReader, ByteWriter } from '../std/bytes.ts'
import type { Checksum } from '../std/crc32.ts'
import { HASH_BYTES } from '../std/hash64.ts'
import { CLOCK_BYTES_MAX } from '../versions/partition-clock.ts'
import type { PartitionSize } from './partition-size.ts'
import type { TransferProof } from './transfer-proof.ts'

/** Where a stream stands. */
export interface TransferCursor {
  /** Storage key of the last record that is here; empty at the beginning. */
  readonly after: Uint8Array
  /** The source's clock, as it was when the stream began; empty when nobody may take it over. */
  readonly clock: Uint8Array
  /** Whether nothing comes behind `after`. */
  readonly done: boolean
  /** Whether the stream was read to its end before, and was not what the source holds. */
  readonly hasDiffered: boolean
  readonly proof: Readonly<TransferProof>
  /** Read up to `after`. */
  readonly read: PartitionSize
  /** About what there is to read; undefined: the source has not said. */
  readonly size: PartitionSize | undefined
}

/** The layout for which data moves. */
export interface MovingLayout {
  readonly version: number
  readonly hash: number
}

const FORMAT = 2
const DONE = 1
const HAS_DIFFERED = 2
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
  writer.u8((cursor.done ? DONE : 0) | (cursor.hasDiffered ? HAS_DIFFERED : 0))
  writer.bytes(cursor.after)
  writer.bytes(cursor.clock)
  const { proof, read, size } = cursor
  writer.bytes(proof.root)
  writer.u32(proof.high >>> 0)
  writer.u32(proof.low >>> 0)
  encodeSize(writer, read)
  writer.u8(size === undefined ? 0 : 1)
  if (size !== undefined) encodeSize(writer, size)
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
  const flags = reader.u8()
  const after = reader.bytes(KEY_BYTES_MAX)
  const clock = reader.bytes(CLOCK_BYTES_MAX)
  const root = reader.bytes(HASH_BYTES)
  const proof = { root, high: reader.u32() | 0, low: reader.u32() | 0 }
  const read = decodeSize(reader)
  const size = reader.u8() === 1 ? decodeSize(reader) : undefined
  if (!reader.finished || version !== layout.version || hash !== layout.hash) return undefined
  const hasDiffered = (flags & HAS_DIFFERED) !== 0
  return { after, clock, done: (flags & DONE) !== 0, hasDiffered, proof, read, size }
}

function encodeSize(writer: ByteWriter, { records, bytes }: PartitionSize): void {
  writer.varint(records)
  writer.varint(bytes)
}

function decodeSize(reader: ByteReader): PartitionSize {
  return { records: reader.varint(), bytes: reader.varint() }
}
