/** The command line of `npm run figures:membership`. */
import { parseArgs } from 'node:util'
import { NODES_MAX } from '../../src/core/std/limits.ts'
import { whole } from '../run/options.ts'

const PARTS = ['detection', 'accuracy', 'load'] as const
export type FiguresPart = (typeof PARTS)[number]

const DEFAULT_NODES: readonly number[] = [3, 10, 50, 100, 500, 1_000]
const DEFAULT_SEEDS = 20
const DEFAULT_HOURS = 100

export const FIGURES_USAGE: string = `usage: npm run figures:membership -- [options]

simulates clusters of SWIM machines and prints tables: how soon a crash is known, who is wrongly
accused, how much is sent. With all that is default it takes some minutes.

  --part NAME       only this one of ${PARTS.join(', ')}; may be given more than once
  --nodes N,N,...   sizes of the clusters of detection and load (${DEFAULT_NODES.join(',')})
  --seeds N         worlds for each size up to 100, fewer for larger ones (${DEFAULT_SEEDS})
  --hours N         node-hours for each line of accuracy (${DEFAULT_HOURS})

The seeds are 1, 2, 3 and so on: the same command prints the same tables.
`

export interface FiguresSettings {
  readonly parts: readonly FiguresPart[]
  readonly nodes: readonly number[]
  readonly seeds: number
  readonly hours: number
}

const OPTIONS = {
  part: { type: 'string', multiple: true },
  nodes: { type: 'string' },
  seeds: { type: 'string' },
  hours: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const

/** What the arguments ask for, or what is wrong with them. */
export function figuresFrom(
  args: readonly string[],
): FiguresSettings | 'help' | { readonly wrong: string } {
  try {
    const { values } = parseArgs({ args: [...args], options: OPTIONS })
    if (values.help) return 'help'
    return {
      parts: values.part?.map(partNamed) ?? PARTS,
      nodes: values.nodes?.split(',').map(sizeFrom) ?? DEFAULT_NODES,
      seeds: whole('--seeds', values.seeds ?? `${DEFAULT_SEEDS}`, 1, 1_000),
      hours: whole('--hours', values.hours ?? `${DEFAULT_HOURS}`, 1, 100_000),
    }
  } catch (error) {
    return { wrong: error instanceof Error ? error.message : String(error) }
  }
}

function partNamed(name: string): FiguresPart {
  const part = PARTS.find((each) => each === name)
  if (part === undefined) throw new Error(`no part ${name}; there are ${PARTS.join(', ')}`)
  return part
}

function sizeFrom(text: string): number {
  return whole('--nodes', text, 2, NODES_MAX)
}
