/**
 * Pings outside the round of probes, to members who should not wait for their turn. They accuse
 * nobody: silence ends them.
 *
 * - A member known from hearsay is pinged to see whether it is there (rule R3).
 * - A suspect is pinged as long as the suspicion lasts, with the suspicion in the packet, so that
 *   it can refute at once and not when gossip happens to reach it (Lifeguard's buddy system,
 *   §IV-C), and so that its refutation reaches this node without the help of others: nobody is
 *   called dead by one who has not tried it.
 * - A member held dead of whom a sign of life is heard is told what is said of it.
 *
 * A member is pinged at once when it is added and then once a probe interval while it has attempts
 * left. All together are limited for each interval, so that hearing of a thousand members does not
 * send a thousand packets.
 */
import { must } from '../std/assert.ts'
import type { NodeId } from '../std/ids.ts'

/** Direct probes sent in one probe interval. */
export const DIRECT_PROBES_MAX: number = 64

interface DirectProbe {
  /** The same for all attempts, so that the answer to any of them counts. */
  readonly sequence: number
  attemptsLeft: number
  /** Number of the interval in which the last ping went out; 0 before the first. */
  sentIn: number
}

export class DirectProbes {
  // Bounded by: one for each member, NODES_MAX.
  readonly #probes = new Map<NodeId, DirectProbe>()
  #interval = 1
  #sent = 0

  ids(): IterableIterator<NodeId> {
    return this.#probes.keys()
  }

  /**
   * Grants `id` at least `attempts` more pings, the first ones if new. Whether one should go out
   * right now.
   */
  add(id: NodeId, attempts: number, sequence: number): boolean {
    const probe = this.#probes.get(id)
    if (probe !== undefined) {
      probe.attemptsLeft = Math.max(probe.attemptsLeft, attempts)
      return false
    }
    this.#probes.set(id, { sequence, attemptsLeft: attempts, sentIn: 0 })
    return this.#sent < DIRECT_PROBES_MAX
  }

  end(id: NodeId): void {
    this.#probes.delete(id)
  }

  /**
   * A new interval begins: returns whom to ping now; forgets those who let a whole interval pass
   * after their last ping.
   */
  nextInterval(): NodeId[] {
    this.#interval++
    this.#sent = 0
    const due: [NodeId, DirectProbe][] = []
    for (const [id, probe] of this.#probes) {
      if (probe.attemptsLeft > 0) due.push([id, probe])
      else if (probe.sentIn + 2 <= this.#interval) this.#probes.delete(id)
    }
    // Those that waited longest first, so that none starves.
    due.sort(([, a], [, b]) => a.sentIn - b.sentIn)
    return due.slice(0, DIRECT_PROBES_MAX).map(([id]) => id)
  }

  /** Counts a ping to `id`. Returns the sequence to send. */
  onSent(id: NodeId): number {
    const probe = must(this.#probes.get(id), () => `direct probe of ${id}`)
    probe.attemptsLeft--
    probe.sentIn = this.#interval
    this.#sent++
    return probe.sequence
  }

  isAnswer(id: NodeId, sequence: number): boolean {
    return this.#probes.get(id)?.sequence === sequence
  }
}
