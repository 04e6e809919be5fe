/**
 * Scans over what is durable, without stopping the node: a page is read, then the event loop turns.
 * Scans take turns with each other page by page, so that a long one does not delay a short one.
 *
 * A scan begins when all that was handed to the store before it is durable or has failed. From then
 * on the engine holds what the scan must show, and never what it must not; only what a standing
 * clear covers is to be left out. An engine may read a page asynchronously, and the clear may end
 * meanwhile, or take in a key anew: so a page is read as of the moment at which it was asked for.
 *
 * A scan over several pages is not a snapshot: it shows every key as of some moment after the scan
 * began, and every key that exists all the time exactly once.
 */
import type { ScanRange, StoreEntry } from '../../core/ports.ts'
import { assert } from '../../core/std/assert.ts'
import { compareBytes } from '../../core/std/bytes.ts'
import type { StoreListener } from '../ports.ts'
import type { Engine, EnginePageRequest } from './engine.ts'
import type { GroupCommitLimits } from './limits.ts'
import { nameOf } from './ordered-map.ts'
import type { Overlay } from './overlay.ts'
import { after, FIRST_KEY, fromFirstKey } from './standing-clear.ts'

interface Scan {
  readonly number: number
  /** How many batches had been handed over when it was asked for. */
  readonly behind: number
  readonly ranges: readonly ScanRange[]
  /** One for each range. */
  readonly results: StoreEntry[][]
  /** The range under way, and what is left of it. */
  index: number
  from: Uint8Array
  to: Uint8Array
  /** Given back so far, by all ranges and by this one. */
  bytes: number
  rangeBytes: number
}

/** What is durable of a page, and what it cost. */
interface Page {
  readonly entries: readonly StoreEntry[]
  readonly read: number
  /** Where the range goes on behind it: the next `from`, in reverse the next `to`. */
  readonly next: Uint8Array | undefined
}

export class Scanner {
  readonly #engine: Engine
  readonly #overlay: Overlay
  readonly #listener: StoreListener
  readonly #limits: GroupCommitLimits
  // Both bounded by: the limit `scansMax`, together.
  readonly #waiting: Scan[] = []
  readonly #scans: Scan[] = []
  #settled = 0
  #running: Promise<void> | undefined
  #closed: string | undefined

  constructor(options: {
    readonly engine: Engine
    readonly overlay: Overlay
    readonly listener: StoreListener
    readonly limits: GroupCommitLimits
  }) {
    this.#engine = options.engine
    this.#overlay = options.overlay
    this.#listener = options.listener
    this.#limits = options.limits
  }

  /**
   * Begins when so many batches are settled as have been handed over. Whether it was taken; false
   * at the bound.
   */
  scan(number: number, ranges: readonly ScanRange[], behind: number): boolean {
    if (this.#waiting.length + this.#scans.length >= this.#limits.scansMax) return false
    const results = ranges.map(() => [])
    const bounds = { from: FIRST_KEY, to: FIRST_KEY }
    const given = { results, bytes: 0, rangeBytes: 0 }
    const scan: Scan = { number, behind, ranges, index: -1, ...bounds, ...given }
    beginNextRange(scan)
    this.#waiting.push(scan)
    this.#begin()
    return true
  }

  /** So many batches are durable or have failed, of all that were ever handed over. */
  settled(count: number): void {
    this.#settled = count
    this.#begin()
  }

  /** Fails what is under way; resolves once nothing is being read. All batches are settled. */
  async close(reason: string): Promise<void> {
    assert(this.#waiting.length === 0, 'a scan waits for a batch that is not there')
    this.#closed = reason
    await this.#running
  }

  #begin(): void {
    const count = this.#waiting.findIndex(({ behind }) => behind > this.#settled)
    this.#scans.push(...this.#waiting.splice(0, count < 0 ? this.#waiting.length : count))
    if (this.#scans.length > 0) this.#running ??= this.#run()
  }

  async #run(): Promise<void> {
    while (this.#scans.length > 0) {
      await turn()
      let entries = this.#limits.turnEntriesMax
      let bytes = this.#limits.turnBytesMax
      while (entries > 0 && bytes > 0) {
        const scan = this.#scans.shift()
        if (scan === undefined) break
        const bytesBefore = scan.bytes
        entries -= 1 + (await this.#advance(scan, entries, bytes))
        bytes -= scan.bytes - bytesBefore
      }
    }
    this.#running = undefined
  }

  /**
   * Reads one page of the scan and queues it again, or answers it. Returns how many entries were
   * read.
   */
  async #advance(scan: Scan, entriesMax: number, bytesMax: number): Promise<number> {
    if (this.#closed !== undefined) return this.#fail(scan, this.#closed)
    const range = scan.ranges[scan.index]
    if (range === undefined) {
      this.#listener.scanned(scan.number, scan.results)
      return 0
    }
    const result = scan.results[scan.index]!
    const request: EnginePageRequest = {
      from: scan.from,
      to: scan.to,
      reverse: range.reverse,
      entriesMax: Math.min(entriesMax, range.limit - result.length),
      bytesMax: Math.min(bytesMax, range.bytesMax - scan.rangeBytes),
      values: true,
    }
    const page = await this.#page(request)
    if (typeof page === 'string') return this.#fail(scan, page)
    for (const entry of page.entries) {
      result.push(entry)
      const bytes = entry.key.length + entry.value.length
      scan.bytes += bytes
      scan.rangeBytes += bytes
    }
    const { scanBytesMax } = this.#limits
    if (scan.bytes > scanBytesMax)
      return this.#fail(scan, `more than ${scanBytesMax} bytes: ask for fewer keys`)
    const isFull = result.length >= range.limit || scan.rangeBytes >= range.bytesMax
    if (page.next === undefined || isFull) beginNextRange(scan)
    else if (range.reverse) scan.to = page.next
    else scan.from = page.next
    this.#scans.push(scan)
    return page.read
  }

  /** A page of what is durable, or why it cannot be read. */
  async #page(request: EnginePageRequest): Promise<Page | string> {
    const { standing } = this.#overlay
    const keptCount = standing?.keptCount ?? 0
    try {
      const { entries: found, complete } = await this.#engine.read(request)
      const last = complete ? undefined : found.at(-1)!.key
      const next = last === undefined || request.reverse ? last : after(last)
      const entries =
        standing === undefined
          ? found
          : found.filter(({ key }) => !standing.hidAt(keptCount, nameOf(key)))
      return { entries, read: found.length, next }
    } catch (error) {
      return `unreadable: ${error instanceof Error ? error.message : String(error)}`
    }
  }

  #fail(scan: Scan, reason: string): number {
    this.#listener.scanFailed(scan.number, reason)
    return 0
  }
}

/** Turns to the next range that can have entries; behind the last one the scan is complete. */
function beginNextRange(scan: Scan): void {
  scan.rangeBytes = 0
  for (scan.index++; scan.index < scan.ranges.length; scan.index++) {
    const range = scan.ranges[scan.index]!
    scan.from = fromFirstKey(range.from)
    scan.to = range.to
    if (range.limit > 0 && compareBytes(scan.from, scan.to) < 0) return
  }
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
