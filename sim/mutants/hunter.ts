/** The thread of one hunt: see `hunt.ts`. */
import { parentPort, workerData } from 'node:worker_threads'
import { scenarioFor } from '../scenarios/all.ts'
import { runScenario } from '../scenarios/run.ts'
import type { Catch, Hunt } from './hunt.ts'

function run({ mutant, scenario: name, first, seeds }: Hunt): Catch | undefined {
  for (let seed = first; seed < first + seeds; seed++) {
    const scenario = scenarioFor(name, seed)
    if (scenario === undefined) throw new Error(`no scenario ${name}`)
    const { violation } = runScenario(scenario, seed, { mutant })
    if (violation === undefined) continue
    const { checker, message } = violation
    return { seed, runs: seed - first + 1, checker, message }
  }
  return undefined
}

// oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, no window
parentPort?.postMessage(run(workerData as Hunt))
