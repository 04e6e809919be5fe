/** A run in words: one line for each, and for one that failed the story of what was broken. */
import type { JobResult } from './run/job.ts'
import type { RunResult } from './scenarios/run.ts'
import { runScenario } from './scenarios/run.ts'
import type { Scenario } from './scenarios/scenario.ts'
import type { Mutant } from './sim-node.ts'
import type { TraceLine } from './trace.ts'
import { formatLine } from './trace.ts'
import type { Violation } from './violation.ts'

/** Lines of a failure's story that are kept from its beginning and from its end. */
const STORY_LINES_MAX = 40

/** A run, or the two of a determinism gate, as one line. */
export function resultLine(result: JobResult): string {
  const { scenario, seed, hash, events, virtualMs, realMs, runs } = result
  const { ok, fail, unknown } = result.operations
  const verdict = result.violation === undefined ? 'ok  ' : 'FAIL'
  const operations = `${ok} ok ${fail} failed ${unknown} unknown`
  const took = `${(virtualMs / 1000).toFixed(0)} s in ${realMs.toFixed(0)} ms`
  const twice = runs > 1 ? `, ${runs} runs` : ''
  const trace = hash === '' ? 'no trace' : `trace ${hash}`
  const broken = result.violation === undefined ? '' : `, ${result.violation.checker}`
  const effort = `${events} events, ${took}${twice}`
  return `${verdict} ${scenario} seed ${seed}: ${operations}, ${effort}, ${trace}${broken}`
}

/** How to run it again, as `npm run sim` is called. */
export function replayLine(replay: readonly string[]): string {
  return `replay: npm run sim -- ${replay.join(' ')}`
}

/**
 * The broken invariant, the events that led to it, and how to see it all again. The run is told a
 * second time, now that one knows what to look for: the last lines about its keys, and all about
 * the writes that the violation names. `replay` are the arguments that run it again, for a scenario
 * that its name alone does not.
 */
export function failureReport(
  scenario: Scenario,
  result: Pick<RunResult, 'seed' | 'hash' | 'violation'>,
  mutant: Mutant | undefined,
  replay: readonly string[] = namedReplay(scenario, result.seed, mutant),
): string {
  const { seed, violation } = result
  if (violation === undefined) return ''
  const { told, last, story } = tellAgain(scenario, seed, mutant, violation)
  const differs = told.hash === result.hash ? [] : [`NOT THE SAME RUN: trace ${told.hash}`]
  return [
    '',
    `broken: ${violation.checker}`,
    violation.message,
    '',
    `the last events${violation.keys.length === 0 ? '' : ` of ${violation.keys.join(', ')}`}:`,
    ...last,
    ...story,
    ...differs,
    '',
    replayLine(replay),
    '',
  ].join('\n')
}

function namedReplay(
  scenario: Scenario,
  seed: number,
  mutant: Mutant | undefined,
): readonly string[] {
  const broken = mutant === undefined ? [] : [`--mutant ${mutant}`]
  return [`--scenario ${scenario.name}`, `--seed ${seed}`, ...broken]
}

function tellAgain(
  scenario: Scenario,
  seed: number,
  mutant: Mutant | undefined,
  violation: Violation,
): {
  readonly told: RunResult
  readonly last: readonly string[]
  readonly story: readonly string[]
} {
  const named = namesIn(violation.message)
  const isFew = named.size > 0 && named.size <= NAMES_MAX
  const lines: string[] = []
  const listener = (line: TraceLine): void => {
    const text = formatLine(line)
    const names = text.match(WRITE) ?? []
    if (names.some((name) => named.has(name))) lines.push(focused(text, named))
  }
  const told = runScenario(scenario, seed, {
    mutant,
    listener: isFew ? listener : undefined,
    keeps: true,
  })
  const kept = told.trace.lastOf(violation.keys).slice(-STORY_LINES_MAX)
  const last = kept.map((line) => focused(formatLine(line), named))
  const story = isFew ? ['', `all about ${[...named].join(', ')}:`, ...shortened(lines)] : []
  return { told, last, story }
}

/** Writes as a story names them: by their values, and by their dots. */
const WRITE = /\bop\d+\b|\b[0-9a-f]{3}\.\d+\b/g
const NAMES_MAX = 4

/** The writes that a violation is about, as they are called in the story. */
function namesIn(message: string): ReadonlySet<string> {
  const values = message.match(/\bop\d+\b/g) ?? []
  const dots = [...message.matchAll(/\bdot (\d+)\.(\d+)\b/g)].map(
    ([, vnode, counter]) => (Number(vnode) % 0x1000).toString(16).padStart(3, '0') + `.${counter}`,
  )
  return new Set([...values, ...dots])
}

/** Versions of a container that are shown when nobody asks for any of them. */
const VERSIONS_MAX = 3

/** A line whose containers show the versions asked for, and count the others. */
function focused(text: string, named: ReadonlySet<string>): string {
  return text.replaceAll(/\[([^|\]]+) \| /g, (_, versions: string) => {
    const all = versions.split(' ')
    const wanted = all.filter((version) => version.match(WRITE)?.some((name) => named.has(name)))
    const shown = wanted.length > 0 ? wanted : all.slice(0, VERSIONS_MAX)
    const others = all.length - shown.length
    return `[${[...shown, ...(others > 0 ? [`+${others}`] : [])].join(' ')} | `
  })
}

function shortened(lines: readonly string[]): readonly string[] {
  const left = lines.length - 2 * STORY_LINES_MAX
  if (left <= 0) return lines
  return [...lines.slice(0, STORY_LINES_MAX), `… ${left} more …`, ...lines.slice(-STORY_LINES_MAX)]
}
