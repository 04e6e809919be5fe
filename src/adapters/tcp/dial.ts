/**
 * One attempt to reach a node: connect, say hello, hear its hello. `done` is called once and never
 * before `dial` returns, unless the attempt is aborted.
 */
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import type { Address, ClusterId } from '../../core/std/ids.ts'
import { formatAddress } from '../../core/std/ids.ts'
import {
  decodeLink,
  LINK_MESSAGE_BYTES_MAX,
  NO_CLUSTER,
  PROTOCOL_VERSION,
} from '../../core/wire/codec.ts'
import type { Hello } from '../../core/wire/messages.ts'
import { FrameSocket, linkFrame } from './frame-socket.ts'
import type { TcpFault } from './link-options.ts'

export interface DialOptions {
  readonly address: Address
  /** What we say; its cluster is the one the other must be of, unless it is NO_CLUSTER. */
  readonly hello: Hello
  readonly timeoutMs: number
}

export type DialOutcome =
  /** The receiver must set the socket's handler before it returns. */
  | { readonly ok: true; readonly socket: FrameSocket; readonly hello: Hello }
  | { readonly ok: false; readonly reason: string; readonly fault: TcpFault | undefined }

/** Ends the attempt, and `done` is not called any more; nothing when it has been. */
export type AbortDial = () => void

export function dial(
  options: DialOptions,
  onSocket: (socket: Socket) => void,
  done: (outcome: DialOutcome) => void,
): AbortDial {
  const socket = tryConnect(options.address)
  if (typeof socket === 'string') {
    const soon = setImmediate(() => done({ ok: false, reason: socket, fault: undefined }))
    return () => clearImmediate(soon)
  }
  onSocket(socket)
  let over = false
  const finish = (): void => {
    over = true
    clearTimeout(timer)
  }
  const fail = (reason: string, fault: TcpFault | undefined): void => {
    finish()
    frames.destroy()
    done({ ok: false, reason: `${frames.remote}: ${reason}`, fault })
  }
  const frames = new FrameSocket(socket, formatAddress(options.address), LINK_MESSAGE_BYTES_MAX, {
    frame: (body) => {
      const answer = judgeAnswer(body, options.hello.cluster)
      if (!answer.ok) {
        fail(answer.reason, answer.fault)
        return false
      }
      finish()
      done({ ok: true, socket: frames, hello: answer.hello })
      return true
    },
    closed: fail,
  })
  const timer = setTimeout(
    () => fail(`no hello within ${options.timeoutMs} ms`, 'handshake-timeout'),
    options.timeoutMs,
  )
  frames.write(linkFrame(options.hello))
  return () => {
    if (over) return
    finish()
    frames.destroy()
  }
}

/**
 * Addresses come from peers: one that no socket accepts is an outcome like any other, not an
 * exception.
 */
function tryConnect({ host, port }: Address): Socket | string {
  if (host === '') return 'the address has no host'
  try {
    return connect({ host, port, noDelay: true })
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

type Answer =
  | { readonly ok: true; readonly hello: Hello }
  | { readonly ok: false; readonly reason: string; readonly fault: TcpFault }

function judgeAnswer(body: Uint8Array, cluster: ClusterId): Answer {
  const answer = decodeLink(body)
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
  if (answer.protocol !== PROTOCOL_VERSION) {
    const reason = `it speaks protocol ${answer.protocol}, this node ${PROTOCOL_VERSION}`
    return { ok: false, reason, fault: 'refused-unsupported-protocol' }
  }
  if (cluster !== NO_CLUSTER && answer.cluster !== cluster) {
    const reason = `it belongs to cluster ${answer.cluster}, this node to ${cluster}`
    return { ok: false, reason, fault: 'refused-wrong-cluster' }
  }
  return { ok: true, hello: answer }
}
