/**
 * What nodes tell each other about one key as bytes.
 *
 * ```
 * explain-request  request varint · partition u16 · key bytes
 * explain-reply    request varint · outcome code · bytes varint · count varint · (version)* ·
 *                  more varint · vector · clock code · vnode u64, 0 for none ·
 *                  wait flag · [wait code] · count varint · (comparison)* · count varint · (hints)*
 * version          vnode u64 · counter varint · stamp · value flag ·
 *                  [bytes varint · content-type text · expires-at-ms varint]
 * comparison       node id · at-ms varint · differences varint
 * hints            node id · count varint · bytes varint · oldest-ms varint
 * ```
 */
import type {
  Comparison,
  CopyReport,
  ExplainReply,
  ExplainRequest,
  HintsWaiting,
  ReapWait,
  VersionReport,
} from '../node/explanation.ts'
import { EXPLAINED_NODES_MAX, EXPLAINED_VERSIONS_MAX } from '../node/explanation.ts'
import { assert } from '../std/assert.ts'
import type { ByteReader, ByteWriter } from '../std/bytes.ts'
import type { VnodeId } from '../std/ids.ts'
import { CONTENT_TYPE_BYTES_MAX } from '../std/limits.ts'
import { decodeStamp, decodeVector, encodeStamp, encodeVector } from '../versions/record.ts'
import type { Codes } from './fields.ts'
import {
  codes,
  decodeFlag,
  decodeNodeId,
  decodePartition,
  encodeFlag,
  encodeNodeId,
  STORAGE_KEY_BYTES_MAX,
} from './fields.ts'

const OUTCOME: Codes<CopyReport['outcome']> = codes<CopyReport['outcome']>({
  found: 1,
  absent: 2,
  unreadable: 3,
})
const CLOCK: Codes<CopyReport['clock']> = codes<CopyReport['clock']>({
  whole: 1,
  doubtful: 2,
  incomplete: 3,
})
const WAIT: Codes<ReapWait> = codes<ReapWait>({
  moving: 1,
  doubt: 2,
  floor: 3,
  horizon: 4,
  base: 5,
  turn: 6,
})
const VERSION_BYTES_MIN = 18
const COMPARISON_BYTES_MIN = 10
const HINTS_BYTES_MIN = 11

export function encodeExplainRequest(writer: ByteWriter, message: ExplainRequest): void {
  writer.varint(message.request)
  writer.u16(message.partition)
  writer.bytes(message.key)
}

export function decodeExplainRequest(reader: ByteReader): ExplainRequest {
  const request = reader.varint()
  const partition = decodePartition(reader)
  const key = reader.bytes(STORAGE_KEY_BYTES_MAX)
  return { type: 'explain-request', request, partition, key }
}

export function encodeExplainReply(writer: ByteWriter, { request, report }: ExplainReply): void {
  const { versions, wait, compared, hints } = report
  assert(versions.length <= EXPLAINED_VERSIONS_MAX, () => `${versions.length} versions to encode`)
  assert(compared.length <= EXPLAINED_NODES_MAX, () => `${compared.length} comparisons to encode`)
  assert(hints.length <= EXPLAINED_NODES_MAX, () => `hints for ${hints.length} nodes to encode`)
  writer.varint(request)
  OUTCOME.encode(writer, report.outcome)
  writer.varint(report.bytes)
  encodeAll(writer, versions, encodeVersion)
  writer.varint(report.more)
  encodeVector(writer, report.vector)
  CLOCK.encode(writer, report.clock)
  writer.u64(report.vnode ?? 0)
  encodeFlag(writer, wait !== undefined)
  if (wait !== undefined) WAIT.encode(writer, wait)
  encodeAll(writer, compared, encodeComparison)
  encodeAll(writer, hints, encodeHints)
}

export function decodeExplainReply(reader: ByteReader): ExplainReply {
  const request = reader.varint()
  const outcome = OUTCOME.decode(reader)
  const bytes = reader.varint()
  const versions = decodeAll(reader, EXPLAINED_VERSIONS_MAX, VERSION_BYTES_MIN, decodeVersion)
  const more = reader.varint()
  const vector = decodeVector(reader)
  const clock = CLOCK.decode(reader)
  const vnode = reader.u64()
  const wait = decodeFlag(reader) ? WAIT.decode(reader) : undefined
  const compared = decodeAll(reader, EXPLAINED_NODES_MAX, COMPARISON_BYTES_MIN, decodeComparison)
  const hints = decodeAll(reader, EXPLAINED_NODES_MAX, HINTS_BYTES_MIN, decodeHints)
  const report: CopyReport = {
    ...{ outcome, bytes, versions, more, vector, clock, wait, compared, hints },
    vnode: vnode === 0 ? undefined : (vnode as VnodeId),
  }
  return { type: 'explain-reply', request, report }
}

function encodeVersion(writer: ByteWriter, { dot, stamp, value }: VersionReport): void {
  writer.u64(dot.vnode)
  writer.varint(dot.counter)
  encodeStamp(writer, stamp)
  encodeFlag(writer, value !== undefined)
  if (value === undefined) return
  writer.varint(value.bytes)
  writer.text(value.contentType)
  writer.varint(value.expiresAtMs)
}

function decodeVersion(reader: ByteReader): VersionReport {
  const dot = { vnode: reader.u64() as VnodeId, counter: reader.varint() }
  if (dot.vnode === 0 || dot.counter === 0) reader.fail()
  const stamp = decodeStamp(reader)
  if (!decodeFlag(reader)) return { dot, stamp, value: undefined }
  const bytes = reader.varint()
  const contentType = reader.text(CONTENT_TYPE_BYTES_MAX)
  const expiresAtMs = reader.varint()
  return { dot, stamp, value: { bytes, contentType, expiresAtMs } }
}

function encodeComparison(writer: ByteWriter, { peer, atMs, differences }: Comparison): void {
  encodeNodeId(writer, peer)
  writer.varint(atMs)
  writer.varint(differences)
}

function decodeComparison(reader: ByteReader): Comparison {
  return { peer: decodeNodeId(reader), atMs: reader.varint(), differences: reader.varint() }
}

function encodeHints(writer: ByteWriter, hints: HintsWaiting): void {
  encodeNodeId(writer, hints.target)
  writer.varint(hints.count)
  writer.varint(hints.bytes)
  writer.varint(hints.oldestMs)
}

function decodeHints(reader: ByteReader): HintsWaiting {
  return {
    target: decodeNodeId(reader),
    count: reader.varint(),
    bytes: reader.varint(),
    oldestMs: reader.varint(),
  }
}

function encodeAll<T>(
  writer: ByteWriter,
  items: readonly T[],
  encode: (writer: ByteWriter, item: T) => void,
): void {
  writer.varint(items.length)
  for (const item of items) encode(writer, item)
}

function decodeAll<T>(
  reader: ByteReader,
  max: number,
  itemBytes: number,
  decode: (reader: ByteReader) => T,
): T[] {
  const items: T[] = []
  const count = reader.count(max, itemBytes)
  for (let i = 0; i < count && reader.ok; i++) items.push(decode(reader))
  return items
}
