/**
 * When what was deleted, or has expired, may go for good (V6).
 *
 * A tombstone is there to keep out what it superseded. It may go when something else keeps that
 * out: the partition clock, once its base covers all of the record's vector, because from then on
 * an arrival of anything older meets the clock (the fence, V7). Neither age nor "everybody has it"
 * will do: what comes back may have been in a hint, or on a disk that was away.
 *
 * Two more conditions make the end the same everywhere:
 *
 * ```
 *   floor     all replicas that are up have seen the version: they do not learn of it from us, and
 *             reap it by themselves, so that their hash trees agree again soon
 *   horizon   of an expired version: its deadline has passed on the slowest of their clocks, so
 *             that nobody shows yet what another has dropped
 * ```
 * In last-write-wins a tombstone, or an expired value, also keeps down what lost against it by its
 * stamp without having been superseded. If only the winner went, a loser would be shown again. So
 * a record whose winner is dead goes as a whole, and not before all of it lies below the floor;
 * beside a living winner the dead go as they are, for it keeps down the rest. Nothing that would
 * have lost can arrive later from a replica that is up: a floor is believed only together with the
 * clock of whoever told it, so when it covers the winner, all that those replicas wrote before
 * they knew of the winner is here, and what they wrote afterwards has a greater stamp.
 */
import { winner } from '../versions/container.ts'
import type { PartitionClock } from '../versions/partition-clock.ts'
import type { Container, Version, VersionVector } from '../versions/version.ts'
import { covers } from '../versions/version-vector.ts'

export interface ReapFacts {
  readonly conflicts: 'lww' | 'siblings'
  /** Of this replica, which is neither doubtful nor incomplete. */
  readonly clock: PartitionClock
  /** Of each vnode, what all replicas of the partition that are up are known to have seen. */
  readonly floor: VersionVector
  /** Before it, the deadlines of all of them have passed. 0: not known. */
  readonly horizonMs: number
}

/** What a dead version waits for. */
export type ReapWait =
  /** The partition is being moved to other replicas. */
  | 'moving'
  /** A record of the partition broke here, and not all others were compared with since. */
  | 'doubt'
  /** A replica that is up is not known to have seen it. */
  | 'floor'
  /** Its deadline may not have passed on some replica's clock. */
  | 'horizon'
  /** This replica has not seen all writes before it. */
  | 'base'

export interface Reaping {
  /** What remains; the same list when nothing may go. */
  readonly versions: readonly Version[]
  /** What the rest of the dead waits for; undefined: there is none. */
  readonly wait: ReapWait | undefined
}

/** `container`: filled with the base of the clock. */
export function reap(container: Container, facts: ReapFacts): Reaping {
  const { versions } = container
  if (versions.length > 0 && !versions.some(hasEnd)) return { versions, wait: undefined }
  if (!facts.clock.dominates(container.vector)) return { versions, wait: 'base' }
  return facts.conflicts === 'lww' ? reapBelowWinner(container, facts) : reapEach(versions, facts)
}

function reapBelowWinner(container: Container, facts: ReapFacts): Reaping {
  const { versions } = container
  const best = winner(container)
  if (best === undefined || isLiving(best, facts)) return reapEach(versions, facts)
  const wait = waitOf(best, facts)
  if (wait !== undefined) return { versions, wait }
  const isKnown = versions.every(({ dot }) => covers(facts.floor, dot))
  return isKnown ? { versions: [], wait: undefined } : { versions, wait: 'floor' }
}

function reapEach(versions: readonly Version[], facts: ReapFacts): Reaping {
  let wait: ReapWait | undefined
  const left = versions.filter((version) => {
    if (!hasEnd(version)) return true
    const reason = waitOf(version, facts)
    wait ??= reason
    return reason !== undefined
  })
  return { versions: left.length === versions.length ? versions : left, wait }
}

/** Whether it is a delete, or will expire. */
function hasEnd({ value }: Version): boolean {
  return value === undefined || value.expiresAtMs > 0
}

/** Whether somebody may still show it. */
function isLiving({ value }: Version, { horizonMs }: ReapFacts): boolean {
  return value !== undefined && (value.expiresAtMs === 0 || value.expiresAtMs >= horizonMs)
}

function waitOf(version: Version, facts: ReapFacts): ReapWait | undefined {
  if (isLiving(version, facts)) return 'horizon'
  return covers(facts.floor, version.dot) ? undefined : 'floor'
}
