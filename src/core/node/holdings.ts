/**
 * All records of this node, by partition, and what goes with each change of one.
 *
 * The problem: a record, its partition's clock, the list of what is to be reaped and the hash tree
 * speak of the same writes. If they are not changed together, one of them lies: a clock that claims
 * a write which a crash took keeps that write out for ever; a tree that lags hides a difference.
 *
 * So no other room writes a record. Each change is made here, out of what was handed to the store
 * before it, and gives the operations of one atomic batch:
 *
 * ```
 *   the record, stripped of what the clock's base covers (V5), or gone when nothing is left (V6)
 *   its entry in the list of what is to be reaped, when it has a tombstone or an expiry
 *   the partition's clock, with the dots of all versions that the change brought
 * ```
 * and tells the tree. Filling is the fence (V7): what arrives meets a container whose vector covers
 * all that this partition has seen, so a version that was superseded here, and is not here, goes,
 * whether its key has a record or not.
 *
 * A record that broke is the exception: the clock says that its writes were seen, and they are not
 * there any more. What mends it is kept whole (`Held.isWhole`) and is never filled; and the clock
 * becomes doubtful, so that nobody else takes it over, until all other replicas were compared with.
 * When the clock itself breaks, the partition is not read from until then.
 *
 * What is asked of the store in a step of the node is done after the step. So the records changed
 * in the present step are remembered here: the second of two changes of one key must not be built
 * on what was there before the first, while the clock knows of it already.
 *
 * A batch that the disk refuses takes with it all batches handed over until the node is told. Then
 * everything here begins anew from what the store has.
 */
import { bytesToBinary } from '../std/bytes.ts'
import type { Checksum } from '../std/crc32.ts'
import type { PartitionId, VnodeId } from '../std/ids.ts'
import type { Held, Holdings, Kept, Merged, Shown } from '../coordinator/holdings.ts'
import type { StoreOperation, StoreRead, StoreReader } from '../ports.ts'
import { sync } from '../versions/container.ts'
import {
  baseOf,
  decodeBase,
  decodePartitionClock,
  NO_BASE,
  PartitionClock,
} from '../versions/partition-clock.ts'
import {
  decodeRecord,
  encodeRecord,
  encodeStripped,
  isStorable,
  isStripped,
} from '../versions/record.ts'
import type { Container, Dot, Version } from '../versions/version.ts'
import { compareDots } from '../versions/version-vector.ts'
import { clockKey, reapableKey } from './storage-keys.ts'

/** A record of the partition is another from now on; `unreadable`: nobody knows what it was. */
export type OnChange = (
  partition: PartitionId,
  key: Uint8Array,
  before: readonly Version[] | 'unreadable',
  after: readonly Version[],
) => void

const NO_RECORD = new Uint8Array(0)
const PRESENT = Uint8Array.of(1)

export class LocalHoldings implements Holdings {
  readonly #store: StoreReader
  readonly #checksum: Checksum
  readonly #onChange: OnChange
  /** The clock of a partition cannot be read. */
  readonly #onBrokenClock: (partition: PartitionId) => void
  // As handed to the store. Bounded by: the partitions of the ring (4096).
  readonly #clocks = new Map<PartitionId, PartitionClock>()
  // The last durable clock read of each, and its base. Bounded by: the partitions of the ring.
  readonly #shown = new Map<
    PartitionId,
    { readonly clock: Uint8Array; readonly base: Uint8Array }
  >()

  // Of the present step, in two forms. Bounded by: what one step changes, a message's records.
  readonly #changed: { readonly key: Uint8Array; readonly record: Uint8Array }[] = []
  readonly #fresh = new Map<string, Uint8Array>()

  constructor(options: {
    readonly store: StoreReader
    readonly checksum: Checksum
    readonly onChange: OnChange
    readonly onBrokenClock: (partition: PartitionId) => void
  }) {
    this.#store = options.store
    this.#checksum = options.checksum
    this.#onChange = options.onChange
    this.#onBrokenClock = options.onBrokenClock
  }

  /** A step of the node begins: what the one before asked of the store is there now. */
  begin(): void {
    if (this.#changed.length > 0) this.#changed.length = 0
    if (this.#fresh.size > 0) this.#fresh.clear()
  }

  /** As it will be when all that was handed over is durable. Changed only by this room. */
  clockOf(partition: PartitionId): PartitionClock {
    const known = this.#clocks.get(partition)
    if (known !== undefined) return known
    const clock = this.#load(partition)
    this.#clocks.set(partition, clock)
    return clock
  }

  held(partition: PartitionId, key: Uint8Array): Held | 'unreadable' {
    const bytes = this.#get(key)
    const { base } = this.clockOf(partition)
    if (bytes === undefined)
      return { container: { versions: [], vector: base }, isWhole: false, isStored: false }
    if (bytes === 'unreadable') return bytes
    const container = decodeRecord(bytes, this.#checksum, base)
    if (typeof container === 'string') return 'unreadable'
    return { container, isWhole: !isStripped(bytes), isStored: true }
  }

  shown(partition: PartitionId, key: Uint8Array): Shown {
    const base = this.shownBase(partition)
    if (base === undefined) return { record: 'unreadable', base: NO_BASE }
    return { record: this.#store.getDurable(key), base }
  }

  /**
   * What a restart after a power failure now would know of the partition; undefined: nobody may be
   * shown anything of it.
   */
  shownBase(partition: PartitionId): Uint8Array | undefined {
    const clock = this.#store.getDurable(clockKey(partition))
    if (clock === undefined) return NO_BASE
    if (clock === 'unreadable') return undefined
    const known = this.#shown.get(partition)
    if (known !== undefined && isSame(known.clock, clock)) return known.base
    const base = baseOf(clock, this.#checksum)
    if (base === undefined) return undefined
    this.#shown.set(partition, { clock, base })
    return base
  }

  /** The whole durable clock; undefined as for {@link shownBase}. */
  shownClock(partition: PartitionId): PartitionClock | undefined {
    const bytes = this.#store.getDurable(clockKey(partition))
    if (bytes === undefined) return new PartitionClock()
    return bytes === 'unreadable' ? undefined : decodePartitionClock(bytes, this.#checksum)
  }

  keep(
    partition: PartitionId,
    key: Uint8Array,
    before: Held | 'unreadable',
    after: Container,
  ): Kept | undefined {
    const change = this.change(partition, key, before, after)
    if (change === undefined) return undefined
    const { operation, base } = this.clockChange(partition)
    const { operations, record } = change
    return { operations: [...operations, operation], record, base }
  }

  merge(
    partition: PartitionId,
    key: Uint8Array,
    record: Uint8Array,
    base: Uint8Array,
  ): Merged | 'malformed' {
    const merged = this.mergeChange(partition, key, record, base)
    if (merged === 'malformed') return merged
    const { container, operations, unreadable, stored } = merged
    if (operations === undefined) return { container, kept: undefined, unreadable }
    const clock = this.clockChange(partition)
    const kept = { operations: [...operations, clock.operation], record: stored, base: clock.base }
    return { container, kept, unreadable }
  }

  /**
   * As {@link keep}, without the clock, for those that change many records in one batch: the batch
   * must end with {@link clockChange}.
   */
  change(
    partition: PartitionId,
    key: Uint8Array,
    before: Held | 'unreadable',
    after: Container,
  ): { readonly operations: readonly StoreOperation[]; readonly record: Uint8Array } | undefined {
    const clock = this.clockOf(partition)
    // What the clock claims of the record that broke is in doubt from the batch on that replaces
    // it: told in a batch of its own, before this one, this one's clock would take it back.
    if (before === 'unreadable') clock.doubtful = true
    const isWhole = before === 'unreadable' || before.isWhole
    const record = this.#encode(after, clock, isWhole)
    if (!isStorable(after, record)) return undefined
    for (const { dot } of after.versions) clock.add(dot)
    const was = before === 'unreadable' ? before : before.container.versions
    this.#changed.push({ key, record })
    this.#onChange(partition, key, was, after.versions)
    const operations: StoreOperation[] = [
      record.length > 0 ? { type: 'put', key, value: record } : { type: 'delete', key },
    ]
    const isKnown = before !== 'unreadable' && before.isStored
    const dueBefore = isKnown ? dueOf(before.container.versions) : undefined
    const due = record.length === 0 ? undefined : dueOf(after.versions)
    if (due !== dueBefore) {
      if (dueBefore !== undefined)
        operations.push({ type: 'delete', key: reapableKey(dueBefore, key) })
      if (due !== undefined)
        operations.push({ type: 'put', key: reapableKey(due, key), value: PRESENT })
    }
    return { operations, record }
  }

  /** As {@link merge}, without the clock; `operations` undefined: there is nothing to store. */
  mergeChange(
    partition: PartitionId,
    key: Uint8Array,
    record: Uint8Array,
    base: Uint8Array,
  ):
    | {
        readonly container: Container
        readonly operations: readonly StoreOperation[] | undefined
        readonly stored: Uint8Array
        readonly unreadable: boolean
      }
    | 'malformed' {
    const container = this.decode(record, base)
    if (container === undefined) return 'malformed'
    const before = this.held(partition, key)
    const unreadable = before === 'unreadable'
    const after = unreadable ? container : sync(before.container, container)
    const isNews = unreadable || !haveSameDots(before.container.versions, after.versions)
    if (isNews) {
      const change = this.change(partition, key, before, after)
      if (change === undefined) return 'malformed'
      this.#see(partition, container.versions)
      return { container, operations: change.operations, stored: change.record, unreadable }
    }
    // Superseded here already: a hole of the clock may be filled by it all the same.
    const operations = this.#see(partition, container.versions) ? [] : undefined
    return { container, operations, stored: NO_RECORD, unreadable }
  }

  /** A record and its base as one container; no record: all that the base covers is superseded. */
  decode(record: Uint8Array, base: Uint8Array): Container | undefined {
    const vector = decodeBase(base)
    if (vector === undefined) return undefined
    if (record.length === 0) return { versions: [], vector }
    const container = decodeRecord(record, this.#checksum, vector)
    return typeof container === 'string' ? undefined : container
  }

  /** The clock as it is now, to be stored with the changes that it tells of. */
  clockChange(partition: PartitionId): {
    readonly operation: StoreOperation
    readonly base: Uint8Array
  } {
    const { clock, base } = this.clockOf(partition).encode(this.#checksum)
    return { operation: { type: 'put', key: clockKey(partition), value: clock }, base }
  }

  /** A dot was drawn, and no record of it exists nor ever will. */
  claim(partition: PartitionId, dot: Dot): void {
    this.clockOf(partition).add(dot)
  }

  /** Dots of our own, up to `last`, that are stored here or nowhere. */
  claimAll(partition: PartitionId, vnode: VnodeId, last: number): void {
    if (last > 0) this.clockOf(partition).addRun(vnode, 1, last)
  }

  /** A record of the partition broke: its clock claims what may be here no more. */
  doubt(partition: PartitionId): StoreOperation | undefined {
    const clock = this.clockOf(partition)
    if (clock.doubtful) return undefined
    clock.doubtful = true
    return this.clockChange(partition).operation
  }

  /** A batch was lost, and all after it: what is known here is what the store has. */
  reload(): void {
    this.begin()
    this.#clocks.clear()
    this.#shown.clear()
  }

  /** The partition's data is dropped. */
  forget(partition: PartitionId): void {
    this.#clocks.delete(partition)
    this.#shown.delete(partition)
  }

  check(): void {
    for (const clock of this.#clocks.values()) clock.check()
  }

  #load(partition: PartitionId): PartitionClock {
    const bytes = this.#store.get(clockKey(partition))
    if (bytes === undefined) return new PartitionClock()
    const clock = bytes === 'unreadable' ? undefined : decodePartitionClock(bytes, this.#checksum)
    if (clock !== undefined) return clock
    this.#onBrokenClock(partition)
    const fresh = new PartitionClock()
    fresh.doubtful = true
    fresh.incomplete = true
    return fresh
  }

  #get(key: Uint8Array): StoreRead {
    if (this.#changed.length === 0 && this.#fresh.size === 0) return this.#store.get(key)
    // Looked up by name only in the few steps that change one record after another.
    for (const change of this.#changed.splice(0))
      this.#fresh.set(bytesToBinary(change.key), change.record)
    const record = this.#fresh.get(bytesToBinary(key))
    if (record === undefined) return this.#store.get(key)
    return record.length === 0 ? undefined : record
  }

  #encode(after: Container, clock: PartitionClock, isWhole: boolean): Uint8Array {
    if (isWhole) return encodeRecord(after, this.#checksum)
    if (after.versions.length === 0 && clock.dominates(after.vector)) return NO_RECORD
    return encodeStripped(after, clock.base, this.#checksum)
  }

  #see(partition: PartitionId, versions: readonly Version[]): boolean {
    const clock = this.clockOf(partition)
    let news = false
    for (const { dot } of versions) if (clock.add(dot)) news = true
    return news
  }
}

/**
 * When a record has something to reap: 0 for a tombstone, or for a vector without versions; the
 * first deadline of its values; undefined when there is nothing.
 */
export function dueOf(versions: readonly Version[]): number | undefined {
  if (versions.length === 0) return 0
  let due: number | undefined
  for (const { value } of versions) {
    if (value === undefined) return 0
    const { expiresAtMs } = value
    if (expiresAtMs > 0 && (due === undefined || expiresAtMs < due)) due = expiresAtMs
  }
  return due
}

/** Whether two copies hold the same versions; a dot is the name of one. */
export function haveSameDots(a: readonly Version[], b: readonly Version[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (compareDots(a[i]!.dot, b[i]!.dot) !== 0) return false
  return true
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = a.length - 1; i >= 0; i--) if (a[i] !== b[i]) return false
  return true
}
