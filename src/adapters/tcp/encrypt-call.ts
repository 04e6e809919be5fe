/**
 * The dialler's half of a TLS handshake, over a connection that it has made.
 */
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { connect } from 'node:tls'
import type { KeyId } from '../../core/node/cluster-key.ts'
import { linkFrame } from './frame-socket.ts'
import { badCertificate } from './handshake.ts'
import type { LinkTls } from './link-security.ts'
import type { TlsFailure } from './tls-fault.ts'
import { callerFailure } from './tls-fault.ts'

export type EncryptedCall =
  /** `key`: what both sides have proved to have; undefined with certificates. */
  | { readonly ok: true; readonly socket: TLSSocket; readonly key: KeyId | undefined }
  | { readonly ok: false; readonly failure: TlsFailure }

/**
 * `done` is called at most once: not when the connection is destroyed by us before. `socket` must
 * be connected.
 */
export function encryptCall(
  socket: Socket,
  { security, key: wanted }: { readonly security: LinkTls; readonly key?: KeyId | undefined },
  done: (call: EncryptedCall) => void,
): TLSSocket {
  const { options, key } = security.forCaller(wanted)
  const tls = connect({ ...options, socket })
  const fail = (failure: TlsFailure): void => {
    settle()
    // What comes after the failure is only its consequence.
    tls.on('error', () => tls.destroy())
    tls.destroySoon()
    done({ ok: false, failure })
  }
  const onError = (error: Error): void => fail(callerFailure(error, key))
  const onClose = (): void => fail({ fault: undefined, reason: 'connection closed by the peer' })
  const onSecure = (): void => {
    if (tls.authorized) {
      settle()
      return done({ ok: true, socket: tls, key })
    }
    const refusal = badCertificate(tls.authorizationError)
    tls.write(linkFrame(refusal))
    const reason = `its certificate is not one of this cluster (${tls.authorizationError})`
    fail({ fault: 'bad-certificate', reason })
  }
  const settle = (): void => {
    tls.off('error', onError).off('close', onClose).off('secureConnect', onSecure)
  }
  tls.on('error', onError).on('close', onClose).on('secureConnect', onSecure)
  return tls
}
