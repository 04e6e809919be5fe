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
}

export class DndClient extends AnyClient {
  constructor(options: DndClientOptions) {
    const isGiven = options.exchange !== undefined || options.fetch !== undefined
    super(isGiven ? options : { ...options, exchange: httpExchange(options.pool) })
  }
}
