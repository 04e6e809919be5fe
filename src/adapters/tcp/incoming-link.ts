/**
 * A connection that a peer made to us: first its hello, then its messages, one behind the other.
 * Nothing is sent back but the answers to its hello and to its beats; what we have to say to it
 * goes over our own link.
 */
import type { Socket } from 'node:net'
import type { NodeId } from '../../core/std/ids.ts'
import { FRAME_BYTES_MAX } from '../../core/std/limits.ts'
import { decodeLink, decodeMessage, LINK_MESSAGE_BYTES_MAX } from '../../core/wire/codec.ts'
import type { Hello, PeerMessage } from '../../core/wire/messages.ts'
import type { FrameHandler } from './frame-socket.ts'
import { FrameSocket, linkFrame } from './frame-socket.ts'
import { judgeCaller } from './handshake.ts'
import type { LinkSelf, TcpFault } from './link-options.ts'
import { BEATS_MISSED_MAX } from './link-options.ts'

/** Answers to beats that the peer has not read; a peer that reads never has more than one. */
const ANSWER_BYTES_MAX = 16 * 1024

/** What an incoming link needs of the one that owns it. */
export interface IncomingOwner {
  readonly self: LinkSelf
  /** Our hello as a frame. */
  readonly helloFrame: Uint8Array
  readonly handshakeTimeoutMs: number
  message(from: NodeId, message: PeerMessage): void
  /** The caller has said who it is. */
  greeted(hello: Hello): void
  /** The connection is gone, for whatever reason. */
  gone(link: IncomingLink): void
  fault(cause: TcpFault, detail: string): void
}

export class IncomingLink implements FrameHandler {
  readonly #owner: IncomingOwner
  readonly #socket: FrameSocket
  readonly #handshakeTimer: NodeJS.Timeout
  #hello: Hello | undefined
  /** Beats of ours since anything came. */
  #silent = 0

  constructor(socket: Socket, remote: string, owner: IncomingOwner) {
    this.#owner = owner
    this.#socket = new FrameSocket(socket, remote, LINK_MESSAGE_BYTES_MAX, this)
    this.#handshakeTimer = setTimeout(
      () => this.#socket.fail('no hello in time', 'handshake-timeout'),
      owner.handshakeTimeoutMs,
    )
  }

  /** Who is there; undefined before its hello. */
  get hello(): Hello | undefined {
    return this.#hello
  }

  frame(body: Uint8Array): boolean {
    this.#silent = 0
    if (this.#hello === undefined) return this.#onFirst(body)
    const message = decodeMessage(body)
    if (message !== undefined) {
      this.#owner.message(this.#hello.node, message)
      return true
    }
    return this.#onBeat(body, this.#hello)
  }

  closed(reason: string, fault: TcpFault | undefined): void {
    if (fault !== undefined) this.#fault(fault, reason)
    this.#finish()
  }

  /** To be called once every `beatMs`. */
  beat(): void {
    this.#silent++
    // One more than the dialler allows, who is the first to know and says why.
    if (this.#silent > BEATS_MISSED_MAX + 1) this.#socket.fail('half-open', 'silent')
  }

  close(): void {
    this.#socket.destroy()
    this.#finish()
  }

  #onFirst(body: Uint8Array): boolean {
    clearTimeout(this.#handshakeTimer)
    const verdict = judgeCaller(decodeLink(body), this.#owner.self)
    switch (verdict.type) {
      case 'accept':
        this.#hello = verdict.hello
        this.#socket.setBodyBytesMax(FRAME_BYTES_MAX)
        this.#socket.write(this.#owner.helloFrame)
        this.#owner.greeted(verdict.hello)
        return true
      case 'introduce':
        this.#socket.write(this.#owner.helloFrame)
        break
      case 'refuse':
        this.#fault(`refused-${verdict.refusal.reason}`, verdict.refusal.message)
        this.#socket.write(linkFrame(verdict.refusal))
    }
    this.#socket.end()
    this.#finish()
    return false
  }

  /** A frame that is no message can only be the caller's hello once more. */
  #onBeat(body: Uint8Array, hello: Hello): boolean {
    const beat = decodeLink(body)
    const same =
      beat?.type === 'hello' && beat.node === hello.node && beat.generation === hello.generation
    if (!same) this.#socket.fail('a frame that is no message', 'malformed-frame')
    else if (this.#socket.queuedBytes > ANSWER_BYTES_MAX) {
      this.#socket.fail('it does not read the answers to its beats', 'slow-reader')
    } else this.#socket.write(this.#owner.helloFrame)
    return same
  }

  #fault(cause: TcpFault, detail: string): void {
    const who = this.#hello === undefined ? '' : `, node ${this.#hello.node}`
    this.#owner.fault(cause, `${this.#socket.remote}${who}: ${detail}`)
  }

  #finish(): void {
    clearTimeout(this.#handshakeTimer)
    this.#owner.gone(this)
  }
}
