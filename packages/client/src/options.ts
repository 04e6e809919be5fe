/** How a client is set up. */
import type { Credentials } from './credentials.ts'
import type { HttpExchange } from './exchange.ts'
import type { HedgeOptions } from './hedge.ts'
import type { AddressOf } from './ring.ts'

export interface DndClientOptions extends Credentials {
  /** Base URLs of nodes, such as `http://127.0.0.1:6001`. */
  readonly server: string | readonly string[]
  /** Patience with one request where it names none, milliseconds. Default 10,000. */
  readonly timeoutMs?: number
  /** Default: that of the platform. */
  readonly fetch?: typeof fetch
  /** Sends requests instead of `fetch`. */
  readonly exchange?: HttpExchange
  /**
   * How often all servers are asked again, after pauses that grow, when none could serve a request
   * that is safe to send again. Default 4; 0: each server is asked once.
   */
  readonly retries?: number
  /** Whether to learn which nodes hold a key and to ask these. Default: true. */
  readonly routing?: boolean
  /**
   * Where a member is reached from here; undefined: nowhere. Default: at the HTTP address that it
   * tells of itself, unless that is plain and a server was given as `https`, or it is another
   * machine's loopback.
   */
  readonly addressOf?: AddressOf
  /** Whether to ask a second node when a read is late. Default: false. */
  readonly hedge?: boolean | HedgeOptions
}
