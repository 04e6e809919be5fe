/**
 * What nodes tell each other about the cluster as bytes.
 *
 * ```
 * state-sync     answer flag · members · known flag · [layout state] ·
 *                count varint · (bucket record)* · rest u8 · [keyring] ·
 *                [count varint · (access record)*]
 *                rest: 1 a keyring follows, 2 users and tokens do, 3 both
 * join-request   role            role = node 8 bytes · zone text · weight u16
 * replace-request  role · lost node 8 bytes
 * ```
 * Members and bucket records: `records.ts`. Layout states: `layout-codec.ts`. Keyrings:
 * `keys-codec.ts`. Access records: `access-codec.ts`.
 */
import type { AccessRecord } from '../node/access.ts'
import type { BucketRecord, JoinRequest, ReplaceRequest, StateSync } from '../node/messages.ts'
import type { Role } from '../placement/layout.ts'
import type { LayoutStateFormat } from '../placement/layout-codec.ts'
import { decodeLayoutState, encodeLayoutState } from '../placement/layout-codec.ts'
import { WEIGHT_MAX, ZONE_BYTES_MAX } from '../placement/layout-structure.ts'
import { assert } from '../std/assert.ts'
import type { ByteReader, ByteWriter } from '../std/bytes.ts'
import { ACCESS_RECORDS_MAX, BUCKETS_MAX } from '../std/limits.ts'
import { ACCESS_BYTES_MIN, decodeAccessRecord, encodeAccessRecord } from './access-codec.ts'
import { decodeFlag, decodeNodeId, encodeFlag, encodeNodeId } from './fields.ts'
import { decodeKeyring, encodeKeyring } from './keys-codec.ts'
import { ACCESS_SINCE, LAYOUT_REGISTERS_SINCE, PROTOCOL_MAX } from './protocol.ts'
import {
  decodeBucketRecord,
  decodeMembersList,
  encodeBucketRecord,
  encodeMembersList,
} from './records.ts'

/**
 * Less than any bucket record takes: a claimed count is checked against the bytes that are there.
 */
const BUCKET_BYTES_MIN = 10
/** What follows the buckets. */
const KEYRING = 1
const ACCESS = 2

export function encodeStateSync(
  writer: ByteWriter,
  message: StateSync,
  protocol: number = PROTOCOL_MAX,
): void {
  assert(message.buckets.length <= BUCKETS_MAX, () => `${message.buckets.length} buckets to encode`)
  encodeFlag(writer, message.answer)
  encodeMembersList(writer, message.members)
  encodeFlag(writer, message.layout !== undefined)
  if (message.layout !== undefined)
    encodeLayoutState(writer, message.layout, layoutStateFormat(protocol))
  writer.varint(message.buckets.length)
  for (const bucket of message.buckets) encodeBucketRecord(writer, bucket)
  const { keyring, access = [] } = message
  const hasAccess = protocol >= ACCESS_SINCE && access.length > 0
  writer.u8((keyring === undefined ? 0 : KEYRING) | (hasAccess ? ACCESS : 0))
  if (keyring !== undefined) encodeKeyring(writer, keyring)
  if (hasAccess) encodeAccess(writer, access)
}

export function decodeStateSync(reader: ByteReader): StateSync {
  const answer = decodeFlag(reader)
  const members = decodeMembersList(reader)
  const layout = decodeFlag(reader) ? decodeLayoutState(reader) : undefined
  const buckets: BucketRecord[] = []
  const count = reader.count(BUCKETS_MAX, BUCKET_BYTES_MIN)
  for (let i = 0; i < count && reader.ok; i++) buckets.push(decodeBucketRecord(reader))
  const state = { type: 'state-sync', answer, members, layout, buckets } as const
  const rest = reader.u8()
  if (rest > (KEYRING | ACCESS)) reader.fail()
  const keyring = (rest & KEYRING) === 0 ? {} : { keyring: decodeKeyring(reader) }
  const access = (rest & ACCESS) === 0 ? {} : { access: decodeAccess(reader) }
  return { ...state, ...keyring, ...access }
}

function encodeAccess(writer: ByteWriter, records: readonly AccessRecord[]): void {
  assert(records.length <= ACCESS_RECORDS_MAX, () => `${records.length} users to encode`)
  writer.varint(records.length)
  for (const record of records) encodeAccessRecord(writer, record)
}

function decodeAccess(reader: ByteReader): readonly AccessRecord[] {
  const records: AccessRecord[] = []
  const count = reader.count(ACCESS_RECORDS_MAX, ACCESS_BYTES_MIN)
  for (let i = 0; i < count && reader.ok; i++) records.push(decodeAccessRecord(reader))
  // That there are none is said by the byte before.
  if (count === 0) reader.fail()
  return records
}

/** Who has acknowledged and who is lost is not told to whom that means nothing. */
function layoutStateFormat(protocol: number): LayoutStateFormat {
  return protocol >= LAYOUT_REGISTERS_SINCE ? 2 : 1
}

export function encodeJoinRequest(writer: ByteWriter, message: JoinRequest): void {
  encodeRole(writer, message.role)
}

export function decodeJoinRequest(reader: ByteReader): JoinRequest {
  return { type: 'join-request', role: decodeRole(reader) }
}

export function encodeReplaceRequest(writer: ByteWriter, message: ReplaceRequest): void {
  encodeRole(writer, message.role)
  encodeNodeId(writer, message.lost)
}

export function decodeReplaceRequest(reader: ByteReader): ReplaceRequest {
  return { type: 'replace-request', role: decodeRole(reader), lost: decodeNodeId(reader) }
}

function encodeRole(writer: ByteWriter, { node, zone, weight }: Role): void {
  encodeNodeId(writer, node)
  writer.text(zone)
  writer.u16(weight)
}

function decodeRole(reader: ByteReader): Role {
  const node = decodeNodeId(reader)
  const zone = reader.text(ZONE_BYTES_MAX)
  const weight = reader.u16()
  if (weight > WEIGHT_MAX) reader.fail()
  return { node, zone, weight }
}
