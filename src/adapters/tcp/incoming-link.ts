/**
 * A connection that a peer made to us: first its hello, then its messages, one behind the other.
 * Nothing is sent back but the answers to its hello and to its beats; what we have to say to it
 * goes over our own link.
 */
import type { Socket } from 'node:net'
import type { KeyId } from '../../core/node/cluster-key.ts'
import type { Address, NodeId } from '../../core/std/ids.ts'
import { formatAddress } from '../../core/std/ids.ts'
import { must } from '../../core/std/assert.ts'
import { FRAME_BYTES_MAX } from '../../core/std/limits.ts'
import { decodeLink, decodeMessage, LINK_MESSAGE_BYTES_MAX } from '../../core/wire/codec.ts'
import type { Hello, PeerMessage, Refusal } from '../../core/wire/messages.ts'
import type { FrameHandler } from './frame-socket.ts'
import { FrameSocket, linkFrame } from './frame-socket.ts'
import { judgeCaller } from './handshake.ts'
import type { Caller } from './hear-caller.ts'
import { hearCaller } from './hear-caller.ts'
import type { LinkSelf, TcpFault } from './link-options.ts'
import { BEATS_MISSED_MAX } from './link-options.ts'
import type { LinkTls } from './link-security.ts'
import type { TlsAcceptor } from './tls-acceptor.ts'

/** Answers to beats that the peer has not read; a peer that reads never has more than one. */
const ANSWER_BYTES_MAX = 16 * 1024

/** What an incoming link needs of the one that owns it. */
export interface IncomingOwner {
  readonly self: LinkSelf
  readonly security: LinkTls
  readonly acceptor: TlsAcceptor
  /** Our hello as a frame. */
  readonly helloFrame: Uint8Array
  readonly handshakeTimeoutMs: number
  message(from: NodeId, message: PeerMessage): void
  /** The caller has said who it is, over a connection encrypted with `key`, if with any. */
  greeted(hello: Hello, key: KeyId | undefined): void
  /** The connection is gone, for whatever reason. */
  gone(link: IncomingLink): void
  /** Whether this very process has made the connection. */
  isOwnCall(caller: Address): boolean
  fault(cause: TcpFault, detail: string, source: string): void
}

export class IncomingLink implements FrameHandler {
  readonly #owner: IncomingOwner
  readonly #raw: Socket
  readonly #caller: Address
  readonly #listener: string
  readonly #handshakeTimer: NodeJS.Timeout
  /** undefined until the first byte has told how the caller speaks, and TLS has been agreed on. */
  #socket: FrameSocket | undefined
  #key: KeyId | undefined
  #refusal: Refusal | undefined
  #hello: Hello | undefined
  /** Neither of the two is ever taken back: the connection is gone; we have made it go. */
  #isGone = false
  #isClosed = false
  /** Beats of ours since anything came, and since its key was found removed. */
  #silent = 0
  #orphaned = 0

  constructor(raw: Socket, owner: IncomingOwner) {
    this.#owner = owner
    this.#raw = raw
    this.#caller = addressOf(raw.remoteAddress, raw.remotePort)
    this.#listener = formatAddress(addressOf(raw.localAddress, raw.localPort))
    this.#handshakeTimer = setTimeout(
      () => this.#giveUp('handshake-timeout', 'no hello in time'),
      owner.handshakeTimeoutMs,
    )
    raw.on('error', () => {})
    raw.once('close', () => this.#finish())
    hearCaller(raw, owner.security, owner.acceptor, (caller) => this.#onCaller(caller))
  }

  /** Who is there; undefined before its hello. */
  get hello(): Hello | undefined {
    return this.#hello
  }

  frame(body: Uint8Array): boolean {
    this.#silent = 0
    const socket = must(this.#socket, 'the socket of the frame')
    if (this.#hello === undefined) return this.#onFirst(body, socket)
    const message = decodeMessage(body)
    if (message !== undefined) {
      this.#owner.message(this.#hello.node, message)
      return true
    }
    return this.#onBeat(body, this.#hello, socket)
  }

  closed(reason: string, fault: TcpFault | undefined): void {
    if (fault !== undefined) this.#fault(fault, reason)
    this.#finish()
  }

  /** To be called once every `beatMs`. */
  beat(): void {
    this.#silent++
    // One more than the dialler allows, who is the first to know and says why.
    if (this.#silent > BEATS_MISSED_MAX + 1) this.#giveUp('silent', 'half-open')
    if (this.#key === undefined || this.#owner.security.isInstalled(this.#key)) return
    // The dialler goes over to another key by itself, and loses nothing by it, as soon as it hears.
    if (++this.#orphaned > BEATS_MISSED_MAX) {
      this.#giveUp('unknown-key', `its key ${this.#key} has been removed`)
    }
  }

  close(): void {
    this.#destroy()
    this.#finish()
  }

  #onCaller(caller: Caller): void {
    if (this.#isClosed) return
    if (!caller.ok) {
      const { fault, reason } = caller.failure
      if (fault !== undefined) this.#fault(fault, reason)
      return this.#finish()
    }
    this.#key = caller.key
    this.#refusal = caller.refusal
    const remote = formatAddress(this.#caller)
    this.#socket = new FrameSocket(caller.socket, remote, LINK_MESSAGE_BYTES_MAX, this)
  }

  #onFirst(body: Uint8Array, socket: FrameSocket): boolean {
    clearTimeout(this.#handshakeTimer)
    const caller = formatAddress(this.#caller)
    const call = { caller, listener: this.#listener, refusal: this.#refusal }
    const verdict = judgeCaller(decodeLink(body), this.#owner.self, call)
    switch (verdict.type) {
      case 'accept':
        this.#hello = verdict.hello
        socket.setBodyBytesMax(FRAME_BYTES_MAX)
        socket.write(this.#owner.helloFrame)
        this.#owner.greeted(verdict.hello, this.#key)
        return true
      case 'introduce':
        socket.write(this.#owner.helloFrame)
        break
      case 'refuse':
        this.#onRefused(verdict.refusal)
        socket.write(linkFrame(verdict.refusal))
        break
      case 'refused':
        this.#fault(`refused-by-peer-${verdict.refusal.reason}`, verdict.refusal.message)
    }
    socket.end()
    this.#finish()
    return false
  }

  #onRefused({ reason, message }: Refusal): void {
    // A seed may well be ourselves, and behind a name with many addresses we are one of them.
    if (reason === 'self' && this.#owner.isOwnCall(this.#caller)) return
    this.#fault(`refused-${reason}`, message)
  }

  /** A frame that is no message can only be the caller's hello once more. */
  #onBeat(body: Uint8Array, hello: Hello, socket: FrameSocket): boolean {
    const beat = decodeLink(body)
    const same =
      beat?.type === 'hello' && beat.node === hello.node && beat.generation === hello.generation
    if (!same) socket.fail('a frame that is no message', 'malformed-frame')
    else if (socket.queuedBytes > ANSWER_BYTES_MAX) {
      socket.fail('it does not read the answers to its beats', 'slow-reader')
    } else socket.write(this.#owner.helloFrame)
    return same
  }

  #fault(cause: TcpFault, detail: string): void {
    const who = this.#hello === undefined ? '' : `, node ${this.#hello.node}`
    const { host } = this.#caller
    this.#owner.fault(cause, `${formatAddress(this.#caller)}${who}: ${detail}`, host)
  }

  #giveUp(cause: TcpFault, detail: string): void {
    if (this.#isGone) return
    this.close()
    this.#fault(cause, detail)
  }

  #destroy(): void {
    this.#isClosed = true
    if (this.#socket === undefined) this.#raw.destroy()
    else this.#socket.destroy()
  }

  #finish(): void {
    if (this.#isGone) return
    this.#isGone = true
    clearTimeout(this.#handshakeTimer)
    this.#owner.gone(this)
  }
}

function addressOf(host = 'unknown', port = 0): Address {
  return { host, port }
}
