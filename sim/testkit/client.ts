/**
 * A client of the simulated cluster with the methods, results and errors of the real `DndClient`.
 * An app that asks for a `DndClientApi` takes either.
 */
import { DEFAULT_BUCKET } from '../../src/core/node/buckets.ts'
import type { NodeView } from '../../src/core/node/view.ts'
import type {
  BucketJson,
  BucketPropertiesJson,
  BucketsJson,
  ClusterJson,
  KeyJson,
  KeysPageJson,
  LayoutJson,
} from '../../packages/client/src/api.ts'
import type {
  BatchOperation,
  BatchResult,
  DndClientApi,
  GetOptions,
  GetResult,
  ListOptions,
  PutOptions,
  WriteOptions,
  WriteResult,
} from '../../packages/client/src/client.ts'
import type {
  AnyBucketOptions,
  Bucket,
  BucketHost,
  CodecBucketOptions,
  SchemaBucketOptions,
  UntypedBucketOptions,
} from '../../packages/client/src/bucket.ts'
import { openBucket } from '../../packages/client/src/bucket.ts'
import { mustBeWellFormed } from '../../packages/client/src/encoding.ts'
import { DndClientError } from '../../packages/client/src/error.ts'
import { batchCall } from './batch.ts'
import { bucketJson, bucketsJson, clusterJson, layoutJson } from './cluster-json.ts'
import type { Call, Desk } from './desk.ts'
import { timedOut, serverOf } from './desk.ts'
import { configureCall, keyCall, listCall, viewCall } from './calls.ts'
import { mustBeSendable } from './requests.ts'

export interface SimClientOptions {
  /** Patience with one request where it names none, milliseconds. Default 10,000. */
  readonly timeoutMs?: number | undefined
}

/** What a node's own time limit gets more from the client, as from the real one. */
const GRACE_MS = 2_000
const TIMEOUT_MS_DEFAULT = 10_000

export class SimClient implements DndClientApi {
  readonly #desk: Desk
  /** Places of the nodes that it knows, as the real one knows URLs. Not empty. */
  readonly #nodes: readonly number[]
  readonly #timeoutMs: number
  /** The one that answered last: the first to be asked next. */
  #preferred = 0
  /** Of typed buckets: pauses end at once, and the run stays decided by its seed. */
  readonly #host: BucketHost = {
    pause: () => Promise.resolve(),
    mark: () => `update-${++this.#desk.marks}`,
    dice: () => 0,
  }

  constructor(desk: Desk, nodes: readonly number[], options: SimClientOptions = {}) {
    this.#desk = desk
    this.#nodes = nodes
    this.#timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT
  }

  async put(
    key: string,
    value: string | Uint8Array,
    options: PutOptions = {},
  ): Promise<WriteResult> {
    const operation = { ...options, type: 'put', key, value: copied(value) } as const
    return (await this.#one(operation, options.timeoutMs)) as WriteResult
  }

  async get(key: string, options: GetOptions = {}): Promise<GetResult> {
    const result = await this.#one({ ...options, type: 'get', key }, options.timeoutMs)
    return result as GetResult
  }

  async delete(key: string, options: WriteOptions = {}): Promise<WriteResult> {
    const result = await this.#one({ ...options, type: 'delete', key }, options.timeoutMs)
    return result as WriteResult
  }

  async listPage(options: ListOptions = {}): Promise<KeysPageJson> {
    const { bucket = DEFAULT_BUCKET, prefix = '', start = '', end = '' } = options
    for (const text of [bucket, prefix, start, end]) mustBeWellFormed(text)
    return this.#send(listCall(options, this.#patience(options.timeoutMs)))
  }

  async *list(options: ListOptions = {}): AsyncGenerator<KeyJson, void, undefined> {
    let start = options.start
    for (;;) {
      const page = await this.listPage({ ...options, start })
      yield* page.keys
      if (page.next === undefined) return
      start = page.next
    }
  }

  async batch(
    operations: readonly BatchOperation[],
    options: { readonly timeoutMs?: number | undefined } = {},
  ): Promise<readonly BatchResult[]> {
    const { timeoutMs } = options
    const taken = operations.map((operation) =>
      operation.type === 'put' ? { ...operation, value: copied(operation.value) } : operation,
    )
    return this.#send(batchCall(this.#desk, taken, timeoutMs, this.#patience(timeoutMs)))
  }

  async buckets(): Promise<BucketsJson> {
    return this.#view('buckets', bucketsJson)
  }

  bucket(name: string, options?: UntypedBucketOptions): Bucket<string | Uint8Array>
  bucket<T, In = T>(name: string, options: SchemaBucketOptions<T, In>): Bucket<T, In>
  bucket<T>(name: string, options: CodecBucketOptions<T>): Bucket<T>
  bucket(name: string, options: AnyBucketOptions = {}): unknown {
    return openBucket(this, name, options, this.#host)
  }

  async bucketProperties(name: string): Promise<BucketJson> {
    mustBeWellFormed(name)
    return this.#view(`bucket ${name}`, (view) => bucketJson(view, name))
  }

  async configureBucket(
    name: string,
    properties: Partial<BucketPropertiesJson> | undefined,
  ): Promise<BucketJson> {
    mustBeWellFormed(name)
    return this.#send(configureCall(this.#desk, name, properties, this.#timeoutMs))
  }

  async cluster(): Promise<ClusterJson> {
    return this.#view('cluster', clusterJson)
  }

  async layout(): Promise<LayoutJson> {
    return this.#view('layout', layoutJson)
  }

  /** The keys "." and ".." go by way of a batch, as they do over HTTP, where no path holds them. */
  async #one(
    operation: BatchOperation,
    timeoutMs: number | undefined,
  ): Promise<GetResult | WriteResult> {
    if (operation.key === '.' || operation.key === '..') {
      const [only] = await this.batch([operation], { timeoutMs })
      if (only!.status === 'failed') throw only!.error
      return only as GetResult | WriteResult
    }
    mustBeSendable(operation)
    return this.#send(keyCall(this.#desk, operation, timeoutMs, this.#patience(timeoutMs)))
  }

  #view<T>(text: string, read: (view: NodeView) => T): Promise<T> {
    return this.#send(viewCall(text, read, this.#timeoutMs))
  }

  /** The next node is asked when that is safe: see `transport.ts` of the real client. */
  async #send<T>(call: Call<T>): Promise<T> {
    const { queue } = this.#desk.world
    const deadlineMs = queue.nowMs + call.timeoutMs
    const first = this.#preferred
    let failed: DndClientError | undefined
    for (let i = 0; i < this.#nodes.length; i++) {
      const place = (first + i) % this.#nodes.length
      const leftMs = deadlineMs - queue.nowMs
      if (leftMs <= 0) break
      // One dead node must not use up a read's whole time while others could answer.
      const shareMs = call.write ? leftMs : leftMs / (this.#nodes.length - i)
      try {
        const result = await this.#desk.ask(call, this.#nodes[place]!, shareMs)
        this.#preferred = place
        return result
      } catch (error) {
        if (!(error instanceof DndClientError)) throw error
        failed = error
        if (!mayGoOn(error, call.write)) break
        if (this.#preferred === place) this.#preferred = (place + 1) % this.#nodes.length
      }
    }
    throw failed ?? timedOut(serverOf(this.#nodes[first]!), call)
  }

  #patience(timeoutMs: number | undefined): number {
    return timeoutMs === undefined ? this.#timeoutMs : timeoutMs + GRACE_MS
  }
}

/** What the app does to its bytes after the call must not reach the store. */
function copied(value: string | Uint8Array): string | Uint8Array {
  return typeof value === 'string' ? value : new Uint8Array(value)
}

function mayGoOn(error: DndClientError, write: boolean): boolean {
  if (error.status !== undefined && error.status !== 503) return false
  return !write || error.outcome === 'rejected'
}
