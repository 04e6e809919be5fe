/**
 * The outgoing links of one process, and the life of each: dialling, up, doomed (broken, its owner
 * not yet told), closed.
 */
import type { Address, NodeId } from '../src/core/std/ids.ts'
import { formatAddress } from '../src/core/std/ids.ts'
import type { Endpoint, Network } from './network.ts'
import { within } from './seed.ts'

/**
 * Frames queued on one link; the owner of a link that is deeper sees it break, as the real adapter
 * does.
 */
export const LINK_FRAMES_MAX = 10_000

/** While blocked, a dial knocks again after so long. */
const KNOCK_MS = 250

interface Link {
  readonly peer: NodeId
  state: 'dialling' | 'up' | 'doomed' | 'closed'
  /** Why it is doomed or closed. */
  reason: string
  target: Endpoint | undefined
  // Bounded by: LINK_FRAMES_MAX.
  frames: Uint8Array[]
  /** When the last frame put on it has left: the next one waits for that. */
  clearMs: number
  /** When the last frame put on it arrives: the next one may not arrive sooner. */
  lastMs: number
  /** Arrivals that found the direction blocked. */
  stalled: number
  /** Times that it was blocked: the time-out of an earlier time must not break it. */
  blocks: number
}

export class Links {
  readonly #network: Network
  readonly #owner: Endpoint
  // Bounded by: the nodes of the world.
  readonly #book = new Map<NodeId, Address>()
  readonly #links = new Map<NodeId, Link>()

  constructor(network: Network, owner: Endpoint) {
    this.#network = network
    this.#owner = owner
  }

  setAddress(peer: NodeId, address: Address): void {
    this.#book.set(peer, address)
  }

  send(to: NodeId, frame: Uint8Array): void {
    const link = this.#links.get(to) ?? this.#open(to)
    if (link.state === 'doomed') return this.#provoke(link)
    if (link.frames.length >= LINK_FRAMES_MAX) return this.#break(link, 'peer too slow', 0)
    this.#network.measured(link.frames.length + 1)
    if (link.state === 'up') this.#transmit(link, frame)
    else link.frames.push(frame)
  }

  /** Seeds are names: wherever their node is now, it is found. */
  dial(seed: Address): void {
    const address = this.#network.resolve(seed)
    this.#handshake(address, (outcome) => {
      if (typeof outcome === 'string') return this.#owner.dialFailed(address, outcome)
      this.#book.set(outcome.id, address)
      if (!this.#links.has(outcome.id)) this.#up(this.#add(outcome.id), outcome)
      this.#owner.dialed(address, outcome.id)
    })
  }

  inFlight(): number {
    let frames = 0
    for (const link of this.#links.values()) frames += link.frames.length
    return frames
  }

  /** The owner is gone: of each link a prefix of what is under way still arrives. */
  orphan(): void {
    for (const link of this.#links.values()) {
      if (link.state !== 'up') link.frames = []
      link.frames.length = this.#network.rng.below(link.frames.length + 1)
    }
  }

  /** The process at the other end is gone. */
  lostPeer(peer: Endpoint): void {
    for (const link of this.#links.values()) {
      if (link.target !== peer || link.state !== 'up') continue
      const heard = !this.#network.isBlocked(peer.index, this.#owner.index)
      const delay = heard ? this.#network.latencyMs() : this.#breakAfterMs()
      this.#break(link, 'reset by peer', delay)
    }
  }

  /** The direction `from` → `to` does not pass any more. */
  blocked(from: number, to: number): void {
    const owner = this.#owner.index
    for (const link of this.#links.values()) {
      const other = link.target?.index
      if (link.state !== 'up' || other === undefined) continue
      if (!((owner === from && other === to) || (owner === to && other === from))) continue
      const time = ++link.blocks
      this.#network.queue.after(this.#breakAfterMs(), () => {
        if (link.state !== 'up' || link.blocks !== time) return
        if (!this.#network.isOpen(owner, other)) this.#break(link, 'timed out', 0)
      })
    }
  }

  /** The direction `from` → `to` passes again: what stalled goes on. */
  unblocked(from: number, to: number): void {
    if (this.#owner.index !== from) return
    for (const link of this.#links.values()) {
      if (link.target?.index !== to) continue
      const { stalled } = link
      link.stalled = 0
      for (let i = 0; i < stalled; i++) this.#schedule(link, 0)
    }
  }

  #add(peer: NodeId): Link {
    const link: Link = {
      peer,
      state: 'dialling',
      reason: '',
      target: undefined,
      frames: [],
      clearMs: 0,
      lastMs: 0,
      stalled: 0,
      blocks: 0,
    }
    this.#links.set(peer, link)
    return link
  }

  #open(peer: NodeId): Link {
    const link = this.#add(peer)
    const address = this.#book.get(peer)
    if (address === undefined) {
      this.#break(link, 'no address known', 0)
      return link
    }
    this.#handshake(address, (outcome) => {
      if (link.state !== 'dialling') return
      if (typeof outcome === 'string') this.#break(link, outcome, 0)
      else if (outcome.id !== peer) this.#break(link, `${formatAddress(address)} is another`, 0)
      else this.#up(link, outcome)
    })
    return link
  }

  #up(link: Link, target: Endpoint): void {
    link.state = 'up'
    link.target = target
    const waiting = link.frames
    link.frames = []
    this.#owner.linkUp(link.peer)
    for (const frame of waiting) this.#transmit(link, frame)
  }

  #transmit(link: Link, frame: Uint8Array): void {
    link.frames.push(frame)
    this.#schedule(link, frame.length)
  }

  #schedule(link: Link, bytes: number): void {
    const { queue } = this.#network
    const from = this.#owner.index
    const to = link.target?.index ?? from
    const sendingMs = this.#network.transmissionMs(from, to, bytes)
    link.clearMs = Math.max(link.clearMs, queue.nowMs) + sendingMs
    const wayMs = this.#network.latencyMs() + this.#network.clogDelayMs(from, to)
    link.lastMs = Math.max(link.lastMs, link.clearMs + wayMs)
    queue.at(link.lastMs, () => this.#arrive(link))
  }

  /** One frame arrives: always the oldest, whichever arrival this was scheduled for. */
  #arrive(link: Link): void {
    const { target } = link
    if (link.state !== 'up' || target === undefined || link.frames.length === 0) return
    if (this.#network.isBlocked(this.#owner.index, target.index)) {
      link.stalled++
      return
    }
    const frame = link.frames.shift()
    if (frame !== undefined && this.#network.isAttached(target))
      target.message(this.#owner.id, frame)
  }

  /**
   * The link is dead, and its owner hears of it after `delayMs`, or sooner if it tries to use it.
   */
  #break(link: Link, reason: string, delayMs: number): void {
    link.state = 'doomed'
    link.reason = reason
    const lost = link.frames.length
    link.frames = []
    const about = (): string => `${reason}; ${lost} frames lost`
    this.#network.note(this.#owner.index, 'link broken', lost, about)
    this.#network.queue.after(delayMs, () => this.#close(link))
  }

  /**
   * What is sent on a dead link is lost with it; but where frames pass, the first one brings the
   * news.
   */
  #provoke(link: Link): void {
    const other = link.target?.index
    if (other === undefined || !this.#network.isOpen(this.#owner.index, other)) return
    this.#network.queue.after(2 * this.#network.latencyMs(), () => this.#close(link))
  }

  #close(link: Link): void {
    // Until the owner has noticed, it writes to the connection that it believes to have.
    this.#owner.whenRunning(() => {
      if (link.state === 'closed') return
      link.state = 'closed'
      if (this.#links.get(link.peer) === link) this.#links.delete(link.peer)
      if (this.#network.isAttached(this.#owner)) this.#owner.linkDown(link.peer, link.reason)
    })
  }

  /** Ends with the process that answers at `address`, or with why none does. */
  #handshake(address: Address, report: (outcome: Endpoint | string) => void): void {
    const { queue, options } = this.#network
    const done = (outcome: Endpoint | string): void =>
      this.#owner.whenRunning(() => {
        // Who answered may be gone by the time that a stopped owner goes on.
        const isGone = typeof outcome !== 'string' && !this.#network.isAttached(outcome)
        report(isGone ? 'reset by peer' : outcome)
      })
    const giveUpMs = queue.nowMs + options.connectTimeoutMs
    const knock = (): void => {
      if (!this.#network.isAttached(this.#owner)) return
      const target = this.#network.listener(address)
      const place = this.#network.placeOf(address)
      if (place !== undefined && !this.#network.isOpen(this.#owner.index, place)) {
        if (queue.nowMs + KNOCK_MS >= giveUpMs) return done('timed out')
        return queue.after(KNOCK_MS, knock)
      }
      if (target === undefined) return done('connection refused')
      if (target === this.#owner) return done('that is myself')
      return done(target)
    }
    queue.after(3 * this.#network.latencyMs(), knock)
  }

  #breakAfterMs(): number {
    return within(this.#network.options.breakAfterMs, this.#network.rng)
  }
}
