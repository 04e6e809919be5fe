/**
 * What is known of the configured buckets: a small register each, last writer wins by stamp,
 * gossiped whole. Properties are changed rarely and by people; two changes at once need a rule, not
 * a history.
 *
 * What is known is in force at once, but others are told only what is durable here: a node that
 * confirms a change and then forgets it over a power failure would go on by the old rules, and
 * where those are last-write-wins, drop siblings that were acknowledged.
 */
import { ByteReader, ByteWriter, compareBytes } from '../std/bytes.ts'
import { BUCKETS_MAX } from '../std/limits.ts'
import { compareStamps } from '../versions/stamp.ts'
import { decodeBucketRecord, encodeBucketRecord } from '../wire/records.ts'
import { bucketNameProblem, DEFAULT_PROPERTIES, propertiesProblem } from './buckets.ts'
import type { BucketProperties, BucketRecord } from './messages.ts'

/** Replicas that any layout may have: what a record that is gossiped must fit. */
const REPLICAS_MAX = 7

export class BucketRegistry {
  // Bounded by: BUCKETS_MAX, enforced in `merge`.
  readonly #records = new Map<string, BucketRecord>()
  // Of these, what a restart would find. Bounded by: BUCKETS_MAX.
  #durable: ReadonlyMap<string, BucketRecord> = new Map()
  #revision = 0
  #durableRevision = 0

  /** Rises with every change of what is known; what `stored` is to be told with. */
  get revision(): number {
    return this.#revision
  }

  /** Up to which revision all is durable. */
  get durableRevision(): number {
    return this.#durableRevision
  }

  /** The properties in force. */
  of(bucket: string): BucketProperties {
    return this.#records.get(bucket)?.properties ?? DEFAULT_PROPERTIES
  }

  record(bucket: string): BucketRecord | undefined {
    return this.#records.get(bucket)
  }

  /** Resets included, in order of name. */
  records(): readonly BucketRecord[] {
    return inOrder(this.#records)
  }

  /** What others may be told: what will still be known after a restart. */
  durableRecords(): readonly BucketRecord[] {
    return inOrder(this.#durable)
  }

  /** What was encoded at `revision` is durable. */
  stored(revision: number): void {
    this.#durableRevision = Math.max(this.#durableRevision, revision)
    // What has changed since is being stored, too.
    if (revision === this.#revision) this.#durable = new Map(this.#records)
  }

  configured(): readonly { name: string; properties: BucketProperties }[] {
    return this.records().flatMap(({ name, properties }) =>
      properties === undefined ? [] : [{ name, properties }],
    )
  }

  get full(): boolean {
    return this.#records.size >= BUCKETS_MAX
  }

  /** Whether the bucket has properties of its own. */
  isConfigured(bucket: string): boolean {
    return this.record(bucket)?.properties !== undefined
  }

  /** The least W that any bucket accepts by default: what a transfer must reckon with. */
  leastW(): number {
    let least = DEFAULT_PROPERTIES.w
    for (const { properties } of this.#records.values())
      least = Math.min(least, properties?.w ?? least)
    return least
  }

  /**
   * The least R of any bucket that promises a read to see what was written before it (R + W > N): a
   * move that is over must not be read around.
   */
  leastR(): number {
    let least = DEFAULT_PROPERTIES.r
    for (const { properties } of this.#records.values())
      if (properties !== undefined && properties.r + properties.w > properties.n)
        least = Math.min(least, properties.r)
    return least
  }

  /**
   * Takes over what is newer; says whether anything was. Records that no node of ours would make
   * are left out.
   */
  merge(records: readonly BucketRecord[]): boolean {
    let changed = false
    for (const record of records) {
      if (!isSound(record)) continue
      const held = this.#records.get(record.name)
      if (held === undefined ? this.full : !isNewer(record, held)) continue
      this.#records.set(record.name, record)
      changed = true
    }
    if (changed) this.#revision++
    return changed
  }

  /** For the disk: a count and the records. */
  encode(): Uint8Array {
    const writer = new ByteWriter(256)
    writer.varint(this.#records.size)
    for (const record of this.records()) encodeBucketRecord(writer, record)
    return writer.take()
  }

  /**
   * Takes over what `encode` wrote; bytes that are not that are left aside: the others will tell us
   * again.
   */
  restore(bytes: Uint8Array): void {
    const reader = new ByteReader(bytes)
    const records: BucketRecord[] = []
    for (let count = reader.count(BUCKETS_MAX, 4); count > 0; count--)
      records.push(decodeBucketRecord(reader))
    if (!reader.finished) return
    this.merge(records)
    this.stored(this.#revision)
  }

  /** Whether `records` know at least what `record` says. */
  static confirms(records: readonly BucketRecord[], record: BucketRecord): boolean {
    const told = records.find(({ name }) => name === record.name)
    return told !== undefined && !isNewer(record, told)
  }
}

function inOrder(records: ReadonlyMap<string, BucketRecord>): readonly BucketRecord[] {
  return [...records.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
}

function isSound({ name, properties }: BucketRecord): boolean {
  if (bucketNameProblem(name) !== undefined) return false
  return properties === undefined || propertiesProblem(properties, REPLICAS_MAX) === undefined
}

function isNewer(record: BucketRecord, held: BucketRecord): boolean {
  const order = compareStamps(record.stamp, held.stamp)
  return order !== 0 ? order > 0 : compareBytes(encoded(record), encoded(held)) > 0
}

function encoded(record: BucketRecord): Uint8Array {
  const writer = new ByteWriter(64)
  encodeBucketRecord(writer, record)
  return writer.take()
}
