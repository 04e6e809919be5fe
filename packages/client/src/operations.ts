/**
 * What is asked of single keys and what is answered, and how both travel in JSON.
 */
import type { BatchOperationJson, BatchResultJson, ValueJson } from './api.ts'
import { bytesOf, toBase64 } from './encoding.ts'
import type { DndClientError } from './error.ts'
import { fromProblem } from './error.ts'

export interface KeyOptions {
  readonly bucket?: string | undefined
  /** Names an item under the key. */
  readonly sort?: string | undefined
  /** How long the node may take, milliseconds. */
  readonly timeoutMs?: number | undefined
  /** Ends the request: `DND_ERR_ABORTED`, or `DND_ERR_TIMEOUT` of an `AbortSignal.timeout`. */
  readonly signal?: AbortSignal | undefined
}

export interface WriteOptions extends KeyOptions {
  /** What this write supersedes: the context of a read or an earlier write. */
  readonly context?: string | undefined
  /** Replicas that must have stored it; as the bucket says by default. */
  readonly w?: number | undefined
  /**
   * To store this twice does no harm, even if somebody else wrote in between: then the write is
   * sent again when its outcome is unknown. Default: false.
   */
  readonly idempotent?: boolean | undefined
}

export interface PutOptions extends WriteOptions, LifetimeOptions {
  /** Default: text for strings, bytes for bytes. */
  readonly contentType?: string | undefined
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

export interface LifetimeOptions {
  /**
   * How long the value lives, milliseconds; 0: for ever. Default: until `expiresAt`, or as the
   * bucket says.
   */
  readonly ttlMs?: number | undefined
  /** When it ends, ISO 8601 in UTC. */
  readonly expiresAt?: string | undefined
}

export interface GetOptions extends KeyOptions {
  /** Replicas that must answer; as the bucket says by default. */
  readonly r?: number | undefined
}

export interface StoredValue {
  readonly bytes: Uint8Array
  readonly contentType: string
  readonly metadata: Readonly<Record<string, string>>
  /** When it reads as absent, ISO 8601 in UTC; absent: never. */
  readonly expiresAt?: string
}

export type GetResult =
  | (StoredValue & { readonly status: 'found'; readonly context: string | undefined })
  /** With a context when the key was deleted. */
  | { readonly status: 'absent'; readonly context: string | undefined }
  /** Concurrent writes: choose or merge, then put with `context`, which supersedes them all. */
  | {
      readonly status: 'siblings'
      readonly siblings: readonly StoredValue[]
      readonly context: string
    }

export interface WriteResult {
  readonly status: 'stored'
  readonly context: string | undefined
  /** For people: what will go wrong if nobody does anything about it. */
  readonly warning?: string
}

export interface ListOptions {
  readonly bucket?: string | undefined
  readonly prefix?: string | undefined
  /** First key wanted, or `next` of the page before. */
  readonly start?: string | undefined
  /** First key not wanted. */
  readonly end?: string | undefined
  /** Keys in a page. */
  readonly limit?: number | undefined
  readonly reverse?: boolean | undefined
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
}

export interface BatchOptions {
  /** How long the node may take, milliseconds. */
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** To do all of it twice does no harm: see `WriteOptions`. */
  readonly idempotent?: boolean | undefined
}

interface BatchKey {
  readonly bucket?: string | undefined
  readonly key: string
  readonly sort?: string | undefined
}
export type BatchOperation =
  | (BatchKey & { readonly type: 'get'; readonly r?: number | undefined })
  | (BatchKey & {
      readonly type: 'delete'
      readonly context?: string | undefined
      readonly w?: number | undefined
    })
  | (BatchKey &
      LifetimeOptions & {
        readonly type: 'put'
        readonly value: string | Uint8Array
        readonly contentType?: string | undefined
        readonly metadata?: Readonly<Record<string, string>> | undefined
        readonly context?: string | undefined
        readonly w?: number | undefined
      })

export type BatchResult =
  | GetResult
  | WriteResult
  | { readonly status: 'failed'; readonly error: DndClientError }

export function defaultContentType(value: string | Uint8Array): string {
  return typeof value === 'string' ? 'text/plain; charset=utf-8' : 'application/octet-stream'
}

export function valueOf(json: Partial<ValueJson>): StoredValue {
  return {
    bytes: bytesOf(json),
    contentType: json.contentType ?? 'application/octet-stream',
    metadata: json.metadata ?? {},
    ...expiryOf(json.expiresAt),
  }
}

export function expiryOf(expiresAt: string | null | undefined): { readonly expiresAt?: string } {
  return typeof expiresAt === 'string' ? { expiresAt } : {}
}

export function operationJson(operation: BatchOperation): BatchOperationJson {
  const { bucket, key, sort } = operation
  const name = {
    key,
    ...(bucket === undefined ? {} : { bucket }),
    ...(sort === undefined ? {} : { sort }),
  }
  if (operation.type === 'get')
    return { type: 'get', ...name, ...(operation.r === undefined ? {} : { r: operation.r }) }
  const write = {
    ...name,
    ...(operation.context === undefined ? {} : { context: operation.context }),
    ...(operation.w === undefined ? {} : { w: operation.w }),
  }
  if (operation.type === 'delete') return { type: 'delete', ...write }
  return {
    type: 'put',
    ...write,
    ...(typeof operation.value === 'string'
      ? { value: operation.value }
      : { valueBase64: toBase64(operation.value) }),
    contentType: operation.contentType ?? defaultContentType(operation.value),
    ...(operation.metadata === undefined ? {} : { metadata: operation.metadata }),
    ...(operation.ttlMs === undefined ? {} : { ttlMs: operation.ttlMs }),
    ...expiryOf(operation.expiresAt),
  }
}

export function stored(context?: string | null, warning?: string | null): WriteResult {
  const result = { status: 'stored', context: context ?? undefined } as const
  return typeof warning === 'string' ? { ...result, warning } : result
}

export function batchResult(result: BatchResultJson, write: boolean): BatchResult {
  const { status, context } = result
  if (status === 404 && result.code === 'DND_ERR_KEY_NOT_FOUND')
    return { status: 'absent', context }
  if (status >= 400) return { status: 'failed', error: fromProblem(result, status, write) }
  if (write) return stored(context, result.warning)
  if (status === 300)
    return {
      status: 'siblings',
      siblings: (result.siblings ?? []).map(valueOf),
      context: context ?? '',
    }
  return { status: 'found', ...valueOf(result), context }
}
