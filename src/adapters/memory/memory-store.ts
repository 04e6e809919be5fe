/**
 * The store in memory: for tests, for embedding without a disk, and as the model that the durable
 * stores are compared with. It forgets everything with its process.
 *
 * A batch changes the map at once, and with that is as durable as it gets; it is called so in the
 * next turn of the event loop, so that whoever uses it meets the same order of events as with a
 * disk: nothing is ever answered before `commit` or `scan` returns.
 */
import type { ScanRange, StoreEntry, StoreOperation, StoreRead } from '../../core/ports.ts'
import { unreachable } from '../../core/std/assert.ts'
import { refusalOfKeys } from '../../runtime/group-commit/keys.ts'
import { nameOf, OrderedMap } from '../../runtime/group-commit/ordered-map.ts'
import type { Store, StoreListener } from '../../runtime/ports.ts'

/** What one turn of the event loop may give to scans. */
const TURN_ENTRIES_MAX = 1000

interface Scan {
  readonly number: number
  readonly ranges: readonly ScanRange[]
  readonly results: StoreEntry[][]
  /**
   * The range under way, what it has given so far, and the name at which it goes on; undefined at
   * its beginning.
   */
  index: number
  bytes: number
  next: string | undefined
}

export class MemoryStore implements Store {
  readonly #listener: StoreListener
  // Bounded by: what is put; this store is as large as its data.
  readonly #entries = new OrderedMap<StoreEntry>()
  // Bounded by: what is committed in one turn; answered in the next.
  #committed: { readonly number: number; readonly refusal: string | undefined }[] = []
  // Bounded by: the scans asked for; each takes a bounded part of a turn.
  #scans: Scan[] = []
  /** Why a batch of this turn was refused. */
  #refusal: string | undefined
  #closed = false

  private constructor(listener: StoreListener) {
    this.#listener = listener
  }

  static open(options: { listener: StoreListener }): MemoryStore {
    return new MemoryStore(options.listener)
  }

  get(key: Uint8Array): StoreRead {
    return this.#closed ? 'unreadable' : this.#entries.get(nameOf(key))?.value
  }

  getDurable(key: Uint8Array): StoreRead {
    return this.get(key)
  }

  commit(number: number, operations: readonly StoreOperation[]): void {
    // What comes after a refused batch was built on it, until that is told.
    const refusal =
      this.#refusal ?? (this.#closed ? 'the store is closed' : refusalOfKeys(operations))
    this.#refusal = refusal
    if (refusal === undefined) for (const operation of operations) this.#apply(operation)
    if (this.#committed.length === 0) setImmediate(this.#tell)
    this.#committed.push({ number, refusal })
  }

  scan(number: number, ranges: readonly ScanRange[]): void {
    if (this.#scans.length === 0) setImmediate(this.#turn)
    const results = ranges.map(() => [])
    this.#scans.push({ number, ranges, results, index: 0, bytes: 0, next: undefined })
  }

  close(): Promise<void> {
    this.#closed = true
    return new Promise((resolve) => setImmediate(resolve))
  }

  #apply(operation: StoreOperation): void {
    switch (operation.type) {
      case 'put':
        return this.#entries.set(nameOf(operation.key), {
          key: operation.key,
          value: operation.value,
        })
      case 'delete':
        return this.#entries.delete(nameOf(operation.key))
      case 'clear': {
        const names: string[] = []
        this.#entries.walk(nameOf(operation.from), nameOf(operation.to), (name) => {
          names.push(name)
          return true
        })
        for (const name of names) this.#entries.delete(name)
        return
      }
      default:
        return unreachable(operation)
    }
  }

  readonly #tell = (): void => {
    const committed = this.#committed
    this.#committed = []
    this.#refusal = undefined
    for (const { number, refusal } of committed) {
      if (refusal === undefined) this.#listener.stored(number)
      else this.#listener.storeFailed(number, refusal)
    }
  }

  readonly #turn = (): void => {
    let budget = TURN_ENTRIES_MAX
    while (budget > 0 && this.#scans.length > 0) {
      const scan = this.#scans.shift()!
      const range = scan.ranges[scan.index]
      if (this.#closed) this.#listener.scanFailed(scan.number, 'the store is closed')
      else if (range === undefined) this.#listener.scanned(scan.number, scan.results)
      else {
        budget -= 1 + this.#advance(scan, range, budget)
        this.#scans.push(scan)
      }
    }
    if (this.#scans.length > 0) setImmediate(this.#turn)
  }

  /** Takes up to `max` entries of the range; returns how many it took. */
  #advance(scan: Scan, range: ScanRange, max: number): number {
    const result = scan.results[scan.index]!
    const wanted = Math.min(max, range.limit - result.length)
    const from = range.reverse ? nameOf(range.from) : (scan.next ?? nameOf(range.from))
    const to = range.reverse ? (scan.next ?? nameOf(range.to)) : nameOf(range.to)
    let taken = 0
    const visit = (_: string, entry: StoreEntry): boolean => {
      result.push(entry)
      scan.bytes += entry.key.length + entry.value.length
      return ++taken < wanted && scan.bytes < range.bytesMax
    }
    if (wanted > 0 && range.reverse) this.#entries.walkBack(from, to, visit)
    else if (wanted > 0) this.#entries.walk(from, to, visit)
    const isFull = result.length >= range.limit || scan.bytes >= range.bytesMax
    if (taken < wanted || isFull) {
      scan.index++
      scan.bytes = 0
      scan.next = undefined
    } else {
      const last = nameOf(result.at(-1)!.key)
      scan.next = range.reverse ? last : `${last}\0`
    }
    return taken
  }
}
