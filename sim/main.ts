/**
 * `npm run sim`: runs scenarios from seeds and tells what happened.
 *
 * ```
 * npm run sim                                            every scenario, one new seed each
 * npm run sim -- --scenario crash-restart --seeds 200    seeds 1 … 200 of one scenario
 * npm run sim -- --scenario crash-restart --seed 7 --verbose     the story of one run, one line an event
 * ```
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { failureReport, summary } from './report.ts'
import { SCENARIOS, scenarioNamed } from './scenarios/all.ts'
import type { RunResult } from './scenarios/run.ts'
import { runScenario } from './scenarios/run.ts'
import type { Scenario } from './scenarios/scenario.ts'
import type { Mutant } from './sim-node.ts'
import { MUTANTS } from './sim-node.ts'
import type { TraceLine } from './trace.ts'
import { formatLine } from './trace.ts'

const USAGE = `usage: npm run sim -- [options]

  --scenario NAME   which scenario; all when not given
  --seed N          the first seed; without it a new one is drawn and printed
  --seeds COUNT     how many seeds, from the first on (default 1; with COUNT alone the first is 1)
  --verbose         tell the story of the run, one line an event
  --packets         with --verbose: also the packets of the failure detector and the ticks of the disk
  --keep-going      go on with the next seed after a failure
  --history FILE    write what clients did and saw as JSON lines (of the last run)
  --mutant NAME     break a rule on purpose: ${MUTANTS.join(', ')}

scenarios:
${SCENARIOS.map(({ name, about }) => `  ${name.padEnd(17)} ${about}`).join('\n')}
`

interface Settings {
  readonly scenarios: readonly Scenario[]
  readonly seeds: readonly number[]
  readonly verbose: boolean
  readonly packets: boolean
  readonly keepGoing: boolean
  readonly history: string | undefined
  readonly mutant: Mutant | undefined
}

/** The settings that the arguments ask for, or what is wrong with them. */
function settingsFrom(args: readonly string[]): Settings | string {
  const { values } = parseArgs({
    args: [...args],
    options: {
      scenario: { type: 'string' },
      seed: { type: 'string' },
      seeds: { type: 'string' },
      verbose: { type: 'boolean', default: false },
      packets: { type: 'boolean', default: false },
      'keep-going': { type: 'boolean', default: false },
      history: { type: 'string' },
      mutant: { type: 'string' },
    },
  })
  const named = values.scenario === undefined ? undefined : scenarioNamed(values.scenario)
  if (values.scenario !== undefined && named === undefined) return `no scenario ${values.scenario}`
  const mutant = MUTANTS.find((name) => name === values.mutant)
  if (values.mutant !== undefined && mutant === undefined) return `no mutant ${values.mutant}`
  const count = numberFrom(values.seeds ?? '1')
  const fallback = values.seeds === undefined ? String(freshSeed()) : '1'
  const first = numberFrom(values.seed ?? fallback)
  if (count === undefined || count === 0) return '--seeds must be a positive whole number'
  if (first === undefined) return '--seed must be a whole number'
  return {
    scenarios: named === undefined ? SCENARIOS : [named],
    seeds: Array.from({ length: count }, (_, index) => first + index),
    verbose: values.verbose,
    packets: values.packets,
    keepGoing: values['keep-going'],
    history: values.history,
    mutant,
  }
}

function numberFrom(text: string): number | undefined {
  return /^\d{1,10}$/.test(text) ? Number(text) : undefined
}

function freshSeed(): number {
  return Math.floor(Math.random() * 0x1_0000_0000)
}

function main(): number {
  const settings = parse()
  if (typeof settings === 'string') {
    process.stderr.write(`${settings}\n\n${USAGE}`)
    return 2
  }
  let failures = 0
  for (const scenario of settings.scenarios) {
    for (const seed of settings.seeds) {
      const result = runOne(scenario, seed, settings)
      if (result.violation !== undefined) failures++
      if (failures > 0 && !settings.keepGoing) return 1
    }
  }
  return failures === 0 ? 0 : 1
}

function parse(): Settings | string {
  try {
    return settingsFrom(process.argv.slice(2))
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

function runOne(scenario: Scenario, seed: number, settings: Settings): RunResult {
  const print = (line: TraceLine): void => {
    if (settings.packets || !isBackground(line)) process.stdout.write(`${formatLine(line)}\n`)
  }
  const begun = performance.now()
  const { mutant, history } = settings
  const result = runScenario(scenario, seed, {
    mutant,
    listener: settings.verbose ? print : undefined,
  })
  process.stdout.write(`${summary(result, performance.now() - begun)}\n`)
  if (history !== undefined)
    writeFileSync(
      history,
      result.world.history
        .lines()
        .map((line) => `${line}\n`)
        .join(''),
    )
  if (result.violation !== undefined)
    process.stdout.write(`${failureReport(scenario, result, mutant)}\n`)
  return result
}

/** What a reader of the story wants to see only when it is about the failure detector. */
function isBackground(line: TraceLine): boolean {
  return line.what.startsWith('packet') || (line.what === 'lost' && line.about.startsWith('packet'))
}

process.exitCode = main()
