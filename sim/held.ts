/**
 * What a disk holds of a key, as its node would tell it: the record filled with the base of its
 * partition's clock, or, without a record, the base alone.
 */
import type { PartitionId } from '../src/core/std/ids.ts'
import { crc32 } from '../src/core/std/crc32.ts'
import { clockKey, parseRecordKey } from '../src/core/node/storage-keys.ts'
import type { StoreRead } from '../src/core/ports.ts'
import { baseOf, decodeBase } from '../src/core/versions/partition-clock.ts'
import { decodeRecord } from '../src/core/versions/record.ts'
import type { Container, VersionVector } from '../src/core/versions/version.ts'

/** One way to read a disk: what is durable, or what was handed over. */
type Read = (key: Uint8Array) => StoreRead

/** `corrupt`: the record, or the clock without which it says too little, cannot be read. */
export function heldBy(read: Read, key: Uint8Array): Container | 'corrupt' {
  const partition = parseRecordKey(key)?.partition
  const base = partition === undefined ? undefined : baseIn(read, partition)
  const record = read(key)
  if (base === undefined || record === 'unreadable') return 'corrupt'
  if (record === undefined) return { versions: [], vector: base }
  const container = decodeRecord(record, crc32, base)
  return typeof container === 'string' ? 'corrupt' : container
}

/** undefined: the clock cannot be read, or is not complete. */
export function baseIn(read: Read, partition: PartitionId): VersionVector | undefined {
  const clock = read(clockKey(partition))
  if (clock === undefined) return []
  const base = clock === 'unreadable' ? undefined : baseOf(clock, crc32)
  return base && decodeBase(base)
}
