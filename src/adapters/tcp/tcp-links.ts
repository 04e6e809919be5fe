/**
 * TCP between nodes. Each node dials each peer that it has something to say to and sends everything
 * over that one connection, requests and replies alike; what the peer says comes over the
 * connection that the peer made. So a link has one owner, who dials it, queues for it and reports
 * its end, and two nodes that dial each other at once do not collide.
 *
 * What each file does: `outgoing-link.ts` a link of ours, `incoming-link.ts` a peer's,
 * `handshake.ts` who may talk to whom, `dial.ts` one attempt, `outbox.ts` batching,
 * `frame-parser.ts` frames out of chunks.
 *
 * Flushes wait for the check phase of the event loop (`setImmediate`), which comes after all
 * sockets that were readable have been read: the messages that a whole turn of the loop causes
 * leave in one write a peer.
 */
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { must } from '../../core/std/assert.ts'
import type { Address, NodeId } from '../../core/std/ids.ts'
import type { Hello, PeerMessage } from '../../core/wire/messages.ts'
import type { LinkListener, Links } from '../../runtime/ports.ts'
import type { AbortDial, DialOutcome } from './dial.ts'
import { dial } from './dial.ts'
import { linkFrame } from './frame-socket.ts'
import { IncomingLinks } from './incoming-links.ts'
import type { LinkBounds, LinkSelf } from './link-options.ts'
import { DEFAULT_LINK_BOUNDS, helloOf } from './link-options.ts'
import { listen } from './listen.ts'
import type { LinkOwner } from './outgoing-link.ts'
import { OutgoingLink } from './outgoing-link.ts'

export interface TcpLinksOptions extends Partial<LinkBounds> {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly self: LinkSelf
  readonly listener: LinkListener
}

/** Attempts to reach addresses whose node is not known yet. */
const DIALS_MAX = 256

export class TcpLinks implements Links {
  /** Where it listens. */
  readonly port: number
  readonly #bounds: LinkBounds
  readonly #hello: Hello
  readonly #listener: LinkListener
  readonly #incoming: IncomingLinks
  readonly #owner: LinkOwner
  readonly #beats: NodeJS.Timeout
  /** Bounded by: `bounds.peersMax`, enforced in #link. */
  readonly #links = new Map<NodeId, OutgoingLink>()
  /** Bounded by: DIALS_MAX. */
  readonly #dials = new Set<AbortDial>()
  /**
   * Dialled by us and not closed yet. Bounded by: the links and dials above, and what of them is
   * closing.
   */
  readonly #sockets = new Set<Socket>()
  /** What the end of this tick has to do. Bounded by: one entry a link. */
  readonly #flushes: OutgoingLink[] = []
  readonly #downs = new Map<NodeId, string>()
  #scheduled: NodeJS.Immediate | undefined
  #closing: Promise<void> | undefined

  /** Rejects with a `DndError` when it cannot listen there. */
  static async listen(options: TcpLinksOptions): Promise<TcpLinks> {
    const server = createServer({ noDelay: true })
    const port = await listen(server, options.host, options.port)
    return new TcpLinks(server, port, options)
  }

  private constructor(server: Server, port: number, options: TcpLinksOptions) {
    const { host: _host, port: _port, self, listener, ...bounds } = options
    this.port = port
    this.#hello = helloOf(self)
    this.#bounds = { ...DEFAULT_LINK_BOUNDS, ...bounds }
    this.#listener = listener
    const helloFrame = linkFrame(this.#hello)
    this.#incoming = new IncomingLinks({
      server,
      self,
      helloFrame,
      bounds: this.#bounds,
      listener,
      called: ({ node, generation }) => this.#links.get(node)?.onCalled(generation),
    })
    this.#owner = {
      bounds: this.#bounds,
      helloFrame,
      dial: (address, done) => this.#dial(address, done),
      flushLater: (link) => {
        this.#flushes.push(link)
        this.#schedule()
      },
      downLater: (peer, reason) => {
        // The first reason of a tick is the cause, the others are what came of it.
        if (!this.#downs.has(peer)) this.#downs.set(peer, reason)
        this.#schedule()
      },
      linkUp: (peer) => listener.linkUp(peer),
      linkDown: (peer, reason) => listener.linkDown(peer, reason),
      fault: (cause, detail) => listener.fault(cause, detail),
      faultLater: (cause, detail) => {
        setImmediate(() => {
          if (this.#closing === undefined) listener.fault(cause, detail)
        })
      },
    }
    this.#beats = setInterval(() => this.#onBeat(), this.#bounds.beatMs)
  }

  send(to: NodeId, message: PeerMessage): void {
    if (this.#closing === undefined) this.#link(to).send(message)
  }

  setAddress(peer: NodeId, address: Address): void {
    if (this.#closing === undefined) this.#link(peer).setAddress(address)
  }

  dial(address: Address): void {
    if (this.#closing !== undefined) return
    if (this.#dials.size >= DIALS_MAX) {
      const reason = `${DIALS_MAX} addresses are being dialled already`
      setImmediate(() => this.#tellDialFailed(address, reason))
      return
    }
    const abort = this.#dial(address, (outcome) => {
      this.#dials.delete(abort)
      this.#onDialled(address, outcome)
    })
    this.#dials.add(abort)
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  #link(peer: NodeId): OutgoingLink {
    const held = this.#links.get(peer)
    if (held !== undefined) return held
    if (this.#links.size >= this.#bounds.peersMax) this.#makeRoom()
    const link = new OutgoingLink(peer, this.#owner)
    this.#links.set(peer, link)
    return link
  }

  /**
   * Forgets the oldest peer, if possible one to whom no connection stands. The next word about it
   * brings it back.
   */
  #makeRoom(): void {
    const links = [...this.#links.values()]
    const victim = must(links.find((link) => link.isIdle) ?? links[0], 'a peer to forget')
    if (!victim.isIdle) this.#owner.downLater(victim.peer, 'forgotten: too many peers')
    victim.end()
    this.#links.delete(victim.peer)
  }

  #dial(address: Address, done: (outcome: DialOutcome) => void): AbortDial {
    const timeoutMs = this.#bounds.handshakeTimeoutMs
    return dial({ address, hello: this.#hello, timeoutMs }, (socket) => this.#track(socket), done)
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  #onDialled(address: Address, outcome: DialOutcome): void {
    if (!outcome.ok) {
      if (outcome.fault !== undefined) this.#listener.fault(outcome.fault, outcome.reason)
      return this.#tellDialFailed(address, outcome.reason)
    }
    const { socket, hello } = outcome
    const link = this.#link(hello.node)
    if (link.address === undefined) link.setAddress(address)
    link.adopt(socket, hello.generation)
    if (this.#closing === undefined) this.#listener.dialed(address, hello.node)
  }

  #tellDialFailed(address: Address, reason: string): void {
    if (this.#closing === undefined) this.#listener.dialFailed(address, reason)
  }

  #schedule(): void {
    this.#scheduled ??= setImmediate(() => this.#onTickEnd())
  }

  #onTickEnd(): void {
    this.#scheduled = undefined
    for (const link of this.#flushes) link.flush()
    this.#flushes.length = 0
    if (this.#downs.size === 0) return
    const downs = [...this.#downs]
    this.#downs.clear()
    for (const [peer, reason] of downs) {
      if (this.#closing === undefined) this.#listener.linkDown(peer, reason)
    }
  }

  #onBeat(): void {
    this.#incoming.beat()
    for (const link of this.#links.values()) link.beat()
  }

  async #close(): Promise<void> {
    clearInterval(this.#beats)
    clearImmediate(this.#scheduled)
    for (const abort of this.#dials) abort()
    for (const link of this.#links.values()) link.end()
    const overdue = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, this.#bounds.closeTimeoutMs)
    const ended = [...this.#sockets].map(
      (socket) => new Promise((end) => socket.once('close', end)),
    )
    await Promise.all([this.#incoming.close(), ...ended])
    clearTimeout(overdue)
  }
}
