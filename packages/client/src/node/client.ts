/**
 * The client for Node: the same, over `node:http` with a pool of connections. `fetch` is used where
 * one is given.
 */
import { DndClient as AnyClient } from '../client.ts'
import type { DndClientOptions as AnyClientOptions } from '../client.ts'
import type { PoolOptions } from './http-exchange.ts'
import { httpExchange } from './http-exchange.ts'

export type * from '../client.ts'
export {
  bytesCodec,
  DndClientError,
  DndSchemaError,
  DndSiblingsError,
  jsonCodec,
  textCodec,
} from '../client.ts'
export { httpExchange } from './http-exchange.ts'
export type { PoolOptions } from './http-exchange.ts'

export interface DndClientOptions extends AnyClientOptions {
  /** Of connections; not with `fetch` or `exchange`. */
  readonly pool?: PoolOptions
  /**
   * Who signs the certificates of the servers, PEM: trusted instead of the authorities that Node
   * trusts. Not with `fetch` or `exchange`.
   */
  readonly ca?: string | Uint8Array
}

export class DndClient extends AnyClient {
  constructor(options: DndClientOptions) {
    const isGiven = options.exchange !== undefined || options.fetch !== undefined
    const { pool, ca } = options
    super(isGiven ? options : { ...options, exchange: httpExchange(pool, ca) })
  }
}
