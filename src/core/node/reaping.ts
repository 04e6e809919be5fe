/**
 * Reaping, as the node sees it: which partition is walked next, and what may go of a record
 * (`repair/reap-rule.ts`), whose end is a change like any other (`holdings.ts`): the record, its
 * entry in the list, the hash tree and the clock together.
 *
 * A partition is walked when something has changed by which more may go: its floor or its horizon,
 * which anti-entropy raises, or its own clock if records wait for that. Nothing is walked while a
 * partition moves, because the new replicas' clocks do not count yet; nor while its clock is in
 * doubt, because what the clock covers may not have been seen.
 */
import { assert } from '../std/assert.ts'
import type { Effects } from '../std/effects.ts'
import type { PartitionId } from '../std/ids.ts'
import { duration, later } from '../std/instant.ts'
import type { Held } from '../coordinator/holdings.ts'
import type { StoreEntry, StoreOperation } from '../ports.ts'
import { reap } from '../repair/reap-rule.ts'
import type { ReapFacts, Reaping as Outcome, ReapWait } from '../repair/reap-rule.ts'
import { Reaper } from '../repair/reaper.ts'
import type { Reaped, ReaperEffect, ReaperEvent, ReapResult } from '../repair/reaper.ts'
import type { Container, VersionVector } from '../versions/version.ts'
import { joinVectors } from '../versions/version-vector.ts'
import type { BucketRegistry } from './bucket-registry.ts'
import type { LocalHoldings } from './holdings.ts'
import { dueOf } from './holdings.ts'
import type { Host } from './host.ts'
import type { LayoutKeeper } from './layout-keeper.ts'
import { parseReapableKey, parseRecordKey, reapableRange } from './storage-keys.ts'

/** How often all partitions are looked at for a reason to be walked. */
const LOOK_INTERVAL = duration(10_000)
/** A record without values takes about so much. */
const RECORD_BYTES = 64

export interface ReapingParts {
  readonly layout: LayoutKeeper
  readonly buckets: BucketRegistry
  readonly holdings: LocalHoldings
  /** Of each vnode, what all replicas that are up are known to have seen. */
  readonly floorOf: (partition: PartitionId) => VersionVector
  /** Before it all deadlines have passed, on each of their clocks; 0: not known. */
  readonly horizonOf: (partition: PartitionId) => number
  /** Calls back when one unit of background work may be done: at once, or later. */
  readonly admit: (go: () => void) => void
  readonly unreadable: (key: Uint8Array) => void
  /**
   * Whether the partition is being compared with a replica. What goes meanwhile is not in what that
   * was told of our clock, and yet gone from the tree that it is shown.
   */
  readonly isComparing: (partition: PartitionId) => boolean
}

/** What is known of the last walk over a partition. */
interface Walked {
  readonly floor: VersionVector
  readonly horizonMs: number
  /** Of this replica's clock; undefined: nothing waits for that. */
  readonly base: VersionVector | undefined
  readonly waiting: number
}

interface Walk extends Walked {
  readonly partition: PartitionId
  readonly reaper: Reaper
  token: number
}

export interface ReapingView {
  /** Versions reaped in this life of the node. */
  readonly reaped: number
  /** Records with something dead that waits, as of the last walk over each partition. */
  readonly waiting: number
}

export class Reaping {
  readonly #host: Host
  readonly #parts: ReapingParts
  // In the order asked for. Bounded by: the partitions of the ring.
  readonly #wanted = new Set<PartitionId>()
  // Bounded by: the partitions of the ring.
  readonly #walked = new Map<PartitionId, Walked>()
  #walk: Walk | undefined
  #token = 0
  #reaped = 0

  constructor(host: Host, parts: ReapingParts) {
    this.#host = host
    this.#parts = parts
  }

  get view(): ReapingView {
    let waiting = 0
    for (const walked of this.#walked.values()) waiting += walked.waiting
    return { reaped: this.#reaped, waiting }
  }

  /** Whether no partition is being walked, nor waits for it. */
  get isIdle(): boolean {
    return this.#walk === undefined && this.#wanted.size === 0
  }

  start(): void {
    this.#host.arm({ owner: 'reaping' }, later(this.#host.now, LOOK_INTERVAL))
  }

  onTimer(): void {
    this.start()
    const { layout } = this.#parts
    const held = new Set(layout.held())
    for (const partition of this.#walked.keys())
      if (!held.has(partition)) this.#walked.delete(partition)
    for (const partition of held) this.wake(partition)
  }

  /** The floor or the horizon of the partition may have been raised. */
  wake(partition: PartitionId): void {
    if (!this.#isChanged(partition)) return
    this.#wanted.add(partition)
    this.#go()
  }

  scanned(token: number, entries: readonly StoreEntry[]): void {
    if (token === this.#walk?.token) this.#step({ type: 'scanned', entries })
  }

  scanFailed(token: number): void {
    if (token === this.#walk?.token) this.#step({ type: 'scan-failed' })
  }

  stored(token: number): void {
    if (token === this.#walk?.token) this.#step({ type: 'stored' })
  }

  storeFailed(token: number): void {
    if (token === this.#walk?.token) this.#step({ type: 'store-failed' })
  }

  /**
   * What a delete or an expired value here still waits for; `turn`: only to be walked; undefined:
   * the record has nothing to reap, or is not here.
   */
  waitOf(partition: PartitionId, key: Uint8Array): ReapWait | 'turn' | undefined {
    const held = this.#parts.holdings.held(partition, key)
    if (held === 'unreadable') return 'doubt'
    const { versions } = held.container
    if (!held.isStored || dueOf(versions) === undefined) return undefined
    const facts = this.#factsOf(partition, key)
    if (facts === undefined || typeof facts === 'string') return facts
    const { versions: left, wait } = reap(this.#filled(partition, held), facts)
    return wait ?? (left.length < versions.length || versions.length === 0 ? 'turn' : undefined)
  }

  check(): void {
    this.#walk?.reaper.check()
    const { state } = this.#parts.layout
    const partitions = state?.current.partitions ?? 0
    assert(this.#wanted.size <= partitions, () => `${this.#wanted.size} partitions wanted`)
  }

  /** Whether more may go than when the partition was walked last. */
  #isChanged(partition: PartitionId): boolean {
    if (this.#whyNot(partition) !== undefined) return false
    const before = this.#walked.get(partition)
    if (before === undefined) return true
    const { floorOf, horizonOf, holdings } = this.#parts
    if (horizonOf(partition) > before.horizonMs) return true
    // Joining gives back the very same when it brings nothing.
    if (joinVectors(before.floor, floorOf(partition)) !== before.floor) return true
    return before.base !== undefined && holdings.clockOf(partition).base !== before.base
  }

  #go(): void {
    if (this.#walk !== undefined || this.#host.clonedBy !== undefined) return
    const partition = this.#next()
    if (partition === undefined) return
    const { floorOf, horizonOf, holdings } = this.#parts
    const horizonMs = horizonOf(partition)
    const reaper = new Reaper({
      // A tombstone's deadline is 0: it is in the range whatever the horizon.
      range: reapableRange(partition, Math.max(1, Math.floor(horizonMs))),
      reap: (entry) => this.#reap(partition, entry),
      seal: () => holdings.clockChange(partition).operation,
    })
    const { base } = holdings.clockOf(partition)
    const floor = floorOf(partition)
    this.#walk = { partition, reaper, token: 0, floor, horizonMs, base, waiting: 0 }
    this.#step({ type: 'start' })
  }

  /** Of those wanted the first that still has a reason, and is wanted no more. */
  #next(): PartitionId | undefined {
    for (const partition of this.#wanted) {
      this.#wanted.delete(partition)
      if (this.#isChanged(partition)) return partition
    }
    return undefined
  }

  #step(event: ReaperEvent): void {
    const walk = this.#walk
    if (walk === undefined) return
    const effects: Effects<ReaperEffect> = { push: (effect) => this.#onWalk(walk, effect) }
    walk.reaper.step(event, effects)
  }

  #onWalk(walk: Walk, effect: ReaperEffect): void {
    switch (effect.type) {
      case 'wait':
        return this.#parts.admit(() => this.#admitted(walk))
      case 'scan':
        walk.token = ++this.#token
        return this.#host.scan('reaping', walk.token, [effect.range])
      case 'store':
        walk.token = ++this.#token
        return this.#host.store('reaping', walk.token, effect.operations)
      case 'done':
        return this.#onDone(walk, effect.result)
    }
  }

  #admitted(walk: Walk): void {
    if (this.#walk !== walk) return
    // The disk has enough to do: the walk is given up, and begun anew at the next look.
    this.#step({ type: this.#host.storeBusy ? 'scan-failed' : 'go' })
  }

  #onDone(walk: Walk, { reaped, waiting, waitingForBase, isComplete }: ReapResult): void {
    const { partition, floor, horizonMs } = walk
    this.#walk = undefined
    this.#reaped += reaped
    if (reaped > 0) this.#host.note({ type: 'reaped', partition, versions: reaped })
    const base = waitingForBase > 0 ? walk.base : undefined
    if (isComplete) this.#walked.set(partition, { floor, horizonMs, base, waiting })
    else this.#walked.delete(partition)
    this.#go()
  }

  /** Of one entry in the list. */
  #reap(partition: PartitionId, entry: Uint8Array): Reaped | 'stop' {
    const parsed = parseReapableKey(entry)
    if (parsed === undefined) return forgotten(entry)
    if (this.#parts.isComparing(partition)) return 'stop'
    const { deadlineMs, record: key } = parsed
    const facts = this.#factsOf(partition, key)
    if (typeof facts === 'string') return 'stop'
    if (facts === undefined) return forgotten(entry)
    const { holdings, unreadable } = this.#parts
    const held = holdings.held(partition, key)
    if (held === 'unreadable') {
      unreadable(key)
      return { operations: [], reaped: 0, waits: 'other', bytes: RECORD_BYTES }
    }
    // What the list says is not so any more: what is so has an entry of its own.
    if (!held.isStored || dueOf(held.container.versions) !== deadlineMs) return forgotten(entry)
    return this.#change(partition, key, held, reap(this.#filled(partition, held), facts))
  }

  #change(
    partition: PartitionId,
    key: Uint8Array,
    held: Held,
    { versions, wait }: Outcome,
  ): Reaped {
    const { holdings } = this.#parts
    const before = held.container.versions
    const bytes = sizeOf(held.container)
    const waits = wait === undefined ? undefined : wait === 'base' ? 'base' : 'other'
    const none: Reaped = { operations: [], reaped: 0, waits, bytes }
    // Without versions, all that is left of it is its vector, which the clock may cover by now.
    if (versions.length === before.length && (versions.length > 0 || wait !== undefined))
      return none
    const container = this.#filled(partition, held)
    const { vector } = container
    // Not in doubt any more, a record that was kept whole is one like the others.
    const stripped: Held = { container, isWhole: false, isStored: true }
    const change = holdings.change(partition, key, stripped, { versions, vector })
    if (change === undefined) return none
    const { operations } = change
    return { operations, reaped: before.length - versions.length, waits, bytes }
  }

  /** With all that this replica has seen, whether the record was kept whole or not. */
  #filled(partition: PartitionId, { container, isWhole }: Held): Container {
    if (!isWhole) return container
    const { versions, vector } = container
    return { versions, vector: joinVectors(vector, this.#parts.holdings.clockOf(partition).base) }
  }

  /** By which rule a record is reaped; why not; or undefined when its key is none. */
  #factsOf(partition: PartitionId, key: Uint8Array): ReapFacts | ReapWait | undefined {
    const parsed = parseRecordKey(key)
    if (parsed === undefined) return undefined
    const reason = this.#whyNot(partition)
    if (reason !== undefined) return reason
    const { holdings, buckets, floorOf, horizonOf } = this.#parts
    return {
      conflicts: buckets.of(parsed.bucket).conflicts,
      clock: holdings.clockOf(partition),
      floor: floorOf(partition),
      horizonMs: horizonOf(partition),
    }
  }

  /** What forbids to reap anything of the partition. */
  #whyNot(partition: PartitionId): 'moving' | 'doubt' | undefined {
    const { layout, holdings } = this.#parts
    const sets = layout.placementOf(partition)?.writeSets ?? []
    if (sets.length !== 1 || !sets[0]!.includes(this.#host.self)) return 'moving'
    const { doubtful, incomplete } = holdings.clockOf(partition)
    return doubtful || incomplete ? 'doubt' : undefined
  }
}

/** The entry goes, and nothing else. */
function forgotten(entry: Uint8Array): Reaped {
  const operations: StoreOperation[] = [{ type: 'delete', key: entry }]
  return { operations, reaped: 0, waits: undefined, bytes: 0 }
}

function sizeOf({ versions }: Container): number {
  let bytes = RECORD_BYTES
  for (const { value } of versions) bytes += value?.bytes.length ?? 0
  return bytes
}
