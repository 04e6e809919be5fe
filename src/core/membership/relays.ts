/**
 * Pings that this node makes for others: the helper's half of the indirect probe (SWIM §3.1). The
 * answer must come from the target itself and goes back to whoever asked; a target that stays
 * silent is simply forgotten.
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
  readonly expires: Instant
}

export class Relays {
  // Bounded by: RELAYS_MAX. By the sequence of our own ping.
  readonly #relays = new Map<number, Relay>()

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
    this.#relays.delete(sequence)
    return relay
  }

  expire(now: Instant): void {
    for (const [sequence, relay] of this.#relays) {
      if (relay.expires <= now) this.#relays.delete(sequence)
    }
  }
}
