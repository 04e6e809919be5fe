/** Many runs: their lines, their failures, the sum at the end. */
import { resultLine } from '../report.ts'
import { commit } from './commit.ts'
import type { Job, JobResult } from './job.ts'
import type { Settings } from './options.ts'
import { Pool } from './pool.ts'
import { shrinkFailure } from './shrink-failure.ts'
import { Tally } from './tally.ts'

/** From this many runs on, lines say how far it is instead of what each run was. */
const LINES_MAX = 250
const PROGRESS_EVERY_MS = 10_000

export type Print = (text: string) => void

/** The exit code. */
export async function runBatch(settings: Settings, print: Print): Promise<number> {
  const pool = new Pool({ workers: settings.workers })
  const tally = new Tally(pool.workers)
  const output = settings.json
    ? new JsonOutput(print)
    : new TextOutput(print, settings, pool.workers, tally)
  let isInterrupted = false
  const interrupt = (): void => {
    isInterrupted = true
    void pool.close()
  }
  process.once('SIGINT', interrupt)
  let failed: { readonly job: Job; readonly result: JobResult } | undefined
  try {
    const jobs = takeWhile(jobsOf(settings), () => !isInterrupted)
    for await (const { job, result } of pool.all(jobs)) {
      if (isInterrupted) break
      tally.add(result)
      output.result(result)
      if (result.violation === undefined) continue
      failed ??= { job, result }
      if (!settings.keepGoing) break
    }
    output.sum(tally)
    if (failed !== undefined && settings.shrink && !isInterrupted)
      await shrinkFailure(failed.job, failed.result, pool, print)
  } finally {
    process.off('SIGINT', interrupt)
    await pool.close()
  }
  return failed === undefined ? 0 : 1
}

function* jobsOf(settings: Settings): Generator<Job> {
  const { sources, firstSeed, seeds, mutant, twice } = settings
  const told = true
  for (let index = 0; index < seeds; index++)
    for (const source of sources)
      yield { source, seed: (firstSeed + index) >>> 0, mutant, twice, told }
}

function* takeWhile<T>(items: Iterable<T>, isWanted: () => boolean): Generator<T> {
  for (const item of items) {
    if (!isWanted()) return
    yield item
  }
}

class TextOutput {
  readonly #print: Print
  readonly #tally: Tally
  readonly #eachHasLine: boolean
  #toldAt = performance.now()

  constructor(print: Print, settings: Settings, workers: number, tally: Tally) {
    const runs = settings.seeds * settings.sources.length
    this.#print = print
    this.#tally = tally
    this.#eachHasLine = runs <= LINES_MAX
    if (runs > 1) print(`from seed ${settings.firstSeed} on, ${workers} workers`)
  }

  result(result: JobResult): void {
    const isGood = result.violation === undefined
    if (this.#eachHasLine || !isGood) this.#print(resultLine(result))
    else this.#progress()
    if (isGood) return
    this.#print(`commit: ${commit()}`)
    this.#print(result.report)
  }

  sum(tally: Tally): void {
    this.#print(tally.text())
  }

  #progress(): void {
    if (performance.now() < this.#toldAt + PROGRESS_EVERY_MS) return
    this.#toldAt = performance.now()
    this.#print(this.#tally.line())
  }
}

class JsonOutput {
  readonly #print: Print

  constructor(print: Print) {
    this.#print = print
  }

  result(result: JobResult): void {
    const where = result.violation === undefined ? {} : { commit: commit() }
    this.#print(JSON.stringify({ type: 'result', ...result, ...where }))
  }

  sum(tally: Tally): void {
    this.#print(JSON.stringify({ type: 'sum', ...tally.numbers() }))
  }
}
