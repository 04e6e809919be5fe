/**
 * A node's HTTP API over a map, for tests of what talks to a node: same paths, bodies and statuses,
 * no cluster behind it. `intercept` sees each request first and may answer it, break the connection
 * or let it hang.
 */
import { Buffer } from 'node:buffer'
import { once } from 'node:events'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type {
  BatchOperationJson,
  BatchRequestJson,
  BatchResultJson,
  BucketPropertiesJson,
  ClusterJson,
  HealthJson,
  LayoutJson,
  ProblemJson,
  ValueJson,
} from '../../packages/client/src/api.ts'

export interface FakeRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: Buffer
}

export type FakeAnswer =
  | {
      readonly status: number
      readonly json?: unknown
      readonly text?: string | Buffer
      readonly headers?: Record<string, string>
    }
  /** Close the connection without an answer; with `apply`, after having done what was asked. */
  | { readonly break: true; readonly apply?: boolean }
  | { readonly hang: true }

interface Version {
  readonly id: number
  readonly value: ValueJson
}
interface Slot {
  readonly bucket: string
  readonly key: string
  readonly sort: string | undefined
  versions: Version[]
}

const NODE_IDS = ['00000000000000a1', '00000000000000a2', '00000000000000a3']

const PROPERTIES: BucketPropertiesJson = {
  n: 3,
  r: 2,
  w: 2,
  conflicts: 'lww',
  valueBytesMax: 1024 * 1024,
  sloppy: true,
  ttlMs: 0,
}

export class FakeNode {
  readonly #server: Server
  readonly #slots = new Map<string, Slot>()
  readonly #buckets = new Map<string, BucketPropertiesJson>()
  #nextId = 1
  /** Refuses a put, by key. */
  refuse:
    | ((
        key: string,
        value: ValueJson,
      ) => { status: number; code: string; outcome?: 'rejected' | 'unknown' } | undefined)
    | undefined
  intercept:
    | ((request: FakeRequest) => FakeAnswer | undefined | Promise<FakeAnswer | undefined>)
    | undefined
  readonly requests: FakeRequest[] = []
  puts = 0
  clusterJson: ClusterJson = {
    cluster: '0123456789abcdef0123456789abcdef',
    self: NODE_IDS[0]!,
    encryption: { mode: 'off' },
    members: NODE_IDS.map((id, i) => ({
      id,
      name: `node${i + 1}`,
      state: i === 2 ? ('dead' as const) : ('alive' as const),
      since: '2023-11-14T22:13:20.000Z',
      zone: 'default',
      weight: 100,
      addresses: { cluster: `127.0.0.1:${5001 + i}`, http: `127.0.0.1:${6001 + i}` },
      generation: 1_700_000_000 + i,
      incarnation: 0,
      version: '0.1.0',
    })),
  }
  healthJson: HealthJson = {
    status: 'degraded',
    ready: true,
    read: { ok: true, answers: 2 },
    partitions: { total: 8, withQuorum: 8, allUp: 0 },
    transfers: { pending: 0, records: 0 },
  }
  layoutJson: LayoutJson = {
    version: 3,
    partitions: 8,
    replicas: 2,
    roles: NODE_IDS.map((node) => ({ node, zone: 'default', weight: 100 })),
    table: [0, 1, 2, 0, 1, 2, 0, 1].map((first) => [NODE_IDS[first]!, NODE_IDS[(first + 1) % 3]!]),
    balance: NODE_IDS.map((node, i) => ({ node, replicas: i === 1 ? 6 : 5, share: 0.33 })),
  }

  constructor() {
    this.#server = createServer((request, response) => {
      void this.#serve(request, response)
    })
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this.url
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    if (!this.#server.listening) return
    this.#server.close()
    await once(this.#server, 'close')
  }

  /** Every live value, by `bucket/key` or `bucket/key/sort`: the first version's text. */
  contents(): Map<string, string> {
    const found = new Map<string, string>()
    for (const slot of this.#sorted()) {
      const value = slot.versions[0]?.value
      const name = [slot.bucket, slot.key, ...(slot.sort === undefined ? [] : [slot.sort])].join(
        '/',
      )
      if (value !== undefined) found.set(name, value.value ?? `base64:${value.valueBase64}`)
    }
    return found
  }

  stored(bucket: string, key: string, sort?: string): readonly ValueJson[] {
    return this.#slot(bucket, key, sort).versions.map((version) => version.value)
  }

  setBucket(name: string, properties: Partial<BucketPropertiesJson>): void {
    this.#buckets.set(name, { ...PROPERTIES, ...properties })
  }

  async #serve(message: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    for await (const chunk of message) chunks.push(chunk as Buffer)
    const url = new URL(message.url ?? '/', 'http://node')
    const request: FakeRequest = {
      method: message.method ?? 'GET',
      path: url.pathname,
      query: url.searchParams,
      headers: message.headers,
      body: Buffer.concat(chunks),
    }
    this.requests.push(request)
    const instead = await this.intercept?.(request)
    if (instead !== undefined && 'hang' in instead) return
    if (instead !== undefined && 'break' in instead) {
      if (instead.apply === true) this.#answer(request)
      message.socket.destroy()
      return
    }
    send(response, instead ?? this.#answer(request))
  }

  #answer(request: FakeRequest): Exclude<FakeAnswer, { break: true } | { hang: true }> {
    const parts = request.path.split('/').slice(1).map(decodeURIComponent)
    const [root, bucket = '', key = ''] = parts
    if (root === 'kv') {
      const sort = request.query.get('sort') ?? undefined
      return kvAnswer(this.#operate(kvOperation(request, bucket, key, sort)))
    }
    if (root === 'batch') {
      const { operations } = JSON.parse(request.body.toString()) as BatchRequestJson
      return { status: 200, json: { results: operations.map((each) => this.#operate(each)) } }
    }
    if (root === 'buckets' && key === 'keys')
      return { status: 200, json: this.#list(bucket, request.query) }
    if (root === 'buckets') return this.#bucketAnswer(request, bucket)
    if (root === 'cluster') return { status: 200, json: this.clusterJson }
    if (root === 'layout') return { status: 200, json: this.layoutJson }
    if (root === 'health')
      return { status: this.healthJson.status === 'unavailable' ? 503 : 200, json: this.healthJson }
    return { status: 404, json: problem(404, 'DND_ERR_NOT_FOUND', request.path) }
  }

  #operate(operation: BatchOperationJson): BatchResultJson {
    const slot = this.#slot(operation.bucket ?? 'default', operation.key, operation.sort)
    const context = contextOf(slot.versions)
    if (operation.type === 'get') {
      const [first, second] = slot.versions
      if (first === undefined) return failed(404, 'DND_ERR_KEY_NOT_FOUND')
      if (second !== undefined)
        return {
          status: 300,
          context,
          siblings: slot.versions.map(({ id, value }) => ({ dot: `1:${id}`, ...value })),
        }
      return { status: 200, context, ...first.value }
    }
    const seen = seenIn(operation.context)
    const siblings = this.#buckets.get(slot.bucket)?.conflicts === 'siblings'
    const kept = siblings ? slot.versions.filter((each) => !seen.includes(each.id)) : []
    if (operation.type === 'delete') {
      slot.versions = siblings && operation.context === undefined ? [] : kept
      return { status: 204, context }
    }
    const value: ValueJson = {
      ...(operation.value === undefined
        ? { valueBase64: operation.valueBase64 ?? '' }
        : { value: operation.value }),
      contentType: operation.contentType ?? 'application/octet-stream',
      metadata: operation.metadata ?? {},
      ...(operation.expiresAt === undefined ? {} : { expiresAt: operation.expiresAt }),
    }
    const refusal = this.refuse?.(operation.key, value)
    if (refusal !== undefined) return failed(refusal.status, refusal.code, refusal.outcome)
    this.puts++
    slot.versions = [...kept, { id: this.#nextId++, value }]
    return { status: 200, context: contextOf(slot.versions) }
  }

  #list(bucket: string, query: URLSearchParams): unknown {
    const prefix = query.get('prefix') ?? ''
    const start = query.get('start')
    const end = query.get('end')
    const limit = Number(query.get('limit') ?? 100)
    let names = this.#sorted()
      .filter((slot) => slot.bucket === bucket && slot.versions.length > 0)
      .filter((slot) => slot.key.startsWith(prefix) && (end === null || slot.key < end))
    if (query.get('reverse') === 'true') names = names.reverse()
    const token = (slot: Slot) => `${slot.key}\u0001${slot.sort ?? ''}`
    const from = start === null ? 0 : names.findIndex((slot) => token(slot) >= start)
    const page = from < 0 ? [] : names.slice(from, from + limit)
    const next = from < 0 ? undefined : names[from + limit]
    return {
      keys: page.map(({ key, sort }) => ({ key, ...(sort === undefined ? {} : { sort }) })),
      ...(next === undefined ? {} : { next: token(next) }),
    }
  }

  #bucketAnswer(request: FakeRequest, bucket: string): { status: number; json: unknown } {
    const json = (name: string) => ({
      name,
      configured: this.#buckets.has(name),
      properties: this.#buckets.get(name) ?? PROPERTIES,
    })
    if (bucket === '')
      return {
        status: 200,
        json: { buckets: [...this.#buckets.keys()].sort().map(json), defaults: PROPERTIES },
      }
    if (request.method === 'PUT')
      this.#buckets.set(bucket, { ...PROPERTIES, ...JSON.parse(request.body.toString()) })
    if (request.method === 'DELETE') this.#buckets.delete(bucket)
    return { status: 200, json: json(bucket) }
  }

  #slot(bucket: string, key: string, sort: string | undefined): Slot {
    const name = JSON.stringify([bucket, key, sort])
    const slot = this.#slots.get(name) ?? { bucket, key, sort, versions: [] }
    this.#slots.set(name, slot)
    return slot
  }

  #sorted(): Slot[] {
    const order = (slot: Slot) => `${slot.key}\u0001${slot.sort ?? ''}`
    return [...this.#slots.values()].sort((a, b) => (order(a) < order(b) ? -1 : 1))
  }
}

function kvOperation(
  request: FakeRequest,
  bucket: string,
  key: string,
  sort: string | undefined,
): BatchOperationJson {
  const name = { bucket, key, ...(sort === undefined ? {} : { sort }) }
  const given = request.headers['x-dnd-context']
  const context = typeof given === 'string' ? { context: given } : {}
  if (request.method === 'GET') return { type: 'get', ...name }
  if (request.method === 'DELETE') return { type: 'delete', ...name, ...context }
  const metadata = Object.entries(request.headers)
    .filter(([header]) => header.startsWith('x-dnd-meta-'))
    .map(([header, text]) => [header.slice(11), decodeURIComponent(String(text))])
  const text = request.body.toString()
  const expiresAt = request.headers['x-dnd-expires-at']
  return {
    type: 'put',
    ...name,
    ...context,
    ...(Buffer.from(text).equals(request.body)
      ? { value: text }
      : { valueBase64: request.body.toString('base64') }),
    contentType: request.headers['content-type'] ?? 'application/octet-stream',
    metadata: Object.fromEntries(metadata) as Record<string, string>,
    ...(typeof expiresAt === 'string' ? { expiresAt } : {}),
  }
}

function kvAnswer(result: BatchResultJson): Exclude<FakeAnswer, { break: true } | { hang: true }> {
  const headers: Record<string, string> = {}
  if (result.context !== undefined) headers['x-dnd-context'] = result.context
  if (result.code !== undefined) return { status: result.status, json: result, headers }
  if (result.siblings !== undefined)
    return { status: 300, json: { context: result.context, siblings: result.siblings }, headers }
  if (result.contentType === undefined) return { status: result.status, text: '', headers }
  headers['content-type'] = result.contentType
  for (const [name, text] of Object.entries(result.metadata ?? {}))
    headers[`x-dnd-meta-${name}`] = encodeURIComponent(text)
  if (result.expiresAt !== undefined) headers['x-dnd-expires-at'] = result.expiresAt
  return {
    status: 200,
    text: result.value ?? Buffer.from(result.valueBase64 ?? '', 'base64'),
    headers,
  }
}

function send(
  response: ServerResponse,
  answer: Exclude<FakeAnswer, { break: true } | { hang: true }>,
): void {
  const json = answer.json === undefined ? undefined : JSON.stringify(answer.json)
  const type = answer.status >= 400 ? 'application/problem+json' : 'application/json'
  response.writeHead(answer.status, {
    ...(json === undefined ? {} : { 'content-type': type }),
    ...answer.headers,
  })
  response.end(json ?? answer.text ?? '')
}

function problem(
  status: number,
  code: string,
  detail: string,
  outcome?: 'rejected' | 'unknown',
): ProblemJson {
  return {
    type: 'about:blank',
    title: code,
    status,
    code,
    detail,
    ...(outcome === undefined ? {} : { outcome }),
  }
}

function failed(status: number, code: string, outcome?: 'rejected' | 'unknown'): BatchResultJson {
  return problem(status, code, `refused with ${code}`, outcome)
}

function contextOf(versions: readonly Version[]): string {
  return Buffer.from(JSON.stringify(versions.map((version) => version.id))).toString('base64url')
}

function seenIn(context: string | undefined): number[] {
  if (context === undefined) return []
  return JSON.parse(Buffer.from(context, 'base64url').toString()) as number[]
}
