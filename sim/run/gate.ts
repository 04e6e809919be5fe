/**
 * The gate that every change passes: all fixed seeds, then fresh seeds of the swarm one after the
 * other until there are enough or the time is over. Each runs twice and must be the same both
 * times.
 */
import { resultLine } from '../report.ts'
import type { Print } from './batch.ts'
import { commit } from './commit.ts'
import { fixedSeeds, sourceOf } from './fixed-seeds.ts'
import type { Job, Source } from './job.ts'
import type { NotedRun } from './noted-runs.ts'
import type { Done, Pool } from './pool.ts'
import { Tally } from './tally.ts'

export interface GateOptions {
  /** Fresh seeds that there must be. */
  readonly fresh: number
  /** Time for all of it. */
  readonly minutes: number
  readonly firstSeed: number
}

export interface GateResult {
  readonly isGood: boolean
  /** For a second version of Node, on which each must be the same run. */
  readonly noted: readonly NotedRun[]
}

const SWARM: Source = { type: 'swarm', nodes: 5, faultMs: 60_000 }
const PROGRESS_EVERY_MS = 20_000

export async function runGate(
  pool: Pool,
  print: Print,
  { fresh, minutes, firstSeed }: GateOptions,
): Promise<GateResult> {
  const until = performance.now() + minutes * 60_000
  const noted: NotedRun[] = []
  const tally = new Tally(pool.workers)
  print(`commit ${commit()}, Node ${process.version}, ${pool.workers} workers`)
  for await (const done of pool.all(fixedJobs())) {
    tell(done, tally, print)
    noted.push(notedRun(done))
  }
  print(`\n${fresh} fresh seeds from ${firstSeed} on; --first-seed ${firstSeed} repeats them`)
  let tried = 0
  let toldAt = performance.now()
  for await (const done of pool.all(freshJobs(firstSeed, fresh, until))) {
    tried++
    if (done.result.violation !== undefined) tell(done, tally, print)
    else tally.add(done.result)
    noted.push(notedRun(done))
    if (performance.now() < toldAt + PROGRESS_EVERY_MS) continue
    toldAt = performance.now()
    print(`seed ${done.job.seed}: ${tally.line()}`)
  }
  print(`seeds ${firstSeed} … ${(firstSeed + tried - 1) >>> 0}: ${tried} of ${fresh}`)
  print(tally.text())
  if (tried < fresh)
    print(`FAIL: ${minutes} minutes were enough for ${tried} of ${fresh} fresh seeds only`)
  return { isGood: tally.failures === 0 && tried >= fresh, noted }
}

function tell({ result }: Done, tally: Tally, print: Print): void {
  tally.add(result)
  print(resultLine(result))
  if (result.violation !== undefined) print(result.report)
}

function* fixedJobs(): Generator<Job> {
  for (const fixed of fixedSeeds()) yield gateJob(sourceOf(fixed), fixed.seed)
}

function* freshJobs(first: number, count: number, until: number): Generator<Job> {
  for (let index = 0; index < count && performance.now() < until; index++)
    yield gateJob(SWARM, (first + index) >>> 0)
}

function gateJob(source: Source, seed: number): Job {
  return { source, seed, mutant: undefined, twice: true, told: true }
}

function notedRun({ job, result }: Done): NotedRun {
  return { source: job.source, seed: job.seed, hash: result.hash }
}
