/** A run in words: one line for each, and for one that failed the story of what was broken. */
import type { RunResult } from './scenarios/run.ts'
import { runScenario } from './scenarios/run.ts'
import type { Scenario } from './scenarios/scenario.ts'
import type { Mutant } from './sim-node.ts'
import type { TraceLine } from './trace.ts'
import { formatLine } from './trace.ts'
import type { Violation } from './violation.ts'

/** Lines of a failure's story that are kept from its beginning and from its end. */
const STORY_LINES_MAX = 40

export function summary(result: RunResult, tookMs: number): string {
  const { scenario, seed, world, hash } = result
  const counts = { ok: 0, fail: 0, unknown: 0, pending: 0 }
  for (const { outcome } of world.history.operations) counts[outcome]++
  const verdict = result.violation === undefined ? 'ok  ' : 'FAIL'
  const seconds = (world.queue.nowMs / 1000).toFixed(0)
  const operations = `${counts.ok} ok ${counts.fail} failed ${counts.unknown} unknown`
  const effort = `${world.events} events, ${seconds} s in ${tookMs.toFixed(0)} ms`
  return `${verdict} ${scenario} seed ${seed}: ${operations}, ${effort}, trace ${hash}`
}

/**
 * The broken invariant, the events that led to it, and how to see it all again. The run is told a
 * second time, now that one knows what to look for: the lines about the writes that the violation
 * names, or else about its keys.
 */
export function failureReport(
  scenario: Scenario,
  result: RunResult,
  mutant: Mutant | undefined,
): string {
  const { seed, violation } = result
  if (violation === undefined) return ''
  const broken = mutant === undefined ? '' : ` --mutant ${mutant}`
  const { told, story } = tellAgain(scenario, seed, mutant, violation)
  const differs = told.hash === result.hash ? [] : [`NOT THE SAME RUN: trace ${told.hash}`]
  return [
    '',
    `broken: ${violation.checker}`,
    violation.message,
    '',
    `the last events${violation.keys.length === 0 ? '' : ` of ${violation.keys.join(', ')}`}:`,
    ...told.trace.lastOf(violation.keys).slice(-STORY_LINES_MAX).map(formatLine),
    ...story,
    ...differs,
    '',
    `replay: npm run sim -- --scenario ${scenario.name} --seed ${seed}${broken} --verbose`,
    '',
  ].join('\n')
}

function tellAgain(
  scenario: Scenario,
  seed: number,
  mutant: Mutant | undefined,
  violation: Violation,
): { readonly told: RunResult; readonly story: readonly string[] } {
  const named = new Set(violation.message.match(/\bop\d+\b/g))
  const isFew = named.size > 0 && named.size <= 3
  const lines: string[] = []
  const listener = (line: TraceLine): void => {
    const text = formatLine(line)
    const names = text.match(/\bop\d+\b/g) ?? []
    if (names.some((name) => named.has(name))) lines.push(text)
  }
  const told = runScenario(scenario, seed, {
    mutant,
    listener: isFew ? listener : undefined,
    keeps: true,
  })
  const story = isFew ? ['', `all about ${[...named].join(', ')}:`, ...shortened(lines)] : []
  return { told, story }
}

function shortened(lines: readonly string[]): readonly string[] {
  const left = lines.length - 2 * STORY_LINES_MAX
  if (left <= 0) return lines
  return [...lines.slice(0, STORY_LINES_MAX), `… ${left} more …`, ...lines.slice(-STORY_LINES_MAX)]
}
