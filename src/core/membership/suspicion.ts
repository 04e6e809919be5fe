/**
 * Suspicions and their deadlines (rule R4).
 *
 * A probe that stays unanswered does not prove a death: the packet or the prober may be at fault.
 * So the member is first called suspect, everybody is told, and only when the time to refute has
 * passed is it called dead (SWIM §4.2). How long? Long enough, a slow accuser's mistake can be
 * refuted; short enough, a death is known soon. One fixed time is wrong for one of the two.
 *
 * So the time begins at its maximum and shrinks with every further node that accuses the same
 * member on its own (Lifeguard §IV-B):
 *
 *     time = max − (max − min) · log(C + 1) / log(k + 1)     C confirmations of the k expected
 *
 * `min` lets the accusation reach the accused and the refutation come back by gossip, which takes
 * rounds in the order of log N. In a cluster of three nobody can be expected to confirm: `min` at
 * once.
 *
 * Deadlines can be postponed together: time in which this node itself stood still is not time in
 * which the accused was silent (rule R8).
 */
import { must } from '../std/assert.ts'
import type { NodeId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'

/**
 * α of Lifeguard §IV-B. Lower declares deaths sooner, higher forgives longer pauses and more loss.
 */
const MIN_FACTOR = 3
/** β: how much longer a suspicion lasts that nobody confirms. */
const MAX_FACTOR = 6
/** k: confirmations expected. */
export const CONFIRMATIONS_MAX = 2
/**
 * log(C + 1) / log(k + 1) for C = 0 … k; a table, as logarithms differ in the last bit by machine.
 */
const SHRUNK: readonly number[] = [0, 0.6309, 1]
const MEMBERS_TO_CONFIRM = 4

/** Time to refute in a cluster of `members` live members, this node included. */
export function suspicionTimeout(
  members: number,
  probeIntervalMs: number,
  confirmations: number,
): Duration {
  const min = MIN_FACTOR * Math.max(1, Math.log10(members)) * probeIntervalMs
  if (members < MEMBERS_TO_CONFIRM) return duration(min)
  const shrunk = SHRUNK[Math.min(confirmations, CONFIRMATIONS_MAX)]!
  return duration(MAX_FACTOR * min - (MAX_FACTOR - 1) * min * shrunk)
}

interface Suspicion {
  start: Instant
  /** Live members when it began. */
  readonly members: number
  /** Bounded by: CONFIRMATIONS_MAX + 1. Each once, the first accuser first. */
  readonly accusers: NodeId[]
}

export class Suspicions {
  readonly #probeIntervalMs: number
  // Bounded by: one for each live member, NODES_MAX.
  readonly #suspicions = new Map<NodeId, Suspicion>()

  constructor(probeIntervalMs: number) {
    this.#probeIntervalMs = probeIntervalMs
  }

  get size(): number {
    return this.#suspicions.size
  }

  has(id: NodeId): boolean {
    return this.#suspicions.has(id)
  }

  accusers(id: NodeId): readonly NodeId[] {
    return this.#suspicions.get(id)?.accusers ?? []
  }

  ids(): IterableIterator<NodeId> {
    return this.#suspicions.keys()
  }

  /** A new suspicion, or a new incarnation of one, gets its full time. */
  start(id: NodeId, accuser: NodeId, members: number, now: Instant): void {
    this.#suspicions.set(id, { start: now, members, accusers: [accuser] })
  }

  /** `accuser` says so, too. Whether that is news that counts. */
  confirm(id: NodeId, accuser: NodeId): boolean {
    const { accusers } = must(this.#suspicions.get(id), () => `suspicion of ${id}`)
    if (accusers.length > CONFIRMATIONS_MAX || accusers.includes(accuser)) return false
    accusers.push(accuser)
    return true
  }

  end(id: NodeId): void {
    this.#suspicions.delete(id)
  }

  postpone(by: Duration): void {
    for (const suspicion of this.#suspicions.values()) suspicion.start = later(suspicion.start, by)
  }

  deadline(id: NodeId): Instant {
    const { start, members, accusers } = must(this.#suspicions.get(id), () => `suspicion of ${id}`)
    return later(start, suspicionTimeout(members, this.#probeIntervalMs, accusers.length - 1))
  }

  /** Members whose time has run out at `now`. */
  due(now: Instant): NodeId[] {
    const due: NodeId[] = []
    for (const id of this.#suspicions.keys()) if (this.deadline(id) <= now) due.push(id)
    return due
  }
}
