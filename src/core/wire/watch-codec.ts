/**
 * The messages of watching as bytes.
 *
 * ```
 * 54 watch-poll  request varint · bucket text · feed varint · after varint · waits flag
 * 55 watch-page  request varint · outcome code · feed varint · last varint · top varint ·
 *                until varint · young flag · partitions · count varint ·
 *                (partition u16 · key bytes · record bytes · base bytes)*
 * partitions     as in `list-codec.ts`
 * ```
 */
import type { FeedChange } from '../node/feed.ts'
import type { WatchMessage, WatchPage } from '../node/watch-messages.ts'
import type { ByteReader, ByteWriter } from '../std/bytes.ts'
import { BASE_BYTES_MAX, RECORD_BYTES_MAX } from '../std/limits.ts'
import type { Codes } from './fields.ts'
import {
  codes,
  decodeBucketName,
  decodeFlag,
  decodePartition,
  encodeFlag,
  STORAGE_KEY_BYTES_MAX,
} from './fields.ts'
import { decodePartitions, encodePartitions } from './list-codec.ts'
import type { PeerMessage } from './messages.ts'

const WATCH_POLL = 0x54
const WATCH_PAGE = 0x55
/** Smallest change: partition, and three lengths. */
const CHANGE_BYTES_MIN = 5
/** More than fit into a page. */
const CHANGES_MAX = 64 * 1024

const OUTCOME: Codes<WatchPage['outcome']> = codes<WatchPage['outcome']>({
  ok: 1,
  refused: 2,
})

export function isOfWatch(message: PeerMessage): message is WatchMessage {
  return message.type === 'watch-poll' || message.type === 'watch-page'
}

export function encodeWatch(writer: ByteWriter, message: WatchMessage): void {
  if (message.type === 'watch-poll') {
    writer.u8(WATCH_POLL)
    writer.varint(message.request)
    writer.text(message.bucket)
    writer.varint(message.feed)
    writer.varint(message.after)
    return encodeFlag(writer, message.waits)
  }
  writer.u8(WATCH_PAGE)
  writer.varint(message.request)
  OUTCOME.encode(writer, message.outcome)
  writer.varint(message.feed)
  writer.varint(message.last)
  writer.varint(message.top)
  writer.varint(message.untilMs)
  encodeFlag(writer, message.young)
  encodePartitions(writer, message.holes)
  writer.varint(message.changes.length)
  for (const { partition, key, record, base } of message.changes) {
    writer.u16(partition)
    writer.bytes(key)
    writer.bytes(record)
    writer.bytes(base)
  }
}

/** undefined: the type is of another family. */
export function decodeWatch(type: number, reader: ByteReader): WatchMessage | undefined {
  if (type === WATCH_POLL) {
    const request = reader.varint()
    const bucket = decodeBucketName(reader)
    const place = { feed: reader.varint(), after: reader.varint() }
    return { type: 'watch-poll', request, bucket, ...place, waits: decodeFlag(reader) }
  }
  if (type !== WATCH_PAGE) return undefined
  const head = { request: reader.varint(), outcome: OUTCOME.decode(reader) }
  const place = { feed: reader.varint(), last: reader.varint(), top: reader.varint() }
  const untilMs = reader.varint()
  const young = decodeFlag(reader)
  const holes = decodePartitions(reader)
  const changes: FeedChange[] = []
  for (let rest = reader.count(CHANGES_MAX, CHANGE_BYTES_MIN); rest > 0; rest--) {
    const partition = decodePartition(reader)
    const key = reader.bytes(STORAGE_KEY_BYTES_MAX)
    const record = reader.bytes(RECORD_BYTES_MAX)
    changes.push({ partition, key, record, base: reader.bytes(BASE_BYTES_MAX) })
  }
  return { type: 'watch-page', ...head, ...place, untilMs, young, holes, changes }
}
