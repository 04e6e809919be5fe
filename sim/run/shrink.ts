/**
 * Makes a failing run smaller, so that a person can read it.
 *
 * A run of the swarm fails with five nodes, ten clients and four kinds of faults, and perhaps two
 * nodes and one crash were all it took. So something is taken away, and the run is tried again; if
 * the same checker still fails, the smaller scenario takes the place of the larger, and so on until
 * nothing can be missed (delta debugging, Zeller and Hildebrandt 2002, in its greedy form).
 *
 * Whatever is taken away changes what happens when, and a failure that needs two things at one
 * instant then misses it by chance although nothing that it needs is gone. So each smaller scenario
 * gets a few seeds. It is the scenario that shrinks; the seed may become another.
 *
 * Bounded by runs and by time: the smallest so far is the answer whenever a bound is met.
 */
import type { Scenario } from '../scenarios/scenario.ts'
import { smallerThan } from './smaller.ts'

/** Runs a scenario from a seed; gives the name of the checker that failed, if one did. */
export type Attempt = (scenario: Scenario, seed: number) => Promise<string | undefined>

export interface Failing {
  readonly scenario: Scenario
  readonly seed: number
  /** Which checker fails. */
  readonly checker: string
}

export interface ShrinkOptions {
  readonly runsMax?: number
  readonly timeMaxMs?: number
  /** Is told of each step that was taken. */
  readonly onStep?: (what: string, runs: number) => void
}

export interface Shrunk extends Failing {
  /** What was taken away, in order. */
  readonly steps: readonly string[]
  readonly runs: number
  /** Whether nothing is left to take away; otherwise a bound ended it. */
  readonly isLeast: boolean
}

const RUNS_MAX = 200
const TIME_MAX_MS = 120_000

/** Seeds that a smaller scenario gets besides the one that failed. */
const OTHER_SEEDS = 3

export async function shrink(
  failing: Failing,
  attempt: Attempt,
  options: ShrinkOptions = {},
): Promise<Shrunk> {
  const { runsMax = RUNS_MAX, timeMaxMs = TIME_MAX_MS, onStep } = options
  const until = performance.now() + timeMaxMs
  const steps: string[] = []
  let runs = 0
  let { scenario, seed } = failing
  const isOver = (): boolean => runs >= runsMax || performance.now() >= until

  /** The first seed from which the scenario fails; those after the first run side by side. */
  const failingSeed = async (smaller: Scenario): Promise<number | undefined> => {
    runs++
    if ((await attempt(smaller, seed)) === failing.checker) return seed
    if (isOver()) return undefined
    const others = Array.from({ length: OTHER_SEEDS }, (_, index) => otherSeed(seed, index))
    runs += others.length
    const found = await Promise.all(others.map((other) => attempt(smaller, other)))
    return others[found.indexOf(failing.checker)]
  }

  // What did not fail may fail once other things are gone, so it is tried again in the next pass.
  for (let hasShrunk = true; hasShrunk;) {
    hasShrunk = false
    const refused = new Set<string>()
    for (;;) {
      const candidate = smallerThan(scenario).find(({ what }) => !refused.has(what))
      if (candidate === undefined) break
      if (isOver()) return { ...failing, scenario, seed, steps, runs, isLeast: false }
      const found = await failingSeed(candidate.scenario)
      if (found === undefined) {
        refused.add(candidate.what)
        continue
      }
      hasShrunk = true
      scenario = candidate.scenario
      seed = found
      steps.push(candidate.what)
      onStep?.(candidate.what, runs)
    }
  }
  return { ...failing, scenario, seed, steps, runs, isLeast: true }
}

/** Small seeds: they end up in a command that somebody types. */
function otherSeed(seed: number, index: number): number {
  return (seed + index + 1) >>> 0
}
