/** What is read off a world of members: how soon a death is known, and who was wrongly accused. */
import type { MembershipWorld, Sighting } from './membership-world.ts'

/** Nobody waits longer for a death to be known. */
const KNOWN_WITHIN_MS = 180_000

/** Of one crash, milliseconds since it. */
export interface Detection {
  readonly suspectedMs: number
  readonly deadMs: number
  readonly knownByAllMs: number
}

/** Crashes a node, and waits until every other sees it dead; undefined when that does not come. */
export function detectCrash(world: MembershipWorld, victim: number): Detection | undefined {
  const before = world.sightings.length
  const began = world.nowMs
  world.crash(victim)
  const isKnown = (): boolean => world.allOthersSee(victim, 'dead')
  if (world.runUntil(isKnown, KNOWN_WITHIN_MS) === undefined) return undefined
  const seen = world.sightings.slice(before).filter(({ subject }) => subject === victim)
  const deaths = seen.filter(({ to }) => to === 'dead')
  // Accused already when it crashed: suspected at once.
  const suspected = seen.find(({ to }) => to === 'suspect')?.atMs ?? began
  return {
    suspectedMs: suspected - began,
    deadMs: deaths[0]!.atMs - began,
    knownByAllMs: deaths.at(-1)!.atMs - began,
  }
}

/** How many different claims these are: one that a thousand nodes have heard counts once. */
export function claimsAmong(sightings: readonly Sighting[]): number {
  return new Set(sightings.map(({ claim }) => claim)).size
}

/** The value below which this share of the sample lies (nearest rank). */
export function percentile(sample: readonly number[], share: number): number {
  const sorted = sample.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? NaN
}

export function median(sample: readonly number[]): number {
  return percentile(sample, 0.5)
}
