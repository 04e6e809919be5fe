/**
 * The messages of transfers as bytes.
 *
 * ```
 * transfer-request  request varint · layout version varint · partition u16 · after bytes
 * transfer-chunk    request varint · outcome code · what u8 ·
 *                   count varint · (key bytes · record bytes)* ·
 *                   base bytes · clock bytes · [records varint · bytes varint] · [root]
 *                   what: bits 1 done, 2 size, 4 root, of HASH_BYTES; before protocol 6 only done
 * ```
 */
import type { TransferChunk, TransferRequest } from '../repair/messages.ts'
import { TRANSFER_CHUNK_RECORDS_MAX } from '../repair/messages.ts'
import { assert } from '../std/assert.ts'
import type { ByteReader, ByteWriter } from '../std/bytes.ts'
import { HASH_BYTES } from '../std/hash64.ts'
import { CLOCK_BYTES_MAX } from '../versions/partition-clock.ts'
import { BASE_BYTES_MAX, RECORD_BYTES_MAX } from '../std/limits.ts'
import type { Codes } from './fields.ts'
import { codes, decodePartition, STORAGE_KEY_BYTES_MAX } from './fields.ts'

const ENTRY_BYTES_MIN = 2
/** The first version in which chunks tell of sizes and roots. */
const ROOTS_SINCE = 6
const DONE = 1
const SIZE = 2
const ROOT = 4

const TRANSFER_OUTCOME: Codes<TransferChunk['outcome']> = codes<TransferChunk['outcome']>({
  ok: 1,
  'not-replica': 2,
  'stale-layout': 3,
  'store-failed': 4,
})

export function encodeTransferRequest(writer: ByteWriter, message: TransferRequest): void {
  writer.varint(message.request)
  writer.varint(message.layoutVersion)
  writer.u16(message.partition)
  writer.bytes(message.after)
}

export function decodeTransferRequest(reader: ByteReader): TransferRequest {
  return {
    type: 'transfer-request',
    request: reader.varint(),
    layoutVersion: reader.varint(),
    partition: decodePartition(reader),
    after: reader.bytes(STORAGE_KEY_BYTES_MAX),
  }
}

export function encodeTransferChunk(
  writer: ByteWriter,
  message: TransferChunk,
  protocol: number,
): void {
  const count = message.entries.length
  assert(count <= TRANSFER_CHUNK_RECORDS_MAX, () => `${count} records in a transfer chunk`)
  writer.varint(message.request)
  TRANSFER_OUTCOME.encode(writer, message.outcome)
  const isPlain = protocol < ROOTS_SINCE
  const size = isPlain ? undefined : message.size
  const root = isPlain ? undefined : message.root
  const done = message.done ? DONE : 0
  writer.u8(done | (size === undefined ? 0 : SIZE) | (root === undefined ? 0 : ROOT))
  writer.varint(count)
  for (const entry of message.entries) {
    writer.bytes(entry.key)
    writer.bytes(entry.record)
  }
  writer.bytes(message.base)
  writer.bytes(message.clock)
  if (size !== undefined) {
    writer.varint(size.records)
    writer.varint(size.bytes)
  }
  if (root === undefined) return
  assert(root.length === HASH_BYTES, () => `a root of ${root.length} bytes`)
  writer.raw(root)
}

export function decodeTransferChunk(reader: ByteReader): TransferChunk {
  const request = reader.varint()
  const outcome = TRANSFER_OUTCOME.decode(reader)
  const what = reader.u8()
  if (what > (DONE | SIZE | ROOT)) reader.fail()
  const done = (what & DONE) !== 0
  const entries: TransferChunk['entries'][number][] = []
  const count = reader.count(TRANSFER_CHUNK_RECORDS_MAX, ENTRY_BYTES_MIN)
  for (let i = 0; i < count && reader.ok; i++) {
    entries.push({
      key: reader.bytes(STORAGE_KEY_BYTES_MAX),
      record: reader.bytes(RECORD_BYTES_MAX),
    })
  }
  const base = reader.bytes(BASE_BYTES_MAX)
  const clock = reader.bytes(CLOCK_BYTES_MAX)
  const chunk = { type: 'transfer-chunk', request, outcome, entries, base, clock, done } as const
  const size =
    (what & SIZE) === 0 ? undefined : { records: reader.varint(), bytes: reader.varint() }
  const root = (what & ROOT) === 0 ? undefined : reader.raw(HASH_BYTES)
  return { ...chunk, ...(size && { size }), ...(root && { root }) }
}
