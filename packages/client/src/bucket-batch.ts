/** A batch of typed operations: encoded, sent in as many requests as it takes, and decoded. */
import { BATCH_OPERATIONS_MAX } from './api.ts'
import type { BucketStore, OpenBucket } from './bucket-store.ts'
import { DndSchemaError } from './bucket-errors.ts'
import { named, ofKey } from './entry.ts'
import type { Entry, KeyOrEntry } from './entry.ts'
import { DndClientError } from './error.ts'
import type { BatchOperation, BatchOptions, BatchResult, LifetimeOptions } from './operations.ts'

/** Of values in one request, before they are written as JSON; a node takes 8 MiB of that. */
const REQUEST_BYTES_MAX = 3 * 1024 * 1024

interface OfKey {
  /** An entry gives its context as well. */
  readonly key: KeyOrEntry
  readonly sort?: string | undefined
}

export type BucketBatchOperation<In> =
  | (OfKey & { readonly type: 'get'; readonly r?: number | undefined })
  | (OfKey & {
      readonly type: 'delete'
      readonly context?: string | undefined
      readonly w?: number | undefined
    })
  | (OfKey &
      LifetimeOptions & {
        readonly type: 'put'
        readonly value: In
        readonly metadata?: Readonly<Record<string, string>> | undefined
        readonly context?: string | undefined
        readonly w?: number | undefined
      })

export type BucketBatchResult<T> =
  | Entry<T>
  | {
      readonly status: 'failed'
      readonly key: string
      readonly sort?: string
      readonly error: DndClientError | DndSchemaError
    }

/** An operation ready to be sent, or the failure that it ended in before. */
interface Prepared<T> {
  readonly key: string
  readonly sort: string | undefined
  readonly operation?: BatchOperation
  /** Of a put: as it will be read. */
  readonly output?: T
  readonly error?: DndSchemaError
  readonly bytes: number
}

export async function runBatch<T, In>(
  bucket: OpenBucket<T, In>,
  store: BucketStore,
  operations: readonly BucketBatchOperation<In>[],
  options: BatchOptions,
): Promise<readonly BucketBatchResult<T>[]> {
  const prepared = await Promise.all(operations.map((operation) => prepare(bucket, operation)))
  const results: BucketBatchResult<T>[] = []
  for (let from = 0; from < prepared.length;) {
    const to = endOfRequest(prepared, from)
    results.push(...(await sendSome(bucket, store, prepared.slice(from, to), options)))
    from = to
  }
  return results
}

async function prepare<T, In>(
  bucket: OpenBucket<T, In>,
  operation: BucketBatchOperation<In>,
): Promise<Prepared<T>> {
  const given = operation.type === 'get' ? { sort: operation.sort } : operation
  const { key, sort, context } = named(operation.key, given)
  const name = { bucket: bucket.name, key, sort }
  if (operation.type === 'get')
    return { key, sort, bytes: 0, operation: { type: 'get', ...name, r: operation.r } }
  const { w } = operation
  if (operation.type === 'delete')
    return { key, sort, bytes: 0, operation: { type: 'delete', ...name, context, w } }
  try {
    const { data: value, contentType, output } = await bucket.encode(key, operation.value)
    const { metadata, ttlMs, expiresAt } = operation
    const put = { ...name, value, contentType, context, w, metadata, ttlMs, expiresAt }
    return { key, sort, bytes: value.length, output, operation: { type: 'put', ...put } }
  } catch (error) {
    if (!(error instanceof DndSchemaError)) throw error
    return { key, sort, bytes: 0, error }
  }
}

function endOfRequest(prepared: readonly Prepared<unknown>[], from: number): number {
  let bytes = 0
  let to = from
  while (to < prepared.length && to - from < BATCH_OPERATIONS_MAX) {
    bytes += prepared[to]!.bytes
    if (to > from && bytes > REQUEST_BYTES_MAX) break
    to++
  }
  return to
}

/** A request that fails as a whole is a failure of each of its operations. */
async function sendSome<T, In>(
  bucket: OpenBucket<T, In>,
  store: BucketStore,
  some: readonly Prepared<T>[],
  options: BatchOptions,
): Promise<readonly BucketBatchResult<T>[]> {
  const operations = some.flatMap(({ operation }) => operation ?? [])
  let answers: readonly BatchResult[] | DndClientError = []
  try {
    if (operations.length > 0) answers = await store.batch(operations, options)
  } catch (error) {
    if (!(error instanceof DndClientError)) throw error
    answers = error
  }
  let next = 0
  const answerOf = (
    each: Prepared<T>,
  ): BatchResult | { status: 'failed'; error: DndSchemaError } => {
    if (each.error !== undefined) return { status: 'failed', error: each.error }
    return answers instanceof DndClientError
      ? { status: 'failed', error: answers }
      : answers[next++]!
  }
  return Promise.all(some.map((each) => resultOf(bucket, each, answerOf(each))))
}

async function resultOf<T, In>(
  bucket: OpenBucket<T, In>,
  { key, sort, operation, output }: Prepared<T>,
  answer: BatchResult | { readonly status: 'failed'; readonly error: DndSchemaError },
): Promise<BucketBatchResult<T>> {
  const of = ofKey({ key, sort })
  if (answer.status === 'failed') return { status: 'failed', ...of, error: answer.error }
  if (answer.status !== 'stored') {
    try {
      return await bucket.entryOf(key, sort, answer)
    } catch (error) {
      if (!(error instanceof DndSchemaError)) throw error
      return { status: 'failed', ...of, error }
    }
  }
  const { context } = answer
  if (operation?.type !== 'put') return { status: 'absent', ...of, value: undefined, context }
  const { contentType = '', metadata = {} } = operation
  return { status: 'found', ...of, value: output as T, contentType, metadata, context }
}
