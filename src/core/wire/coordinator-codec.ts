/**
 * The messages of client requests as bytes (without the type byte, which `codec.ts` puts before
 * each).
 *
 * ```
 * replicate        request varint · layout version varint · partition u16 ·
 *                  key bytes · record bytes · base bytes
 * replicate-reply  request varint · outcome code
 * read             request varint · layout version varint · partition u16 · key bytes
 * read-reply       request varint · outcome code · [record bytes] · [base bytes]
 *                  a record only when found, a base only when found or absent
 * forward          request varint · layout version varint · operation
 * operation        present u8 · bucket text · key bytes · [sort bytes] · [value] · [context] ·
 *                  w u8 · timeout ms varint
 *                  present: 1 sort, 2 value, 4 context; w: 0 as the bucket says
 * forward-reply    request varint · ok flag ·
 *                  (acks varint · known flag · [context] · siblings varint, 0 for few | failure)
 * failure          reason code · outcome code · needed varint · got varint · message text
 * ```
 * `bytes` and `text` carry their length as varint; value and context are encoded as in stored
 * records.
 */
import type {
  Failure,
  FailureCode,
  Forward,
  ForwardReply,
  Read,
  ReadOutcome,
  ReadReply,
  Replicate,
  ReplicateOutcome,
  ReplicateReply,
  WriteOperation,
  WriteResult,
} from '../coordinator/messages.ts'
import { assert } from '../std/assert.ts'
import type { ByteReader, ByteWriter } from '../std/bytes.ts'
import { BASE_BYTES_MAX, KEY_BYTES_MAX, RECORD_BYTES_MAX } from '../std/limits.ts'
import { decodeContext, decodeValue, encodeContext, encodeValue } from '../versions/record.ts'
import type { Codes } from './fields.ts'
import {
  codes,
  decodeBucketName,
  decodeFlag,
  decodePartition,
  encodeFlag,
  encodeSentence,
  STORAGE_KEY_BYTES_MAX,
} from './fields.ts'

/** A failure's sentence; a longer one is cut. */
export const FAILURE_MESSAGE_BYTES_MAX: number = 1024

/** Patience travels in whole milliseconds; more than this (49 days) is as good as for ever. */
const TIMEOUT_MS_MAX = 0xffff_ffff
const NOTHING = new Uint8Array(0)

const HAS_SORT = 1
const HAS_VALUE = 2
const HAS_CONTEXT = 4

const REPLICATE_OUTCOME: Codes<ReplicateOutcome> = codes<ReplicateOutcome>({
  stored: 1,
  'stale-layout': 2,
  'not-replica': 3,
  malformed: 4,
  'store-failed': 5,
})

const READ_OUTCOME: Codes<ReadOutcome> = codes<ReadOutcome>({
  found: 1,
  absent: 2,
  unreadable: 3,
  'stale-layout': 4,
  'not-replica': 5,
})

const FAILURE_CODE: Codes<FailureCode> = codes<FailureCode>({
  DND_ERR_QUORUM_UNAVAILABLE: 1,
  DND_ERR_TIMEOUT: 2,
  DND_ERR_OVERLOADED: 3,
  DND_ERR_BAD_QUORUM: 4,
  DND_ERR_TOO_MANY_SIBLINGS: 5,
  DND_ERR_RECORD_TOO_LARGE: 6,
  DND_ERR_VALUE_TOO_LARGE: 7,
  DND_ERR_NOT_READY: 8,
  DND_ERR_STORE_FAILED: 9,
  DND_ERR_BAD_BUCKET: 10,
  DND_ERR_BUCKET_NOT_EMPTY: 11,
  DND_ERR_LAYOUT_CHANGING: 12,
  DND_ERR_CLONED_IDENTITY: 13,
  DND_ERR_LAST_NODE: 14,
  DND_ERR_BAD_CLUSTER_KEY: 15,
  DND_ERR_TOO_MANY_CLUSTER_KEYS: 16,
  DND_ERR_CLUSTER_KEY_UNKNOWN: 17,
  DND_ERR_CLUSTER_KEY_MISSING: 18,
  DND_ERR_CLUSTER_KEY_IN_USE: 19,
  DND_ERR_NOT_ENCRYPTED: 20,
  DND_ERR_BAD_LAYOUT: 21,
  DND_ERR_LAYOUT_MOVING: 22,
  DND_ERR_LAYOUT_CONFLICT: 23,
  DND_ERR_LAYOUT_UNAVAILABLE: 24,
  DND_ERR_NODE_UNKNOWN: 25,
  DND_ERR_NODE_UP: 26,
  DND_ERR_WOULD_LOSE_DATA: 27,
  DND_ERR_NODE_DOWN: 28,
  DND_ERR_BAD_TOKEN: 29,
  DND_ERR_WATCHER_GONE: 30,
  DND_ERR_BAD_PRINCIPAL: 31,
  DND_ERR_PRINCIPAL_EXISTS: 32,
  DND_ERR_PRINCIPAL_UNKNOWN: 33,
  DND_ERR_TOO_MANY_PRINCIPALS: 34,
  DND_ERR_LAST_ADMIN: 35,
})

const FAILURE_OUTCOME: Codes<Failure['outcome']> = codes<Failure['outcome']>({
  rejected: 1,
  unknown: 2,
})

export function encodeReplicate(writer: ByteWriter, message: Replicate): void {
  writer.varint(message.request)
  writer.varint(message.layoutVersion)
  writer.u16(message.partition)
  writer.bytes(message.key)
  writer.bytes(message.record)
  writer.bytes(message.base)
}

export function decodeReplicate(reader: ByteReader): Replicate {
  return {
    type: 'replicate',
    request: reader.varint(),
    layoutVersion: reader.varint(),
    partition: decodePartition(reader),
    key: reader.bytes(STORAGE_KEY_BYTES_MAX),
    record: reader.bytes(RECORD_BYTES_MAX),
    base: reader.bytes(BASE_BYTES_MAX),
  }
}

export function encodeReplicateReply(writer: ByteWriter, message: ReplicateReply): void {
  writer.varint(message.request)
  REPLICATE_OUTCOME.encode(writer, message.outcome)
}

export function decodeReplicateReply(reader: ByteReader): ReplicateReply {
  return {
    type: 'replicate-reply',
    request: reader.varint(),
    outcome: REPLICATE_OUTCOME.decode(reader),
  }
}

export function encodeRead(writer: ByteWriter, message: Read): void {
  writer.varint(message.request)
  writer.varint(message.readVersion)
  writer.u16(message.partition)
  writer.bytes(message.key)
}

export function decodeRead(reader: ByteReader): Read {
  return {
    type: 'read',
    request: reader.varint(),
    readVersion: reader.varint(),
    partition: decodePartition(reader),
    key: reader.bytes(STORAGE_KEY_BYTES_MAX),
  }
}

export function encodeReadReply(writer: ByteWriter, message: ReadReply): void {
  writer.varint(message.request)
  READ_OUTCOME.encode(writer, message.outcome)
  const { outcome } = message
  if (outcome === 'found') writer.bytes(message.record)
  if (outcome === 'found' || outcome === 'absent') writer.bytes(message.base)
}

export function decodeReadReply(reader: ByteReader): ReadReply {
  const request = reader.varint()
  const outcome = READ_OUTCOME.decode(reader)
  const record = outcome === 'found' ? reader.bytes(RECORD_BYTES_MAX) : NOTHING
  const isAnswer = outcome === 'found' || outcome === 'absent'
  const base = isAnswer ? reader.bytes(BASE_BYTES_MAX) : NOTHING
  return { type: 'read-reply', request, outcome, record, base }
}

export function encodeForward(writer: ByteWriter, message: Forward): void {
  writer.varint(message.request)
  writer.varint(message.layoutVersion)
  encodeOperation(writer, message.operation)
}

export function decodeForward(reader: ByteReader): Forward {
  return {
    type: 'forward',
    request: reader.varint(),
    layoutVersion: reader.varint(),
    operation: decodeOperation(reader),
  }
}

function encodeOperation(writer: ByteWriter, operation: WriteOperation): void {
  const { sort, value, context, w } = operation
  if (w !== undefined && !(w >= 1 && w <= 255)) assert(false, () => `w of a forwarded write: ${w}`)
  writer.u8(
    (sort === undefined ? 0 : HAS_SORT) |
      (value === undefined ? 0 : HAS_VALUE) |
      (context === undefined ? 0 : HAS_CONTEXT),
  )
  writer.text(operation.bucket)
  writer.bytes(operation.key)
  if (sort !== undefined) writer.bytes(sort)
  if (value !== undefined) encodeValue(writer, value)
  if (context !== undefined) encodeContext(writer, context)
  writer.u8(w ?? 0)
  // Rounded down: whoever works for a client must not be more patient than it is.
  writer.varint(Math.floor(Math.min(Math.max(operation.timeoutMs, 0), TIMEOUT_MS_MAX)))
}

function decodeOperation(reader: ByteReader): WriteOperation {
  const present = reader.u8()
  if (present > (HAS_SORT | HAS_VALUE | HAS_CONTEXT)) reader.fail()
  const bucket = decodeBucketName(reader)
  const key = reader.bytes(KEY_BYTES_MAX)
  const sort = (present & HAS_SORT) === 0 ? undefined : reader.bytes(KEY_BYTES_MAX)
  const value = (present & HAS_VALUE) === 0 ? undefined : decodeValue(reader)
  const context = (present & HAS_CONTEXT) === 0 ? undefined : decodeContext(reader)
  const w = reader.u8()
  const timeoutMs = reader.varint()
  if (timeoutMs > TIMEOUT_MS_MAX) reader.fail()
  if (escapedLength(key) + (sort === undefined ? 0 : escapedLength(sort)) > KEY_BYTES_MAX) {
    reader.fail()
  }
  return { bucket, key, sort, value, context, w: w === 0 ? undefined : w, timeoutMs }
}

export function encodeForwardReply(writer: ByteWriter, message: ForwardReply): void {
  writer.varint(message.request)
  encodeResult(writer, message.result)
}

export function decodeForwardReply(reader: ByteReader): ForwardReply {
  return { type: 'forward-reply', request: reader.varint(), result: decodeResult(reader) }
}

function encodeResult(writer: ByteWriter, result: WriteResult): void {
  encodeFlag(writer, result.ok)
  if (!result.ok) return encodeFailure(writer, result)
  writer.varint(result.acks)
  encodeFlag(writer, result.context !== undefined)
  if (result.context !== undefined) encodeContext(writer, result.context)
  writer.varint(result.siblings ?? 0)
}

function decodeResult(reader: ByteReader): WriteResult {
  if (!decodeFlag(reader)) return decodeFailure(reader)
  const acks = reader.varint()
  const context = decodeFlag(reader) ? decodeContext(reader) : undefined
  const siblings = reader.varint()
  return siblings === 0 ? { ok: true, context, acks } : { ok: true, context, acks, siblings }
}

function encodeFailure(writer: ByteWriter, failure: Failure): void {
  FAILURE_CODE.encode(writer, failure.code)
  FAILURE_OUTCOME.encode(writer, failure.outcome)
  writer.varint(failure.needed)
  writer.varint(failure.got)
  encodeSentence(writer, failure.message, FAILURE_MESSAGE_BYTES_MAX)
}

function decodeFailure(reader: ByteReader): Failure {
  return {
    ok: false,
    code: FAILURE_CODE.decode(reader),
    outcome: FAILURE_OUTCOME.decode(reader),
    needed: reader.varint(),
    got: reader.varint(),
    message: reader.text(FAILURE_MESSAGE_BYTES_MAX),
  }
}

/** A key's length as KEY_BYTES_MAX counts it: each zero byte twice. */
function escapedLength(bytes: Uint8Array): number {
  let zeros = 0
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === 0) zeros++
  return bytes.length + zeros
}
