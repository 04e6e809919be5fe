/**
 * The table of `docs/internals/simulation.md`: for each mutant how many seeds it takes until a
 * checker notices, as the median over several ranges of seeds that have none in common.
 *
 *   node dist/sim/mutants/table.js [RANGES [NAME …]]
 */
import { availableParallelism } from 'node:os'
import { MUTANTS } from './catalogue.ts'
import type { Catch } from './hunt.ts'
import { hunt } from './hunt.ts'
import type { Mutant } from './mutant.ts'

const RANGES = 5
/** Seeds of one range. */
const RANGE = 60
/** Ranges begin behind the seeds that the test uses, so that they tell something new. */
const FIRST = 1_001

/** One hunt for each range. */
async function huntOften(mutant: Mutant, ranges: number): Promise<readonly (Catch | undefined)[]> {
  const { name, scenario } = mutant
  const catches: (Catch | undefined)[] = []
  for (let range = 0; range < ranges; range++)
    catches.push(await hunt({ mutant: name, scenario, first: FIRST + range * RANGE, seeds: RANGE }))
  return catches
}

function rowOf(mutant: Mutant, catches: readonly (Catch | undefined)[]): string {
  const runs = catches.map((caught) => caught?.runs ?? Infinity).sort((a, b) => a - b)
  const checkers = new Map<string, number>()
  for (const caught of catches)
    if (caught !== undefined) checkers.set(caught.checker, (checkers.get(caught.checker) ?? 0) + 1)
  const by = [...checkers].sort(([, a], [, b]) => b - a).map(([name]) => `\`${name}\``)
  const cells = [
    `\`${mutant.name}\``,
    `${mutant.rule}: ${mutant.instead}`,
    `\`${mutant.scenario}\``,
    seedsText(runs[(runs.length - 1) >> 1] ?? Infinity),
    seedsText(runs.at(-1) ?? Infinity),
    by.join(', '),
  ]
  return `| ${cells.join(' | ')} |`
}

function seedsText(runs: number): string {
  return runs === Infinity ? `> ${RANGE}` : String(runs)
}

async function main(ranges: number, names: readonly string[]): Promise<void> {
  const mutants = MUTANTS.filter(({ name }) => names.length === 0 || names.includes(name))
  const rows: string[] = []
  const waiting = [...mutants.entries()]
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [place, mutant] = next
      rows[place] = rowOf(mutant, await huntOften(mutant, ranges))
      process.stderr.write(`${rows[place]}\n`)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  const head = '| mutant | rule, and what is done instead | scenario | median | most | noticed by |'
  process.stdout.write(`${[head, '| --- | --- | --- | --- | --- | --- |', ...rows].join('\n')}\n`)
}

await main(Number(process.argv[2] ?? RANGES), process.argv.slice(3))
