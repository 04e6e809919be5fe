/**
 * The seeds that found bugs, and some that stand for their scenario: `sim/seeds.json`. They are run
 * for ever. A seed means another run once its scenario or the order of the dice changes, so an old
 * one proves little by itself; what it found is said beside it, and together they are a batch of
 * runs of all kinds that everybody runs.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { scenarioNamed } from '../scenarios/all.ts'
import type { Source } from './job.ts'
import { projectFolder, SEEDS_FILE } from './root.ts'

export interface FixedSeed {
  /** A scenario's name, or `swarm`. */
  readonly scenario: string
  readonly seed: number
  /** As `--nodes` and `--fault-seconds`. */
  readonly nodes?: number
  readonly faultSeconds?: number
  /** What it showed, in one line. */
  readonly found: string
  /** Who noticed; null for a seed that has always been good. */
  readonly checker: string | null
}

export function fixedSeeds(): readonly FixedSeed[] {
  const text = readFileSync(join(projectFolder(), SEEDS_FILE), 'utf8')
  const entries = JSON.parse(text) as readonly unknown[]
  return entries.map((entry, index) => {
    if (isFixedSeed(entry)) return entry
    throw new Error(`${SEEDS_FILE}: entry ${index + 1} is not a fixed seed`)
  })
}

function isFixedSeed(entry: unknown): entry is FixedSeed {
  if (typeof entry !== 'object' || entry === null) return false
  const fields: Partial<Record<keyof FixedSeed, unknown>> = entry
  const { scenario, seed, nodes = 1, faultSeconds = 1, found, checker } = fields
  return (
    Number.isInteger(nodes) &&
    Number.isInteger(faultSeconds) &&
    typeof scenario === 'string' &&
    (scenario === 'swarm' || scenarioNamed(scenario) !== undefined) &&
    Number.isInteger(seed) &&
    typeof found === 'string' &&
    found !== '' &&
    (checker === null || typeof checker === 'string')
  )
}

export function sourceOf({ scenario, nodes, faultSeconds }: FixedSeed): Source {
  if (scenario !== 'swarm') return { type: 'named', name: scenario, nodes }
  const faultMs = faultSeconds === undefined ? undefined : faultSeconds * 1000
  return { type: 'swarm', nodes, faultMs }
}
