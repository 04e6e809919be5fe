/**
 * Several nodes of one cluster behind a fake of the client's HTTP: no sockets, so that a test says
 * exactly who answers, who does not, and when.
 */
import { Buffer } from 'node:buffer'
import { Readable } from 'node:stream'
import type { ClusterJson, LayoutJson } from '../../packages/client/src/api.ts'
import type {
  HttpExchange,
  HttpRequest,
  HttpResponse,
  HttpStream,
} from '../../packages/client/src/exchange.ts'

export type FakeServing =
  | { readonly status: number; readonly json?: unknown; readonly headers?: Record<string, string> }
  /** Nobody listens. */
  | 'refuse'
  /** The connection breaks before the answer. */
  | 'break'
  /** No answer, until the client gives up. */
  | 'hang'

export class FakeExchange implements HttpExchange {
  /** Node ids; that of place i is at `http://127.0.0.1:600i`. */
  readonly ids: readonly string[]
  /** What a node does with a request about keys; by its place. */
  serve: (place: number, request: HttpRequest) => FakeServing
  /** The layout that nodes tell of, and what they say of it with every answer. */
  layout: LayoutJson
  cluster = 'c0ffee'
  tag: string | undefined
  /** Places of those that nobody reaches. */
  readonly dead: Set<number> = new Set()
  /** Requests about keys, and all others. */
  readonly asked: { readonly place: number; readonly method: string; readonly path: string }[] = []
  /** What a node answers who is asked for a stream. */
  stream: (place: number, request: HttpRequest) => FakeServing | AsyncIterable<Uint8Array>
  readonly opened: {
    readonly place: number
    readonly path: string
    readonly query: URLSearchParams
  }[] = []
  readonly learned: { readonly place: number; readonly path: string }[] = []

  constructor(nodes: number) {
    this.ids = Array.from({ length: nodes }, (_, i) => `00000000000000a${i}`)
    this.serve = () => ({ status: 200, json: 'value', headers: { 'x-dnd-context': 'c' } })
    this.stream = () => 'refuse'
    this.layout = this.layoutOf(1, [0])
  }

  url(place: number): string {
    return `http://127.0.0.1:600${place}`
  }

  /** Every partition has these replicas, in this order. */
  layoutOf(version: number, replicas: readonly number[]): LayoutJson {
    const set = replicas.map((place) => this.ids[place]!)
    return {
      version,
      partitions: 8,
      replicas: replicas.length,
      roles: this.ids.map((node) => ({ node, zone: 'z', weight: 1 })),
      table: Array.from({ length: 8 }, () => set),
      balance: [],
    }
  }

  /** Places asked about keys since the last call, in order. */
  taken(): readonly number[] {
    return this.asked.splice(0).map(({ place }) => place)
  }

  async send(request: HttpRequest): Promise<HttpResponse> {
    const url = new URL(request.url)
    const place = Number(url.port) - 6000
    const path = url.pathname
    if (path === '/cluster' || path === '/layout') {
      this.learned.push({ place, path })
      if (this.dead.has(place)) return this.#answer('refuse', request)
      const json = path === '/layout' ? this.layout : this.#clusterJson(place)
      return this.#answer({ status: 200, json }, request)
    }
    this.asked.push({ place, method: request.method, path })
    return this.#answer(this.dead.has(place) ? 'refuse' : this.serve(place, request), request)
  }

  async open(request: HttpRequest): Promise<HttpStream> {
    const url = new URL(request.url)
    const place = Number(url.port) - 6000
    this.opened.push({ place, path: url.pathname, query: url.searchParams })
    if (this.dead.has(place)) return this.#answer('refuse', request) as never
    const serving = this.stream(place, request)
    if (typeof serving === 'string' || !(Symbol.asyncIterator in serving)) {
      const { status, headers, bytes } = await this.#answer(serving, request)
      return { status, headers, chunks: Readable.from([bytes]) }
    }
    return { status: 200, headers: new Headers(), chunks: serving }
  }

  close(): void {
    this.dead.clear()
  }

  async #answer(serving: FakeServing, { signal }: HttpRequest): Promise<HttpResponse> {
    if (serving === 'refuse') throw Object.assign(new Error('no'), { code: 'ECONNREFUSED' })
    if (serving === 'break') throw Object.assign(new Error('no'), { code: 'ECONNRESET' })
    if (serving === 'hang')
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')))
      })
    const { status, json, headers = {} } = serving
    const all = new Headers(headers)
    if (this.tag !== undefined) all.set('x-dnd-layout', this.tag)
    if (!all.has('content-type'))
      all.set('content-type', status >= 400 ? 'application/problem+json' : 'application/json')
    return {
      status,
      headers: all,
      bytes: new Uint8Array(Buffer.from(JSON.stringify(json ?? null))),
    }
  }

  #clusterJson(place: number): ClusterJson {
    return {
      cluster: this.cluster,
      self: this.ids[place]!,
      encryption: { mode: 'off' },
      members: this.ids.map((id, i) => ({
        id,
        name: `node${i}`,
        state: 'alive',
        since: '2030-01-01T00:00:00.000Z',
        zone: 'z',
        weight: 1,
        addresses: { cluster: `127.0.0.1:500${i}`, http: `127.0.0.1:600${i}` },
        generation: 1,
        incarnation: 0,
        version: '0.1.0',
      })),
    }
  }
}
