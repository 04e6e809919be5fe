/** Runs one job in this thread, from its source to its result. */
import { failureReport, replayLine } from '../report.ts'
import type { RunResult } from '../scenarios/run.ts'
import { runScenario } from '../scenarios/run.ts'
import type { Scenario } from '../scenarios/scenario.ts'
import type { NodeFactory } from '../sim-node.ts'
import type { TraceLine, TraceListener } from '../trace.ts'
import { formatLine } from '../trace.ts'
import type { Violation } from '../violation.ts'
import { violation } from '../violation.ts'
import type { Job, JobResult } from './job.ts'
import { RUN_CHECKERS } from './job.ts'
import { replayArguments, scenarioOf } from './source.ts'

/** What is kept of a run; its world, which is large, is not. */
type Outcome = Omit<JobResult, 'scenario' | 'report' | 'runs' | 'realMs'>

export interface Watch {
  /** Makes nodes other than the real ones. */
  readonly create?: NodeFactory
  /** Gets each line of the story. */
  readonly listener?: TraceListener
  /** Gets the whole of each run when it is over. */
  readonly onEnd?: (result: RunResult) => void
}

export function runJob(job: Job, watch: Watch = {}): JobResult {
  const begun = performance.now()
  const scenario = scenarioOf(job.source, job.seed)
  const outcomes: Outcome[] = []
  let found: Violation | undefined
  try {
    outcomes.push(runOnce(scenario, job, watch))
    if (job.twice) outcomes.push(runOnce(scenario, job, watch))
    // What cannot be replayed says little about anything else.
    found = differenceOf(scenario, job, outcomes, watch) ?? outcomes[0]?.violation
  } catch (error) {
    const stack = error instanceof Error ? error.stack : undefined
    found = violation(RUN_CHECKERS.exception, stack ?? String(error))
  }
  const total = (of: (outcome: Outcome) => number): number =>
    outcomes.reduce((sum, outcome) => sum + of(outcome), 0)
  return {
    scenario: scenario.name,
    seed: job.seed,
    violation: found,
    hash: outcomes[0]?.hash ?? '',
    events: total(({ events }) => events),
    virtualMs: total(({ virtualMs }) => virtualMs),
    realMs: performance.now() - begun,
    runs: outcomes.length,
    operations: {
      ok: total(({ operations }) => operations.ok),
      fail: total(({ operations }) => operations.fail),
      unknown: total(({ operations }) => operations.unknown),
    },
    report: found === undefined || !job.told ? '' : tell(scenario, job, outcomes[0], found),
  }
}

function runOnce(scenario: Scenario, job: Job, watch: Watch): Outcome {
  const { mutant, seed } = job
  const { create, listener, onEnd } = watch
  const result = runScenario(scenario, seed, { mutant, create, listener })
  onEnd?.(result)
  const { world, hash, violation: found } = result
  const operations = { ok: 0, fail: 0, unknown: 0, pending: 0 }
  for (const { outcome } of world.history.operations) operations[outcome]++
  const virtualMs = world.queue.nowMs
  return { seed, violation: found, hash, events: world.events, virtualMs, operations }
}

function tell(
  scenario: Scenario,
  job: Job,
  outcome: Outcome | undefined,
  found: Violation,
): string {
  const again = replayArguments(job)
  const replay = found.checker === RUN_CHECKERS.determinism ? [...again, '--twice'] : again
  // Only what the run itself has found can be found again by telling the run.
  if (outcome !== undefined && outcome.violation === found)
    return failureReport(scenario, outcome, job.mutant, replay)
  return ['', `broken: ${found.checker}`, found.message, '', replayLine(replay), ''].join('\n')
}

/** Lines before the first difference that are shown with it. */
const LINES_BEFORE = 8

/**
 * Two runs that ended differently began to differ somewhere, and that is where to look: both are
 * told once more and compared line by line.
 */
function differenceOf(
  scenario: Scenario,
  job: Job,
  outcomes: readonly Outcome[],
  { create }: Watch,
): Violation | undefined {
  const hashes = outcomes.map(({ hash }) => hash)
  if (hashes.every((hash) => hash === hashes[0])) return undefined
  const says = `two runs of this seed are not the same: traces ${hashes.join(' and ')}`
  const one: string[] = []
  const fake = create === undefined ? {} : { create }
  runOnce(scenario, job, { ...fake, listener: (line) => one.push(formatLine(line)) })
  let at = 0
  let other: string | undefined
  const listener = (line: TraceLine): void => {
    if (other !== undefined) return
    const text = formatLine(line)
    if (text === one[at]) at++
    else other = text
  }
  runOnce(scenario, job, { ...fake, listener })
  const before = one.slice(Math.max(0, at - LINES_BEFORE), at)
  // Chance has no memory: what differed twice may agree when it is looked at.
  const told =
    other === undefined
      ? ['told twice more, they agreed']
      : [
          'the first difference:',
          ...before,
          `  one:   ${one[at] ?? '(the end)'}`,
          `  other: ${other}`,
        ]
  return violation(RUN_CHECKERS.determinism, [says, ...told].join('\n'))
}
