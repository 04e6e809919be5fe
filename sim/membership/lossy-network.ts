/**
 * The network between simulated members: how long a packet takes, whether it arrives, and who
 * cannot reach whom. UDP loses; TCP retransmits, so loss makes it late; what is cut passes neither.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import type { Range } from '../seed.ts'
import { within } from '../seed.ts'

/** More than there are nodes in any world. */
const PLACES = 4_096
/** First retransmission time-out of TCP on a fast network (Linux), doubled each time. */
const RETRANSMIT_MS = 200
/** Retransmissions after which a connection counts as broken. */
const RETRANSMITS_MAX = 6

export interface LossyNetworkOptions {
  /** One way, milliseconds. */
  readonly latencyMs: Range
  /** Share of the packets, each way, that is lost. */
  readonly loss: number
}

export class LossyNetwork {
  loss: number
  readonly #latencyMs: Range
  readonly #rng: Prng
  // Bounded by: the pairs of nodes. Directions that pass nothing, and those that pass no UDP.
  readonly #cut = new Set<number>()
  readonly #cutForPackets = new Set<number>()

  constructor(options: LossyNetworkOptions, rng: Prng) {
    this.loss = options.loss
    this.#latencyMs = options.latencyMs
    this.#rng = rng
  }

  /** Nothing passes from one to the other. */
  cut(from: number, to: number): void {
    this.#cut.add(from * PLACES + to)
  }

  /** UDP does not pass from one to the other, TCP does: a firewall that somebody forgot. */
  cutPackets(from: number, to: number): void {
    this.#cutForPackets.add(from * PLACES + to)
  }

  /** Nodes of different groups do not reach each other. */
  partition(...groups: readonly (readonly number[])[]): void {
    for (const group of groups)
      for (const other of groups)
        if (other !== group) for (const from of group) for (const to of other) this.cut(from, to)
  }

  heal(): void {
    this.#cut.clear()
    this.#cutForPackets.clear()
  }

  /** How long a packet takes that is sent now; undefined when it never arrives. */
  packetDelayMs(from: number, to: number): number | undefined {
    const isLost = this.#rng.chance(this.loss)
    const latencyMs = within(this.#latencyMs, this.#rng)
    if (isLost) return undefined
    if (this.#cut.size === 0 && this.#cutForPackets.size === 0) return latencyMs
    const direction = from * PLACES + to
    return this.#cut.has(direction) || this.#cutForPackets.has(direction) ? undefined : latencyMs
  }

  /** How long a message takes over TCP, which needs both directions; undefined: it breaks. */
  streamDelayMs(from: number, to: number): number | undefined {
    let delayMs = within(this.#latencyMs, this.#rng)
    for (let retransmits = 0; this.#rng.chance(this.loss); retransmits++) {
      if (retransmits >= RETRANSMITS_MAX) return undefined
      delayMs += RETRANSMIT_MS * 2 ** retransmits
    }
    const isCut = this.#cut.has(from * PLACES + to) || this.#cut.has(to * PLACES + from)
    return isCut ? undefined : delayMs
  }
}
