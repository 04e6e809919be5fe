/**
 * A client for Node and browsers with no dependencies. Give it one server or several: any node
 * serves every request, and the next is asked when one does not answer (`transport.ts` says when
 * that is safe).
 */
import type {
  BatchRequestJson,
  BatchResponseJson,
  BucketJson,
  BucketPropertiesJson,
  BucketsJson,
  ClusterJson,
  HealthJson,
  HintsJson,
  KeyJson,
  KeysPageJson,
  LayoutJson,
  LeaveJson,
  RoleJson,
  SiblingsJson,
} from './api.ts'
import type { LayoutHistoryJson, LayoutPlanJson } from './layout-api.ts'
import {
  CONTEXT_HEADER,
  EXPIRES_HEADER,
  METADATA_HEADER_PREFIX,
  TTL_HEADER,
  WARNING_HEADER,
} from './api.ts'
import type { Destination } from './attempt.ts'
import type {
  AnyBucketOptions,
  Bucket,
  CodecBucketOptions,
  SchemaBucketOptions,
  UntypedBucketOptions,
} from './bucket.ts'
import { openBucket } from './bucket.ts'
import { ClusterKeys } from './cluster-keys.ts'
import { encode, mustBeWellFormed, queryOf, toHeaderText } from './encoding.ts'
import { fromProblem } from './error.ts'
import { fetchExchange } from './exchange.ts'
import type { ExplainJson } from './explain.ts'
import {
  absent,
  DEFAULT_BUCKET,
  isDotSegment,
  keyPath,
  metadataOf,
  only,
  placeOf,
} from './key-request.ts'
import type {
  BatchOperation,
  BatchOptions,
  BatchResult,
  GetOptions,
  GetResult,
  KeyOptions,
  ListOptions,
  PutOptions,
  WriteOptions,
  WriteResult,
} from './operations.ts'
import {
  batchResult,
  defaultContentType,
  expiryOf,
  operationJson,
  stored,
  valueOf,
} from './operations.ts'
import type { DndClientOptions } from './options.ts'
import { Repairs } from './repairs.ts'
import type { TransportRequest, TransportResponse } from './transport.ts'
import { Transport, TRANSPORT_DEFAULTS, parseJson } from './transport.ts'
import type { OpenPath, WatchEvent, WatchOptions } from './watch.ts'
import { AnySignal } from './any-signal.ts'
import { watchBucket } from './watch.ts'
import { withCredentials } from './credentials.ts'
import { Users } from './users.ts'

export type {
  AbsentEntry,
  Bucket,
  BucketBatchOperation,
  BucketBatchResult,
  BucketEvent,
  BucketOptions,
  CodecBucketOptions,
  Entry,
  FoundEntry,
  SchemaBucketOptions,
  SettledEntry,
  Sibling,
  SiblingsEntry,
  UntypedBucketOptions,
  UpdateOptions,
} from './bucket.ts'
export type { Codec } from './codec.ts'
export { bytesCodec, jsonCodec, textCodec } from './codec.ts'
export { DndSchemaError, DndSiblingsError } from './bucket-errors.ts'
export { DndClientError } from './error.ts'
export type {
  HttpExchange,
  HttpRequest,
  HttpResponse,
  HttpStream,
  ResponseHeaders,
} from './exchange.ts'
export type { HedgeOptions } from './hedge.ts'
export type { DndClientOptions } from './options.ts'
export type { AddressOf } from './ring.ts'
export type { StandardSchemaV1 } from './standard-schema.ts'
export type {
  BatchOperation,
  BatchOptions,
  BatchResult,
  GetOptions,
  GetResult,
  KeyOptions,
  LifetimeOptions,
  ListOptions,
  PutOptions,
  StoredValue,
  WriteOptions,
  WriteResult,
} from './operations.ts'
export type { WatchEvent, WatchOptions } from './watch.ts'

/**
 * What a node's own timeout gets more from the client, so that the node's answer, which says more,
 * comes first.
 */
const GRACE_MS = 2_000
const TIMEOUT_MS_DEFAULT = 10_000

/**
 * The part of a client that is about the cluster as a whole rather than about one server: what an
 * app should ask for, so that it also runs against the simulated cluster of `dnd/testkit`.
 */
export type DndClientApi = Pick<
  DndClient,
  | 'get'
  | 'put'
  | 'delete'
  | 'list'
  | 'listPage'
  | 'batch'
  | 'buckets'
  | 'bucket'
  | 'bucketProperties'
  | 'configureBucket'
  | 'cluster'
  | 'layout'
>

export class DndClient {
  readonly #transport: Transport
  readonly #timeoutMs: number
  readonly #closed = new AbortController()
  readonly #ask = (request: Omit<TransportRequest, 'timeoutMs'>): Promise<TransportResponse> =>
    this.#send({ ...request, timeoutMs: this.#patience(undefined) })

  /** The keys that encrypt the traffic between nodes. */
  readonly keys: ClusterKeys = new ClusterKeys(this.#ask)

  /** Who may do what. */
  readonly users: Users = new Users(this.#ask)

  /** Comparing replicas now; for a client of one server. */
  readonly repairs: Repairs = new Repairs(this.#ask)

  constructor(options: DndClientOptions) {
    const servers = typeof options.server === 'string' ? [options.server] : options.server
    const { hedge = false, exchange = fetchExchange(options.fetch ?? fetch) } = options
    this.#transport = new Transport(servers, withCredentials(exchange, options), {
      retries: options.retries ?? TRANSPORT_DEFAULTS.retries,
      routing: options.routing ?? TRANSPORT_DEFAULTS.routing,
      addressOf: options.addressOf,
      hedge: hedge === true ? {} : hedge === false ? undefined : hedge,
    })
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT
  }

  /**
   * Ends what is watched, closes idle connections, and learns nothing more; other requests that are
   * under way end as they would.
   */
  close(): void {
    this.#closed.abort()
    this.#transport.close()
  }

  async put(
    key: string,
    value: string | Uint8Array,
    options: PutOptions = {},
  ): Promise<WriteResult> {
    if (typeof value === 'string') mustBeWellFormed(value)
    if (isDotSegment(key)) {
      const { timeoutMs, signal, ...rest } = options
      return only(await this.batch([{ ...rest, type: 'put', key, value }], { timeoutMs, signal }))
    }
    const headers: Record<string, string> = {
      'content-type': options.contentType ?? defaultContentType(value),
    }
    if (options.context !== undefined) headers[CONTEXT_HEADER] = options.context
    if (options.ttlMs !== undefined) headers[TTL_HEADER] = `${options.ttlMs}ms`
    if (options.expiresAt !== undefined) headers[EXPIRES_HEADER] = options.expiresAt
    for (const [name, text] of Object.entries(options.metadata ?? {}))
      headers[METADATA_HEADER_PREFIX + name] = toHeaderText(text)
    const response = await this.#send({
      method: 'PUT',
      path: keyPath(key, options, { w: options.w }),
      headers,
      body: value,
      write: true,
      idempotent: options.idempotent,
      to: placeOf(key, options),
      timeoutMs: this.#patience(options.timeoutMs),
      signal: options.signal,
      expected: [200],
    })
    return stored(response.headers.get(CONTEXT_HEADER), response.headers.get(WARNING_HEADER))
  }

  async get(key: string, options: GetOptions = {}): Promise<GetResult> {
    if (isDotSegment(key)) {
      const { timeoutMs, signal, ...rest } = options
      return only(await this.batch([{ ...rest, type: 'get', key }], { timeoutMs, signal }))
    }
    const response = await this.#send({
      method: 'GET',
      path: keyPath(key, options, { r: options.r }),
      write: false,
      to: placeOf(key, options),
      timeoutMs: this.#patience(options.timeoutMs),
      signal: options.signal,
      expected: [200, 300, 404],
    })
    const context = response.headers.get(CONTEXT_HEADER) ?? undefined
    if (response.status === 404) return absent(response, context)
    if (response.status === 300) {
      const body = parseJson(response) as SiblingsJson
      return { status: 'siblings', siblings: body.siblings.map(valueOf), context: body.context }
    }
    return {
      status: 'found',
      bytes: response.bytes,
      contentType: response.headers.get('content-type') ?? 'application/octet-stream',
      metadata: metadataOf(response.headers),
      ...expiryOf(response.headers.get(EXPIRES_HEADER)),
      context,
    }
  }

  async delete(key: string, options: WriteOptions = {}): Promise<WriteResult> {
    if (isDotSegment(key)) {
      const { timeoutMs, signal, ...rest } = options
      return only(await this.batch([{ ...rest, type: 'delete', key }], { timeoutMs, signal }))
    }
    const response = await this.#send({
      method: 'DELETE',
      path: keyPath(key, options, { w: options.w }),
      ...(options.context === undefined ? {} : { headers: { [CONTEXT_HEADER]: options.context } }),
      write: true,
      idempotent: options.idempotent,
      to: placeOf(key, options),
      timeoutMs: this.#patience(options.timeoutMs),
      signal: options.signal,
      expected: [200, 204],
    })
    return stored(response.headers.get(CONTEXT_HEADER), response.headers.get(WARNING_HEADER))
  }

  /** What each replica holds of a key, and what is still to happen to it. */
  async explain(key: string, options: KeyOptions = {}): Promise<ExplainJson> {
    const path = keyPath(key, options, {}).replace('/kv/', '/explain/')
    return (await this.#getJson(path, options)) as ExplainJson
  }

  /** One page of keys, in order. */
  async listPage(options: ListOptions = {}): Promise<KeysPageJson> {
    const { bucket = DEFAULT_BUCKET, prefix, start, end, limit, timeoutMs } = options
    const reverse = options.reverse === true ? true : undefined
    const query = queryOf({ prefix, start, end, limit, reverse, timeout: timeoutMs })
    return (await this.#getJson(`/buckets/${encode(bucket)}/keys${query}`, options)) as KeysPageJson
  }

  /** All keys, in order, page by page; `limit` is the size of a page. */
  async *list(options: ListOptions = {}): AsyncGenerator<KeyJson, void, undefined> {
    let start = options.start
    for (;;) {
      const page = await this.listPage({ ...options, start })
      yield* page.keys
      if (page.next === undefined) return
      start = page.next
    }
  }

  /**
   * The changes of a bucket as they come, until `signal` or `close` ends it: each acknowledged
   * write at least once, those of one key in causal order, whatever nodes die or join meanwhile.
   * @throws DndClientError when it cannot be watched
   */
  async *watch(
    bucket: string = DEFAULT_BUCKET,
    options: WatchOptions = {},
  ): AsyncGenerator<WatchEvent, void, undefined> {
    const { signal } = options
    const ends = signal === undefined ? [this.#closed.signal] : [this.#closed.signal, signal]
    const any = new AnySignal(ends)
    const open: OpenPath = (path, until) => this.#transport.open(path, until)
    try {
      yield* watchBucket(open, bucket, { ...options, signal: any.signal })
    } finally {
      any.release()
    }
  }

  /**
   * Several operations in one request, each with its own result, in the order given. It is not a
   * transaction, and it throws only when the request as a whole failed.
   */
  async batch(
    operations: readonly BatchOperation[],
    options: BatchOptions = {},
  ): Promise<readonly BatchResult[]> {
    const body: BatchRequestJson = { operations: operations.map(operationJson) }
    const write = operations.some((operation) => operation.type !== 'get')
    const response = await this.#send({
      method: 'POST',
      path: `/batch${queryOf({ timeout: options.timeoutMs })}`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      write,
      idempotent: options.idempotent,
      to: 'any',
      timeoutMs: this.#patience(options.timeoutMs),
      signal: options.signal,
      expected: [200],
    })
    const { results } = parseJson(response) as BatchResponseJson
    if (results?.length !== operations.length)
      throw fromProblem({ title: 'a batch was answered incompletely' }, 500, write, response.server)
    return results.map((result, i) => batchResult(result, operations[i]!.type !== 'get'))
  }

  async buckets(): Promise<BucketsJson> {
    return (await this.#getJson('/buckets')) as BucketsJson
  }

  /** A handle on the values of a bucket: text and bytes, or of a type with a schema or codec. */
  bucket(name: string, options?: UntypedBucketOptions): Bucket<string | Uint8Array>
  bucket<T, In = T>(name: string, options: SchemaBucketOptions<T, In>): Bucket<T, In>
  bucket<T>(name: string, options: CodecBucketOptions<T>): Bucket<T>
  bucket(name: string, options: AnyBucketOptions = {}): unknown {
    return openBucket(this, name, options)
  }

  async bucketProperties(name: string): Promise<BucketJson> {
    return (await this.#getJson(`/buckets/${encode(name)}`)) as BucketJson
  }

  /**
   * Sets a bucket's properties. What is left out gets its default, r and w a majority of n;
   * `undefined` puts all back to the defaults.
   */
  async configureBucket(
    name: string,
    properties: Partial<BucketPropertiesJson> | undefined,
  ): Promise<BucketJson> {
    const response = await this.#send({
      method: properties === undefined ? 'DELETE' : 'PUT',
      path: `/buckets/${encode(name)}`,
      ...(properties === undefined
        ? {}
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(properties) }),
      write: true,
      to: 'any',
      timeoutMs: this.#patience(undefined),
      expected: [200],
    })
    return parseJson(response) as BucketJson
  }

  async cluster(): Promise<ClusterJson> {
    return (await this.#getJson('/cluster')) as ClusterJson
  }

  /** Which writes the server keeps for nodes that are away; for a client of one server. */
  async hints(): Promise<HintsJson> {
    return (await this.#getJson('/hints', {}, [200], 'given')) as HintsJson
  }

  async layout(): Promise<LayoutJson> {
    return (await this.#getJson('/layout')) as LayoutJson
  }

  /** What layout would follow: of these roles, or of those that the members want. */
  async layoutPlan(roles?: readonly RoleJson[]): Promise<LayoutPlanJson> {
    if (roles === undefined) return (await this.#getJson('/layout/plan')) as LayoutPlanJson
    return (await this.#postJson('/layout/plan', { roles }, 200, false)) as LayoutPlanJson
  }

  /**
   * Has a plan chosen, named by its version and hash and by the roles that it was made of, if any.
   * Resolves when it is in force on the server that answers; the data moves then.
   */
  async applyLayout(
    plan: { readonly version: number; readonly hash: string },
    roles?: readonly RoleJson[],
  ): Promise<{ readonly version: number }> {
    const { version, hash } = plan
    const body = { version, hash, ...(roles === undefined ? {} : { roles }) }
    return (await this.#postJson('/layout/apply', body)) as { version: number }
  }

  /**
   * Says that a node, by id or name, will not come back. `partitions`: of how many it is known that
   * they lose their last replica by that.
   */
  async removeNode(node: string, partitions = 0): Promise<{ readonly node: string }> {
    return (await this.#postJson('/layout/remove', { node, partitions }, 202)) as { node: string }
  }

  /** The layouts that the server has seen. */
  async layoutHistory(): Promise<LayoutHistoryJson> {
    return (await this.#getJson('/layout/history', {}, [200], 'given')) as LayoutHistoryJson
  }

  /**
   * Asks the server to leave its cluster: answered when the wish is durable, long before it has
   * left. Only for a client of one server: of several, any might leave.
   */
  async leave(): Promise<LeaveJson> {
    if (this.#transport.servers !== 1)
      throw new TypeError('a client that asks a node to leave must have one server')
    const response = await this.#send({
      method: 'POST',
      path: '/leave',
      write: true,
      timeoutMs: this.#patience(undefined),
      expected: [202],
    })
    return parseJson(response) as LeaveJson
  }

  /** How far the server is on its way out of its cluster. */
  async leaveProgress(): Promise<LeaveJson> {
    return (await this.#getJson('/leave', {}, [200], 'given')) as LeaveJson
  }

  /**
   * Whether every key can be read, as one node sees it; `unavailable` is an answer and no failure.
   */
  async health(): Promise<HealthJson> {
    return (await this.#getJson('/health', {}, [200, 503], 'given')) as HealthJson
  }

  async #getJson(
    path: string,
    { timeoutMs, signal }: Pick<KeyOptions, 'timeoutMs' | 'signal'> = {},
    expected: readonly number[] = [200],
    to: Destination = 'any',
  ): Promise<unknown> {
    return parseJson(
      await this.#send({
        method: 'GET',
        path,
        write: false,
        to,
        timeoutMs: this.#patience(timeoutMs),
        signal,
        expected,
      }),
    )
  }

  async #postJson(path: string, body: object, expected = 200, write = true): Promise<unknown> {
    const response = await this.#send({
      ...{ method: 'POST', path, write, expected: [expected], body: JSON.stringify(body) },
      headers: { 'content-type': 'application/json' },
      timeoutMs: this.#patience(undefined),
    })
    return parseJson(response)
  }

  #send(request: TransportRequest): Promise<TransportResponse> {
    return this.#transport.send(request)
  }

  #patience(timeoutMs: number | undefined): number {
    return timeoutMs === undefined ? this.#timeoutMs : timeoutMs + GRACE_MS
  }
}
