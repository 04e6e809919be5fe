/**
 * The listening side: all connections that others made to us. A restarted peer dials anew while the
 * system may still believe in its old connections; those of an earlier generation are closed when
 * the later one says hello.
 */
import type { Server, Socket } from 'node:net'
import type { KeyId } from '../../core/node/cluster-key.ts'
import type { Address, NodeId } from '../../core/std/ids.ts'
import type { Hello, PeerMessage } from '../../core/wire/messages.ts'
import type { IncomingOwner } from './incoming-link.ts'
import { IncomingLink } from './incoming-link.ts'
import type { LinkBounds, LinkSelf, TcpFault } from './link-options.ts'
import type { LinkTls } from './link-security.ts'
import { TlsAcceptor } from './tls-acceptor.ts'

export interface IncomingOptions {
  readonly server: Server
  readonly self: LinkSelf
  readonly security: LinkTls
  /** Our hello as a frame. */
  readonly helloFrame: Uint8Array
  readonly bounds: LinkBounds
  readonly listener: {
    message(from: NodeId, message: PeerMessage): void
    fault(cause: TcpFault, detail: string, source?: string): void
  }
  /** Whether this very process has made the connection. */
  isOwnCall(caller: Address): boolean
  /** A peer has made a connection, encrypted with `key`, if with any, and said who it is. */
  called(hello: Hello, key: KeyId | undefined): void
}

export class IncomingLinks {
  readonly #server: Server
  readonly #owner: IncomingOwner
  /** Bounded by: `bounds.incomingMax`, enforced as `maxConnections` of the listening socket. */
  readonly #links = new Set<IncomingLink>()

  constructor(options: IncomingOptions) {
    const { server, self, security, helloFrame, bounds, listener } = options
    this.#server = server
    this.#owner = {
      ...{ self, security, helloFrame, acceptor: new TlsAcceptor(security) },
      handshakeTimeoutMs: bounds.handshakeTimeoutMs,
      message: (from, message) => listener.message(from, message),
      greeted: (hello, key) => {
        this.#closeEarlierGenerations(hello)
        options.called(hello, key)
      },
      gone: (link) => this.#links.delete(link),
      isOwnCall: (caller) => options.isOwnCall(caller),
      fault: (cause, detail, source) => listener.fault(cause, detail, source),
    }
    server.maxConnections = bounds.incomingMax
    server.on('connection', (socket) => this.#onConnection(socket))
    server.on('drop', (caller) => {
      const remote = `${caller?.remoteAddress}:${caller?.remotePort}`
      listener.fault('too-many-connections', `${remote}: ${bounds.incomingMax} are open`)
    })
    server.on('error', (error) => listener.fault('accept-failed', error.message))
  }

  beat(): void {
    for (const link of this.#links) link.beat()
  }

  /** Closes all connections; resolves when they and the port are free. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      for (const link of this.#links) link.close()
    })
  }

  #onConnection(socket: Socket): void {
    this.#links.add(new IncomingLink(socket, this.#owner))
  }

  #closeEarlierGenerations(hello: Hello): void {
    for (const link of this.#links) {
      const other = link.hello
      if (other?.node === hello.node && other.generation < hello.generation) link.close()
    }
  }
}
