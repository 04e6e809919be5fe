/**
 * Makes a node compare what it holds with all other replicas now, and tells how far it has come.
 * Each node repairs what it holds: a client of one server asks that one.
 */
import type { RepairJson, RepairRunJson } from './api.ts'
import { queryOf } from './encoding.ts'
import type { TransportRequest, TransportResponse } from './transport.ts'
import { parseJson } from './transport.ts'

type Send = (request: Omit<TransportRequest, 'timeoutMs'>) => Promise<TransportResponse>

export interface RepairOptions {
  /** Only this bucket. */
  readonly bucket?: string | undefined
  /** Only keys that begin with this, of the bucket `default` where none is named. */
  readonly prefix?: string | undefined
}

export class Repairs {
  readonly #send: Send

  constructor(send: Send) {
    this.#send = send
  }

  /** Answered when it has begun. */
  async begin(options: RepairOptions = {}): Promise<RepairRunJson> {
    const query = queryOf({ bucket: options.bucket, prefix: options.prefix })
    const response = await this.#send({
      ...{ method: 'POST', path: `/repair${query}`, write: true, expected: [202] },
    })
    return parseJson(response) as RepairRunJson
  }

  async progress(): Promise<RepairJson> {
    const response = await this.#send({
      ...{ method: 'GET', path: '/repair', write: false, expected: [200] },
    })
    return parseJson(response) as RepairJson
  }
}
