/**
 * The listener's half of TLS handshakes. One server, which does not listen itself, takes over the
 * connections of callers who have begun one. Its events name the encrypted socket and not the
 * connection beneath; the two are brought together by the caller's address, which no two open
 * connections to one port have in common.
 */
import type { Socket } from 'node:net'
import type { Server, TLSSocket } from 'node:tls'
import { createServer } from 'node:tls'
import type { KeyId } from '../../core/node/cluster-key.ts'
import { badCertificate } from './handshake.ts'
import type { Caller } from './hear-caller.ts'
import type { LinkTls } from './link-security.ts'
import { listenerFailure } from './tls-fault.ts'

export class TlsAcceptor {
  readonly #security: LinkTls
  readonly #server: Server
  /** Callers in their handshake, by address. Bounded by: the connections that may be open. */
  readonly #callers = new Map<string, (caller: Caller) => void>()
  /** The key that each has named. */
  readonly #named = new WeakMap<TLSSocket, KeyId>()

  constructor(security: LinkTls) {
    this.#security = security
    const options = security.forListener((caller, id) => {
      if (id !== undefined) this.#named.set(caller, id)
    })
    this.#server = createServer(options)
    this.#server.on('secureConnection', (socket) => this.#onSecure(socket))
    this.#server.on('tlsClientError', (error, socket) => this.#onError(error, socket))
  }

  /** `done` is called once. What the socket has been read of must have been given back to it. */
  accept(socket: Socket, done: (caller: Caller) => void): void {
    const address = addressOf(socket)
    this.#callers.set(address, done)
    socket.once('close', () => {
      // The server says more, and sooner, if the caller is there still when it finds out.
      setImmediate(() => {
        if (this.#callers.get(address) === done) this.#fail(address, undefined, undefined)
      })
    })
    this.#server.emit('connection', socket)
  }

  #onSecure(socket: TLSSocket): void {
    const done = this.#take(addressOf(socket))
    if (done === undefined) {
      socket.destroy()
      return
    }
    const isTrusted = !this.#security.hasCertificates || socket.authorized
    const refusal = isTrusted ? undefined : badCertificate(socket.authorizationError)
    done({ ok: true, socket, key: this.#named.get(socket), refusal })
  }

  #onError(error: Error, socket: TLSSocket): void {
    this.#fail(addressOf(socket), error, this.#named.get(socket))
  }

  #fail(address: string, error: Error | undefined, key: KeyId | undefined): void {
    this.#take(address)?.({ ok: false, failure: listenerFailure(error, key) })
  }

  #take(address: string): ((caller: Caller) => void) | undefined {
    const done = this.#callers.get(address)
    this.#callers.delete(address)
    return done
  }
}

function addressOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress} ${remotePort}`
}
