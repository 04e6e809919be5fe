/**
 * The link to one peer, over which everything goes that this node sends to it; the answers come
 * over the peer's own.
 *
 * ```
 *            send                    hello heard
 *   idle ───────────▶ dialling ───────────────────▶ up
 *     ▲                  │ failed                    │ ended, silent, or its backlog too long
 *     └──────────────────┴───────────────────────────┘   linkDown; for a while not dialled
 * ```
 * What is sent while dialling waits; what is sent during the back-off is lost at once, with a
 * `linkDown` in the next tick.
 *
 * TCP alone does not notice a network that swallows packets, and after a long outage it waits up to
 * two minutes before it tries again. So the dialler repeats its hello as a beat, the listener
 * answers each with its own, and a link that owes several answers while none of its bytes move is
 * dropped and dialled anew.
 *
 * It is encrypted with the primary key; where the peer does not know that one yet, with the key
 * with which it has called. When the key that encrypts the link is removed from the ring, another
 * connection is made with the key of the day, and the link goes over to it: what was handed to the
 * old one still arrives.
 */
import { performance } from 'node:perf_hooks'
import type { KeyId } from '../../core/node/cluster-key.ts'
import type { Address, NodeId } from '../../core/std/ids.ts'
import { formatAddress } from '../../core/std/ids.ts'
import { decodeLink } from '../../core/wire/codec.ts'
import type { PeerMessage } from '../../core/wire/messages.ts'
import { PROTOCOL_MAX } from '../../core/wire/protocol.ts'
import { DialBackoff } from './dial-backoff.ts'
import type { AbortDial, Connection, DialOutcome } from './dial.ts'
import type { FrameHandler } from './frame-socket.ts'
import type { LinkBounds, TcpFault } from './link-options.ts'
import { BEATS_MISSED_MAX } from './link-options.ts'
import { Outbox } from './outbox.ts'

/** What a link needs of the one that owns it. */
export interface LinkOwner {
  readonly bounds: LinkBounds
  /** Our hello as a frame: the beat. */
  readonly helloFrame: Uint8Array
  /** `key`: to encrypt with instead of the primary, if it is installed. */
  dial(address: Address, done: (outcome: DialOutcome) => void, key?: KeyId): AbortDial
  /** Calls `link.flush()` at the end of this tick. */
  flushLater(link: OutgoingLink): void
  /** Tells `linkDown` at the end of this tick. */
  downLater(peer: NodeId, reason: string): void
  linkUp(peer: NodeId): void
  linkDown(peer: NodeId, reason: string): void
  /** With `source` perhaps a matter for people. */
  fault(cause: TcpFault, detail: string, source?: string): void
  /** Whether links may be encrypted with it still. */
  isInstalled(key: KeyId): boolean
  /** Like `fault`, but not from within this call. */
  faultLater(cause: TcpFault, detail: string): void
}

type LinkState =
  | { readonly type: 'idle' }
  | { readonly type: 'dialling'; readonly outbox: Outbox; readonly abort: AbortDial }
  | {
      readonly type: 'up'
      readonly outbox: Outbox
      readonly connection: Connection
      readonly since: number
      /** Makes the connection that is to follow this one. */
      readonly renewal: AbortDial | undefined
    }

const IDLE: LinkState = { type: 'idle' }

export class OutgoingLink {
  readonly peer: NodeId
  readonly #owner: LinkOwner
  readonly #backoff: DialBackoff
  #address: Address | undefined
  #state: LinkState = IDLE
  #flushing = false
  /** What the peer has encrypted its last call with. */
  #calledWith: KeyId | undefined
  /** Beats sent since the last sign of life, and what had been written by the last of them. */
  #missed = 0
  #slices = 0
  /** What was spoken last; before that, what we would like to. */
  #protocol: number = PROTOCOL_MAX

  constructor(peer: NodeId, owner: LinkOwner) {
    this.peer = peer
    this.#owner = owner
    const { backoffMinMs, backoffMaxMs } = owner.bounds
    this.#backoff = new DialBackoff({
      minMs: backoffMinMs,
      maxMs: backoffMaxMs,
      random: Math.random,
    })
  }

  get isIdle(): boolean {
    return this.#state.type === 'idle'
  }

  get address(): Address | undefined {
    return this.#address
  }

  /** For the next dial: a link that stands is not touched. */
  setAddress(address: Address): void {
    if (this.#address?.host === address.host && this.#address.port === address.port) return
    this.#address = address
    this.#backoff.reset()
  }

  send(message: PeerMessage): void {
    const outbox = this.#state.type === 'idle' ? this.#dial() : this.#state.outbox
    if (outbox === undefined) return
    const result = outbox.push(message)
    if (result === 'oversize') {
      this.#owner.faultLater('oversize-message', `a ${message.type} for ${this.peer}`)
    } else if (result === 'full') {
      this.#giveUp()
      this.#owner.downLater(this.peer, 'more is queued for it than may be')
    } else if (!this.#flushing) {
      this.#flushing = true
      this.#owner.flushLater(this)
    }
  }

  flush(): void {
    this.#flushing = false
    if (this.#state.type !== 'idle') this.#state.outbox.flush()
  }

  /**
   * The peer, in this generation, has made a connection to us. So it lives, whatever our last dials
   * met: what we owe it would be lost in a back-off, and it would wait for an answer until its
   * deadline. And a link to an earlier generation of it leads to a process that is no more.
   */
  onCalled(generation: number, key: KeyId | undefined): void {
    this.#calledWith = key
    if (this.#state.type === 'up' && this.#state.connection.hello.generation < generation) {
      this.#onLost('it has restarted')
    }
    this.#backoff.reset()
  }

  /** Takes over a connection whose handshake is done, unless the link stands already. */
  adopt(connection: Connection): void {
    if (this.#state.type === 'up') return connection.socket.destroy()
    if (this.#state.type === 'dialling') this.#state.abort()
    const outbox = this.#state.type === 'dialling' ? this.#state.outbox : this.#newOutbox()
    this.#stand(connection, outbox, performance.now())
    this.#owner.linkUp(this.peer)
    outbox.flush()
  }

  /** To be called once every `beatMs`. */
  beat(): void {
    if (this.#state.type !== 'up') return
    const { outbox } = this.#state
    // A long queue on a slow network delays the beats as well: while bytes move, the peer lives.
    const moved = outbox.queuedBytes > 0 && outbox.slices !== this.#slices
    this.#slices = outbox.slices
    if (moved) this.#missed = 0
    if (this.#missed >= BEATS_MISSED_MAX) {
      this.#owner.fault('silent', `${this.#state.connection.socket.remote}, node ${this.peer}`)
      return this.#onLost(`no sign of life for ${this.#missed} beats`)
    }
    this.#missed++
    outbox.pushFrame(this.#owner.helloFrame)
    outbox.flush()
    this.#renewIfDue()
  }

  /** Writes what is queued and closes; nobody is told. */
  end(): void {
    if (this.#state.type === 'dialling') this.#state.abort()
    if (this.#state.type === 'up') {
      this.#state.renewal?.()
      this.#state.outbox.end()
      this.#state.connection.socket.end()
    }
    this.#state = IDLE
  }

  #stand(connection: Connection, outbox: Outbox, since: number): void {
    this.#state = { type: 'up', outbox, connection, since, renewal: undefined }
    this.#missed = 0
    this.#slices = 0
    connection.socket.handler = this.#handler
    this.#protocol = connection.protocol
    outbox.attach(connection.socket, connection.protocol)
  }

  #renewIfDue(): void {
    const state = this.#state
    if (state.type !== 'up' || state.renewal !== undefined || this.#address === undefined) return
    const { key } = state.connection
    if (key === undefined || this.#owner.isInstalled(key)) return
    const renewal = this.#owner.dial(this.#address, (outcome) => {
      if (!this.#isPeer(outcome)) return
      state.outbox.end()
      state.connection.socket.end()
      this.#stand(outcome, this.#newOutbox(), state.since)
    })
    this.#state = { ...state, renewal }
  }

  /** Where to queue until the peer has answered; undefined when it cannot be dialled now. */
  #dial(): Outbox | undefined {
    const waitMs = this.#backoff.waitMs(performance.now())
    if (this.#address === undefined || waitMs > 0) {
      const why =
        waitMs > 0 ? `not dialled again for ${Math.ceil(waitMs)} ms` : 'its address is not known'
      this.#owner.downLater(this.peer, why)
      return undefined
    }
    const abort = this.#owner.dial(this.#address, (outcome) => this.#onDialled(outcome))
    const outbox = this.#newOutbox()
    this.#state = { type: 'dialling', outbox, abort }
    return outbox
  }

  #newOutbox(): Outbox {
    return new Outbox(this.#owner.bounds.backlogBytesMax, this.#protocol)
  }

  #onDialled(outcome: DialOutcome): void {
    if (!outcome.ok && outcome.fault === 'unknown-key' && this.#dialAsCalled()) return
    if (this.#isPeer(outcome)) this.adopt(outcome)
  }

  /**
   * A peer that was away while the cluster took another primary key does not know that one, and
   * hears of it only from us. What it has called us with, it knows.
   */
  #dialAsCalled(): boolean {
    const state = this.#state
    const key = this.#calledWith
    if (state.type !== 'dialling' || this.#address === undefined) return false
    if (key === undefined || !this.#owner.isInstalled(key)) return false
    const done = (outcome: DialOutcome): void => {
      if (this.#isPeer(outcome)) this.adopt(outcome)
    }
    this.#state = { ...state, abort: this.#owner.dial(this.#address, done, key) }
    return true
  }

  /** Whether the one meant has answered; if not, the link is lost. */
  #isPeer(outcome: DialOutcome): outcome is DialOutcome & { readonly ok: true } {
    if (!outcome.ok) {
      const source = this.#address === undefined ? undefined : formatAddress(this.#address)
      if (outcome.fault !== undefined) this.#owner.fault(outcome.fault, outcome.reason, source)
      this.#onLost(outcome.reason)
      return false
    }
    const { socket, hello } = outcome
    if (hello.node === this.peer) return true
    socket.destroy()
    const reason = `${socket.remote} is node ${hello.node}, not ${this.peer}`
    this.#owner.fault('wrong-peer', reason)
    this.#onLost(reason)
    return false
  }

  #onLost(reason: string): void {
    this.#giveUp()
    this.#owner.linkDown(this.peer, reason)
  }

  #giveUp(): void {
    const now = performance.now()
    const state = this.#state
    this.#state = IDLE
    if (state.type === 'dialling') {
      state.abort()
      this.#backoff.onFailed(now)
    }
    if (state.type === 'up') {
      state.renewal?.()
      state.connection.socket.destroy()
      this.#backoff.onLost(now, now - state.since)
    }
  }

  /** Of a link that stands. All that comes over it are answers to beats. */
  readonly #handler: FrameHandler = {
    frame: (body) => {
      this.#missed = 0
      if (decodeLink(body)?.type === 'hello') return true
      this.#owner.fault('malformed-frame', `node ${this.peer} sent a message over the link to it`)
      this.#onLost('it sent what has no place on this link')
      return false
    },
    closed: (reason, fault) => {
      if (fault !== undefined) this.#owner.fault(fault, `node ${this.peer}: ${reason}`)
      this.#onLost(reason)
    },
  }
}
