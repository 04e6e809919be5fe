/**
 * The simulated network. Two services, as the real one has: datagrams, which are lost, doubled,
 * delayed and overtake each other; and links, one for each ordered pair of processes that talk,
 * which behave as TCP connections do:
 *
 * - Frames arrive in order or not at all, and the owner learns of a loss only by `linkDown`, which
 *   says nothing about which frames got through.
 * - A direction that is blocked does not lose frames: they stall, and arrive when it is open again,
 *   or the connection times out first, whichever the dice say. A connection needs both directions:
 *   where only the acknowledgements are blocked, the frames arrive and the owner is told of a
 *   broken link all the same.
 * - When a process dies, a prefix of what it had in flight still arrives; its correspondents see a
 *   reset.
 */
import { assert } from '../src/core/std/assert.ts'
import type { Address, NodeId } from '../src/core/std/ids.ts'
import { formatAddress } from '../src/core/std/ids.ts'
import type { Prng } from '../src/core/std/prng.ts'
import type { EventQueue } from './clock.ts'
import { Links } from './links.ts'
import type { Range } from './seed.ts'
import { within } from './seed.ts'

export interface NetworkOptions {
  /** One way, milliseconds; each frame and datagram draws its own. */
  readonly latencyMs: Range
  readonly datagramLoss: number
  readonly datagramDuplication: number
  /** Chance that a datagram takes ten times as long. */
  readonly datagramStraggle: number
  /** How long a dial knocks at a blocked door, milliseconds. */
  readonly connectTimeoutMs: number
  /** How long a blocked connection lives, milliseconds. */
  readonly breakAfterMs: Range
}

/**
 * A running process's ears. Calls come from the event queue only, never from within a call to the
 * network.
 */
export interface Endpoint {
  /** Place of its node in the world. */
  readonly index: number
  readonly id: NodeId
  readonly address: Address
  message(from: NodeId, frame: Uint8Array): void
  packet(from: Address, datagram: Uint8Array): void
  linkUp(peer: NodeId): void
  linkDown(peer: NodeId, reason: string): void
  dialed(address: Address, peer: NodeId): void
  dialFailed(address: Address, reason: string): void
}

/** Called for what the network does to somebody's traffic. */
export type NetworkListener = (who: number, what: string, about: string) => void

export class Network {
  readonly queue: EventQueue
  readonly options: NetworkOptions
  readonly rng: Prng
  readonly #listener: NetworkListener
  // Bounded by: the nodes of the world.
  readonly #places = new Map<string, number>()
  // Bounded by: the nodes of the world, one process each.
  readonly #byAddress = new Map<string, Endpoint>()
  readonly #links = new Map<Endpoint, Links>()
  // Bounded by: ordered pairs of nodes.
  readonly #blocked = new Set<string>()
  #lossless = false
  #deepest = 0

  constructor(queue: EventQueue, options: NetworkOptions, rng: Prng, listener: NetworkListener) {
    this.queue = queue
    this.options = options
    this.rng = rng
    this.#listener = listener
  }

  /** Says whose address it is, whether a process listens there or not. */
  place(address: Address, index: number): void {
    this.#places.set(formatAddress(address), index)
  }

  placeOf(address: Address): number | undefined {
    return this.#places.get(formatAddress(address))
  }

  /** A process begins to listen; what it sends goes through the links returned. */
  attach(endpoint: Endpoint): Links {
    const address = formatAddress(endpoint.address)
    assert(!this.#byAddress.has(address), `two processes on ${address}`)
    const links = new Links(this, endpoint)
    this.#byAddress.set(address, endpoint)
    this.#links.set(endpoint, links)
    return links
  }

  /** The process is gone. */
  detach(endpoint: Endpoint): void {
    this.#byAddress.delete(formatAddress(endpoint.address))
    this.#links.get(endpoint)?.orphan()
    this.#links.delete(endpoint)
    for (const links of this.#links.values()) links.lostPeer(endpoint)
  }

  isAttached(endpoint: Endpoint): boolean {
    return this.#links.has(endpoint)
  }

  listener(address: Address): Endpoint | undefined {
    return this.#byAddress.get(formatAddress(address))
  }

  /** Nothing passes from one node to the other, until unblocked. */
  block(from: number, to: number): void {
    this.#blocked.add(`${from}>${to}`)
    for (const links of this.#links.values()) links.blocked(from, to)
  }

  unblock(from: number, to: number): void {
    if (!this.#blocked.delete(`${from}>${to}`)) return
    for (const links of this.#links.values()) links.unblocked(from, to)
  }

  isBlocked(from: number, to: number): boolean {
    return this.#blocked.has(`${from}>${to}`)
  }

  /** Both directions, as a connection needs them. */
  isOpen(a: number, b: number): boolean {
    return !this.isBlocked(a, b) && !this.isBlocked(b, a)
  }

  /** From now on no datagram is lost, doubled or late. */
  calm(): void {
    this.#lossless = true
  }

  latencyMs(): number {
    return within(this.options.latencyMs, this.rng)
  }

  datagram(from: Endpoint, to: Address, bytes: Uint8Array): void {
    const { datagramLoss, datagramDuplication, datagramStraggle } = this.options
    const lost = this.rng.chance(datagramLoss) && !this.#lossless
    const copies = this.rng.chance(datagramDuplication) && !this.#lossless ? 2 : 1
    if (lost) return this.note(from.index, 'lost', `packet to ${formatAddress(to)}`)
    for (let i = 0; i < copies; i++) {
      const slow = this.rng.chance(datagramStraggle) && !this.#lossless ? 10 : 1
      this.queue.after(slow * this.latencyMs(), () => {
        const target = this.listener(to)
        if (target === undefined || this.isBlocked(from.index, target.index)) return
        target.packet(from.address, bytes)
      })
    }
  }

  note(who: number, what: string, about: string): void {
    this.#listener(who, what, about)
  }

  /** The deepest that the queue of any link has been. */
  get deepest(): number {
    return this.#deepest
  }

  measured(depth: number): void {
    if (depth > this.#deepest) this.#deepest = depth
  }

  /** Frames that are still under way. */
  inFlight(): number {
    let frames = 0
    for (const links of this.#links.values()) frames += links.inFlight()
    return frames
  }
}
