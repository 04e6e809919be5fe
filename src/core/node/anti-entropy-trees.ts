/**
 * The hash trees of all partitions that this node holds: kept up to date with each change, written
 * down when a partition is quiet, and made anew by a walk over its records where there is none that
 * can be trusted.
 *
 * The problem is a restart. A tree is in memory and 32 KiB a partition, far too much to be stored
 * with each write; and one that was stored a while ago is a lie. So:
 *
 * ```
 *   written down      once a partition has not changed for a while, and all of it is durable
 *   wiped             by a batch of its own, handed over before the first change after that
 *   found at a start  nothing has changed since: it is the tree
 *   not found         a walk makes one, in the background              (`repair/scrub.ts`)
 * ```
 * Batches become durable in the order handed over, so at no moment stands a tree on the disk beside
 * a record that is newer. A restart under load walks over the partitions that were written to last;
 * all others have their trees at once.
 *
 * A batch that the disk refuses is in the tree and not in the store. The partitions that changed
 * since the last barrier that has passed are read again then.
 *
 * The same walk, over one partition after the other, checks all records once a month: the tree that
 * it makes must equal the one that was kept.
 */
import { assert } from '../std/assert.ts'
import { ByteReader, ByteWriter } from '../std/bytes.ts'
import type { Checksum } from '../std/crc32.ts'
import type { Effects } from '../std/effects.ts'
import type { PartitionId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { duration, instant, later, since } from '../std/instant.ts'
import type { StoreEntry, StoreOperation, StoreReader } from '../ports.ts'
import { HashTree, leavesOf } from '../repair/hash-tree.ts'
import { Scrub } from '../repair/scrub.ts'
import type { ScrubEffect, ScrubEvent } from '../repair/scrub.ts'
import type { PartitionSize } from '../repair/partition-size.ts'
import type { Version } from '../versions/version.ts'
import type { Host } from './host.ts'
import type { LocalHoldings } from './holdings.ts'
import { partitionRange, stateKey, treeKey } from './storage-keys.ts'

/** How often quiet partitions are looked for. */
const LOOK_INTERVAL: Duration = duration(1_000)
/** A partition that has not changed for so long is quiet. */
const QUIET: Duration = duration(15_000)
/** Trees written down at one look, so that many do not come to the disk at once. */
const WRITES_PER_LOOK = 8
/** After a walk that failed, the next one of any partition. */
const REST: Duration = duration(5_000)

export interface TreesParts {
  readonly store: StoreReader
  readonly holdings: LocalHoldings
  readonly checksum: Checksum
  /** Partitions in one of whose write sets this node stands. */
  readonly held: () => readonly PartitionId[]
  /** Of the ring; 0 before the first layout. */
  readonly partitions: () => number
  readonly unreadable: (key: Uint8Array) => void
  /** There is no tree of the partition any more, or another one. */
  readonly dropped: (partition: PartitionId) => void
  /** Calls back when the foreground leaves room for one unit of work. */
  readonly admit: (work: 'tree' | 'scrub', go: () => void) => void
  /** Time in which every record is read once. */
  readonly scrubIntervalMs: number
}

interface Entry {
  readonly tree: HashTree
  /** Whether a copy may stand in the store. */
  isStored: boolean
  changedAt: Instant
}

/** The walk under way. */
interface Walk {
  readonly partition: PartitionId
  readonly scrub: Scrub
  /** Whether a tree is in service that it must equal. */
  readonly isCheck: boolean
  /** Of its barrier or scan. */
  token: number
}

export interface TreesView {
  /** Partitions whose tree is still to be made. */
  readonly missing: number
  /** Records read by walks, and those of them that were broken, in this life. */
  readonly checked: number
  readonly broken: number
  /** Trees that differed from what the walk made of the records. */
  readonly mended: number
  /** Partitions that the monthly check has done, since it began with the first. */
  readonly scrubbed: number
}

export class Trees {
  readonly #host: Host
  readonly #parts: TreesParts
  // Bounded by: the partitions of the ring.
  readonly #entries = new Map<PartitionId, Entry>()
  // Without a tree, in the order in which they are walked. Bounded by: the partitions of the ring.
  readonly #missing = new Set<PartitionId>()
  // Changed since the barrier before, and before that. Bounded by: the partitions of the ring.
  #young = new Set<PartitionId>()
  #settling = new Set<PartitionId>()
  /** Of the barrier behind `#settling`; 0: none is under way. */
  #barrier = 0
  #walk: Walk | undefined
  #restsUntil: Instant = instant(0)
  #token = 0
  /** Where the monthly check is: the partition done last, and when. */
  #scrubbed: { readonly partition: number; readonly wallMs: number } | undefined
  #isArmed = false
  readonly #counts = { checked: 0, broken: 0, mended: 0 }

  constructor(host: Host, parts: TreesParts) {
    this.#host = host
    this.#parts = parts
    this.#scrubbed = decodeScrubbed(parts.store.get(stateKey('scrub')))
  }

  get view(): TreesView {
    const { partition } = this.#scrubbed ?? { partition: -1 }
    return { missing: this.#missing.size, ...this.#counts, scrubbed: partition + 1 }
  }

  /** undefined: it is being made. */
  of(partition: PartitionId): HashTree | undefined {
    return this.#entry(partition)?.tree
  }

  /** About how much is held of a partition; undefined: nobody has counted yet. */
  sizeOf(partition: PartitionId): PartitionSize | undefined {
    return this.#entries.get(partition)?.tree.size
  }

  /** As {@link sizeOf}, of all partitions of which it is known. */
  sizes(): ReadonlyMap<PartitionId, PartitionSize> {
    const sizes = new Map<PartitionId, PartitionSize>()
    for (const [partition, { tree }] of this.#entries)
      if (tree.size !== undefined) sizes.set(partition, tree.size)
    return sizes
  }

  /**
   * The root of its tree; `settled`: only if all that the tree tells of is known to be durable.
   * undefined: there is none.
   */
  rootOf(partition: PartitionId, settled: boolean): Uint8Array | undefined {
    const isYoung = this.#young.has(partition) || this.#settling.has(partition)
    if (settled && isYoung) return undefined
    return this.#entries.get(partition)?.tree.root()
  }

  /** The layout may have given or taken partitions. */
  replan(): void {
    const held = new Set(this.#parts.held())
    for (const partition of this.#entries.keys()) if (!held.has(partition)) this.forget(partition)
    for (const partition of this.#missing) if (!held.has(partition)) this.#missing.delete(partition)
    for (const partition of held) this.#entry(partition)
    if (!this.#isArmed && held.size > 0) this.#arm()
    this.#go()
  }

  /** To be told of each change of a record, before its batch is handed to the store. */
  onChange(
    partition: PartitionId,
    key: Uint8Array,
    before: readonly Version[] | 'unreadable',
    after: readonly Version[],
  ): void {
    if (before === 'unreadable') return this.distrust(partition)
    const entry = this.#entry(partition)
    this.#young.add(partition)
    if (entry !== undefined) {
      this.#wipe(partition, entry)
      entry.tree.change(key, before, after)
      entry.changedAt = this.#host.now
    }
    if (this.#walk?.partition === partition) this.#step({ type: 'changed', key, before, after })
  }

  /** What the tree says of a record is not what can be read of it: it is made anew. */
  distrust(partition: PartitionId): void {
    const entry = this.#entry(partition)
    if (entry !== undefined) this.#wipe(partition, entry)
    this.#young.add(partition)
    // Walked when it is looked for next: the change that led here is still to be handed over.
    this.#forget(partition, true)
  }

  /** Batches were lost: what was changed by them is read again. */
  batchLost(): void {
    for (const partition of [...this.#young, ...this.#settling]) this.forget(partition)
    this.#young.clear()
    this.#settling.clear()
    this.#barrier = 0
    // Its barrier is one of those batches, or it has counted what they would have changed.
    this.#walk = undefined
    // Not at once: its first batch would be refused as well by a disk that is full.
    this.#restsUntil = later(this.#host.now, LOOK_INTERVAL)
    this.replan()
  }

  /** Its data is dropped, or not what it was. */
  forget(partition: PartitionId): void {
    this.#forget(partition, false)
  }

  /** Whoever is told that it is dropped may look for the tree at once: it must be known to miss. */
  #forget(partition: PartitionId, isMissing: boolean): void {
    const had = this.#entries.delete(partition)
    if (isMissing) this.#missing.add(partition)
    else this.#missing.delete(partition)
    if (this.#walk?.partition === partition) this.#walk = undefined
    if (had) this.#parts.dropped(partition)
  }

  /** A batch of this room is durable: a barrier has passed. */
  stored(token: number): void {
    if (token === 0) return
    if (token === this.#barrier) {
      this.#barrier = 0
      this.#settling.clear()
    } else if (token === this.#walk?.token) this.#step({ type: 'settled' })
  }

  scanned(token: number, entries: readonly StoreEntry[]): void {
    if (token === this.#walk?.token) this.#step({ type: 'scanned', entries })
  }

  scanFailed(token: number): void {
    if (token === this.#walk?.token) this.#step({ type: 'scan-failed' })
  }

  onTimer(): void {
    this.#arm()
    this.#settle()
    this.#writeQuiet()
    this.#go()
  }

  check(): void {
    for (const partition of this.#missing)
      assert(!this.#entries.has(partition), () => `partition ${partition} has a tree and lacks it`)
    this.#walk?.scrub.check()
  }

  #arm(): void {
    this.#isArmed = true
    this.#host.arm({ owner: 'trees' }, later(this.#host.now, LOOK_INTERVAL))
  }

  #entry(partition: PartitionId): Entry | undefined {
    const known = this.#entries.get(partition)
    if (known !== undefined || this.#missing.has(partition)) return known
    const leaves = this.#leaves()
    if (leaves === 0) return undefined
    const stored = this.#parts.store.get(treeKey(partition))
    const tree =
      stored instanceof Uint8Array
        ? HashTree.decode(stored, leaves, this.#parts.checksum)
        : undefined
    if (tree === undefined) {
      this.#missing.add(partition)
      return undefined
    }
    const entry = { tree, isStored: true, changedAt: this.#host.now }
    this.#entries.set(partition, entry)
    return entry
  }

  #leaves(): number {
    const partitions = this.#parts.partitions()
    return partitions === 0 ? 0 : leavesOf(partitions)
  }

  /** The copy in the store is one no more, once the batch that follows is durable. */
  #wipe(partition: PartitionId, entry: Entry): void {
    if (!entry.isStored) return
    entry.isStored = false
    this.#host.store('trees', 0, [{ type: 'delete', key: treeKey(partition) }])
  }

  /** Asks when all that has changed so far is durable. */
  #settle(): void {
    if (this.#barrier !== 0 || this.#young.size === 0) return
    this.#settling = this.#young
    this.#young = new Set()
    this.#barrier = ++this.#token
    this.#host.store('trees', this.#barrier, [])
  }

  #writeQuiet(): void {
    if (this.#host.storeBusy || this.#host.clonedBy !== undefined) return
    let writes = 0
    for (const [partition, entry] of this.#entries) {
      if (entry.isStored || since(entry.changedAt, this.#host.now) < QUIET) continue
      if (this.#young.has(partition) || this.#settling.has(partition)) continue
      entry.isStored = true
      const value = entry.tree.encode(this.#parts.checksum)
      this.#host.store('trees', 0, [{ type: 'put', key: treeKey(partition), value }])
      if (++writes === WRITES_PER_LOOK) return
    }
  }

  /** Begins the next walk, if there is one to do. */
  #go(): void {
    if (this.#walk !== undefined || this.#host.now < this.#restsUntil) return
    const [missing] = this.#missing
    const partition = missing ?? this.#dueForCheck()
    if (partition === undefined || this.#leaves() === 0) return
    const { checksum, holdings } = this.#parts
    const scrub = new Scrub({
      ...{ checksum, range: partitionRange(partition), tree: new HashTree(this.#leaves()) },
      versionsOf: (key) => {
        const held = holdings.held(partition, key)
        return held === 'unreadable' ? held : held.container.versions
      },
    })
    this.#walk = { partition, scrub, isCheck: missing === undefined, token: 0 }
    this.#step({ type: 'start' })
  }

  /** The partition whose turn it is in the monthly check, if it has come. */
  #dueForCheck(): PartitionId | undefined {
    const held = this.#parts.held()
    if (held.length === 0) return undefined
    const { wallMs } = this.#host
    // A clock that was set back must not put the check off for as long.
    this.#scrubbed ??= { partition: -1, wallMs }
    const { partition: last, wallMs: at } = this.#scrubbed
    if (at <= wallMs && wallMs - at < this.#parts.scrubIntervalMs / held.length) return undefined
    return held.find((partition) => partition > last) ?? held[0]
  }

  #step(event: ScrubEvent): void {
    const walk = this.#walk
    if (walk === undefined) return
    const effects: Effects<ScrubEffect> = { push: (effect) => this.#onWalk(walk, effect) }
    walk.scrub.step(event, effects)
  }

  #onWalk(walk: Walk, effect: ScrubEffect): void {
    switch (effect.type) {
      case 'barrier':
        walk.token = ++this.#token
        return this.#host.store('trees', walk.token, [])
      case 'wait':
        return this.#parts.admit(walk.isCheck ? 'scrub' : 'tree', () => {
          if (this.#walk === walk) this.#step({ type: 'go' })
        })
      case 'scan':
        walk.token = ++this.#token
        return this.#host.scan('trees', walk.token, [effect.range])
      case 'broken':
        this.#counts.broken++
        return this.#parts.unreadable(effect.key)
      case 'done':
        return this.#onDone(walk, effect.tree, effect.records)
    }
  }

  #onDone(walk: Walk, tree: HashTree | undefined, records: number): void {
    if (this.#walk !== walk) return
    const { partition, isCheck } = walk
    this.#walk = undefined
    this.#counts.checked += records
    if (tree === undefined) this.#restsUntil = later(this.#host.now, REST)
    else {
      const kept = this.#entries.get(partition)
      if (kept === undefined || !kept.tree.equals(tree)) {
        if (isCheck && kept !== undefined) this.#counts.mended++
        if (kept !== undefined) this.#wipe(partition, kept)
        const entry = { tree, isStored: false, changedAt: this.#host.now }
        this.#missing.delete(partition)
        this.#entries.set(partition, entry)
        if (kept !== undefined) this.#parts.dropped(partition)
      } else kept.tree.resize(tree)
    }
    if (isCheck) this.#note(partition)
    this.#go()
  }

  /** The monthly check has done a partition; one that fails is not tried for ever. */
  #note(partition: PartitionId): void {
    const { wallMs } = this.#host
    this.#scrubbed = { partition, wallMs }
    const put: StoreOperation = {
      type: 'put',
      key: stateKey('scrub'),
      value: encodeScrubbed(partition, wallMs),
    }
    this.#host.store('trees', 0, [put])
  }
}

function encodeScrubbed(partition: number, wallMs: number): Uint8Array {
  const writer = new ByteWriter(16)
  writer.varint(partition)
  writer.varint(wallMs)
  return writer.take()
}

/** Where it was is not worth an alarm: it begins anew. */
function decodeScrubbed(
  bytes: Uint8Array | undefined | 'unreadable',
): { readonly partition: number; readonly wallMs: number } | undefined {
  if (!(bytes instanceof Uint8Array)) return undefined
  const reader = new ByteReader(bytes)
  const partition = reader.varint()
  const wallMs = reader.varint()
  return reader.finished ? { partition, wallMs } : undefined
}
