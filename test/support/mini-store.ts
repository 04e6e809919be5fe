/**
 * A store in memory that keeps the contract of `src/runtime/ports.ts`: `get` sees a batch from the
 * moment it is handed over, `getDurable` and scans from the moment it is durable; a batch that
 * fails is taken back, and with it all that was handed over until the node is told. A crash takes
 * everything that is not durable.
 */
import assert from 'node:assert/strict'
import { cut } from '../../src/core/ports.ts'
import type {
  ScanRange,
  StoreEntry,
  StoreOperation,
  StoreRead,
  StoreReader,
} from '../../src/core/ports.ts'

interface Batch {
  readonly number: number
  readonly operations: readonly StoreOperation[]
}

export class MiniStore implements StoreReader {
  /** What is durable: bytes by key, one character a byte. */
  readonly records: Map<string, Uint8Array> = new Map()
  /** Keys whose reads fail. */
  readonly unreadable: Set<string> = new Set()
  /** How many batches were ever handed over, and how many of them are durable or gone. */
  handed = 0
  settled = 0
  #pending: Batch[] = []
  /** So many of those handed over are gone, all the first that are not durable. */
  #doomed = 0

  getDurable(key: Uint8Array): StoreRead {
    const name = text(key)
    return this.unreadable.has(name) ? 'unreadable' : this.records.get(name)
  }

  get(key: Uint8Array): StoreRead {
    const name = text(key)
    if (this.unreadable.has(name)) return 'unreadable'
    for (const { operations } of this.#pending.toReversed())
      for (const operation of operations.toReversed()) {
        if (operation.type === 'clear') {
          if (name >= text(operation.from) && name < text(operation.to)) return undefined
        } else if (text(operation.key) === name)
          return operation.type === 'put' ? operation.value : undefined
      }
    return this.records.get(name)
  }

  /** `get` sees it from now on. */
  hand(number: number, operations: readonly StoreOperation[]): void {
    this.handed++
    this.#pending.push({ number, operations })
  }

  /** Whether the oldest batch is durable, if the disk takes it; the node is told at once. */
  settle(number: number, takes: boolean): boolean {
    const batch = this.#pending.shift()
    assert.equal(batch?.number, number, 'batches are settled in the order handed over')
    this.settled++
    if (!takes) this.#doomed = Math.max(this.#doomed, this.handed)
    const durable = this.settled > this.#doomed
    if (durable) apply(this.records, batch.operations)
    return durable
  }

  crash(): void {
    this.settled = this.handed
    this.#pending = []
  }

  /** To be asked once all that was handed over before the scan is settled. */
  scan(range: ScanRange): StoreEntry[] {
    const { records } = this
    const [low, high] = [text(range.from), text(range.to)]
    const names = [...records.keys()].filter((name) => name >= low && name < high).sort()
    if (range.reverse) names.reverse()
    const found = names.map((name) => ({
      key: Buffer.from(name, 'latin1'),
      value: records.get(name)!,
    }))
    return cut(range, found)
  }

  /** All that is durable, to be given to {@link restore} later: a backup. */
  backup(): ReadonlyMap<string, Uint8Array> {
    return new Map(this.records)
  }

  restore(backup: ReadonlyMap<string, Uint8Array>): void {
    this.crash()
    this.records.clear()
    for (const [name, value] of backup) this.records.set(name, value)
  }
}

function apply(records: Map<string, Uint8Array>, operations: readonly StoreOperation[]): void {
  for (const operation of operations) {
    if (operation.type === 'put') records.set(text(operation.key), operation.value)
    else if (operation.type === 'delete') records.delete(text(operation.key))
    else {
      const [low, high] = [text(operation.from), text(operation.to)]
      for (const name of records.keys()) if (name >= low && name < high) records.delete(name)
    }
  }
}

export function text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
}
