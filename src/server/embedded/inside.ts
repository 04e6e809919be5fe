/**
 * Questions about the cluster rather than about a key: put to the handlers of the HTTP API, with
 * values in place of requests and answers.
 */
import type { Asked } from '../../adapters/http/exchange.ts'
import { NO_QUERY } from '../../adapters/http/query.ts'
import type { Query } from '../../adapters/http/query.ts'
import type { NodeSite } from '../../adapters/http/site.ts'
import type { Failure } from '../../core/coordinator/messages.ts'
import type { DndError } from '../../core/errors.ts'
import { DEFAULT_BUCKET } from '../../core/node/buckets.ts'
import type { Answering } from './desk.ts'

export interface Named {
  readonly bucket?: string
  readonly key?: Uint8Array
  readonly query?: Partial<Query>
}

const NO_BYTES = new Uint8Array(0)

export class Inside<T> implements Asked {
  readonly site: NodeSite
  readonly bucket: string
  readonly key: Uint8Array
  readonly query: Readonly<Query>
  readonly #answering: Answering<T>

  constructor(site: NodeSite, answering: Answering<T>, { bucket, key, query }: Named) {
    this.site = site
    this.bucket = bucket ?? DEFAULT_BUCKET
    this.key = key ?? NO_BYTES
    this.query = { ...NO_QUERY, ...query }
    this.#answering = answering
  }

  /** What is answered may be a part of the node's state: the app gets a copy, as JSON would be. */
  json(_status: number, value: unknown): void {
    this.#answering.answer(JSON.parse(JSON.stringify(value)) as T)
  }

  failure(failure: Failure): void {
    this.#answering.fail(failure)
  }

  fail(error: DndError): void {
    this.#answering.refuse(error)
  }
}
