/**
 * The records of which the cluster's state is made, as bytes: between nodes in `state-sync`, and in
 * a node's own store.
 *
 * ```
 * members        count varint · (member record)*
 *                each as `member-codec.ts` writes it
 * bucket record  name text · stamp · set flag · [properties]
 *                not set: back to the defaults
 * properties     n u8 · r u8 · w u8 · conflicts code · value bytes max u32 · sloppy flag ·
 *                ttl ms varint
 * ```
 * Like everything that reads, the decoders return something harmless and mark the reader failed.
 */
import { decodeMember, encodeMember } from '../membership/member-codec.ts'
import type { MemberRecord } from '../membership/member.ts'
import { TTL_MS_MAX } from '../node/buckets.ts'
import type { BucketProperties, BucketRecord, ConflictMode } from '../node/messages.ts'
import { assert } from '../std/assert.ts'
import type { ByteReader, ByteWriter } from '../std/bytes.ts'
import { NODES_MAX, VALUE_BYTES_MAX } from '../std/limits.ts'
import { decodeStamp, encodeStamp } from '../versions/record.ts'
import type { Codes } from './fields.ts'
import { codes, decodeBucketName, decodeFlag, encodeFlag } from './fields.ts'

/**
 * Less than any member record takes: a claimed count is checked against the bytes that are there.
 */
export const MEMBER_BYTES_MIN: number = 16

const CONFLICTS: Codes<ConflictMode> = codes<ConflictMode>({ lww: 1, siblings: 2 })

export function encodeMembersList(writer: ByteWriter, members: readonly MemberRecord[]): void {
  assert(members.length <= NODES_MAX, () => `${members.length} members to encode`)
  writer.varint(members.length)
  for (const member of members) encodeMember(writer, member)
}

export function decodeMembersList(reader: ByteReader): readonly MemberRecord[] {
  const members: MemberRecord[] = []
  const count = reader.count(NODES_MAX, MEMBER_BYTES_MIN)
  for (let i = 0; i < count && reader.ok; i++) members.push(decodeMember(reader))
  return members
}

export function encodeBucketRecord(writer: ByteWriter, record: BucketRecord): void {
  writer.text(record.name)
  encodeStamp(writer, record.stamp)
  encodeFlag(writer, record.properties !== undefined)
  if (record.properties !== undefined) encodeProperties(writer, record.properties)
}

export function decodeBucketRecord(reader: ByteReader): BucketRecord {
  return {
    name: decodeBucketName(reader),
    stamp: decodeStamp(reader),
    properties: decodeFlag(reader) ? decodeProperties(reader) : undefined,
  }
}

function encodeProperties(writer: ByteWriter, properties: BucketProperties): void {
  writer.u8(properties.n)
  writer.u8(properties.r)
  writer.u8(properties.w)
  CONFLICTS.encode(writer, properties.conflicts)
  writer.u32(properties.valueBytesMax)
  encodeFlag(writer, properties.sloppy)
  writer.varint(properties.ttlMs)
}

/**
 * Checks what holds in every cluster; whether n fits this one's number of replicas is for the node
 * to say.
 */
function decodeProperties(reader: ByteReader): BucketProperties {
  const n = reader.u8()
  const r = reader.u8()
  const w = reader.u8()
  const conflicts = CONFLICTS.decode(reader)
  const valueBytesMax = reader.u32()
  const sloppy = decodeFlag(reader)
  const ttlMs = reader.varint()
  if (ttlMs > TTL_MS_MAX) reader.fail()
  if (r < 1 || r > n || w < 1 || w > n) reader.fail()
  if (valueBytesMax < 1 || valueBytesMax > VALUE_BYTES_MAX) reader.fail()
  return { n, r, w, conflicts, valueBytesMax, sloppy, ttlMs }
}
