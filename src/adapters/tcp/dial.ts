/**
 * One attempt to reach a node: connect, agree on encryption if the mode says so, say hello, hear
 * its hello. `done` is called once and never before `dial` returns, unless the attempt is aborted.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { KeyId } from '../../core/node/cluster-key.ts'
import type { Address } from '../../core/std/ids.ts'
import { formatAddress } from '../../core/std/ids.ts'
import { decodeLink, LINK_MESSAGE_BYTES_MAX, NO_CLUSTER } from '../../core/wire/codec.ts'
import type { Hello } from '../../core/wire/messages.ts'
import { commonProtocol } from '../../core/wire/protocol.ts'
import { encryptCall } from './encrypt-call.ts'
import { describe, FrameSocket, linkFrame } from './frame-socket.ts'
import type { TcpFault } from './link-options.ts'
import { protocolsOf, protocolsText } from './link-options.ts'
import type { LinkTls } from './link-security.ts'
import type { Resolve } from './resolve.ts'
import { lookupBy } from './resolve.ts'

export interface DialOptions {
  readonly address: Address
  /** What we say; its cluster is the one the other must be of, unless it is NO_CLUSTER. */
  readonly hello: Hello
  readonly timeoutMs: number
  readonly security: LinkTls
  readonly resolve: Resolve
  /** To encrypt with instead of the primary key, if it is installed. */
  readonly key?: KeyId | undefined
}

/** A connection whose handshake is done. */
export interface Connection {
  readonly socket: FrameSocket
  /** Of the other side. */
  readonly hello: Hello
  /** What is spoken: the greatest version that both know. */
  readonly protocol: number
  /** Of the cluster's keys the one that encrypts it, if one does. */
  readonly key: KeyId | undefined
}

export type DialOutcome =
  /** The receiver must set the socket's handler before it returns. */
  | ({ readonly ok: true } & Connection)
  | { readonly ok: false; readonly reason: string; readonly fault: TcpFault | undefined }

/** Ends the attempt, and `done` is not called any more; nothing when it has been. */
export type AbortDial = () => void

export function dial(
  options: DialOptions,
  onSocket: (socket: Socket) => void,
  done: (outcome: DialOutcome) => void,
): AbortDial {
  const socket = tryConnect(options)
  if (typeof socket === 'string') {
    const soon = setImmediate(() => done({ ok: false, reason: socket, fault: undefined }))
    return () => clearImmediate(soon)
  }
  onSocket(socket)
  const attempt = new Attempt(socket, options, done)
  return () => attempt.abort()
}

class Attempt {
  readonly #options: DialOptions
  readonly #done: (outcome: DialOutcome) => void
  readonly #remote: string
  readonly #timer: NodeJS.Timeout
  /** What we hold of the connection: itself, then what encrypts it or frames it. */
  #held: { destroy(): void }
  #over = false

  constructor(socket: Socket, options: DialOptions, done: (outcome: DialOutcome) => void) {
    this.#options = options
    this.#done = done
    this.#held = socket
    this.#remote = formatAddress(options.address)
    const { timeoutMs } = options
    this.#timer = setTimeout(
      () => this.#fail(`no hello within ${timeoutMs} ms`, 'handshake-timeout'),
      timeoutMs,
    )
    if (options.security.dialsEncrypted) this.#encrypt(socket)
    else this.#greet(socket, undefined)
  }

  abort(): void {
    if (this.#over) return
    this.#finish()
    this.#held.destroy()
  }

  #encrypt(socket: Socket): void {
    const onEnd = (reason: string): void => this.#fail(reason, undefined)
    const onError = (error: Error): void => onEnd(describe(error))
    const onClose = (): void => onEnd('connection closed by the peer')
    socket.on('error', onError).on('close', onClose)
    socket.once('connect', () => {
      // From here on TLS tells of the end.
      socket.off('close', onClose).off('error', onError)
      socket.on('error', () => {})
      this.#held = encryptCall(socket, this.#options, (call) => {
        if (this.#over) return
        if (call.ok) return this.#greet(call.socket, call.key)
        this.#end({ ok: false, ...call.failure })
      })
    })
  }

  #greet(socket: Socket, key: KeyId | undefined): void {
    const { hello } = this.#options
    const frames = new FrameSocket(socket, this.#remote, LINK_MESSAGE_BYTES_MAX, {
      frame: (body) => {
        const answer = judgeAnswer(body, hello)
        if (answer.ok) this.#end({ ...answer, socket: frames, key })
        else this.#fail(answer.reason, answer.fault)
        return answer.ok
      },
      closed: (reason, fault) => this.#fail(reason, fault),
    })
    this.#held = frames
    frames.write(linkFrame(hello))
  }

  #fail(reason: string, fault: TcpFault | undefined): void {
    this.#held.destroy()
    this.#end({ ok: false, reason, fault })
  }

  #end(outcome: DialOutcome): void {
    if (this.#over) return
    this.#finish()
    this.#done(outcome.ok ? outcome : { ...outcome, reason: `${this.#remote}: ${outcome.reason}` })
  }

  #finish(): void {
    this.#over = true
    clearTimeout(this.#timer)
  }
}

/**
 * Addresses come from peers: one that no socket accepts is an outcome like any other, not an
 * exception.
 */
function tryConnect({ address: { host, port }, resolve }: DialOptions): Socket | string {
  if (host === '') return 'the address has no host'
  try {
    return connect({ host, port, noDelay: true, lookup: lookupBy(resolve) })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

type Answer =
  | { readonly ok: true; readonly hello: Hello; readonly protocol: number }
  | { readonly ok: false; readonly reason: string; readonly fault: TcpFault }

function judgeAnswer(body: Uint8Array, ours: Hello): Answer {
  const answer = decodeLink(body)
  const { cluster } = ours
  if (answer === undefined) {
    return { ok: false, reason: 'the answer is not a hello', fault: 'malformed-frame' }
  }
  if (answer.type === 'refusal') {
    return {
      ok: false,
      reason: `refused (${answer.reason}): ${answer.message}`,
      fault: `refused-by-peer-${answer.reason}`,
    }
  }
  const ranges = [protocolsOf(answer), protocolsOf(ours)] as const
  const protocol = commonProtocol(...ranges)
  if (protocol === undefined) {
    const [theirs, own] = ranges.map(protocolsText)
    const reason = `it speaks protocol ${theirs}, this node ${own}`
    return { ok: false, reason, fault: 'refused-unsupported-protocol' }
  }
  if (cluster !== NO_CLUSTER && answer.cluster !== cluster) {
    const reason = `it belongs to cluster ${answer.cluster}, this node to ${cluster}`
    return { ok: false, reason, fault: 'refused-wrong-cluster' }
  }
  return { ok: true, hello: answer, protocol }
}
