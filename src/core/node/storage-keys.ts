/**
 * How keys are laid out in a node's store, so that a partition is one contiguous range (moved,
 * dropped and compared as a unit: Dynamo §6.2, strategy 3) and a bucket's keys within it stand in
 * the order of (key, sort).
 *
 * ```
 * 0x01 · partition u16 · bucket · 0x00 · listing key    a record
 * 0x02 · partition u16         the replica's actor: vnode id and counter lease
 * 0x03 · name                  what the node knows: layout, members, buckets, users, clock lease,
 *                              and whether it wants to leave
 * 0x04 · partition u16         the partition clock
 * 0x05 · partition u16 · deadline u48 · the record's key from its fourth byte on
 *                              a record that has something to reap: a tombstone (deadline 0), or a
 *                              value that expires then
 * 0x06 · partition u16         the hash tree, as it was when it was last written down
 * 0x07 · target 8 bytes · number u48
 *                              a hint
 * 0x08 · name                  what this node's acceptor knows of a register of consensus
 * 0x09 · partition u16 · source 8 bytes
 *                              how far the partition has been pulled from an old owner
 *
 * listing key = escape(key) · 00 01 · [ escape(sort) · 00 01 ]    escape: 00 → 00 FF
 * ```
 * The terminator sorts below every escaped byte, so a key stands before its own extensions, and an
 * item without a sort key before all with one. Bucket names have no 0x00.
 */
import { assert } from '../std/assert.ts'
import { afterPrefix, utf8Encode } from '../std/bytes.ts'
import type { PartitionId } from '../std/ids.ts'

const RECORD = 0x01
const ACTOR = 0x02
const STATE = 0x03
const CLOCK = 0x04
const REAPABLE = 0x05
const TREE = 0x06
const HINT = 0x07
const REGISTER = 0x08
const CURSOR = 0x09
const REAPABLE_HEAD = 9
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

/** Records of the bucket in the partition whose key begins with `prefix`. */
export function scopeRange(partition: PartitionId, bucket: string, prefix: Uint8Array): KeyRange {
  const from = listingPrefix(prefix)
  const to = prefix.length === 0 ? undefined : afterPrefix(from)
  return bucketRange(partition, bucket, from, to ?? new Uint8Array(0))
}

export function actorKey(partition: PartitionId): Uint8Array {
  return Uint8Array.of(ACTOR, partition >> 8, partition & 0xff)
}

export function clockKey(partition: PartitionId): Uint8Array {
  return Uint8Array.of(CLOCK, partition >> 8, partition & 0xff)
}

/** Whose clock a key names; undefined for bytes that are no such key. */
export function clockPartitionOf(bytes: Uint8Array): PartitionId | undefined {
  if (bytes.length !== 3 || bytes[0] !== CLOCK) return undefined
  return ((bytes[1]! << 8) | bytes[2]!) as PartitionId
}

export function treeKey(partition: PartitionId): Uint8Array {
  return Uint8Array.of(TREE, partition >> 8, partition & 0xff)
}

/** The entry of a record's key in the list of what is to be reaped. */
export function reapableKey(deadlineMs: number, record: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(REAPABLE_HEAD + record.length - 3)
  bytes[0] = REAPABLE
  bytes[1] = record[1]!
  bytes[2] = record[2]!
  putU48(bytes, 3, deadlineMs)
  bytes.set(record.subarray(3), REAPABLE_HEAD)
  return bytes
}

/** The inverse of {@link reapableKey}; undefined for bytes that are no such key. */
export function parseReapableKey(
  bytes: Uint8Array,
): { readonly deadlineMs: number; readonly record: Uint8Array } | undefined {
  if (bytes.length <= REAPABLE_HEAD || bytes[0] !== REAPABLE) return undefined
  const record = new Uint8Array(bytes.length - REAPABLE_HEAD + 3)
  record[0] = RECORD
  record[1] = bytes[1]!
  record[2] = bytes[2]!
  record.set(bytes.subarray(REAPABLE_HEAD), 3)
  return { deadlineMs: getU48(bytes, 3), record }
}

/** The actors of all partitions. */
export function actorsRange(): KeyRange {
  return { from: Uint8Array.of(ACTOR), to: Uint8Array.of(ACTOR + 1) }
}

/** What is to be reaped of a partition, by deadline, of those before `untilMs` (exclusive). */
export function reapableRange(partition: PartitionId, untilMs: number): KeyRange {
  const from = Uint8Array.of(REAPABLE, partition >> 8, partition & 0xff)
  const to = new Uint8Array(REAPABLE_HEAD)
  to.set(from)
  putU48(to, 3, untilMs)
  return { from, to }
}

/** All of it. */
export function wholeReapableRange(partition: PartitionId): KeyRange {
  const from = Uint8Array.of(REAPABLE, partition >> 8, partition & 0xff)
  const to =
    partition === 0xffff
      ? Uint8Array.of(TREE)
      : Uint8Array.of(REAPABLE, (partition + 1) >> 8, (partition + 1) & 0xff)
  return { from, to }
}

/** `target`: a node id's eight bytes. */
export function hintKey(target: Uint8Array, number: number): Uint8Array {
  const bytes = new Uint8Array(15)
  bytes[0] = HINT
  bytes.set(target, 1)
  putU48(bytes, 9, number)
  return bytes
}

/** undefined for bytes that are no hint's key. */
export function parseHintKey(
  bytes: Uint8Array,
): { readonly target: Uint8Array; readonly number: number } | undefined {
  if (bytes.length !== 15 || bytes[0] !== HINT) return undefined
  return { target: bytes.subarray(1, 9), number: getU48(bytes, 9) }
}

/** All hints, by target, each in the order in which they were kept. */
export function hintsRange(): KeyRange {
  return { from: Uint8Array.of(HINT), to: Uint8Array.of(HINT + 1) }
}

export type StateName =
  | 'layout'
  | 'layout-history'
  | 'register-bar'
  | 'members'
  | 'buckets'
  | 'access'
  | 'clock'
  | 'leave'
  | 'scrub'

export function stateKey(name: StateName): Uint8Array {
  return named(STATE, name)
}

export function registerKey(name: string): Uint8Array {
  return named(REGISTER, name)
}

/** `source`: a node id's eight bytes. */
export function cursorKey(partition: PartitionId, source: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(11)
  bytes[0] = CURSOR
  bytes[1] = partition >> 8
  bytes[2] = partition & 0xff
  bytes.set(source, 3)
  return bytes
}

/** The cursors of all transfers. */
export function cursorsRange(): KeyRange {
  return { from: Uint8Array.of(CURSOR), to: Uint8Array.of(CURSOR + 1) }
}

function named(kind: number, name: string): Uint8Array {
  const text = utf8Encode(name)
  const bytes = new Uint8Array(text.length + 1)
  bytes[0] = kind
  bytes.set(text, 1)
  return bytes
}

function putU48(bytes: Uint8Array, offset: number, value: number): void {
  let rest = value
  for (let i = offset + 5; i >= offset; i--) {
    bytes[i] = rest % 256
    rest = Math.floor(rest / 256)
  }
}

function getU48(bytes: Uint8Array, offset: number): number {
  let value = 0
  for (let i = offset; i < offset + 6; i++) value = value * 256 + bytes[i]!
  return value
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
