/**
 * The messages of listings as bytes.
 *
 * ```
 * list-request  request varint · layout version varint · bucket text · partitions ·
 *               from bytes · to bytes · reverse flag · limit varint
 * partitions    count varint · (gap varint)*
 * list-reply    request varint · outcome code · more flag ·
 *               count varint · (key bytes · summary bytes)* · count varint · (base bytes)*
 * ```
 * A gap is how many partitions are left out since the one before, so that only an ascending list,
 * each once, can be said.
 */
import type { ListEntry, ListReply, ListRequest } from '../node/messages.ts'
import { PARTITIONS_MAX } from '../placement/layout-structure.ts'
import { assert } from '../std/assert.ts'
import type { ByteReader, ByteWriter } from '../std/bytes.ts'
import type { PartitionId } from '../std/ids.ts'
import { BASE_BYTES_MAX, LIST_LIMIT_MAX, RECORD_BYTES_MAX } from '../std/limits.ts'
import type { Codes } from './fields.ts'
import { codes, decodeBucketName, decodeFlag, encodeFlag, LISTING_KEY_BYTES_MAX } from './fields.ts'

/** One more than a page: it tells whether there is a next one. */
const ENTRIES_MAX = LIST_LIMIT_MAX + 1
const ENTRY_BYTES_MIN = 2
/** A bound may stand right behind a listing key, that is, be one byte longer. */
const BOUND_BYTES_MAX = LISTING_KEY_BYTES_MAX + 1

const LIST_OUTCOME: Codes<ListReply['outcome']> = codes<ListReply['outcome']>({
  ok: 1,
  'stale-layout': 2,
  'not-replica': 3,
  'store-failed': 4,
})

export function encodeListRequest(writer: ByteWriter, message: ListRequest): void {
  writer.varint(message.request)
  writer.varint(message.readVersion)
  writer.text(message.bucket)
  encodePartitions(writer, message.partitions)
  writer.bytes(message.from)
  writer.bytes(message.to)
  encodeFlag(writer, message.reverse)
  writer.varint(message.limit)
}

export function decodeListRequest(reader: ByteReader): ListRequest {
  const message: ListRequest = {
    type: 'list-request',
    request: reader.varint(),
    readVersion: reader.varint(),
    bucket: decodeBucketName(reader),
    partitions: decodePartitions(reader),
    from: reader.bytes(BOUND_BYTES_MAX),
    to: reader.bytes(BOUND_BYTES_MAX),
    reverse: decodeFlag(reader),
    limit: reader.varint(),
  }
  if (message.limit < 1 || message.limit > ENTRIES_MAX) reader.fail()
  return message
}

export function encodeListReply(writer: ByteWriter, message: ListReply): void {
  assert(
    message.entries.length <= ENTRIES_MAX,
    () => `${message.entries.length} entries in a list reply`,
  )
  writer.varint(message.request)
  LIST_OUTCOME.encode(writer, message.outcome)
  encodeFlag(writer, message.more)
  writer.varint(message.entries.length)
  for (const entry of message.entries) {
    writer.bytes(entry.key)
    writer.bytes(entry.summary)
  }
  writer.varint(message.bases.length)
  for (const base of message.bases) writer.bytes(base)
}

export function decodeListReply(reader: ByteReader): ListReply {
  const request = reader.varint()
  const outcome = LIST_OUTCOME.decode(reader)
  const more = decodeFlag(reader)
  const entries: ListEntry[] = []
  const count = reader.count(ENTRIES_MAX, ENTRY_BYTES_MIN)
  for (let i = 0; i < count && reader.ok; i++) {
    entries.push({
      key: reader.bytes(LISTING_KEY_BYTES_MAX),
      summary: reader.bytes(RECORD_BYTES_MAX),
    })
  }
  const bases: Uint8Array[] = []
  const partitions = reader.count(PARTITIONS_MAX, 1)
  for (let i = 0; i < partitions && reader.ok; i++) bases.push(reader.bytes(BASE_BYTES_MAX))
  return { type: 'list-reply', request, outcome, entries, more, bases }
}

export function encodePartitions(writer: ByteWriter, partitions: readonly PartitionId[]): void {
  writer.varint(partitions.length)
  let next = 0
  for (const partition of partitions) {
    if (partition < next) assert(false, () => `partition ${partition} of a list is out of order`)
    writer.varint(partition - next)
    next = partition + 1
  }
}

export function decodePartitions(reader: ByteReader): PartitionId[] {
  const partitions: PartitionId[] = []
  const count = reader.count(PARTITIONS_MAX, 1)
  let next = 0
  for (let i = 0; i < count && reader.ok; i++) {
    const partition = next + reader.varint()
    if (partition >= PARTITIONS_MAX) reader.fail()
    partitions.push(partition as PartitionId)
    next = partition + 1
  }
  return partitions
}
