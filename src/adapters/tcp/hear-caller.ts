/**
 * Whether a caller speaks TLS or plain: its first byte says so. A plain connection begins with the
 * length of a hello, whose first byte is 0; TLS begins with a handshake record, whose first byte is
 * 22. So that one port takes both, and can turn from the one to the other while the cluster runs.
 */
import type { Socket } from 'node:net'
import type { KeyId } from '../../core/node/cluster-key.ts'
import type { Refusal } from '../../core/wire/messages.ts'
import { encryptionRequired } from './handshake.ts'
import type { LinkTls } from './link-security.ts'
import type { TlsAcceptor } from './tls-acceptor.ts'
import type { TlsFailure } from './tls-fault.ts'
import { NOT_ENCRYPTED_ALERT } from './tls-fault.ts'

const TLS_HANDSHAKE = 22

export type Caller =
  | {
      readonly ok: true
      readonly socket: Socket
      /** Whose secret both sides have proved to have; undefined when plain or by certificates. */
      readonly key: KeyId | undefined
      /** What it gets to hear in answer to its hello, whatever that says. */
      readonly refusal: Refusal | undefined
    }
  /** Closes by itself. */
  | { readonly ok: false; readonly failure: TlsFailure }

/** `done` is called at most once: not when the connection goes away without a byte. */
export function hearCaller(
  socket: Socket,
  security: LinkTls,
  acceptor: TlsAcceptor,
  done: (caller: Caller) => void,
): void {
  socket.once('data', (first: Buffer) => {
    socket.pause()
    const { mode } = security
    if (first[0] === TLS_HANDSHAKE && mode === 'off') return done(turnAway(socket))
    socket.unshift(first)
    if (first[0] === TLS_HANDSHAKE) return acceptor.accept(socket, done)
    const refusal = mode === 'required' ? encryptionRequired(security.hasCertificates) : undefined
    done({ ok: true, socket, key: undefined, refusal })
    socket.resume()
  })
}

function turnAway(socket: Socket): Caller {
  socket.write(NOT_ENCRYPTED_ALERT)
  socket.destroySoon()
  const reason =
    "the caller encrypts and this node does not: give this node the cluster's key with --key-file"
  return { ok: false, failure: { fault: 'not-encrypted', reason } }
}
