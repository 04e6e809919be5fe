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
  /** The longest datagram that the path lets through, bytes; without it, any. */
  readonly mtuBytes?: number
  /** How fast each link passes frames, bytes per millisecond; without it, at once. */
  readonly bytesPerMs?: number
}

/** What a clogged direction does to all that passes it. */
export interface Clog {
  /** Added to each frame's and datagram's way, milliseconds. */
  readonly delayMs: number
  /** All that the direction lets through, bytes per millisecond. */
  readonly bytesPerMs: number
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
  /**
   * Does what the process itself does with its connections: now, or when it goes on if it is
   * stopped.
   */
  whenRunning(happen: () => void): void
  message(from: NodeId, frame: Uint8Array): void
  packet(from: Address, datagram: Uint8Array): void
  linkUp(peer: NodeId): void
  linkDown(peer: NodeId, reason: string): void
  dialed(address: Address, peer: NodeId): void
  dialFailed(address: Address, reason: string): void
}

/**
 * Called for what the network does to somebody's traffic; `mark` stands for it in the trace's hash,
 * `describe` puts it into words.
 */
export type NetworkListener = (
  who: number,
  what: string,
  mark: number,
  describe: () => string,
) => void

/** More nodes than any world has: what makes a direction a number. */
const PLACES = 4_096

export class Network {
  readonly queue: EventQueue
  readonly options: NetworkOptions
  readonly rng: Prng
  readonly #listener: NetworkListener
  // Bounded by: the addresses that the nodes of the world have had.
  readonly #places = new Map<string, number>()
  // Where each node is now. Bounded by: the nodes of the world.
  readonly #addresses = new Map<number, Address>()
  // By host and port. Bounded by: the nodes of the world, one process each.
  readonly #byAddress = new Map<string, Map<number, Endpoint>>()
  readonly #links = new Map<Endpoint, Links>()
  // How often each direction is blocked. Bounded by: ordered pairs of nodes.
  readonly #blocked = new Map<number, number>()
  // The same for datagrams alone. Bounded by: ordered pairs of nodes.
  readonly #datagramBlocks = new Map<number, number>()
  // Bounded by: ordered pairs of nodes, each with the clogs of as many faults as overlap.
  readonly #clogs = new Map<number, readonly Clog[]>()
  #lossless = false
  #deepest = 0

  constructor(queue: EventQueue, options: NetworkOptions, rng: Prng, listener: NetworkListener) {
    this.queue = queue
    this.options = options
    this.rng = rng
    this.#listener = listener
  }

  /** Says whose address it is from now on, whether a process listens there or not. */
  place(address: Address, index: number): void {
    this.#places.set(formatAddress(address), index)
    this.#addresses.set(index, address)
  }

  /** Where the node is that has, or had, this address: as a name in the DNS would say. */
  resolve(address: Address): Address {
    const index = this.placeOf(address)
    return (index === undefined ? undefined : this.#addresses.get(index)) ?? address
  }

  placeOf(address: Address): number | undefined {
    return this.#places.get(formatAddress(address))
  }

  /** A process begins to listen; what it sends goes through the links returned. */
  attach(endpoint: Endpoint): Links {
    const { host, port } = endpoint.address
    const onHost = this.#byAddress.get(host) ?? new Map<number, Endpoint>()
    assert(!onHost.has(port), `two processes on ${formatAddress(endpoint.address)}`)
    const links = new Links(this, endpoint)
    this.#byAddress.set(host, onHost.set(port, endpoint))
    this.#links.set(endpoint, links)
    return links
  }

  /** The process is gone. */
  detach(endpoint: Endpoint): void {
    this.#byAddress.get(endpoint.address.host)?.delete(endpoint.address.port)
    this.#links.get(endpoint)?.orphan()
    this.#links.delete(endpoint)
    for (const links of this.#links.values()) links.lostPeer(endpoint)
  }

  isAttached(endpoint: Endpoint): boolean {
    return this.#links.has(endpoint)
  }

  listener(address: Address): Endpoint | undefined {
    return this.#byAddress.get(address.host)?.get(address.port)
  }

  /** Nothing passes from one node to the other, until unblocked as often as blocked. */
  block(from: number, to: number): void {
    const direction = from * PLACES + to
    const times = this.#blocked.get(direction) ?? 0
    this.#blocked.set(direction, times + 1)
    if (times > 0) return
    for (const links of this.#links.values()) links.blocked(from, to)
  }

  unblock(from: number, to: number): void {
    const direction = from * PLACES + to
    const times = this.#blocked.get(direction)
    if (times === undefined) return
    if (times > 1) return void this.#blocked.set(direction, times - 1)
    this.#blocked.delete(direction)
    for (const links of this.#links.values()) links.unblocked(from, to)
  }

  /** No datagram passes from one node to the other, until unblocked as often as blocked. */
  blockDatagrams(from: number, to: number): void {
    const direction = from * PLACES + to
    this.#datagramBlocks.set(direction, (this.#datagramBlocks.get(direction) ?? 0) + 1)
  }

  unblockDatagrams(from: number, to: number): void {
    const direction = from * PLACES + to
    const times = this.#datagramBlocks.get(direction) ?? 0
    if (times > 1) this.#datagramBlocks.set(direction, times - 1)
    else this.#datagramBlocks.delete(direction)
  }

  isBlocked(from: number, to: number): boolean {
    return this.#blocked.size > 0 && this.#blocked.has(from * PLACES + to)
  }

  /** All that goes from one node to the other becomes late and slow, until unclogged. */
  clog(from: number, to: number, clog: Clog): void {
    const direction = from * PLACES + to
    this.#clogs.set(direction, [...(this.#clogs.get(direction) ?? []), clog])
  }

  unclog(from: number, to: number, clog: Clog): void {
    const direction = from * PLACES + to
    const left = (this.#clogs.get(direction) ?? []).filter((other) => other !== clog)
    if (left.length === 0) this.#clogs.delete(direction)
    else this.#clogs.set(direction, left)
  }

  isClogged(from: number, to: number): boolean {
    return this.#clogs.has(from * PLACES + to)
  }

  /** What clogs add to the way of anything that sets out now. */
  clogDelayMs(from: number, to: number): number {
    if (this.#clogs.size === 0) return 0
    const clogs = this.#clogs.get(from * PLACES + to)
    return clogs === undefined ? 0 : Math.max(...clogs.map(({ delayMs }) => delayMs))
  }

  /** How long it takes to put `bytes` on a link, milliseconds. */
  transmissionMs(from: number, to: number, bytes: number): number {
    let bytesPerMs = this.options.bytesPerMs ?? Infinity
    if (this.#clogs.size > 0)
      for (const clog of this.#clogs.get(from * PLACES + to) ?? [])
        bytesPerMs = Math.min(bytesPerMs, clog.bytesPerMs)
    return bytes / bytesPerMs
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
    const { datagramLoss, datagramDuplication, datagramStraggle, mtuBytes } = this.options
    const lost = this.rng.chance(datagramLoss) && !this.#lossless
    const copies = this.rng.chance(datagramDuplication) && !this.#lossless ? 2 : 1
    const tooLong = mtuBytes !== undefined && bytes.length > mtuBytes
    if (lost || tooLong) return this.#lose(from, to, bytes, tooLong)
    for (let i = 0; i < copies; i++) {
      const slow = this.rng.chance(datagramStraggle) && !this.#lossless ? 10 : 1
      const place = this.#clogs.size === 0 ? undefined : this.placeOf(to)
      const clogged = place === undefined ? 0 : this.clogDelayMs(from.index, place)
      this.queue.after(slow * this.latencyMs() + clogged, () => {
        const target = this.listener(to)
        if (target === undefined || this.#swallows(from.index, target.index)) return
        target.packet(from.address, bytes)
      })
    }
  }

  #swallows(from: number, to: number): boolean {
    if (this.isBlocked(from, to)) return true
    return this.#datagramBlocks.size > 0 && this.#datagramBlocks.has(from * PLACES + to)
  }

  #lose(from: Endpoint, to: Address, bytes: Uint8Array, tooLong: boolean): void {
    this.note(from.index, 'lost', bytes.length, () => {
      const why = tooLong ? `, longer than the path's MTU: ${bytes.length} B` : ''
      return `packet to ${formatAddress(to)}${why}`
    })
  }

  note(who: number, what: string, mark: number, describe: () => string): void {
    this.#listener(who, what, mark, describe)
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
