/** A failing run made smaller on the workers, and written to a file that replays it. */
import { writeFileSync } from 'node:fs'
import type { Scenario } from '../scenarios/scenario.ts'
import type { Print } from './batch.ts'
import type { Job, JobResult } from './job.ts'
import { RUN_CHECKERS } from './job.ts'
import type { Pool } from './pool.ts'
import type { ScenarioFile } from './scenario-data.ts'
import { scenarioToData } from './scenario-data.ts'
import { shrink } from './shrink.ts'
import { replayArguments, scenarioOf } from './source.ts'
import { replayLine } from '../report.ts'

export async function shrinkFailure(
  job: Job,
  result: JobResult,
  pool: Pool,
  print: Print,
): Promise<void> {
  const checker = result.violation?.checker
  if (checker === undefined) return
  const path = `shrunk-${result.scenario}-${job.seed}.json`
  const smallJob = (scenario: Scenario, seed: number): Job => ({
    ...job,
    source: { type: 'file', path, scenario: scenarioToData(scenario) },
    seed,
    // Only a run that differs from itself needs two.
    twice: checker === RUN_CHECKERS.determinism,
    told: false,
  })
  print(`\nmaking it smaller, while ${checker} still fails:`)
  const shrunk = await shrink(
    { scenario: scenarioOf(job.source, job.seed), seed: job.seed, checker },
    async (scenario, seed) => (await pool.run(smallJob(scenario, seed))).violation?.checker,
    { onStep: (what, runs) => print(`  ${what} (run ${runs})`) },
  )
  const { scenario, seed, steps, runs, isLeast } = shrunk
  const file: ScenarioFile = { checker, seed, scenario: scenarioToData(scenario) }
  writeFileSync(path, `${JSON.stringify(file, undefined, 2)}\n`)
  print(`${steps.length} steps in ${runs} runs${isLeast ? '' : '; the limit of runs is met'}`)
  print(JSON.stringify(file.scenario, undefined, 2))
  print(`written to ${path}`)
  print(replayLine(replayArguments(smallJob(scenario, seed))))
}
