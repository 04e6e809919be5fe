/**
 * Suspicions and their deadlines.
 *
 * A probe that stays unanswered does not prove a death: the packet or the prober may be at fault.
 * So the member is first called suspect, everybody is told, and only when the time to refute has
 * passed it is called dead (SWIM §4.2). The time must let the accusation reach the accused and the
 * refutation come back by gossip, which takes rounds in the order of log N; hence the formula (rule
 * R4, without confirmations by others: those only shorten a longer time).
 *
 * Deadlines can be postponed together: time in which this node itself stood still is not time in
 * which the accused was silent (rule R8).
 */
import type { NodeId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { duration, later, NEVER } from '../std/instant.ts'

/**
 * α of Lifeguard §IV-B. Lower declares deaths sooner, higher forgives longer pauses and more loss.
 */
const SUSPICION_FACTOR = 3

/** Time to refute in a cluster of `members` live members, this node included. */
export function suspicionTimeout(members: number, probeIntervalMs: number): Duration {
  return duration(SUSPICION_FACTOR * Math.max(1, Math.log10(members)) * probeIntervalMs)
}

export class Suspicions {
  // Bounded by: one for each live member, NODES_MAX.
  readonly #deadlines = new Map<NodeId, Instant>()

  get size(): number {
    return this.#deadlines.size
  }

  has(id: NodeId): boolean {
    return this.#deadlines.has(id)
  }

  /** A new suspicion, or a new incarnation of one, gets its full time. */
  start(id: NodeId, deadline: Instant): void {
    this.#deadlines.set(id, deadline)
  }

  end(id: NodeId): void {
    this.#deadlines.delete(id)
  }

  postpone(by: Duration): void {
    for (const [id, deadline] of this.#deadlines) this.#deadlines.set(id, later(deadline, by))
  }

  earliest(): Instant {
    let earliest = NEVER
    for (const deadline of this.#deadlines.values()) if (deadline < earliest) earliest = deadline
    return earliest
  }

  /** Members whose time has run out at `now`. */
  due(now: Instant): NodeId[] {
    const due: NodeId[] = []
    for (const [id, deadline] of this.#deadlines) if (deadline <= now) due.push(id)
    return due
  }
}
