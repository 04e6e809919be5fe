/**
 * Pings that this node makes for others: the helper's half of the indirect probe (SWIM §3.1). The
 * answer must come from the target itself and goes back to whoever asked. To a target that stays
 * silent the requester is told so (Lifeguard's nack, §IV-A), in time for it to make use of that:
 * whoever does not even hear nacks has trouble of its own.
 */
import type { NodeId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import type { Receiver } from './packets.ts'

/** Far beyond what a healthy cluster asks of one helper within a probe interval. */
const RELAYS_MAX = 256

export interface Relay {
  readonly target: NodeId
  readonly requester: Receiver
  /** Of the request, to answer with. */
  readonly sequence: number
  readonly nackAt: Instant
  readonly expires: Instant
}

export class Relays {
  // Bounded by: RELAYS_MAX. By the sequence of our own ping.
  readonly #relays = new Map<number, Relay>()
  // Bounded by: the relays. Those whose requester has been told.
  readonly #nacked = new Set<number>()

  /** False, and nothing added, when this node relays too much already. */
  add(sequence: number, relay: Relay): boolean {
    if (this.#relays.size >= RELAYS_MAX) return false
    this.#relays.set(sequence, relay)
    return true
  }

  /** The relay that `from`'s ack of our `sequence` answers; each is answered once. */
  take(sequence: number, from: NodeId): Relay | undefined {
    const relay = this.#relays.get(sequence)
    if (relay?.target !== from) return undefined
    this.#forget(sequence)
    return relay
  }

  /** Those whose requester should hear now that the target is silent; each once. */
  toNack(now: Instant): Relay[] {
    const due: Relay[] = []
    for (const [sequence, relay] of this.#relays) {
      if (relay.expires <= now) this.#forget(sequence)
      else if (relay.nackAt <= now && !this.#nacked.has(sequence)) {
        this.#nacked.add(sequence)
        due.push(relay)
      }
    }
    return due
  }

  clear(): void {
    this.#relays.clear()
    this.#nacked.clear()
  }

  #forget(sequence: number): void {
    this.#relays.delete(sequence)
    this.#nacked.delete(sequence)
  }
}
