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
  ProblemJson,
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
import { ClusterKeys } from './cluster-keys.ts'
import { encode, fromHeaderText, mustBeWellFormed, queryOf, toHeaderText } from './encoding.ts'
import { DndClientError, fromProblem } from './error.ts'
import type { ExplainJson } from './explain.ts'
import type {
  BatchOperation,
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
import { Repairs } from './repairs.ts'
import type { TransportRequest, TransportResponse } from './transport.ts'
import { Transport, parseJson } from './transport.ts'

export { DndClientError } from './error.ts'
export type {
  BatchOperation,
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

export interface DndClientOptions {
  /** Base URLs of nodes, such as `http://127.0.0.1:6001`. */
  readonly server: string | readonly string[]
  /** Patience with one request where it names none, milliseconds. Default 10,000. */
  readonly timeoutMs?: number
  readonly fetch?: typeof fetch
}

/**
 * What a node's own timeout gets more from the client, so that the node's answer, which says more,
 * comes first.
 */
const GRACE_MS = 2_000
const TIMEOUT_MS_DEFAULT = 10_000
const DEFAULT_BUCKET = 'default'

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
  | 'configureBucket'
  | 'cluster'
  | 'layout'
>

export class DndClient {
  readonly #transport: Transport
  readonly #timeoutMs: number
  /** The keys that encrypt the traffic between nodes. */
  readonly keys: ClusterKeys = new ClusterKeys((request) =>
    this.#send({ ...request, timeoutMs: this.#patience(undefined) }),
  )

  /** Comparing replicas now; for a client of one server. */
  readonly repairs: Repairs = new Repairs((request) =>
    this.#send({ ...request, timeoutMs: this.#patience(undefined) }),
  )

  constructor(options: DndClientOptions) {
    const servers = typeof options.server === 'string' ? [options.server] : options.server
    this.#transport = new Transport(servers, options.fetch ?? fetch)
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT
  }

  async put(
    key: string,
    value: string | Uint8Array,
    options: PutOptions = {},
  ): Promise<WriteResult> {
    if (typeof value === 'string') mustBeWellFormed(value)
    if (isDotSegment(key)) {
      const { timeoutMs, ...rest } = options
      return only(await this.batch([{ ...rest, type: 'put', key, value }], { timeoutMs }))
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
      timeoutMs: this.#patience(options.timeoutMs),
      expected: [200],
    })
    return stored(response.headers.get(CONTEXT_HEADER), response.headers.get(WARNING_HEADER))
  }

  async get(key: string, options: GetOptions = {}): Promise<GetResult> {
    if (isDotSegment(key)) {
      const { timeoutMs, ...rest } = options
      return only(await this.batch([{ ...rest, type: 'get', key }], { timeoutMs }))
    }
    const response = await this.#send({
      method: 'GET',
      path: keyPath(key, options, { r: options.r }),
      write: false,
      timeoutMs: this.#patience(options.timeoutMs),
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
      const { timeoutMs, ...rest } = options
      return only(await this.batch([{ ...rest, type: 'delete', key }], { timeoutMs }))
    }
    const response = await this.#send({
      method: 'DELETE',
      path: keyPath(key, options, { w: options.w }),
      ...(options.context === undefined ? {} : { headers: { [CONTEXT_HEADER]: options.context } }),
      write: true,
      timeoutMs: this.#patience(options.timeoutMs),
      expected: [200, 204],
    })
    return stored(response.headers.get(CONTEXT_HEADER), response.headers.get(WARNING_HEADER))
  }

  /** What each replica holds of a key, and what is still to happen to it. */
  async explain(key: string, options: KeyOptions = {}): Promise<ExplainJson> {
    const path = keyPath(key, options, {}).replace('/kv/', '/explain/')
    return (await this.#getJson(path, options.timeoutMs)) as ExplainJson
  }

  /** One page of keys, in order. */
  async listPage(options: ListOptions = {}): Promise<KeysPageJson> {
    const { bucket = DEFAULT_BUCKET, prefix, start, end, limit, timeoutMs } = options
    const reverse = options.reverse === true ? true : undefined
    const query = queryOf({ prefix, start, end, limit, reverse, timeout: timeoutMs })
    return (await this.#getJson(
      `/buckets/${encode(bucket)}/keys${query}`,
      timeoutMs,
    )) as KeysPageJson
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
   * Several operations in one request, each with its own result, in the order given. It is not a
   * transaction, and it throws only when the request as a whole failed.
   */
  async batch(
    operations: readonly BatchOperation[],
    options: { readonly timeoutMs?: number | undefined } = {},
  ): Promise<readonly BatchResult[]> {
    const body: BatchRequestJson = { operations: operations.map(operationJson) }
    const write = operations.some((operation) => operation.type !== 'get')
    const response = await this.#send({
      method: 'POST',
      path: `/batch${queryOf({ timeout: options.timeoutMs })}`,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      write,
      timeoutMs: this.#patience(options.timeoutMs),
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

  async bucket(name: string): Promise<BucketJson> {
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
    return (await this.#getJson('/hints')) as HintsJson
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
    return (await this.#getJson('/layout/history')) as LayoutHistoryJson
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
    return (await this.#getJson('/leave')) as LeaveJson
  }

  /**
   * Whether every key can be read, as one node sees it; `unavailable` is an answer and no failure.
   */
  async health(): Promise<HealthJson> {
    return (await this.#getJson('/health', undefined, [200, 503])) as HealthJson
  }

  async #getJson(
    path: string,
    timeoutMs?: number,
    expected: readonly number[] = [200],
  ): Promise<unknown> {
    return parseJson(
      await this.#send({
        method: 'GET',
        path,
        write: false,
        timeoutMs: this.#patience(timeoutMs),
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

/**
 * URLs drop the path segments `.` and `..`, percent-encoded or not: such keys go by way of a batch.
 */
function isDotSegment(key: string): boolean {
  return key === '.' || key === '..'
}

function only<T extends GetResult | WriteResult>(results: readonly BatchResult[]): T {
  const result = results[0]!
  if (result.status === 'failed') throw result.error
  return result as T
}

function keyPath(
  key: string,
  options: KeyOptions,
  quorum: Readonly<Record<string, number | undefined>>,
): string {
  const bucket = options.bucket ?? DEFAULT_BUCKET
  const query = queryOf({ sort: options.sort, timeout: options.timeoutMs, ...quorum })
  return `/kv/${encode(bucket)}/${encode(key)}${query}`
}

/** A 404 that speaks of the key, and not of a path that some other program does not know. */
function absent(response: TransportResponse, context: string | undefined): GetResult {
  const isProblem = response.headers.get('content-type')?.startsWith('application/problem+json')
  const problem = isProblem === true ? (parseJson(response) as Partial<ProblemJson>) : {}
  if (problem.code === 'DND_ERR_KEY_NOT_FOUND') return { status: 'absent', context }
  throw new DndClientError({
    code: 'DND_ERR_BAD_RESPONSE',
    message: `${response.server} answered 404, and not as a node of dnd does`,
    outcome: 'rejected',
    status: 404,
    server: response.server,
  })
}

function metadataOf(headers: Headers): Record<string, string> {
  const pairs: [string, string][] = []
  for (const [name, value] of headers)
    if (name.startsWith(METADATA_HEADER_PREFIX))
      pairs.push([name.slice(METADATA_HEADER_PREFIX.length), fromHeaderText(value)])
  return Object.fromEntries(pairs)
}
