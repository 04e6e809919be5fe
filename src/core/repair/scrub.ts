/**
 * One walk over a partition: every record is read from the disk and checked, and a hash tree is
 * made of them. It is how a tree begins that could not be trusted after an unclean stop, and how,
 * once a month, all that nobody asks for is looked at before its last good copy is gone (a disk
 * forgets silently: Bairavasundaram et al., "An analysis of data corruption in the storage stack",
 * FAST 2008, §4).
 *
 * The partition is written to meanwhile, and a scan sees only what is durable. A tree made of what
 * the scan gave would lack what was on its way to the disk, and what has changed behind the walk:
 *
 * ```
 *   barrier         from here on changed keys are remembered; when it has passed, whatever was
 *                   changed before can be scanned
 *   scan, scan, …   a record enters the tree as the scan shows it, unless its key was changed: then
 *                   it enters as it is now
 *   behind the walk a change is one of the tree
 *   ahead of it     a change is remembered until the walk comes by
 * ```
 * So at each moment the tree holds exactly what was handed to the store, as far as the walk has
 * come, and at the end all of it.
 *
 * It waits for leave before each scan: one unit of background work.
 *
 * Invariants: one barrier or scan at a time; remembered keys lie ahead of the walk, at most
 * CHANGED_MAX of them.
 */
import { assert } from '../std/assert.ts'
import { bytesToBinary, compareBytes, concatBytes } from '../std/bytes.ts'
import type { Checksum } from '../std/crc32.ts'
import type { Effects } from '../std/effects.ts'
import type { ScanRange, StoreEntry } from '../ports.ts'
import { isCut } from '../ports.ts'
import { decodeRecord } from '../versions/record.ts'
import type { Version } from '../versions/version.ts'
import type { HashTree } from './hash-tree.ts'

export type ScrubEvent =
  | { readonly type: 'start' }
  /** All that was handed to the store before the barrier is durable. */
  | { readonly type: 'settled' }
  /** The next unit of work may be done. */
  | { readonly type: 'go' }
  | { readonly type: 'scanned'; readonly entries: readonly StoreEntry[] }
  | { readonly type: 'scan-failed' }
  /** A record is another from now on; told before its batch is handed to the store. */
  | {
      readonly type: 'changed'
      readonly key: Uint8Array
      readonly before: readonly Version[]
      readonly after: readonly Version[]
    }

/** The first three are answered by `settled`, `go`, and `scanned` or `scan-failed`. */
export type ScrubEffect =
  | { readonly type: 'barrier' }
  | { readonly type: 'wait' }
  | { readonly type: 'scan'; readonly range: ScanRange }
  /** The record does not read as it was written; it is not in the tree. */
  | { readonly type: 'broken'; readonly key: Uint8Array }
  /**
   * The last effect. `tree` undefined: the disk does not give the records, or they change too fast.
   */
  | { readonly type: 'done'; readonly tree: HashTree | undefined; readonly records: number }

export interface ScrubOptions {
  /** Where the records of the partition begin and end in the store. */
  readonly range: { readonly from: Uint8Array; readonly to: Uint8Array }
  /** Empty. */
  readonly tree: HashTree
  readonly checksum: Checksum
  /** The versions of a record as they are with all that was handed to the store. */
  readonly versionsOf: (key: Uint8Array) => readonly Version[] | 'unreadable'
}

/** Of one scan: small enough that the foreground does not feel it. */
export const SCRUB_RECORDS_MAX = 512
export const SCRUB_BYTES_MAX: number = 512 * 1024
/**
 * Keys remembered; a partition of which more change before they are reached is tried again later.
 */
export const CHANGED_MAX = 65_536

const NOTHING: readonly Version[] = []

export class Scrub {
  readonly #options: ScrubOptions
  // Binary text of the keys. Bounded by: CHANGED_MAX.
  readonly #changed = new Set<string>()
  #phase: 'new' | 'barrier' | 'waiting' | 'scanning' | 'done' = 'new'
  /** The walk has passed all keys below. */
  #from: Uint8Array
  #limit = SCRUB_RECORDS_MAX
  #range: ScanRange | undefined
  #records = 0

  constructor(options: ScrubOptions) {
    this.#options = options
    this.#from = options.range.from
  }

  step(event: ScrubEvent, effects: Effects<ScrubEffect>): void {
    switch (event.type) {
      case 'start':
        assert(this.#phase === 'new', this.#phase)
        this.#phase = 'barrier'
        effects.push({ type: 'barrier' })
        return
      case 'settled':
        if (this.#phase === 'barrier') this.#wait(effects)
        return
      case 'go':
        if (this.#phase === 'waiting') this.#scan(effects)
        return
      case 'scanned':
        return this.#onScanned(event.entries, effects)
      case 'scan-failed':
        return this.#onScanFailed(effects)
      case 'changed':
        return this.#onChanged(event, effects)
    }
  }

  check(): void {
    assert(this.#changed.size <= CHANGED_MAX, () => `${this.#changed.size} changed keys`)
    const isScanning = this.#phase === 'scanning'
    assert(isScanning === (this.#range !== undefined), () => `a scan while ${this.#phase}`)
  }

  #wait(effects: Effects<ScrubEffect>): void {
    this.#phase = 'waiting'
    effects.push({ type: 'wait' })
  }

  #scan(effects: Effects<ScrubEffect>): void {
    this.#phase = 'scanning'
    this.#range = {
      ...{ from: this.#from, to: this.#options.range.to, reverse: false },
      ...{ limit: this.#limit, bytesMax: SCRUB_BYTES_MAX },
    }
    effects.push({ type: 'scan', range: this.#range })
  }

  #onScanned(entries: readonly StoreEntry[], effects: Effects<ScrubEffect>): void {
    const range = this.#range
    if (range === undefined) return
    this.#range = undefined
    this.#limit = SCRUB_RECORDS_MAX
    for (const { key, value } of entries) this.#take(key, value, effects)
    const last = entries.at(-1)?.key
    const isEnd = last === undefined || !isCut(range, entries)
    this.#from = isEnd ? this.#options.range.to : concatBytes(last, Uint8Array.of(0))
    this.#takeChanged(effects)
    if (isEnd) this.#finish(this.#options.tree, effects)
    else this.#wait(effects)
  }

  /** One that the disk does not give spoils the scan: fewer at a time, down to it alone. */
  #onScanFailed(effects: Effects<ScrubEffect>): void {
    if (this.#range === undefined) return
    this.#range = undefined
    if (this.#limit === 1) return this.#finish(undefined, effects)
    this.#limit = Math.max(1, this.#limit >> 3)
    this.#wait(effects)
  }

  #onChanged(
    { key, before, after }: Extract<ScrubEvent, { type: 'changed' }>,
    effects: Effects<ScrubEffect>,
  ): void {
    if (this.#phase === 'done') return
    if (compareBytes(key, this.#from) < 0) return this.#options.tree.change(key, before, after)
    this.#changed.add(bytesToBinary(key))
    if (this.#changed.size > CHANGED_MAX) this.#finish(undefined, effects)
  }

  #take(key: Uint8Array, record: Uint8Array, effects: Effects<ScrubEffect>): void {
    this.#records++
    const container = decodeRecord(record, this.#options.checksum)
    if (typeof container === 'string') effects.push({ type: 'broken', key })
    else if (this.#changed.size === 0 || !this.#changed.has(bytesToBinary(key)))
      this.#options.tree.change(key, NOTHING, container.versions)
  }

  /** What was changed and is now behind the walk enters as it is. */
  #takeChanged(effects: Effects<ScrubEffect>): void {
    for (const name of this.#changed) {
      const key = Uint8Array.from(name, (character) => character.charCodeAt(0))
      if (compareBytes(key, this.#from) >= 0) continue
      this.#changed.delete(name)
      const versions = this.#options.versionsOf(key)
      if (versions === 'unreadable') effects.push({ type: 'broken', key })
      else this.#options.tree.change(key, NOTHING, versions)
    }
  }

  #finish(tree: HashTree | undefined, effects: Effects<ScrubEffect>): void {
    this.#phase = 'done'
    this.#range = undefined
    this.#changed.clear()
    effects.push({ type: 'done', tree, records: this.#records })
  }
}
