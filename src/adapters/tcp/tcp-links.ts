/**
 * TCP between nodes. Each node dials each peer that it has something to say to and sends everything
 * over that one connection, requests and replies alike; what the peer says comes over the
 * connection that the peer made. So a link has one owner, who dials it, queues for it and reports
 * its end, and two nodes that dial each other at once do not collide.
 *
 * What each file does: `outgoing-link.ts` a link of ours, `incoming-link.ts` a peer's,
 * `handshake.ts` who may talk to whom, `dial.ts` one attempt, `dial-all.ts` one for each address of
 * a name, `link-security.ts` TLS, which `encrypt-call.ts` and `hear-caller.ts` put between socket
 * and frames, `outbox.ts` batching, `frame-parser.ts` frames out of chunks.
 *
 * Flushes wait for the check phase of the event loop (`setImmediate`), which comes after all
 * sockets that were readable have been read: the messages that a whole turn of the loop causes
 * leave in one write a peer.
 */
import { createServer, isIP } from 'node:net'
import type { Server, Socket } from 'node:net'
import type { KeyId } from '../../core/node/cluster-key.ts'
import { must } from '../../core/std/assert.ts'
import type { Address, NodeId } from '../../core/std/ids.ts'
import { formatAddress } from '../../core/std/ids.ts'
import type { PeerMessage } from '../../core/wire/messages.ts'
import type { LinkListener, Links } from '../../runtime/ports.ts'
import type { AbortDial, DialOptions, DialOutcome } from './dial.ts'
import { dial } from './dial.ts'
import { dialAll } from './dial-all.ts'
import { linkFrame } from './frame-socket.ts'
import { IncomingLinks } from './incoming-links.ts'
import type { LinkBounds, LinkSelf, TcpFault } from './link-options.ts'
import { DEFAULT_LINK_BOUNDS, helloOf, isAboutSettings } from './link-options.ts'
import type { LinkSecurity } from './link-security.ts'
import { LinkTls } from './link-security.ts'
import { listen } from './listen.ts'
import type { LinkOwner } from './outgoing-link.ts'
import { OutgoingLink } from './outgoing-link.ts'
import type { Resolve } from './resolve.ts'
import { resolveBySystem } from './resolve.ts'

export interface TcpLinksOptions extends Partial<LinkBounds>, LinkSecurity {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly self: LinkSelf
  readonly listener: LinkListener
  /** Of the names of peers and seeds; undefined: as the system does it. */
  readonly resolve?: Resolve
}

/** Addresses, or names of many, that are being dialled while it is not known who is there. */
const DIALS_MAX = 256

export class TcpLinks implements Links {
  /** Where it listens. */
  readonly port: number
  readonly #bounds: LinkBounds
  readonly #dialOptions: Omit<DialOptions, 'address'>
  readonly #listener: LinkListener
  readonly #incoming: IncomingLinks
  readonly #owner: LinkOwner
  readonly #beats: NodeJS.Timeout
  /** Bounded by: `bounds.peersMax`, enforced in #link. */
  readonly #links = new Map<NodeId, OutgoingLink>()
  /** Bounded by: DIALS_MAX. */
  readonly #dials = new Set<AbortDial>()
  /**
   * Dialled by us and not closed yet. Bounded by: the links and the addresses of the dials above,
   * and what of them is closing.
   */
  readonly #sockets = new Set<Socket>()
  /** What the end of this tick has to do. Bounded by: one entry a link. */
  readonly #flushes: OutgoingLink[] = []
  readonly #downs = new Map<NodeId, string>()
  #scheduled: NodeJS.Immediate | undefined
  #closing: Promise<void> | undefined

  /** Rejects with a `DndError` when it cannot listen there, or the certificates are of no use. */
  static async listen(options: TcpLinksOptions): Promise<TcpLinks> {
    const security = new LinkTls(options)
    const server = createServer({ noDelay: true })
    const port = await listen(server, options.host, options.port)
    return new TcpLinks(server, port, security, options)
  }

  private constructor(
    server: Server,
    port: number,
    security: LinkTls,
    {
      host: _host,
      port: _port,
      self,
      listener,
      keyring: _keyring,
      tls: _tls,
      resolve,
      ...bounds
    }: TcpLinksOptions,
  ) {
    const hello = helloOf(self)
    const helloFrame = linkFrame(hello)
    this.port = port
    this.#bounds = { ...DEFAULT_LINK_BOUNDS, ...bounds }
    this.#dialOptions = {
      ...{ hello, security, timeoutMs: this.#bounds.handshakeTimeoutMs },
      resolve: resolve ?? resolveBySystem,
    }
    this.#listener = listener
    this.#incoming = new IncomingLinks({
      ...{ server, self, security, helloFrame, bounds: this.#bounds },
      listener: {
        message: (from, message) => listener.message(from, message),
        fault: (cause, detail, source) => this.#fault(cause, detail, source),
      },
      called: ({ node, generation }, key) => this.#links.get(node)?.onCalled(generation, key),
      isOwnCall: (caller) => this.#hasSocketAt(caller),
    })
    this.#owner = {
      bounds: this.#bounds,
      helloFrame,
      dial: (address, done, key) => this.#dial(address, done, key),
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
      fault: (cause, detail, source) => this.#fault(cause, detail, source),
      isInstalled: (key) => security.isInstalled(key),
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
    const abort = this.#dialAll(address)
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

  #dial(address: Address, done: (outcome: DialOutcome) => void, key?: KeyId): AbortDial {
    return dial({ ...this.#dialOptions, address, key }, (socket) => this.#track(socket), done)
  }

  #dialAll(address: Address): AbortDial {
    const failures: string[] = []
    let answers = 0
    const abort = dialAll(
      { ...this.#dialOptions, address },
      (one, done) => this.#dial(one.address, done),
      {
        outcome: (at, outcome) => {
          if (outcome.ok) answers++
          else failures.push(outcome.reason)
          this.#onDialled(address, at, outcome)
        },
        done: () => {
          this.#dials.delete(abort)
          if (answers === 0) this.#tellDialFailed(address, failures.join('; '))
        },
      },
    )
    return abort
  }

  #track(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
  }

  #hasSocketAt({ host, port }: Address): boolean {
    for (const { localAddress, localPort } of this.#sockets) {
      if (localPort === port && unmapped(localAddress) === unmapped(host)) return true
    }
    return false
  }

  /** `asked` is what was to be dialled, `at` the address behind it. */
  #onDialled(asked: Address, at: Address, outcome: DialOutcome): void {
    if (this.#closing !== undefined) return outcome.ok ? outcome.socket.destroy() : undefined
    if (!outcome.ok) {
      const { fault, reason } = outcome
      // Behind a name of all nodes is this one, too.
      const isOurselves = fault === 'refused-by-peer-self' && isIP(asked.host) === 0
      if (fault !== undefined && !isOurselves) this.#fault(fault, reason, formatAddress(at))
      return
    }
    const { node } = outcome.hello
    const link = this.#link(node)
    if (link.address === undefined) link.setAddress(at)
    link.adopt(outcome)
    if (this.#closing === undefined) this.#listener.dialed(asked, node)
  }

  #fault(cause: TcpFault, detail: string, source: string | undefined): void {
    if (isAboutSettings(cause)) this.#listener.fault(cause, detail, source)
    else this.#listener.fault(cause, detail)
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

/** A socket that hears both families writes an address of IPv4 in the way of IPv6. */
function unmapped(host: string | undefined): string | undefined {
  return host?.startsWith('::ffff:') === true ? host.slice(7) : host
}
