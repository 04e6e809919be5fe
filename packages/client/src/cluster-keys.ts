/**
 * The keys that encrypt the traffic between nodes: who has which, and how they are changed while
 * the cluster runs (install, use, remove). Nodes take changes only from programs on their own
 * machine.
 */
import type { ClusterKeysJson, KeyChangeJson } from './api.ts'
import { encode, queryOf } from './encoding.ts'
import type { TransportRequest, TransportResponse } from './transport.ts'
import { parseJson } from './transport.ts'

type Send = (request: Omit<TransportRequest, 'timeoutMs'>) => Promise<TransportResponse>

export class ClusterKeys {
  readonly #send: Send

  constructor(send: Send) {
    this.#send = send
  }

  async list(): Promise<ClusterKeysJson> {
    const response = await this.#send({
      ...{ method: 'GET', path: '/keys', write: false, expected: [200] },
    })
    return parseJson(response) as ClusterKeysJson
  }

  /** Gives all members a key, with which nobody seals yet. */
  install(key: string): Promise<KeyChangeJson> {
    return this.#change('POST', '/keys', { key })
  }

  /** Makes all members seal with an installed key. */
  use(id: string): Promise<KeyChangeJson> {
    return this.#change('PUT', '/keys/primary', { id })
  }

  /** Makes all members forget a key; `force`: also where a member may be left behind by it. */
  remove(id: string, options: { readonly force?: boolean } = {}): Promise<KeyChangeJson> {
    const query = queryOf({ force: options.force === true ? true : undefined })
    return this.#change('DELETE', `/keys/${encode(id)}${query}`)
  }

  async #change(
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    body?: Readonly<Record<string, string>>,
  ): Promise<KeyChangeJson> {
    const response = await this.#send({
      ...{ method, path, write: true, expected: [200] },
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    })
    return parseJson(response) as KeyChangeJson
  }
}
