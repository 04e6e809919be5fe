/**
 * Runs jobs on worker threads, as many at a time as the machine has cores.
 *
 * A world is one thread by nature: everything in it happens in one order. Seeds have nothing to do
 * with each other, so it is they that are spread. A worker runs one seed at a time and takes the
 * next when it is done. What goes wrong with a worker goes wrong with the seed that it ran: memory
 * is bounded, and so is the time of a run; a worker that breaks a bound is ended, its job is a
 * failure like any other, with its seed, and the next job gets a new worker.
 */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { replayLine } from '../report.ts'
import type { Violation } from '../violation.ts'
import { violation } from '../violation.ts'
import type { Job, JobResult } from './job.ts'
import { RUN_CHECKERS } from './job.ts'
import { nameOf, replayArguments } from './source.ts'

export interface PoolOptions {
  /** Threads; as many as the machine has cores when not given. */
  readonly workers?: number | undefined
  /** Longest time of one job by the wall clock. */
  readonly timeLimitMs?: number
  /** Heap of one worker, MiB. */
  readonly memoryMb?: number
  /** Options of Node for the workers, such as `--import`. */
  readonly execArgv?: readonly string[]
  /** Environment of the workers, instead of this process's. */
  readonly env?: NodeJS.ProcessEnv
  /** Another program for the workers; it answers each `Job` with a `JobResult`. */
  readonly entry?: URL
}

export interface Done {
  readonly job: Job
  readonly result: JobResult
}

const TIME_LIMIT_MS = 120_000
const MEMORY_MB = 1_536

const ENTRY = new URL('worker.js', import.meta.url)

export class Pool {
  readonly #options: PoolOptions
  readonly #seats: readonly Seat[]
  // Bounded by: the jobs that callers of `run` wait for; `all` asks for one for each seat.
  readonly #waiting: ((seat: Seat) => void)[] = []
  readonly #free: Seat[]

  constructor(options: PoolOptions = {}) {
    this.#options = options
    const workers = options.workers ?? availableParallelism()
    this.#seats = Array.from({ length: workers }, () => new Seat(this.#options))
    this.#free = [...this.#seats]
  }

  get workers(): number {
    return this.#seats.length
  }

  /** Runs a job as soon as a worker is free. Never rejects: what goes wrong is a result. */
  async run(job: Job): Promise<JobResult> {
    const seat =
      this.#free.pop() ?? (await new Promise<Seat>((resolve) => this.#waiting.push(resolve)))
    const result = await seat.run(job)
    const next = this.#waiting.shift()
    if (next === undefined) this.#free.push(seat)
    else next(seat)
    return result
  }

  /** Results as they come. Jobs are drawn as workers get free, so they may be endless. */
  async *all(jobs: Iterable<Job>): AsyncGenerator<Done, void, undefined> {
    // Bounded by: the workers.
    const underWay = new Map<Job, Promise<Done>>()
    const next = async (): Promise<Done> => {
      const done = await Promise.race(underWay.values())
      underWay.delete(done.job)
      return done
    }
    for (const job of jobs) {
      underWay.set(job, this.#done(job))
      if (underWay.size === this.workers) yield await next()
    }
    while (underWay.size > 0) yield await next()
  }

  async #done(job: Job): Promise<Done> {
    return { job, result: await this.run(job) }
  }

  /** Ends all workers, also in the middle of a run. */
  async close(): Promise<void> {
    await Promise.all(this.#seats.map((seat) => seat.close()))
  }
}

/** The place of one worker, which outlives the workers that sit on it. */
class Seat {
  readonly #options: PoolOptions
  #worker: Worker | undefined

  constructor(options: PoolOptions) {
    this.#options = options
  }

  run(job: Job): Promise<JobResult> {
    const begun = performance.now()
    const worker = (this.#worker ??= this.#hire())
    const { timeLimitMs = TIME_LIMIT_MS } = this.#options
    return new Promise((resolve) => {
      let broken: Violation | undefined
      const limit = setTimeout(() => {
        const message = `no end after ${timeLimitMs / 1000} s: an endless loop?`
        broken = violation(RUN_CHECKERS.timeLimit, message)
        void worker.terminate()
      }, timeLimitMs)
      const onError = (error: Error): void => {
        broken = violation(RUN_CHECKERS.crash, error.stack ?? error.message)
      }
      const onMessage = (result: JobResult): void => done(result)
      // Whatever ends a worker, this comes last.
      const onExit = (code: number): void => {
        this.#worker = undefined
        broken ??= violation(RUN_CHECKERS.crash, `the worker ended with code ${code}`)
        done(lostResult(job, broken, performance.now() - begun))
      }
      const done = (result: JobResult): void => {
        clearTimeout(limit)
        worker.off('error', onError).off('message', onMessage).off('exit', onExit)
        resolve(result)
      }
      worker.on('error', onError).on('message', onMessage).on('exit', onExit)
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
      worker.postMessage(job)
    })
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #hire(): Worker {
    const { entry = ENTRY, execArgv, env, memoryMb = MEMORY_MB } = this.#options
    return new Worker(entry, {
      ...(execArgv === undefined ? {} : { execArgv: [...execArgv] }),
      ...(env === undefined ? {} : { env }),
      resourceLimits: { maxOldGenerationSizeMb: memoryMb },
    })
  }
}

/** The result of a job whose worker did not live to tell it. */
function lostResult(job: Job, broken: Violation, realMs: number): JobResult {
  const replay = replayLine(replayArguments(job))
  return {
    scenario: nameOf(job.source),
    seed: job.seed,
    violation: broken,
    hash: '',
    events: 0,
    virtualMs: 0,
    realMs,
    runs: 0,
    operations: { ok: 0, fail: 0, unknown: 0 },
    report: ['', `broken: ${broken.checker}`, broken.message, '', replay, ''].join('\n'),
  }
}
