/**
 * How far another replica is: a number to compare, the less the nearer.
 *
 * Which R of N replicas answer a read is free to choose, so a read need not leave its zone while
 * enough of them are in it: that is faster, and between zones often paid for. Zones are what the
 * operator says, so they come first. Within a zone, and among the zones that are left, what counts
 * is how long the member's acks take (`membership/standings.ts`).
 *
 * To ask always the one with the least round trip would send every read of a partition to whoever
 * is ahead by microseconds, make it slow, and then all turn to the next (Cassandra damps its
 * dynamic snitch for that reason). So round trips fall into few classes, each four times as wide as
 * the one before. Who is in the same class stays in the order of the replica set, and those differ
 * by partition so that the load is spread.
 *
 * Whether somebody is well is another question, and comes before: see `isPreferred`.
 */
import type { NodeId } from '../std/ids.ts'
import type { LayoutState } from '../placement/layout.ts'

/** More than all classes of round trips. */
const OTHER_ZONE = 64
/** Round trips shorter than it are all the same. */
const NEAR_MS = 4
const CLASS_FACTOR = 4
const CLASS_MAX = 10

export interface NearnessFacts {
  readonly self: NodeId
  /** What a node says of its zone; undefined: it is not known. */
  readonly zoneOf: (node: NodeId) => string | undefined
  /** Smoothed, milliseconds; undefined: it has not been measured. */
  readonly roundTripMs: (node: NodeId) => number | undefined
  readonly layout: () => LayoutState | undefined
}

export class Nearness {
  readonly #facts: NearnessFacts
  #state: LayoutState | undefined
  // By the layout, whose word goes before what a node says of itself: an operator may have moved
  // it. Bounded by: the roles of two layouts.
  #zones: ReadonlyMap<NodeId, string> = new Map()

  constructor(facts: NearnessFacts) {
    this.#facts = facts
  }

  distance(node: NodeId): number {
    const { self, roundTripMs } = this.#facts
    if (node === self) return 0
    const zone = this.#zoneOf(node)
    const isNear = zone !== undefined && zone === this.#zoneOf(self)
    return (isNear ? 0 : OTHER_ZONE) + classOf(roundTripMs(node))
  }

  #zoneOf(node: NodeId): string | undefined {
    const state = this.#facts.layout()
    if (state !== this.#state) {
      this.#state = state
      this.#zones = zonesOf(state)
    }
    return this.#zones.get(node) ?? this.#facts.zoneOf(node)
  }
}

/** Who has not been measured yet is given the benefit of the doubt. */
function classOf(roundTripMs: number | undefined): number {
  let nearness = 0
  for (let limit = NEAR_MS; (roundTripMs ?? 0) >= limit && nearness < CLASS_MAX; nearness++)
    limit *= CLASS_FACTOR
  return nearness
}

function zonesOf(state: LayoutState | undefined): ReadonlyMap<NodeId, string> {
  const roles = [...(state?.previous?.roles ?? []), ...(state?.current.roles ?? [])]
  return new Map(roles.map(({ node, zone }) => [node, zone]))
}
