/** A listener that remembers what a store told it, and lets a test wait for it. */
import type { StoreEntry } from '../../src/core/ports.ts'
import type { StoreListener } from '../../src/runtime/ports.ts'

export type ScanResult = readonly (readonly StoreEntry[])[] | string

export class Recorder implements StoreListener {
  /** Batches in the order answered: the reason of a failure, or undefined. */
  readonly answers: { readonly batch: number; readonly failure: string | undefined }[] = []
  /** Called at every answer, before anybody who waits for it. */
  onAnswer: (batch: number, failure: string | undefined) => void = () => undefined
  readonly #batches = new Map<number, string | undefined>()
  readonly #scans = new Map<number, ScanResult>()
  #waiting: { readonly isDone: () => boolean; readonly resolve: () => void }[] = []

  stored(batch: number): void {
    this.#answer(batch, undefined)
  }

  storeFailed(batch: number, reason: string): void {
    if (reason === undefined || reason === '')
      throw new Error(`batch ${batch} fails without a reason`)
    this.#answer(batch, reason)
  }

  scanned(scan: number, ranges: readonly (readonly StoreEntry[])[]): void {
    this.#answerScan(scan, ranges)
  }

  scanFailed(scan: number, reason: string): void {
    this.#answerScan(scan, reason)
  }

  isAnswered(batch: number): boolean {
    return this.#batches.has(batch)
  }

  isScanned(scan: number): boolean {
    return this.#scans.has(scan)
  }

  /** Why it failed; undefined when it is durable. */
  async outcome(batch: number): Promise<string | undefined> {
    await this.#until(() => this.#batches.has(batch))
    return this.#batches.get(batch)
  }

  async scanResult(scan: number): Promise<ScanResult> {
    await this.#until(() => this.#scans.has(scan))
    return this.#scans.get(scan)!
  }

  #answer(batch: number, failure: string | undefined): void {
    if (this.#batches.has(batch)) throw new Error(`batch ${batch} is answered twice`)
    this.#batches.set(batch, failure)
    this.answers.push({ batch, failure })
    this.onAnswer(batch, failure)
    this.#wake()
  }

  #answerScan(scan: number, result: ScanResult): void {
    if (this.#scans.has(scan)) throw new Error(`scan ${scan} is answered twice`)
    this.#scans.set(scan, result)
    this.#wake()
  }

  #until(isDone: () => boolean): Promise<void> {
    if (isDone()) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ isDone, resolve }))
  }

  #wake(): void {
    const waiting = this.#waiting
    this.#waiting = waiting.filter(({ isDone }) => !isDone())
    for (const { isDone, resolve } of waiting) if (isDone()) resolve()
  }
}
