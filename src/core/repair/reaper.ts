/**
 * One walk over what a partition has to reap: the list of its records with a tombstone or a passed
 * deadline (`node/storage-keys.ts`), looked at one after the other. What of a record may go is for
 * `reap-rule.ts` to say; here it is done some at a time, so that a million deletes are neither one
 * batch nor felt by those who are served meanwhile:
 *
 * ```
 *   wait     for leave: one unit of background work
 *   scan     the next entries of the list
 *   reap     records, until they come to a batch; what the scan gave beyond is scanned again
 *   store    the batch; the next unit when it is durable
 * ```
 * The scan shows only what is durable, and a record is looked at as it is with all that was handed
 * to the store. An entry may therefore speak of a record that has changed since: it is looked at
 * all the same, and one that has nothing to reap by that deadline costs its entry.
 *
 * Invariants: one unit at a time; keys in the list ascend; a batch has at most BATCH_RECORDS_MAX
 * records.
 */
import { assert } from '../std/assert.ts'
import { concatBytes } from '../std/bytes.ts'
import type { Effects } from '../std/effects.ts'
import type { ScanRange, StoreEntry, StoreOperation } from '../ports.ts'
import { isCut } from '../ports.ts'

export type ReaperEvent =
  | { readonly type: 'start' }
  /** The next unit of work may be done. */
  | { readonly type: 'go' }
  | { readonly type: 'scanned'; readonly entries: readonly StoreEntry[] }
  | { readonly type: 'scan-failed' }
  | { readonly type: 'stored' }
  | { readonly type: 'store-failed' }

/** The first three are answered: `go`; `scanned` or `scan-failed`; `stored` or `store-failed`. */
export type ReaperEffect =
  | { readonly type: 'wait' }
  | { readonly type: 'scan'; readonly range: ScanRange }
  | { readonly type: 'store'; readonly operations: readonly StoreOperation[] }
  /** The last effect. */
  | { readonly type: 'done'; readonly result: ReapResult }

export interface ReapResult {
  /** Versions that went. */
  readonly reaped: number
  /** Records of which something dead remains. */
  readonly waiting: number
  /** Of these, how many wait for this replica's own clock. */
  readonly waitingForBase: number
  /** Whether the walk came to the end of the list. */
  readonly isComplete: boolean
}

/** What became of a record in the list. */
export interface Reaped {
  readonly operations: readonly StoreOperation[]
  /** Versions dropped. */
  readonly reaped: number
  /** What remains dead waits: for this replica's clock, or for something else. */
  readonly waits: 'base' | 'other' | undefined
  /** Bytes read for it, about. */
  readonly bytes: number
}

export interface ReaperOptions {
  /** Of the list, as far as it is to be walked. */
  readonly range: { readonly from: Uint8Array; readonly to: Uint8Array }
  /** Reaps the record of one entry; `stop`: nothing may be reaped in this partition now. */
  readonly reap: (entry: Uint8Array) => Reaped | 'stop'
  /** What a batch must end with. */
  readonly seal: () => StoreOperation
}

/** Entries of one scan. They are keys alone, so that this is small. */
export const SCAN_ENTRIES_MAX = 512
const SCAN_BYTES_MAX = 256 * 1024
export const BATCH_RECORDS_MAX = 128
/** Records of one unit, as read; one more may exceed it. */
export const UNIT_BYTES_MAX: number = 1024 * 1024

export class Reaper {
  readonly #options: ReaperOptions
  #phase: 'new' | 'waiting' | 'scanning' | 'storing' | 'done' = 'new'
  /** The walk has passed all entries below. */
  #from: Uint8Array
  #range: ScanRange | undefined
  #isEnd = false
  #reaped = 0
  #waiting = 0
  #waitingForBase = 0

  constructor(options: ReaperOptions) {
    this.#options = options
    this.#from = options.range.from
  }

  step(event: ReaperEvent, effects: Effects<ReaperEffect>): void {
    switch (event.type) {
      case 'start':
        assert(this.#phase === 'new', this.#phase)
        return this.#wait(effects)
      case 'go':
        if (this.#phase === 'waiting') this.#scan(effects)
        return
      case 'scanned':
        if (this.#phase === 'scanning') this.#onScanned(event.entries, effects)
        return
      case 'stored':
        if (this.#phase === 'storing') this.#goOn(effects)
        return
      case 'scan-failed':
      case 'store-failed':
        // There will be another walk.
        if (this.#phase !== 'done') this.#finish(false, effects)
    }
  }

  check(): void {
    const isScanning = this.#phase === 'scanning'
    assert(isScanning === (this.#range !== undefined), () => `a scan while ${this.#phase}`)
    assert(this.#waitingForBase <= this.#waiting, () => `${this.#waitingForBase} of those waiting`)
  }

  #wait(effects: Effects<ReaperEffect>): void {
    this.#phase = 'waiting'
    effects.push({ type: 'wait' })
  }

  #scan(effects: Effects<ReaperEffect>): void {
    this.#phase = 'scanning'
    this.#range = {
      ...{ from: this.#from, to: this.#options.range.to, reverse: false },
      ...{ limit: SCAN_ENTRIES_MAX, bytesMax: SCAN_BYTES_MAX },
    }
    effects.push({ type: 'scan', range: this.#range })
  }

  #onScanned(entries: readonly StoreEntry[], effects: Effects<ReaperEffect>): void {
    const range = this.#range
    assert(range !== undefined, 'a scan without a range')
    this.#range = undefined
    const operations: StoreOperation[] = []
    let taken = 0
    let changed = 0
    let bytes = 0
    while (taken < entries.length && changed < BATCH_RECORDS_MAX && bytes < UNIT_BYTES_MAX) {
      const { key } = entries[taken]!
      const record = this.#options.reap(key)
      // What was dropped before is dropped: its batch is stored all the same.
      if (record === 'stop') return this.#stop(operations, effects)
      taken++
      this.#from = concatBytes(key, Uint8Array.of(0))
      bytes += record.bytes
      this.#count(record)
      if (record.operations.length === 0) continue
      changed++
      operations.push(...record.operations)
    }
    this.#isEnd = taken === entries.length && !isCut(range, entries)
    if (operations.length === 0) return this.#goOn(effects)
    this.#store(operations, effects)
  }

  #count({ reaped, waits }: Reaped): void {
    this.#reaped += reaped
    if (waits !== undefined) this.#waiting++
    if (waits === 'base') this.#waitingForBase++
  }

  #stop(operations: StoreOperation[], effects: Effects<ReaperEffect>): void {
    if (operations.length > 0) this.#store(operations, effects)
    this.#finish(false, effects)
  }

  #store(operations: StoreOperation[], effects: Effects<ReaperEffect>): void {
    this.#phase = 'storing'
    operations.push(this.#options.seal())
    effects.push({ type: 'store', operations })
  }

  #goOn(effects: Effects<ReaperEffect>): void {
    if (this.#isEnd) this.#finish(true, effects)
    else this.#wait(effects)
  }

  #finish(isComplete: boolean, effects: Effects<ReaperEffect>): void {
    this.#phase = 'done'
    this.#range = undefined
    const result = {
      ...{ reaped: this.#reaped, waiting: this.#waiting },
      ...{ waitingForBase: this.#waitingForBase, isComplete },
    }
    effects.push({ type: 'done', result })
  }
}
