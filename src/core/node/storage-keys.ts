/**
 * How keys are laid out in a node's store, so that a partition is one contiguous range (moved,
 * dropped and compared as a unit: Dynamo §6.2, strategy 3) and a bucket's keys within it stand in
 * the order of (key, sort).
 *
 * ```
 * 0x01 · partition u16 · bucket · 0x00 · listing key    a record
 * 0x02 · partition u16         the replica's actor: vnode id and counter lease
 * 0x03 · name                  what the node knows: layout, members, buckets, clock lease, and
 *                              whether it wants to leave
 *
 * listing key = escape(key) · 00 01 · [ escape(sort) · 00 01 ]    escape: 00 → 00 FF
 * ```
 * The terminator sorts below every escaped byte, so a key stands before its own extensions, and an
 * item without a sort key before all with one. Bucket names have no 0x00.
 */
import { assert } from '../std/assert.ts'
import { utf8Encode } from '../std/bytes.ts'
import type { PartitionId } from '../std/ids.ts'

const RECORD = 0x01
const ACTOR = 0x02
const STATE = 0x03
const TERMINATOR = 0x01
const ESCAPED_ZERO = 0xff

/** Where records of a partition begin and end: [from, to). */
export interface KeyRange {
  readonly from: Uint8Array
  readonly to: Uint8Array
}

/** A key as a client names it. */
export interface KeyName {
  readonly key: Uint8Array
  readonly sort: Uint8Array | undefined
}

/** A key's place in its bucket. */
export function listingKey(key: Uint8Array, sort: Uint8Array | undefined): Uint8Array {
  const bytes = new Uint8Array(
    escapedLength(key) + 2 + (sort === undefined ? 0 : escapedLength(sort) + 2),
  )
  const end = terminate(bytes, escapeInto(bytes, 0, key))
  if (sort !== undefined) terminate(bytes, escapeInto(bytes, end, sort))
  return bytes
}

/** The listing keys whose key begins with `prefix` are those that begin with this. */
export function listingPrefix(prefix: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(escapedLength(prefix))
  escapeInto(bytes, 0, prefix)
  return bytes
}

/** The inverse of {@link listingKey}; undefined for bytes that are no listing key. */
export function parseListingKey(bytes: Uint8Array): KeyName | undefined {
  const key = unescapeFrom(bytes, 0)
  if (key === undefined) return undefined
  if (key.end === bytes.length) return { key: key.bytes, sort: undefined }
  const sort = unescapeFrom(bytes, key.end)
  return sort?.end === bytes.length ? { key: key.bytes, sort: sort.bytes } : undefined
}

/** The storage key of a record. */
export function recordKey(partition: PartitionId, bucket: string, listing: Uint8Array): Uint8Array {
  const head = 3 + bucket.length + 1
  const bytes = new Uint8Array(head + listing.length)
  bytes[0] = RECORD
  bytes[1] = partition >> 8
  bytes[2] = partition & 0xff
  for (let i = 0; i < bucket.length; i++) bytes[3 + i] = bucket.charCodeAt(i)
  bytes.set(listing, head)
  return bytes
}

/** What a record's storage key names; undefined for bytes that are no such key. */
export function parseRecordKey(
  bytes: Uint8Array,
): { partition: PartitionId; bucket: string; listing: Uint8Array } | undefined {
  if (bytes.length < 4 || bytes[0] !== RECORD) return undefined
  const zero = bytes.indexOf(0, 3)
  if (zero < 4) return undefined
  let bucket = ''
  for (let i = 3; i < zero; i++) bucket += String.fromCharCode(bytes[i]!)
  const partition = ((bytes[1]! << 8) | bytes[2]!) as PartitionId
  return { partition, bucket, listing: bytes.subarray(zero + 1) }
}

/** Whether a key is that of a record of the partition. */
export function isRecordKey(bytes: Uint8Array, partition: PartitionId): boolean {
  if (bytes.length < 5 || bytes[0] !== RECORD) return false
  return ((bytes[1]! << 8) | bytes[2]!) === partition && bytes.indexOf(0, 3) > 3
}

/** All records of a partition. */
export function partitionRange(partition: PartitionId): KeyRange {
  return {
    from: Uint8Array.of(RECORD, partition >> 8, partition & 0xff),
    to:
      partition === 0xffff
        ? Uint8Array.of(ACTOR)
        : Uint8Array.of(RECORD, (partition + 1) >> 8, (partition + 1) & 0xff),
  }
}

/**
 * Records of one bucket in one partition between two listing keys; empty `to`: to the bucket's end.
 */
export function bucketRange(
  partition: PartitionId,
  bucket: string,
  from: Uint8Array,
  to: Uint8Array,
): KeyRange {
  const start = recordKey(partition, bucket, from)
  if (to.length > 0) return { from: start, to: recordKey(partition, bucket, to) }
  const end = recordKey(partition, bucket, new Uint8Array(0))
  end[end.length - 1] = 1
  return { from: start, to: end }
}

export function actorKey(partition: PartitionId): Uint8Array {
  return Uint8Array.of(ACTOR, partition >> 8, partition & 0xff)
}

export type StateName = 'layout' | 'members' | 'buckets' | 'clock' | 'leave'

export function stateKey(name: StateName): Uint8Array {
  const text = utf8Encode(name)
  const bytes = new Uint8Array(text.length + 1)
  bytes[0] = STATE
  bytes.set(text, 1)
  return bytes
}

function escapedLength(bytes: Uint8Array): number {
  let zeros = 0
  for (let i = 0; i < bytes.length; i++) if (bytes[i] === 0) zeros++
  return bytes.length + zeros
}

function escapeInto(target: Uint8Array, offset: number, bytes: Uint8Array): number {
  let at = offset
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]!
    target[at++] = byte
    if (byte === 0) target[at++] = ESCAPED_ZERO
  }
  return at
}

function terminate(target: Uint8Array, offset: number): number {
  assert(offset + 2 <= target.length, () => `terminator at ${offset} of ${target.length}`)
  target[offset] = 0
  target[offset + 1] = TERMINATOR
  return offset + 2
}

function unescapeFrom(
  bytes: Uint8Array,
  offset: number,
): { bytes: Uint8Array; end: number } | undefined {
  const plain = new Uint8Array(bytes.length - offset)
  let length = 0
  for (let i = offset; i < bytes.length; i++) {
    const byte = bytes[i]!
    if (byte !== 0) {
      plain[length++] = byte
      continue
    }
    const next = bytes[++i]
    if (next === TERMINATOR) return { bytes: plain.slice(0, length), end: i + 1 }
    if (next !== ESCAPED_ZERO) return undefined
    plain[length++] = 0
  }
  return undefined
}
