/**
 * A hunt: runs seeds of a scenario one after the other until a checker says that something is
 * wrong, in a worker thread, for a mutant must be there before the first module is loaded.
 */
import { Worker } from 'node:worker_threads'
import { mutantLaunch } from './launch.ts'

export interface Hunt {
  /** undefined: nothing is broken, and nothing should be found. */
  readonly mutant: string | undefined
  readonly scenario: string
  readonly first: number
  readonly seeds: number
}

/** What the hunter brings home. */
export interface Catch {
  readonly seed: number
  /** Seeds run, the one that failed included. */
  readonly runs: number
  readonly checker: string
  readonly message: string
}

/** Memory of one hunter, megabytes. */
const HEAP_MB = 1_000

/** The first violation, or undefined when all seeds are clean; rejects when the hunter dies. */
export function hunt(order: Hunt): Promise<Catch | undefined> {
  const { execArgv, env } = mutantLaunch(order.mutant)
  const worker = new Worker(new URL('./hunter.js', import.meta.url), {
    workerData: order,
    execArgv: ['--enable-source-maps', ...execArgv],
    env: { ...process.env, ...env },
    resourceLimits: { maxOldGenerationSizeMb: HEAP_MB },
  })
  return new Promise((resolve, reject) => {
    let caught: Catch | undefined
    worker.on('message', (message: Catch | undefined) => {
      caught = message
    })
    worker.on('error', reject)
    worker.on('exit', (code) => {
      if (code === 0) resolve(caught)
      else reject(new Error(`the hunter of ${order.mutant ?? 'nothing'} ended with ${code}`))
    })
  })
}
