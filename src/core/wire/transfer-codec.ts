/**
 * The messages of transfers as bytes.
 *
 * ```
 * transfer-request  request varint · layout version varint · partition u16 · after bytes
 * transfer-chunk    request varint · outcome code · done flag ·
 *                   count varint · (key bytes · record bytes)* ·
 *                   base bytes · clock bytes
 * ```
 */
import type { TransferChunk, TransferRequest } from '../repair/messages.ts'
import { TRANSFER_CHUNK_RECORDS_MAX } from '../repair/messages.ts'
import { assert } from '../std/assert.ts'
import type { ByteReader, ByteWriter } from '../std/bytes.ts'
import { CLOCK_BYTES_MAX } from '../versions/partition-clock.ts'
import { BASE_BYTES_MAX, RECORD_BYTES_MAX } from '../std/limits.ts'
import type { Codes } from './fields.ts'
import { codes, decodeFlag, decodePartition, encodeFlag, STORAGE_KEY_BYTES_MAX } from './fields.ts'

const ENTRY_BYTES_MIN = 2

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

export function encodeTransferChunk(writer: ByteWriter, message: TransferChunk): void {
  const count = message.entries.length
  assert(count <= TRANSFER_CHUNK_RECORDS_MAX, () => `${count} records in a transfer chunk`)
  writer.varint(message.request)
  TRANSFER_OUTCOME.encode(writer, message.outcome)
  encodeFlag(writer, message.done)
  writer.varint(count)
  for (const entry of message.entries) {
    writer.bytes(entry.key)
    writer.bytes(entry.record)
  }
  writer.bytes(message.base)
  writer.bytes(message.clock)
}

export function decodeTransferChunk(reader: ByteReader): TransferChunk {
  const request = reader.varint()
  const outcome = TRANSFER_OUTCOME.decode(reader)
  const done = decodeFlag(reader)
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
  return { type: 'transfer-chunk', request, outcome, entries, base, clock, done }
}
