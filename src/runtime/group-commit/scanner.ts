/**
 * Scans over what is in the engine and what is pending together, without stopping the node: a page
 * is read and merged, then the event loop turns. Scans take turns with each other page by page, so
 * that a long one does not delay a short one.
 *
 * Each page is merged with the overlay as it is at that moment. A scan over several pages is
 * therefore not a snapshot: it shows every key as of some moment after the scan was asked for, and
 * every key that exists all the time exactly once.
 */
import type { ScanRange, StoreEntry } from '../../core/ports.ts'
import { assert } from '../../core/std/assert.ts'
import { compareBytes } from '../../core/std/bytes.ts'
import type { StoreListener } from '../ports.ts'
import type { Engine, EnginePage, EnginePageRequest } from './engine.ts'
import type { GroupCommitLimits } from './limits.ts'
import { nameOf } from './ordered-map.ts'
import type { Overlay, PendingWrite } from './overlay.ts'
import { after, FIRST_KEY, fromFirstKey } from './standing-clear.ts'

interface Scan {
  readonly number: number
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

export class Scanner {
  readonly #engine: Engine
  readonly #overlay: Overlay
  readonly #listener: StoreListener
  readonly #limits: GroupCommitLimits
  // Bounded by the limit `scansMax`.
  readonly #scans: Scan[] = []
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

  /** Whether it was taken; false at the bound. */
  scan(number: number, ranges: readonly ScanRange[]): boolean {
    if (this.#scans.length >= this.#limits.scansMax) return false
    const results = ranges.map(() => [])
    const bounds = { from: FIRST_KEY, to: FIRST_KEY }
    const scan = { number, ranges, results, index: -1, ...bounds, bytes: 0, rangeBytes: 0 }
    beginNextRange(scan)
    this.#scans.push(scan)
    this.#running ??= this.#run()
    return true
  }

  /** Fails what is under way; resolves once nothing is being read. */
  async close(reason: string): Promise<void> {
    this.#closed = reason
    await this.#running
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
   * Reads one page of the scan and queues it again, or answers it. Returns how many entries that
   * was.
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
      // What is pending may have made the page larger than what was asked for.
      if (scan.rangeBytes >= range.bytesMax) break
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
    return page.entries.length
  }

  /** A page of what is visible, or why it cannot be read. */
  async #page(request: EnginePageRequest): Promise<MergedPage | string> {
    let reading: EnginePage | Promise<EnginePage>
    try {
      reading = this.#engine.read(request)
    } catch (error) {
      return unreadable(error)
    }
    if (!(reading instanceof Promise)) return merge(reading, this.#overlay, request)
    this.#overlay.hold()
    const page = await reading.catch(unreadable)
    const merged = typeof page === 'string' ? page : merge(page, this.#overlay, request)
    this.#overlay.release()
    return merged
  }

  #fail(scan: Scan, reason: string): number {
    this.#listener.scanFailed(scan.number, reason)
    return 0
  }
}

/**
 * What is visible of a page, and where the range goes on behind it: the next `from`, in reverse the
 * next `to`.
 */
interface MergedPage {
  readonly entries: readonly StoreEntry[]
  readonly next: Uint8Array | undefined
}

/**
 * The engine's page with what is pending between its bounds. `pending` and the page are cut at the
 * same number of entries, so that whatever was left out of either stands behind what is given back.
 */
function merge(page: EnginePage, overlay: Overlay, request: EnginePageRequest): MergedPage {
  const { reverse, entriesMax } = request
  const last = page.complete ? undefined : page.entries.at(-1)?.key
  const low = nameOf(last !== undefined && reverse ? last : request.from)
  const high = nameOf(last !== undefined && !reverse ? after(last) : request.to)
  const pending = overlay.values(low, high, reverse, entriesMax)
  const entries: StoreEntry[] = []
  let next = 0
  for (const entry of page.entries) {
    const name = nameOf(entry.key)
    while (next < pending.length && precedes(pending[next]!.name, name, reverse))
      entries.push(entryOf(pending[next++]!))
    if (entries.length >= entriesMax) break
    if (overlay.get(name) === undefined) entries.push(entry)
  }
  while (next < pending.length) entries.push(entryOf(pending[next++]!))
  if (entries.length >= entriesMax) {
    entries.length = entriesMax
    return { entries, next: beyond(entries.at(-1)!.key, reverse) }
  }
  return { entries, next: last === undefined ? undefined : beyond(last, reverse) }
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

function precedes(a: string, b: string, reverse: boolean): boolean {
  return reverse ? a > b : a < b
}

function entryOf(write: PendingWrite): StoreEntry {
  assert(write.value !== undefined, 'a visible pending write has a value')
  return { key: write.key, value: write.value }
}

function beyond(key: Uint8Array, reverse: boolean): Uint8Array {
  return reverse ? key : after(key)
}

function unreadable(error: unknown): string {
  return `unreadable: ${error instanceof Error ? error.message : String(error)}`
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
