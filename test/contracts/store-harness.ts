/** What the tests of stores say to one, and small words for its operations. */
import assert from 'node:assert/strict'
import type { ScanRange, StoreEntry, StoreOperation } from '../../src/core/ports.ts'
import type { Store, StoreListener } from '../../src/runtime/ports.ts'
import { Recorder } from './recorder.ts'

export type OpenStore = (listener: StoreListener, path: string) => Promise<Store>

/** A store in a folder of its own, with everything that a test says to it. */
export class StoreHarness {
  readonly #open: OpenStore
  readonly path: string
  store!: Store
  recorder: Recorder = new Recorder()
  #batch = 0
  #scan = 0

  constructor(open: OpenStore, path: string) {
    this.#open = open
    this.path = path
  }

  async open(): Promise<void> {
    this.recorder = new Recorder()
    this.store = await this.#open(this.recorder, this.path)
  }

  async reopen(): Promise<void> {
    await this.store.close()
    await this.open()
  }

  /** Hands a batch over; returns its number. */
  commit(...operations: StoreOperation[]): number {
    this.store.commit(++this.#batch, operations)
    return this.#batch
  }

  async stored(...operations: StoreOperation[]): Promise<void> {
    assert.equal(await this.recorder.outcome(this.commit(...operations)), undefined)
  }

  async failed(...operations: StoreOperation[]): Promise<string> {
    const failure = await this.recorder.outcome(this.commit(...operations))
    assert.ok(failure !== undefined, 'the batch was to fail')
    return failure
  }

  startScan(...ranges: ScanRange[]): number {
    this.store.scan(++this.#scan, ranges)
    return this.#scan
  }

  async scanAll(...ranges: ScanRange[]): Promise<readonly (readonly StoreEntry[])[]> {
    const result = await this.recorder.scanResult(this.startScan(...ranges))
    if (typeof result === 'string') assert.fail(`the scan failed: ${result}`)
    return result
  }

  /** Keys and values of one range as text. */
  async scan(range: ScanRange): Promise<string[]> {
    const [entries] = await this.scanAll(range)
    return entries!.map(({ key, value }) => `${text(key)}=${text(value)}`)
  }

  getDurable(key: string): string | undefined {
    const read = this.store.getDurable(bytes(key))
    return read instanceof Uint8Array ? text(read) : read
  }

  get(key: string): string | undefined {
    const read = this.store.get(bytes(key))
    return read instanceof Uint8Array ? text(read) : read
  }
}

export interface StoreCapabilities {
  /** What was stored is there when the store is opened again. */
  readonly persistent: boolean
}

/** One clause of the suite, on a store of its own. */
export type Check = (behaviour: string, run: (harness: StoreHarness) => Promise<void>) => void

/** Behind every key of the tests. */
export const END: string = '\xff'.repeat(8)
export const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'))
export const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1')
export const put = (key: string, value: string): StoreOperation => ({
  type: 'put',
  key: bytes(key),
  value: bytes(value),
})
export const del = (key: string): StoreOperation => ({ type: 'delete', key: bytes(key) })
export const clear = (from: string, to: string): StoreOperation => ({
  type: 'clear',
  from: bytes(from),
  to: bytes(to),
})
export const range = (from: string, to: string, options: Partial<ScanRange> = {}): ScanRange => ({
  from: bytes(from),
  to: bytes(to),
  limit: Number.MAX_SAFE_INTEGER,
  bytesMax: Number.MAX_SAFE_INTEGER,
  reverse: false,
  ...options,
})
