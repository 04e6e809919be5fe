/**
 * An acceptor's record as bytes, on its disk.
 *
 * ```
 * 01 · crc32c u32 · promised · accepted · value bytes · requests
 * ballot   = counter varint · node id 8 bytes · proposal varint
 * requests = number varint · (node id 8 bytes · number varint) …
 * ```
 */
import { ByteReader, ByteWriter, fromHex, toHex } from '../std/bytes.ts'
import { assert } from '../std/assert.ts'
import type { Checksum } from '../std/crc32.ts'
import type { NodeId } from '../std/ids.ts'
import type { AcceptorRecord, RequestId } from './acceptor.ts'
import { REQUESTS_MAX } from './acceptor.ts'
import type { Ballot } from './ballot.ts'
import { REGISTER_VALUE_BYTES_MAX } from './messages.ts'

const FORMAT = 1
const NODE_ID_BYTES = 8
const HEADER_BYTES = 5

export function encodeAcceptorRecord(record: AcceptorRecord, checksum: Checksum): Uint8Array {
  const writer = new ByteWriter(64 + record.value.length)
  encodeBallot(writer, record.promised)
  encodeBallot(writer, record.accepted)
  writer.bytes(record.value)
  encodeRequests(writer, record.requests)
  const body = writer.take()
  const whole = new ByteWriter(HEADER_BYTES + body.length)
  whole.u8(FORMAT)
  whole.u32(checksum(body))
  whole.raw(body)
  return whole.take()
}

/** undefined: not what was written. */
export function decodeAcceptorRecord(
  bytes: Uint8Array,
  checksum: Checksum,
): AcceptorRecord | undefined {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== FORMAT) return undefined
  const crc = reader.u32()
  if (!reader.ok || crc !== checksum(bytes.subarray(HEADER_BYTES))) return undefined
  const promised = decodeBallot(reader)
  const accepted = decodeBallot(reader)
  const value = reader.bytes(REGISTER_VALUE_BYTES_MAX)
  const requests = decodeRequests(reader)
  return reader.finished ? { promised, accepted, value, requests } : undefined
}

export function encodeBallot(writer: ByteWriter, ballot: Ballot): void {
  writer.varint(ballot.counter)
  writeNode(writer, ballot.node)
  writer.varint(ballot.proposal)
}

export function decodeBallot(reader: ByteReader): Ballot {
  return { counter: reader.varint(), node: readNode(reader), proposal: reader.varint() }
}

export function encodeRequests(writer: ByteWriter, requests: readonly RequestId[]): void {
  writer.varint(requests.length)
  for (const { node, number } of requests) {
    writeNode(writer, node)
    writer.varint(number)
  }
}

export function decodeRequests(reader: ByteReader): RequestId[] {
  const requests: RequestId[] = []
  for (let rest = reader.count(REQUESTS_MAX, NODE_ID_BYTES + 1); rest > 0; rest--)
    requests.push({ node: readNode(reader), number: reader.varint() })
  return requests
}

function writeNode(writer: ByteWriter, node: NodeId): void {
  const bytes = fromHex(node)
  assert(bytes?.length === NODE_ID_BYTES, () => `node id ${node}`)
  writer.raw(bytes)
}

function readNode(reader: ByteReader): NodeId {
  return toHex(reader.raw(NODE_ID_BYTES)) as NodeId
}
