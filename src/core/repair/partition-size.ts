/**
 * About how much a partition holds: for plans and progress, never for a decision that must be
 * right.
 *
 * The engine could be asked, but it counts pages and not records, and reading a partition to count
 * it costs more than most of what the count is good for. So it is kept up to date like the hash
 * tree, and together with it (`hash-tree.ts`): the size of a record is worked out from its key and
 * its versions alone, so a change takes away exactly what an earlier one added, whoever made it
 * and in which order. The price: the vector of a record is taken to have one entry for each
 * version, and a record that is nothing but a vector counts as none.
 */
import type { Version } from '../versions/version.ts'

export interface PartitionSize {
  readonly records: number
  /** Of keys and records, as they are stored and sent. */
  readonly bytes: number
}

export const NO_SIZE: PartitionSize = { records: 0, bytes: 0 }

export function totalOf(sizes: Iterable<PartitionSize>): PartitionSize {
  let records = 0
  let bytes = 0
  for (const size of sizes) {
    records += size.records
    bytes += size.bytes
  }
  return { records, bytes }
}

/** Format, checksum and two counts. */
const RECORD_BYTES = 7
/** An entry of the vector, a place and a counter, a stamp and the kind. */
const VERSION_BYTES = 23
/** Expiry, and what says how long the other parts are. */
const VALUE_BYTES = 5
const PAIR_BYTES = 2

/** About what a record of these versions takes under that key; 0 without any. */
export function recordBytes(key: Uint8Array, versions: readonly Version[]): number {
  if (versions.length === 0) return 0
  let bytes = key.length + RECORD_BYTES
  for (const { value } of versions) {
    bytes += VERSION_BYTES
    if (value === undefined) continue
    bytes += VALUE_BYTES + value.contentType.length + value.bytes.length
    for (const [name, text] of value.metadata) bytes += PAIR_BYTES + name.length + text.length
  }
  return bytes
}
