/**
 * What `dnd-client` does over HTTP, done inside the process of the node: the same methods, results
 * and errors, and no HTTP in between. What it is asked for is trusted: it is asked by the app that
 * the node is a part of.
 */
import {
  configureBucket,
  onBucket,
  onBuckets,
  onResetBucket,
} from '../../adapters/http/bucket-routes.ts'
import { onCluster, onLayout } from '../../adapters/http/cluster-routes.ts'
import type { Asked } from '../../adapters/http/exchange.ts'
import { onExplain } from '../../adapters/http/explain-routes.ts'
import { onHealth } from '../../adapters/http/health-routes.ts'
import { onHints } from '../../adapters/http/hints-routes.ts'
import {
  applyLayout,
  onLayoutHistory,
  onLayoutPlan,
  planLayout,
  removeNode,
} from '../../adapters/http/layout-routes.ts'
import { onLeave, onLeaveProgress } from '../../adapters/http/leave-routes.ts'
import { onList } from '../../adapters/http/listing.ts'
import { onRepair, onRepairProgress } from '../../adapters/http/repair-routes.ts'
import type { NodeSite } from '../../adapters/http/site.ts'
import { DEFAULT_BUCKET } from '../../core/node/buckets.ts'
import type {
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
  RepairJson,
  RepairRunJson,
  RoleJson,
} from '../../../packages/client/src/api.ts'
import type {
  AnyBucketOptions,
  Bucket,
  CodecBucketOptions,
  SchemaBucketOptions,
  UntypedBucketOptions,
} from '../../../packages/client/src/bucket.ts'
import { openBucket } from '../../../packages/client/src/bucket.ts'
import type { DndClient } from '../../../packages/client/src/client.ts'
import { mustBeWellFormed } from '../../../packages/client/src/encoding.ts'
import type { ExplainJson } from '../../../packages/client/src/explain.ts'
import type { LayoutHistoryJson, LayoutPlanJson } from '../../../packages/client/src/layout-api.ts'
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
} from '../../../packages/client/src/operations.ts'
import type { RepairOptions, Repairs } from '../../../packages/client/src/repairs.ts'
import type { WatchEvent, WatchOptions } from '../../../packages/client/src/watch.ts'
import { watchAgain } from '../../../packages/client/src/watch.ts'
import { askBatch } from './batches.ts'
import { Desk } from './desk.ts'
import type { Question } from './desk.ts'
import { Inside } from './inside.ts'
import type { Named } from './inside.ts'
import { answerTo } from './key-answers.ts'
import { checkBucket, checkWhole, keyRequest, mustBeSendable, textBytes } from './key-requests.ts'
import { openWatch } from './watching.ts'

/**
 * The public methods of `DndClient`, but for what belongs to its connections, and for the keys and
 * users of the cluster, which an operator changes.
 */
type ClientMethods = Omit<DndClient, 'close' | 'keys' | 'users' | 'repairs'>

const READ: Question = { write: false }
const WRITE: Question = { write: true }

/** @throws DndClientError Every operation, when it fails. */
export class NodeClient implements ClientMethods {
  readonly #desk: Desk
  /** Comparing replicas now. */
  readonly repairs: Pick<Repairs, 'begin' | 'progress'> = {
    begin: (options?: RepairOptions) => {
      const query = { bucket: bytesOr(options?.bucket), prefix: bytesOr(options?.prefix) }
      return this.#inside<RepairRunJson>(WRITE, onRepair, { query })
    },
    progress: () => this.#inside<RepairJson>(READ, onRepairProgress),
  }

  constructor(desk: Desk) {
    this.#desk = desk
  }

  async put(
    key: string,
    value: string | Uint8Array,
    options: PutOptions = {},
  ): Promise<WriteResult> {
    return (await this.#one({ ...options, type: 'put', key, value }, options)) as WriteResult
  }

  async get(key: string, options: GetOptions = {}): Promise<GetResult> {
    return (await this.#one({ ...options, type: 'get', key }, options)) as GetResult
  }

  async delete(key: string, options: WriteOptions = {}): Promise<WriteResult> {
    return (await this.#one({ ...options, type: 'delete', key }, options)) as WriteResult
  }

  /** What each replica holds of a key, and what is still to happen to it. */
  async explain(key: string, options: KeyOptions = {}): Promise<ExplainJson> {
    const { bucket = DEFAULT_BUCKET, sort, timeoutMs } = options
    for (const text of [bucket, key, sort ?? '']) mustBeWellFormed(text)
    const query = { sort: bytesOr(sort), timeout: timeoutMs }
    const named = { bucket, key: textBytes(key), query }
    return this.#inside({ ...READ, ...options }, onExplain, named)
  }

  /** One page of keys, in order. */
  async listPage(options: ListOptions = {}): Promise<KeysPageJson> {
    const { bucket = DEFAULT_BUCKET, prefix, start, end, limit, reverse, timeoutMs } = options
    for (const text of [bucket, prefix, start, end]) if (text !== undefined) mustBeWellFormed(text)
    const bounds = { prefix: bytesOr(prefix), start: bytesOr(start), end: bytesOr(end) }
    const query = { ...bounds, limit, reverse: reverse === true, timeout: timeoutMs }
    return this.#inside({ ...READ, ...options }, onList, { bucket, query })
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
   * The changes of a bucket as they come, until `signal` or the end of the node ends it: each
   * acknowledged write at least once, those of one key in causal order.
   * @throws DndClientError when it cannot be watched
   */
  watch(
    bucket: string = DEFAULT_BUCKET,
    options: WatchOptions = {},
  ): AsyncGenerator<WatchEvent, void, undefined> {
    const { prefix, signal } = options
    for (const text of [bucket, prefix ?? '']) mustBeWellFormed(text)
    const { closing } = this.#desk
    const end = signal === undefined ? closing : AbortSignal.any([closing, signal])
    return watchAgain((since, until) => openWatch(this.#desk, { bucket, prefix }, since, until), {
      ...options,
      signal: end,
    })
  }

  /**
   * Several operations in one call, each with its own result, in the order given; at most 1,000. It
   * is not a transaction, and it throws only when the call as a whole failed.
   */
  batch(
    operations: readonly BatchOperation[],
    options: BatchOptions = {},
  ): Promise<readonly BatchResult[]> {
    const write = operations.some(({ type }) => type !== 'get')
    // Taken now: the app may change its list and bytes while it waits.
    const taken = operations.map(taking)
    const question = { ...options, write }
    return this.#desk.ask(question, (answering) => askBatch(this.#desk.site, taken, answering))
  }

  buckets(): Promise<BucketsJson> {
    return this.#inside(READ, onBuckets)
  }

  /** A handle on the values of a bucket: text and bytes, or of a type with a schema or codec. */
  bucket(name: string, options?: UntypedBucketOptions): Bucket<string | Uint8Array>
  bucket<T, In = T>(name: string, options: SchemaBucketOptions<T, In>): Bucket<T, In>
  bucket<T>(name: string, options: CodecBucketOptions<T>): Bucket<T>
  bucket(name: string, options: AnyBucketOptions = {}): unknown {
    return openBucket(this, name, options)
  }

  async bucketProperties(name: string): Promise<BucketJson> {
    mustBeWellFormed(name)
    return this.#inside(READ, onBucket, { bucket: name })
  }

  /**
   * Sets a bucket's properties. What is left out gets its default, r and w a majority of n;
   * `undefined` puts all back to the defaults.
   */
  async configureBucket(
    name: string,
    properties: Partial<BucketPropertiesJson> | undefined,
  ): Promise<BucketJson> {
    mustBeWellFormed(name)
    const handle = (asked: Asked): void =>
      properties === undefined ? onResetBucket(asked) : configureBucket(asked, properties)
    return this.#inside(WRITE, handle, { bucket: name })
  }

  cluster(): Promise<ClusterJson> {
    return this.#inside(READ, onCluster)
  }

  /** Which writes this node keeps for nodes that are away. */
  hints(): Promise<HintsJson> {
    return this.#inside(READ, onHints)
  }

  layout(): Promise<LayoutJson> {
    return this.#inside(READ, onLayout)
  }

  /** What layout would follow: of these roles, or of those that the members want. */
  layoutPlan(roles?: readonly RoleJson[]): Promise<LayoutPlanJson> {
    const handle = (asked: Asked): void =>
      roles === undefined ? onLayoutPlan(asked) : planLayout(asked, { roles })
    return this.#inside(READ, handle)
  }

  /** Has a plan chosen; the data moves then. */
  applyLayout(
    plan: { readonly version: number; readonly hash: string },
    roles?: readonly RoleJson[],
  ): Promise<{ readonly version: number }> {
    const { version, hash } = plan
    const body = { version, hash, ...(roles === undefined ? {} : { roles }) }
    return this.#inside(WRITE, (asked) => applyLayout(asked, body))
  }

  /**
   * Says that a node, by id or name, will not come back. `partitions`: of how many it is known that
   * they lose their last replica by that.
   */
  removeNode(node: string, partitions = 0): Promise<{ readonly node: string }> {
    return this.#inside(WRITE, (asked) => removeNode(asked, { node, partitions }))
  }

  /** The layouts that this node has seen. */
  layoutHistory(): Promise<LayoutHistoryJson> {
    return this.#inside(READ, onLayoutHistory)
  }

  /** Asks this node to leave its cluster; it stops by itself when it has left. */
  leave(): Promise<LeaveJson> {
    return this.#inside(WRITE, onLeave)
  }

  /** How far this node is on its way out of its cluster. */
  leaveProgress(): Promise<LeaveJson> {
    return this.#inside(READ, onLeaveProgress)
  }

  /** Whether every key can be read, as this node sees it; `unavailable` is an answer. */
  health(): Promise<HealthJson> {
    return this.#inside(READ, onHealth)
  }

  /** The keys "." and ".." go by way of a batch, as they do over HTTP, where no path holds them. */
  async #one(operation: BatchOperation, options: WriteOptions): Promise<GetResult | WriteResult> {
    if (operation.key === '.' || operation.key === '..') {
      const [only] = await this.batch([operation], options)
      if (only!.status === 'failed') throw only!.error
      return only as GetResult | WriteResult
    }
    mustBeSendable(operation)
    const { site } = this.#desk
    const taken = taking(operation)
    const { timeoutMs, signal, idempotent } = options
    const question = { write: operation.type !== 'get', timeoutMs, signal, idempotent }
    return this.#desk.ask<GetResult | WriteResult>(question, (answering) => {
      checkWhole('timeout', answering.timeoutMs)
      const request = keyRequest(site, taken, answering.timeoutMs, 'path')
      site.gateway.submit(request, (reply) => answering.read(() => answerTo(site, request, reply)))
    })
  }

  #inside<T>(question: Question, handle: (asked: Asked) => void, named: Named = {}): Promise<T> {
    const { site } = this.#desk
    return this.#desk.ask<T>(question, (answering) => {
      const { query = {}, bucket = DEFAULT_BUCKET } = named
      checkBucket(bucket)
      checkWhole('limit', query.limit)
      checkWhole('timeout', answering.timeoutMs)
      const asked = { ...named, query: { ...query, timeout: answering.timeoutMs } }
      handle(new Inside<T>(site, answering, asked))
    })
  }
}

/** The node behind it, for who closes it. */
export function nodeClient(site: NodeSite): { client: NodeClient; desk: Desk } {
  const desk = new Desk(site)
  return { client: new NodeClient(desk), desk }
}

function bytesOr(text: string | undefined): Uint8Array | undefined {
  return text === undefined ? undefined : textBytes(text)
}

/** What the app does to its bytes after the call must not reach the store. */
function taking(operation: BatchOperation): BatchOperation {
  if (operation.type !== 'put' || typeof operation.value === 'string') return { ...operation }
  return { ...operation, value: new Uint8Array(operation.value) }
}
