/**
 * The versions of what nodes say to each other, and how two nodes, or all of a cluster, find the
 * one that they have in common, so that a cluster can be upgraded one node after the other.
 *
 * Every node speaks a range of versions and says so in its hello. On a link the greatest version
 * that both ends speak is spoken. A node says the greatest that it speaks in its member record as
 * well: what takes the understanding of everybody, and not just of the other end of a link, is done
 * only once all members that are up speak the version that it came with (`leastProtocol`).
 *
 * ```
 * 5   hellos with a range; member records with the greatest version
 * 6   layouts are chosen by registers of consensus; the states of layouts say who has acknowledged
 *     and who is lost. Below it, no change of the layout begins. The chunks of transfers say how
 *     much there is to come, and what proves that it was all. Buckets can be watched.
 * 7   states of the cluster tell of users and tokens. Below it none can be made, for whoever does
 *     not know of them lets everybody in. A member record may say that its node stops for a moment.
 * ```
 * A format changes thus: a new version here, the codec writes the old form for versions below it,
 * and the golden bytes of both stay in `golden.test.ts`. A version is dropped when nobody need
 * upgrade from it any more. What is on disk names its format by itself, and says nothing of this.
 */

export const PROTOCOL_MIN = 5
export const PROTOCOL_MAX = 7
/** The first in which layouts are chosen by registers. */
export const LAYOUT_REGISTERS_SINCE = 6
/** The first in which nodes say of themselves that they stop for a moment. */
export const DRAINING_SINCE = 7
/** The first in which nodes tell each other what changes. */
export const WATCHING_SINCE = 6
/** The first in which nodes tell each other of users and tokens. */
export const ACCESS_SINCE = 7

export interface ProtocolRange {
  readonly min: number
  readonly max: number
}

/** The greatest version of both; undefined: there is none. */
export function commonProtocol(ours: ProtocolRange, theirs: ProtocolRange): number | undefined {
  const version = Math.min(ours.max, theirs.max)
  return version >= Math.max(ours.min, theirs.min) ? version : undefined
}

/** What all speak, each of whom has said how much it does; who has not said it speaks the least. */
export function leastProtocol(spoken: Iterable<number | undefined>): number {
  let least = PROTOCOL_MAX
  for (const version of spoken) least = Math.min(least, version ?? PROTOCOL_MIN)
  return least
}
