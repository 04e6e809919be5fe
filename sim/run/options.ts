/** The command line of `npm run sim`, and what it asks for. */
import { existsSync, readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { mutantNamed, MUTANTS } from '../mutants/catalogue.ts'
import { GROUNDS } from '../mutants/grounds.ts'
import { UNNOTICED } from '../mutants/unnoticed.ts'
import { SCENARIOS, scenarioNamed } from '../scenarios/all.ts'
import type { Mutant } from '../sim-node.ts'
import type { Source } from './job.ts'
import { parseScenarioFile } from './scenario-data.ts'
import type { StoryDetail } from './story.ts'

/** The scenario whose story `--seed N` alone tells: something of everything. */
const STORY_SCENARIO = 'trouble'

export const USAGE: string = `usage: npm run sim -- [options]

one run, told as a story, one line an event (docs/internals/simulation.md explains the columns):
  --seed N              the run of seed N, of ${STORY_SCENARIO} unless a scenario is named
  --verbose             every message and every batch as well
  --packets             and the packets of the failure detector
  --history FILE        write what clients did and saw as JSON lines

many runs, one line each (progress only when they are more than a screen or two):
  --seeds COUNT         seeds 1 … COUNT, or from --seed on; without any of these one new seed
  --until-failure       new seeds until one fails or Ctrl-C, of the swarm unless a scenario is named
  --keep-going          go on with the next seed after a failure
  --workers N           threads (as many as the machine has cores)
  --twice               run each seed twice, and fail when the two differ in anything
  --json                results and the sum as JSON lines

what is run (all named scenarios unless one of these is given):
  --scenario NAME       a scenario of the list below
  --swarm               a scenario that each seed draws for itself
  --scenario-file FILE  a scenario from a file, as --shrink writes them; with its seed
  --nodes N             with N nodes
  --fault-seconds N     with --swarm: how long faults go on, in the world's time
  --mutant NAME         with a rule broken on purpose, of the list at the end

  --shrink              make the first failing run as small as possible and write it to a file

examples:
  npm run sim -- --seed 7
  npm run sim -- --scenario partition-heal-5 --seed 7 --verbose
  npm run sim -- --scenario crash-restart --seeds 200
  npm run sim -- --swarm --seeds 50 --twice
  npm run sim -- --until-failure --shrink
  npm run sim -- --scenario power-loss --seeds 20 --mutant answer-before-sync

exit code: 0 all good, 1 something is broken, 2 wrong use

scenarios:
${SCENARIOS.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`).join('\n')}

scenarios for mutants:
${GROUNDS.map(({ name, about }) => `  ${name.padEnd(18)} ${about}`).join('\n')}

mutants, and what each does against the rules (node dist/sim/mutants/table.js hunts them all):
${MUTANTS.map(({ name, instead }) => `  ${name.padEnd(27)} ${instead}`).join('\n')}

mutants that nobody notices yet:
${UNNOTICED.map(({ name, instead }) => `  ${name.padEnd(27)} ${instead}`).join('\n')}
`

export interface Settings {
  readonly sources: readonly Source[]
  /** Of how many seeds in a row, from which one on; endless for `--until-failure`. */
  readonly firstSeed: number
  readonly seeds: number
  /** The one run is told as a story. */
  readonly story: StoryDetail | undefined
  readonly history: string | undefined
  readonly keepGoing: boolean
  readonly workers: number | undefined
  readonly twice: boolean
  readonly json: boolean
  readonly mutant: Mutant | undefined
  readonly shrink: boolean
}

const OPTIONS = {
  seed: { type: 'string' },
  seeds: { type: 'string' },
  'until-failure': { type: 'boolean', default: false },
  'keep-going': { type: 'boolean', default: false },
  workers: { type: 'string' },
  twice: { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  verbose: { type: 'boolean', default: false },
  packets: { type: 'boolean', default: false },
  history: { type: 'string' },
  scenario: { type: 'string' },
  swarm: { type: 'boolean', default: false },
  'scenario-file': { type: 'string' },
  nodes: { type: 'string' },
  'fault-seconds': { type: 'string' },
  mutant: { type: 'string' },
  shrink: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

/** Wrong use, in words for whoever made the mistake. */
class UsageError extends Error {}

/** What the arguments ask for, or what is wrong with them. */
export function settingsFrom(
  args: readonly string[],
): Settings | 'help' | { readonly wrong: string } {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS })
    return values.help ? 'help' : settingsOf(values)
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) }
  }
}

function settingsOf(values: Values): Settings {
  refuseContradictions(values)
  const seed = values.seed === undefined ? undefined : whole('--seed', values.seed, 0, SEED_MAX)
  const file = fromFile(values)
  const isEndless = values['until-failure']
  const isOne = seed !== undefined || file?.seed !== undefined
  const isStory =
    isOne &&
    values.seeds === undefined &&
    !isEndless &&
    !values.twice &&
    !values.json &&
    !values.shrink
  if (!isStory && (values.verbose || values.packets || values.history !== undefined))
    throw new UsageError('--verbose, --packets and --history are for the story of one --seed')
  return {
    sources: sourcesFrom(values, isStory, file?.source),
    firstSeed: seed ?? file?.seed ?? (values.seeds === undefined ? freshSeed() : 1),
    seeds: isEndless ? Infinity : whole('--seeds', values.seeds ?? '1', 1, SEED_MAX),
    story: isStory ? detailFrom(values) : undefined,
    history: values.history,
    keepGoing: values['keep-going'],
    workers: values.workers === undefined ? undefined : whole('--workers', values.workers, 1, 256),
    twice: values.twice,
    json: values.json,
    mutant: mutantFrom(values.mutant),
    shrink: values.shrink,
  }
}

function refuseContradictions(values: Values): void {
  const named = ['scenario', 'swarm', 'scenario-file'] as const
  const given = named.filter((name) => values[name] !== undefined && values[name] !== false)
  if (given.length > 1)
    throw new UsageError(`${given.map((name) => `--${name}`).join(' and ')} exclude each other`)
  if (values['until-failure'] && values.seeds !== undefined)
    throw new UsageError('--until-failure and --seeds exclude each other')
  if (values['until-failure'] && values['keep-going'])
    throw new UsageError('--until-failure and --keep-going exclude each other')
  if (values.json && values.shrink) throw new UsageError('--json and --shrink exclude each other')
  if (values['scenario-file'] !== undefined && values.nodes !== undefined)
    throw new UsageError('--nodes is not for --scenario-file: the file says how many')
  if (values['fault-seconds'] !== undefined && !values.swarm && !values['until-failure'])
    throw new UsageError('--fault-seconds is for --swarm')
}

function detailFrom(values: Values): StoryDetail {
  if (values.packets) return 'packets'
  return values.verbose ? 'verbose' : 'plain'
}

function sourcesFrom(
  values: Values,
  isStory: boolean,
  file: Source | undefined,
): readonly Source[] {
  if (file !== undefined) return [file]
  const nodes =
    values.nodes === undefined ? undefined : whole('--nodes', values.nodes, 1, NODES_MAX)
  const seconds = values['fault-seconds']
  const faultMs =
    seconds === undefined ? undefined : whole('--fault-seconds', seconds, 1, 86_400) * 1000
  const isSwarm = values.swarm || (values['until-failure'] && values.scenario === undefined)
  if (isSwarm) return [{ type: 'swarm', nodes, faultMs }]
  const name = values.scenario ?? (isStory ? STORY_SCENARIO : undefined)
  if (name !== undefined && scenarioNamed(name) === undefined)
    throw new UsageError(`no scenario ${name}`)
  const names = name === undefined ? SCENARIOS.map((scenario) => scenario.name) : [name]
  return names.map((each) => ({ type: 'named', name: each, nodes }))
}

function fromFile(values: Values): { source: Source; seed: number } | undefined {
  const path = values['scenario-file']
  if (path === undefined) return undefined
  if (!existsSync(path)) throw new UsageError(`no file ${path}`)
  const found = parseScenarioFile(readFileSync(path, 'utf8'))
  if (typeof found === 'string') throw new UsageError(`${path}: ${found}`)
  return { source: { type: 'file', path, scenario: found.scenario }, seed: found.seed }
}

function mutantFrom(name: string | undefined): Mutant | undefined {
  if (name === undefined) return undefined
  if (mutantNamed(name) === undefined) throw new UsageError(`no mutant ${name}`)
  return name
}

/** Seeds are numbers of 32 bits. */
const SEED_MAX = 0xffff_ffff
const NODES_MAX = 64

/** A number that an option gives. */
export function whole(option: string, text: string, least: number, most: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (value >= least && value <= most) return value
  throw new UsageError(`${option} must be a whole number from ${least} to ${most}, not '${text}'`)
}

/** The only dice that are not thrown by a seed: they throw the seed. */
export function freshSeed(): number {
  return Math.floor(Math.random() * SEED_MAX)
}
