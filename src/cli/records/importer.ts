/**
 * Stores the records of a source, many at once, and always knows up to where everything is decided.
 *
 * One request at a time would wait for the network most of the time; many at once end in any order,
 * and a crash would leave holes that nobody knows of. So records are cut into batches that follow
 * each other, some of which are under way together; a batch that is done waits for all before it,
 * and only then does the position move past it. Going on from the position repeats some puts, which
 * changes nothing, and leaves none out.
 *
 * Two records with one key must end in the order of the file. Batches under way together have no
 * order, so a record whose key is under way waits until it is not.
 *
 * A put that failed with an unknown outcome is repeated like one that was rejected: the same value
 * under the same key. (In a bucket that keeps siblings the repetition may leave the value twice.)
 *
 * Invariants: `position` counts decided items only, each stored or refused; batches commit in
 * order; a record is refused only when repeating it cannot help.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { BatchResult, DndClient } from '../../../packages/client/src/client.ts'
import { DndClientError } from '../../../packages/client/src/client.ts'
import type { Mapped, RecordPut } from './mapping.ts'
import { pauseMs } from './retry.ts'
import { SeenKeys } from './seen-keys.ts'
import type { SourceItem } from './source.ts'

export interface ImporterOptions {
  /** One for each server to begin with; each knows all of them. Not empty. */
  readonly clients: readonly DndClient[]
  readonly bucket: string
  readonly w: number | undefined
  /** Requests under way together, and records in each. */
  readonly requests: number
  readonly batchRecords: number
  /** How long to go on without any success before the import gives up, milliseconds. */
  readonly giveUpAfterMs: number
  /** Items that an earlier run has decided: they are only counted as seen. */
  readonly startAt: number
  /** The batch is decided, and all before it. */
  readonly onCommit: (commit: Commit) => void
}

export interface Commit {
  /** Items from the beginning of the source that are decided. */
  readonly position: number
  readonly stored: number
  readonly refusals: readonly Refusal[]
  readonly duplicates: number
}

export interface Refusal {
  /** Counted from 1. */
  readonly record: number
  readonly item: SourceItem
  readonly reason: string
  readonly detail: string
}

interface Job {
  readonly put: RecordPut
  readonly record: number
  readonly item: SourceItem
}

/** Items in a row, stored by one request. */
interface Batch {
  end: number
  jobs: Job[]
  refusals: Refusal[]
  bytes: number
  duplicates: number
  stored: number
  done: boolean
}

/** Of a batch, so that its body stays far below what a node takes; one larger value goes alone. */
const BATCH_VALUE_BYTES_MAX = 1024 * 1024
/** Also counts refused ones. */
const BATCH_ITEMS_MAX = 1000
/** Batches that are done wait for one that is not: at most so many for each that is under way. */
const WAITING_FACTOR = 4

export class Importer {
  readonly #options: ImporterOptions
  readonly #seen: SeenKeys
  /** In order of the source. Bounded by: requests × WAITING_FACTOR. */
  readonly #batches: Batch[] = []
  /** Keys of the batches under way and of the one being filled. Bounded by: their records. */
  readonly #busyKeys = new Set<string>()
  #filling: Batch
  #position = 0
  #underWay = 0
  #sent = 0
  #lastSuccessMs = Date.now()
  #failure: unknown
  #stopped = false
  /**
   * Called the next time a batch ends. Bounded by: the two that may wait, whoever adds and whoever
   * stops.
   */
  #waiters: (() => void)[] = []

  constructor(options: ImporterOptions, seen: SeenKeys = new SeenKeys()) {
    this.#options = options
    this.#seen = seen
    this.#filling = emptyBatch(0)
  }

  /**
   * The next item of the source; waits while enough are under way. Throws when the import has given
   * up.
   */
  async add(mapped: Mapped, item: SourceItem): Promise<void> {
    const record = ++this.#position
    if (record <= this.#options.startAt) {
      if (mapped.ok) this.#seen.add(mapped.put.key, mapped.put.sort)
      this.#filling.end = record
      return
    }
    if (mapped.ok) await this.#addPut(mapped.put, record, item)
    else {
      const { reason, detail } = mapped
      this.#filling.refusals.push({ record, item, reason, detail })
    }
    this.#filling.end = record
    if (this.#isFull()) await this.#dispatch()
  }

  /** Waits for all that was added. Throws when the import has given up. */
  async finish(): Promise<void> {
    if (this.#filling.end > this.#options.startAt) await this.#dispatch()
    await this.#settle()
  }

  /** Begins nothing new and waits for what is under way, repeating nothing. Never throws. */
  async stop(): Promise<void> {
    this.#stopped = true
    while (this.#underWay > 0) await this.#nextEnd()
  }

  get duplicatesComplete(): boolean {
    return this.#seen.complete
  }

  async #addPut(put: RecordPut, record: number, item: SourceItem): Promise<void> {
    const key = busyKey(put)
    if (this.#busyKeys.has(key)) {
      await this.#dispatch()
      while (this.#busyKeys.has(key) && !this.#stopped) {
        this.#throwIfFailed()
        await this.#nextEnd()
      }
    }
    const batch = this.#filling
    if (this.#seen.add(put.key, put.sort)) batch.duplicates++
    this.#busyKeys.add(key)
    batch.jobs.push({ put, record, item })
    batch.bytes += put.value.length
  }

  #isFull(): boolean {
    const { jobs, refusals, bytes } = this.#filling
    return (
      jobs.length >= this.#options.batchRecords ||
      jobs.length + refusals.length >= BATCH_ITEMS_MAX ||
      bytes >= BATCH_VALUE_BYTES_MAX
    )
  }

  async #dispatch(): Promise<void> {
    this.#throwIfFailed()
    if (this.#stopped) return
    const batch = this.#filling
    this.#filling = emptyBatch(batch.end)
    const { requests } = this.#options
    while (this.#underWay >= requests || this.#batches.length >= requests * WAITING_FACTOR) {
      this.#throwIfFailed()
      await this.#nextEnd()
    }
    this.#throwIfFailed()
    // Dropped: the position stays in front of it.
    if (this.#stopped) return
    this.#batches.push(batch)
    this.#underWay++
    void this.#run(batch)
  }

  /** Never rejects: a failure is kept for whoever adds or finishes next. */
  async #run(batch: Batch): Promise<void> {
    try {
      if (batch.jobs.length > 0) await this.#store(batch)
      batch.done = true
    } catch (error) {
      this.#failure ??= error
      this.#stopped = true
    }
    this.#underWay--
    for (const { put } of batch.jobs) this.#busyKeys.delete(busyKey(put))
    try {
      this.#commit()
    } catch (error) {
      // What must be kept of the progress cannot be written: nothing more may be counted as done.
      this.#failure ??= error
      this.#stopped = true
    }
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  /** Until each of the batch is stored or refused; throws when that does not happen. */
  async #store(batch: Batch): Promise<void> {
    let left: readonly Job[] = batch.jobs
    for (let attempt = 0; ; attempt++) {
      const results = await this.#send(left)
      const again: Job[] = []
      let failure: DndClientError | undefined
      for (const [i, job] of left.entries()) {
        const result = results[i]!
        if (result.status !== 'failed') batch.stored++
        else if (result.error.retryable) {
          again.push(job)
          failure = result.error
        } else batch.refusals.push(refusalOf(job, result.error))
      }
      if (again.length < left.length) this.#lastSuccessMs = Date.now()
      if (failure === undefined) return
      const hopeless = Date.now() - this.#lastSuccessMs > this.#options.giveUpAfterMs
      if (hopeless || this.#stopped) throw failure
      left = again
      await sleep(pauseMs(attempt, failure))
      // Said while we slept.
      if (this.#stopped) throw failure
    }
  }

  /** One result for each. Throws only for what no repetition can change. */
  async #send(jobs: readonly Job[]): Promise<readonly BatchResult[]> {
    const { clients, bucket, w } = this.#options
    // Servers take turns, so that all coordinate; a repetition goes to another one.
    const client = clients[this.#sent++ % clients.length]!
    try {
      const [first, second] = jobs
      if (first !== undefined && second === undefined)
        return [await client.put(first.put.key, first.put.value, { ...first.put, bucket, w })]
      return await client.batch(jobs.map(({ put }) => ({ ...put, type: 'put', bucket, w })))
    } catch (error) {
      if (!(error instanceof DndClientError)) throw error
      const decided = jobs.length === 1 && error.code !== 'DND_ERR_BAD_RESPONSE'
      if (!error.retryable && !decided) throw error
      return jobs.map(() => ({ status: 'failed', error }))
    }
  }

  #commit(): void {
    while (this.#batches[0]?.done === true) {
      const batch = this.#batches.shift()!
      const refusals = batch.refusals.sort((a, b) => a.record - b.record)
      this.#options.onCommit({
        position: batch.end,
        stored: batch.stored,
        refusals,
        duplicates: batch.duplicates,
      })
    }
  }

  async #settle(): Promise<void> {
    while (this.#underWay > 0) await this.#nextEnd()
    this.#throwIfFailed()
  }

  #throwIfFailed(): void {
    if (this.#failure !== undefined) throw this.#failure
  }

  #nextEnd(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiters.push(resolve)
    })
  }
}

function emptyBatch(end: number): Batch {
  return { end, jobs: [], refusals: [], bytes: 0, duplicates: 0, stored: 0, done: false }
}

function busyKey({ key, sort }: RecordPut): string {
  return sort === undefined ? key : `${key}\u0000${sort}`
}

function refusalOf({ record, item }: Job, error: DndClientError): Refusal {
  return { record, item, reason: error.code, detail: error.message }
}
