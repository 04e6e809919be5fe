/**
 * The fields that several messages share. Each is written and read by a pair that stands together;
 * the readers follow `ByteReader`: they never throw, and what cannot be marks the reader failed.
 *
 * ```
 * flag        u8: 0 no, 1 yes; nothing else
 * node id     8 bytes          cluster id  16 bytes
 * key id      4 bytes
 * partition   u16, below PARTITIONS_MAX
 * code        u8: one name of a closed union, numbered from 1, so that zeroed bytes mean nothing
 * ```
 */
import { bucketNameProblem } from '../node/buckets.ts'
import type { KeyId } from '../node/cluster-key.ts'
import { KEY_ID_BYTES } from '../node/cluster-key.ts'
import { PARTITIONS_MAX } from '../placement/layout-structure.ts'
import { assert } from '../std/assert.ts'
import type { ByteReader, ByteWriter } from '../std/bytes.ts'
import { toHex, utf8Encode } from '../std/bytes.ts'
import type { ClusterId, NodeId, PartitionId } from '../std/ids.ts'
import { BUCKET_NAME_BYTES_MAX, KEY_BYTES_MAX } from '../std/limits.ts'

/**
 * A listing key: the escaped key and sort key with a terminator of two bytes each (`storage-
 * keys.ts`).
 */
export const LISTING_KEY_BYTES_MAX: number = KEY_BYTES_MAX + 4
/** A storage key: kind, partition, bucket, zero, listing key. */
export const STORAGE_KEY_BYTES_MAX: number = 3 + BUCKET_NAME_BYTES_MAX + 1 + LISTING_KEY_BYTES_MAX

const NODE_ID_BYTES = 8
const CLUSTER_ID_BYTES = 16

/** Names of a union as bytes. */
export interface Codes<T extends string> {
  encode(writer: ByteWriter, name: T): void
  decode(reader: ByteReader): T
}

/** The table says every name's byte; a number once given is never given to another name. */
export function codes<T extends string>(table: Readonly<Record<T, number>>): Codes<T> {
  const names: T[] = []
  for (const name of Object.keys(table) as T[]) {
    assert(names[table[name]] === undefined, () => `code ${table[name]} is given twice`)
    names[table[name]] = name
  }
  const fallback = Object.keys(table)[0] as T
  return {
    encode: (writer, name) => writer.u8(table[name]),
    decode: (reader) => {
      const name = names[reader.u8()]
      if (name === undefined) reader.fail()
      return name ?? fallback
    },
  }
}

export function encodeFlag(writer: ByteWriter, flag: boolean): void {
  writer.u8(flag ? 1 : 0)
}

export function decodeFlag(reader: ByteReader): boolean {
  const flag = reader.u8()
  if (flag > 1) reader.fail()
  return flag === 1
}

export function encodeNodeId(writer: ByteWriter, node: NodeId): void {
  encodeHex(writer, node, NODE_ID_BYTES)
}

export function decodeNodeId(reader: ByteReader): NodeId {
  return toHex(reader.raw(NODE_ID_BYTES)) as NodeId
}

export function encodeClusterId(writer: ByteWriter, cluster: ClusterId): void {
  encodeHex(writer, cluster, CLUSTER_ID_BYTES)
}

export function decodeClusterId(reader: ByteReader): ClusterId {
  return toHex(reader.raw(CLUSTER_ID_BYTES)) as ClusterId
}

export function encodeKeyId(writer: ByteWriter, id: KeyId): void {
  encodeHex(writer, id, KEY_ID_BYTES)
}

export function decodeKeyId(reader: ByteReader): KeyId {
  return toHex(reader.raw(KEY_ID_BYTES)) as KeyId
}

export function decodePartition(reader: ByteReader): PartitionId {
  const partition = reader.u16()
  if (partition >= PARTITIONS_MAX) reader.fail()
  return partition as PartitionId
}

/**
 * A bucket's name becomes part of storage keys: one that has a zero byte would reach into another
 * bucket's range.
 */
export function decodeBucketName(reader: ByteReader): string {
  const name = reader.text(BUCKET_NAME_BYTES_MAX)
  if (bucketNameProblem(name) !== undefined) reader.fail()
  return name
}

/** A sentence for people, cut to `max` bytes between two characters. */
export function encodeSentence(writer: ByteWriter, text: string, max: number): void {
  // No unit of a string takes more than three bytes of UTF-8: most sentences need no measuring.
  if (text.length * 3 <= max) return writer.text(text)
  let kept = text.slice(0, max)
  while (utf8Encode(kept).length > max) kept = kept.slice(0, -1)
  writer.text(kept)
}

function encodeHex(writer: ByteWriter, hex: string, bytes: number): void {
  if (hex.length !== bytes * 2) assert(false, () => `an id of ${bytes} bytes: ${hex}`)
  for (let i = 0; i < hex.length; i += 2) {
    writer.u8((digit(hex.charCodeAt(i)) << 4) | digit(hex.charCodeAt(i + 1)))
  }
}

function digit(code: number): number {
  const value = code <= 0x39 ? code - 0x30 : code - 0x61 + 10
  if (value < 0 || value > 15) assert(false, () => `hexadecimal digit ${String.fromCharCode(code)}`)
  return value
}
