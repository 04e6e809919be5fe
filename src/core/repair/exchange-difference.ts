/**
 * Which records count as different. Two replicas reap by themselves, and not in the same moment:
 * for a while one still has a tombstone that the other has dropped. Hash trees see that, and the
 * exchange mends it, but nobody has missed anything, and whoever is told of hundreds of differences
 * after deleting hundreds of keys looks for writes that were lost.
 *
 * So a version that only one side has counts unless it is dead and the clock of the other covers
 * it: that side has seen it, and has reaped it or knows better.
 */
import type { PartitionClock } from '../versions/partition-clock.ts'
import type { Version } from '../versions/version.ts'
import { compareDots } from '../versions/version-vector.ts'
import { isExpired } from '../versions/expiry.ts'

export interface Side {
  readonly versions: readonly Version[]
  /** undefined: it was lost, and covers nothing. */
  readonly clock: PartitionClock | undefined
}

export function isDifference(a: Side, b: Side, nowMs: number): boolean {
  return lacks(a, b, nowMs) || lacks(b, a, nowMs)
}

/** Whether `side` has not seen something that the other has. */
function lacks({ versions, clock }: Side, other: Side, nowMs: number): boolean {
  return other.versions.some((version) => {
    if (versions.some(({ dot }) => compareDots(dot, version.dot) === 0)) return false
    return !isDead(version, nowMs) || clock === undefined || !clock.covers(version.dot)
  })
}

function isDead({ value }: Version, nowMs: number): boolean {
  return value === undefined || isExpired(value, nowMs)
}
