/**
 * One `dnd export`: pages of keys, their values read some at a time, written in order. Behind each
 * page it is known that the file holds everything up to there, so an interrupted export cuts the
 * file to that length and asks for the next page.
 */
import { closeSync, fsyncSync, ftruncateSync, openSync, writeSync } from 'node:fs'
import type { KeyJson, KeysPageJson } from '../../../packages/client/src/api.ts'
import type { BatchResult, DndClient } from '../../../packages/client/src/client.ts'
import { DndClientError } from '../../../packages/client/src/client.ts'
import type { CliContext } from '../context.ts'
import type { ServerOptions } from '../options.ts'
import { CliFailure, badFile } from '../failure.ts'
import { clientOf } from '../options.ts'
import { count } from '../terminal.ts'
import { durationText } from './duration.ts'
import type { ExportFormat, Frame } from './export-format.ts'
import { FRAMES, exportRecord } from './export-format.ts'
import { Progress } from './progress.ts'
import { ResumeFile } from './resume-file.ts'
import { retrying } from './retry.ts'

export interface ExportJob extends ServerOptions {
  readonly bucket: string
  readonly prefix?: string
  readonly concurrency: number
  readonly r?: number
  readonly resumeFile?: string
  readonly restart?: boolean
  /** Absolute; undefined: standard output. */
  readonly out: string | undefined
  readonly format: ExportFormat
}

const PAGE_KEYS = 1000
/** Values may have 1 MiB each, and a batch is answered at once. */
const BATCH_GETS = 16
const SAVE_INTERVAL_MS = 1000
const GIVE_UP_AFTER_MS = 60_000

interface ExportState {
  /** Where the next page begins; undefined: at the beginning. */
  next: string | undefined
  keys: number
  records: number
  /** Length of the file that belongs to `next`. */
  bytes: number
  elapsedMs: number
}

export async function runExport(job: ExportJob, context: CliContext): Promise<void> {
  await new ExportRun(job, context).run()
}

class ExportRun {
  readonly #job: ExportJob
  readonly #context: CliContext
  readonly #client: DndClient
  readonly #frame: Frame
  readonly #state: ExportState = { next: undefined, keys: 0, records: 0, bytes: 0, elapsedMs: 0 }
  /** The state behind the last complete page: what the next run goes on from. */
  #behindPage: ExportState = { ...this.#state }
  #resume: ResumeFile<ExportState> | undefined
  #file: number | undefined
  #startedMs = Date.now()
  #elapsedBefore = 0
  #savedMs = 0
  #interrupted = false

  constructor(job: ExportJob, context: CliContext) {
    this.#job = job
    this.#context = context
    this.#client = clientOf(job, context)
    this.#frame = FRAMES[job.format]
  }

  async run(): Promise<void> {
    const { cluster } = await this.#client.cluster()
    this.#prepare(cluster)
    const { err } = this.#context
    if (this.#state.bytes > 0)
      await err.line(`going on behind ${count(this.#state.keys, 'key')} of an interrupted export`)
    const unsubscribe = this.#context.onInterrupt(() => {
      this.#interrupted = true
    })
    const progress = new Progress(err, () => ({
      done: this.#state.keys,
      total: undefined,
      records: this.#state.records,
      refused: 0,
    }))
    try {
      await this.#exportAll()
    } catch (error) {
      this.#save()
      throw this.#stoppedBy(error)
    } finally {
      if (this.#interrupted) this.#save()
      progress.stop()
      unsubscribe()
      if (this.#file !== undefined) closeSync(this.#file)
    }
    await this.#end()
  }

  #prepare(cluster: string): void {
    const { out, bucket, prefix, format, resumeFile, restart } = this.#job
    if (out === undefined) return
    const job = { cluster, bucket, prefix: prefix ?? '', format }
    this.#resume = new ResumeFile(resumeFile ?? `${out}.dnd-export.json`, 'export', job, isState)
    const before = restart === true ? undefined : this.#resume.load()
    if (before !== undefined) Object.assign(this.#state, before)
    this.#behindPage = { ...this.#state }
    this.#elapsedBefore = this.#state.elapsedMs
    try {
      this.#file = openSync(out, this.#state.bytes > 0 ? 'r+' : 'w')
      ftruncateSync(this.#file, this.#state.bytes)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw badFile(`${out} cannot be written (${code})`, 'Name another place with --out.', error)
    }
  }

  async #exportAll(): Promise<void> {
    const state = this.#state
    if (state.bytes === 0) await this.#write(this.#frame.head)
    for (;;) {
      const page = await this.#again(() => this.#page())
      await this.#writePage(page.keys)
      if (this.#interrupted) return
      if (page.next === undefined) break
      state.next = page.next
      this.#behindPage = { ...state }
      if (Date.now() - this.#savedMs >= SAVE_INTERVAL_MS) this.#save()
    }
    const empty = state.records === 0
    // An empty NDJSON or CSV file has no line to end.
    await this.#write(empty && this.#job.format !== 'json' ? '' : this.#frame.tail)
  }

  #page(): Promise<KeysPageJson> {
    return this.#client.listPage({
      bucket: this.#job.bucket,
      prefix: this.#job.prefix,
      start: this.#state.next,
      limit: PAGE_KEYS,
      timeoutMs: this.#job.timeout,
    })
  }

  #again<T>(read: () => Promise<T>): Promise<T> {
    return retrying(read, GIVE_UP_AFTER_MS, () => this.#interrupted)
  }

  /** In order, `concurrency` values at a time. Nothing of it counts until all of it is written. */
  async #writePage(keys: readonly KeyJson[]): Promise<void> {
    const { concurrency } = this.#job
    let records = 0
    let text = ''
    for (let at = 0; at < keys.length; at += concurrency) {
      if (this.#interrupted) return
      const some = keys.slice(at, at + concurrency)
      const results = await this.#read(some)
      for (const [i, name] of some.entries())
        for (const value of valuesOf(results[i]!)) {
          if (this.#state.records + records > 0) text += this.#frame.separator
          text += exportRecord(this.#job.format, name, value)
          records++
        }
      await this.#write(text)
      text = ''
      this.#state.records += records
      records = 0
    }
    this.#state.keys += keys.length
  }

  async #read(names: readonly KeyJson[]): Promise<readonly BatchResult[]> {
    const batches: Promise<readonly BatchResult[]>[] = []
    for (let at = 0; at < names.length; at += BATCH_GETS) {
      const some = names.slice(at, at + BATCH_GETS)
      batches.push(this.#again(() => this.#readBatch(some)))
    }
    return (await Promise.all(batches)).flat()
  }

  /** Throws when one of them cannot be read now. */
  async #readBatch(names: readonly KeyJson[]): Promise<readonly BatchResult[]> {
    const { bucket, r, timeout: timeoutMs } = this.#job
    const results = await this.#client.batch(
      names.map((name) => ({ ...name, type: 'get', bucket, r })),
      { timeoutMs },
    )
    return Promise.all(
      results.map(async (result, i) => {
        if (result.status !== 'failed') return result
        if (result.error.code !== 'DND_ERR_BATCH_TOO_LARGE') throw result.error
        const { key, sort } = names[i]!
        return this.#client.get(key, { sort, bucket, r, timeoutMs })
      }),
    )
  }

  async #write(text: string): Promise<void> {
    const file = this.#file
    if (file === undefined) return this.#context.out.write(text)
    const bytes = Buffer.from(text)
    try {
      for (let written = 0; written < bytes.length;)
        written += writeSync(
          file,
          bytes,
          written,
          bytes.length - written,
          this.#state.bytes + written,
        )
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      throw badFile(
        `${this.#job.out} cannot be written (${code})`,
        'Make room and run it again.',
        error,
      )
    }
    this.#state.bytes += bytes.length
  }

  /** The file must hold what the progress says it does, even if the machine goes down now. */
  #save(): void {
    this.#savedMs = Date.now()
    if (this.#resume === undefined || this.#file === undefined) return
    fsyncSync(this.#file)
    const elapsedMs = this.#elapsedBefore + this.#savedMs - this.#startedMs
    this.#resume.save({ ...this.#behindPage, elapsedMs })
  }

  #stoppedBy(error: unknown): unknown {
    if (!(error instanceof DndClientError)) return error
    return new CliFailure({
      code: error.code,
      message: `the export stopped behind ${count(this.#behindPage.keys, 'key')}: ${error.message}`,
      advice: this.#continuation(),
      cause: error,
    })
  }

  #continuation(): string {
    return this.#resume === undefined
      ? 'With --out FILE an export goes on where it stopped.'
      : 'Run the same command again to go on from there.'
  }

  async #end(): Promise<void> {
    const { err, out } = this.#context
    if (this.#interrupted)
      throw new CliFailure({
        code: 'DND_ERR_INTERRUPTED',
        message: `interrupted behind ${count(this.#behindPage.keys, 'key')}`,
        advice: this.#continuation(),
      })
    this.#resume?.remove()
    const { keys, records, bytes } = this.#state
    const elapsedMs = this.#elapsedBefore + Date.now() - this.#startedMs
    const file = this.#job.out
    const summary = { bucket: this.#job.bucket, file, keys, records, bytes, elapsedMs }
    // Standard output has the data, so that what is said about it goes elsewhere.
    const place = file === undefined ? err : out
    if (this.#job.json === true) return place.json(summary)
    await place.line(
      `exported ${count(records, 'value')} of ${count(keys, 'key')} in ${durationText(elapsedMs)}${file === undefined ? '' : ` to ${file}`}`,
    )
  }
}

/** None for a key that was deleted since it was listed. */
function valuesOf(result: BatchResult) {
  switch (result.status) {
    case 'found':
      return [result]
    case 'siblings':
      return result.siblings
    case 'absent':
    case 'stored':
      return []
    case 'failed':
      throw result.error
  }
}

function isState(value: unknown): value is ExportState {
  if (typeof value !== 'object' || value === null) return false
  const { next, keys, records, bytes, elapsedMs } = value as Partial<ExportState>
  return (
    (next === undefined || typeof next === 'string') &&
    [keys, records, bytes, elapsedMs].every(
      (number) => Number.isSafeInteger(number) && number! >= 0,
    )
  )
}
