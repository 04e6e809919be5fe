/**
 * One `dnd import`: source → mapping → importer, with what is kept for the next run and what is
 * told to people.
 */
import { resolve } from 'node:path'
import type { CliContext } from '../context.ts'
import { CliFailure, reportOf } from '../failure.ts'
import type { ServerOptions } from '../options.ts'
import { clientOf, serversOf } from '../options.ts'
import { count } from '../terminal.ts'
import type { Commit } from './importer.ts'
import { Importer } from './importer.ts'
import type { ImportTally } from './import-summary.ts'
import { emptyTally, isTally, summaryJson, summaryText, tallyCommit } from './import-summary.ts'
import type { Mapping } from './mapping.ts'
import { mapItem } from './mapping.ts'
import { Progress } from './progress.ts'
import { readSource } from './read-source.ts'
import { RefusedFile } from './refused-file.ts'
import { ResumeFile, identify } from './resume-file.ts'
import type { SourceFormat } from './source.ts'
import { SourceError } from './source.ts'

export interface ImportOptions extends ServerOptions {
  readonly bucket: string
  readonly format?: SourceFormat
  readonly key?: string
  readonly keyTemplate?: string
  readonly sort?: string
  readonly value?: string
  readonly delimiter?: string
  readonly w?: number
  readonly concurrency: number
  readonly batch: number
  readonly giveUpAfter: number
  readonly refused?: string
  readonly resumeFile?: string
  readonly restart?: boolean
}

export interface ImportJob {
  /** undefined: standard input, which cannot be read twice. */
  readonly path: string | undefined
  readonly name: string
  readonly open: () => AsyncIterable<Uint8Array>
  readonly size: number | undefined
  readonly format: SourceFormat
  readonly delimiter: string
  readonly mapping: Mapping
}

/** How often the progress is kept at most; a crash repeats so much. */
const SAVE_INTERVAL_MS = 1000

export async function runImport(
  job: ImportJob,
  options: ImportOptions,
  context: CliContext,
): Promise<void> {
  await new ImportRun(job, options, context).run()
}

class ImportRun {
  readonly #job: ImportJob
  readonly #options: ImportOptions
  readonly #context: CliContext
  readonly #servers: readonly string[]
  #resume: ResumeFile<ImportTally> | undefined
  #refused: RefusedFile | undefined
  #tally: ImportTally = emptyTally()
  #resumedAt = 0
  #startedMs = Date.now()
  #elapsedBefore = 0
  #savedMs = 0
  #bytes = 0
  #interrupted = false

  constructor(job: ImportJob, options: ImportOptions, context: CliContext) {
    this.#job = job
    this.#options = options
    this.#context = context
    this.#servers = serversOf(options, context)
  }

  async run(): Promise<void> {
    const clients = this.#servers.map((_, i) => this.#client(i))
    // Both ask whether anybody is there before a single record is read.
    const { cluster } = await clients[0]!.cluster()
    await clients[0]!.bucketProperties(this.#options.bucket)
    this.#prepare(cluster)
    if (this.#resumedAt > 0)
      await this.#context.err.line(
        `going on behind record ${this.#resumedAt.toLocaleString('en-US')} of an interrupted import`,
      )
    const importer = new Importer({
      clients,
      bucket: this.#options.bucket,
      w: this.#options.w,
      requests: Math.ceil(this.#options.concurrency / this.#options.batch),
      batchRecords: Math.min(this.#options.batch, this.#options.concurrency),
      giveUpAfterMs: this.#options.giveUpAfter * 1000,
      startAt: this.#resumedAt,
      onCommit: (commit) => this.#onCommit(commit),
    })
    const failure = await this.#importAll(importer)
    await this.#end(importer, failure)
  }

  /** Servers in turns: the i-th client begins with the i-th. */
  #client(i: number) {
    const turned = [...this.#servers.slice(i), ...this.#servers.slice(0, i)]
    return clientOf(this.#options, this.#context, turned)
  }

  #prepare(cluster: string): void {
    const { path, format, delimiter, mapping } = this.#job
    const { bucket, restart, resumeFile, refused } = this.#options
    const inCwd = (file: string) => resolve(this.#context.cwd, file)
    if (path !== undefined) {
      const file = identify(path)
      const job = { cluster, bucket, file, format, delimiter, mapping }
      const resumePath = resumeFile === undefined ? `${path}.dnd-import.json` : inCwd(resumeFile)
      this.#resume = new ResumeFile(resumePath, 'import', job, isTally)
      const before = restart === true ? undefined : this.#resume.load()
      if (before !== undefined) this.#tally = before
    }
    this.#resumedAt = this.#tally.position
    this.#elapsedBefore = this.#tally.elapsedMs
    if (refused !== undefined)
      this.#refused = new RefusedFile(inCwd(refused), this.#tally.refusedFileBytes)
    // At once, so that a place that cannot be written is told before anything is stored.
    this.#save()
  }

  /** What ended the import early; undefined when it came to the end. */
  async #importAll(importer: Importer): Promise<unknown> {
    const unsubscribe = this.#context.onInterrupt(() => {
      this.#interrupted = true
      void importer.stop()
    })
    const progress = new Progress(this.#context.err, () => ({
      done: this.#bytes,
      total: this.#job.size,
      records: this.#tally.stored + this.#tally.refused,
      refused: this.#tally.refused,
    }))
    try {
      await this.#feed(importer)
      if (!this.#interrupted) await importer.finish()
      return undefined
    } catch (error) {
      return error
    } finally {
      await importer.stop()
      progress.stop()
      unsubscribe()
      this.#save()
      this.#refused?.close()
    }
  }

  async #feed(importer: Importer): Promise<void> {
    const { format, delimiter, mapping } = this.#job
    const onBytes = (bytes: number) => {
      this.#bytes += bytes
    }
    const source = readSource({ input: this.#job.open(), format, delimiter, onBytes })
    try {
      for await (const items of source)
        for (const item of items) {
          if (this.#interrupted) return
          await importer.add(mapItem(item, mapping), item)
        }
    } catch (error) {
      if (!(error instanceof SourceError)) throw error
      // What came before the broken place is good, and is stored.
      await importer.finish()
      // A repaired file is another file: there is nothing to go on with.
      this.#resume?.remove()
      this.#resume = undefined
      throw new CliFailure({
        code: 'DND_ERR_BAD_FILE',
        message: `${this.#job.name}, line ${error.line}: ${error.message}`,
        advice: 'Everything in front of that place is stored. Repair the file and import it again.',
        exit: 1,
        cause: error,
      })
    }
  }

  #onCommit(commit: Commit): void {
    const refusedFileBytes = this.#refused?.append(commit.refusals) ?? 0
    tallyCommit(this.#tally, commit, refusedFileBytes)
    if (Date.now() - this.#savedMs >= SAVE_INTERVAL_MS) this.#save()
  }

  #save(): void {
    this.#savedMs = Date.now()
    this.#tally.elapsedMs = this.#elapsedBefore + this.#savedMs - this.#startedMs
    this.#resume?.save(this.#tally)
  }

  async #end(importer: Importer, failure: unknown): Promise<void> {
    const complete = failure === undefined && !this.#interrupted
    if (complete) this.#resume?.remove()
    const { out } = this.#context
    const summary = {
      file: this.#job.name,
      bucket: this.#options.bucket,
      tally: this.#tally,
      resumedAt: this.#resumedAt,
      complete,
      duplicatesComplete: importer.duplicatesComplete,
      refusedFile: this.#options.refused,
    }
    if (this.#options.json === true) await out.json(summaryJson(summary))
    else await out.line(summaryText(summary))
    if (failure !== undefined && !this.#interrupted) throw this.#stoppedBy(failure)
    if (this.#interrupted) {
      const { position } = this.#tally
      throw new CliFailure({
        code: 'DND_ERR_INTERRUPTED',
        message: `interrupted behind ${count(position, 'record')}`,
        advice: this.#continuation(),
      })
    }
    if (this.#tally.refused > 0) this.#context.exitCode = 1
  }

  #stoppedBy(failure: unknown): unknown {
    const report = reportOf(failure)
    if (report.code === 'DND_ERR_INTERNAL' || report.code === 'DND_ERR_BAD_FILE') return failure
    return new CliFailure({
      code: report.code,
      message: `the import stopped behind ${count(this.#tally.position, 'record')}: ${report.message}`,
      advice: this.#continuation(),
      // Whether the last few are stored does not matter: the next run puts them again.
      exit: 1,
      cause: failure,
    })
  }

  #continuation(): string {
    if (this.#resume === undefined)
      return 'Standard input cannot be read again: run the import anew; storing a record twice changes nothing.'
    return 'Run the same command again to go on from there.'
  }
}
