/**
 * From what an app asks of its node to what the node is asked. What cannot be asked is refused as
 * the HTTP API refuses it, so that an app may change from one to the other.
 */
import { checkKey, contextOfToken } from '../../adapters/http/key.ts'
import { isTtl, parseMoment } from '../../adapters/http/lifetime.ts'
import { metadataOf } from '../../adapters/http/metadata.ts'
import type { MetadataPair } from '../../adapters/http/metadata.ts'
import { PARAMETERS } from '../../adapters/http/query.ts'
import { checkedContentType } from '../../adapters/http/request-headers.ts'
import type { NodeSite } from '../../adapters/http/site.ts'
import { DndError } from '../../core/errors.ts'
import {
  bucketNameProblem,
  DEFAULT_BUCKET,
  TTL_MS_MAX,
  TTL_MS_MIN,
} from '../../core/node/buckets.ts'
import type { ClientRequest } from '../../core/node/events.ts'
import { assert } from '../../core/std/assert.ts'
import { utf8Encode, utf8Length } from '../../core/std/bytes.ts'
import { VALUE_BYTES_MAX } from '../../core/std/limits.ts'
import type { Value } from '../../core/versions/version.ts'
import { mustBeWellFormed } from '../../../packages/client/src/encoding.ts'
import { defaultContentType } from '../../../packages/client/src/operations.ts'
import type { BatchOperation } from '../../../packages/client/src/operations.ts'

/**
 * Alone a request travels as path, query and headers, in a batch as JSON: over HTTP, and so here,
 * the same mistake has another name in each.
 */
export type Form = 'path' | 'batch'

/** A get, put or delete. */
export type KeyRequest = Extract<ClientRequest, { readonly type: 'get' | 'put' | 'delete' }>

/** What the HTTP client refuses itself. */
export function mustBeSendable(operation: BatchOperation): void {
  const { bucket, key, sort } = operation
  for (const text of [bucket, key, sort]) if (text !== undefined) mustBeWellFormed(text)
  if (operation.type !== 'put') return
  if (typeof operation.value === 'string') mustBeWellFormed(operation.value)
  for (const [name, text] of Object.entries(operation.metadata ?? {}))
    for (const part of [name, text]) mustBeWellFormed(part)
}

/**
 * The bytes of its value are the store's from here on.
 * @throws DndError what the node would answer instead
 */
export function keyRequest(
  site: Pick<NodeSite, 'cluster' | 'mac'>,
  operation: BatchOperation,
  timeoutMs: number | undefined,
  form: Form,
): KeyRequest {
  const { bucket = DEFAULT_BUCKET } = operation
  const [parameter, quorum] =
    operation.type === 'get' ? (['r', operation.r] as const) : (['w', operation.w] as const)
  checkBucket(bucket)
  checkWhole(parameter, quorum, form)
  const key = textBytes(operation.key)
  const sort = operation.sort === undefined ? undefined : textBytes(operation.sort)
  checkKey(key, sort)
  const named = { bucket, key, sort, timeoutMs }
  if (operation.type === 'get') return { type: 'get', ...named, r: quorum }
  const token = operation.context
  const context = token === undefined ? undefined : contextOfToken(site, bucket, key, sort, token)
  if (operation.type === 'delete') return { type: 'delete', ...named, context, w: quorum }
  const { ttlMs } = operation
  return { type: 'put', ...named, context, w: quorum, value: valueOf(operation, form), ttlMs }
}

export function checkBucket(name: string): void {
  const problem = bucketNameProblem(name)
  if (problem !== undefined) throw new DndError('DND_ERR_BAD_BUCKET', problem)
}

/** A number within the bounds of the parameter of that name, or none. */
export function checkWhole(
  name: 'r' | 'w' | 'timeout' | 'limit',
  given: number | undefined,
  form: Form = 'path',
): void {
  const { value } = PARAMETERS[name]
  assert(value.kind === 'integer', name)
  const { min, max } = value
  if (given === undefined || (Number.isSafeInteger(given) && given >= min && given <= max)) return
  throw new DndError(
    form === 'path' ? 'DND_ERR_BAD_PARAMETER' : 'DND_ERR_BAD_JSON',
    `the parameter "${name}" must be a whole number from ${min} to ${max}`,
  )
}

/** Never shares memory with anything of the app. */
export function textBytes(text: string): Uint8Array {
  if (utf8Length(text) === undefined) throw badJson('a text holds half of a surrogate pair')
  return utf8Encode(text)
}

function valueOf(put: BatchOperation & { readonly type: 'put' }, form: Form): Value {
  const bytes = typeof put.value === 'string' ? textBytes(put.value) : put.value
  if (bytes.length > VALUE_BYTES_MAX)
    throw new DndError('DND_ERR_VALUE_TOO_LARGE', `the body has more than ${VALUE_BYTES_MAX} bytes`)
  const usual = defaultContentType(put.value)
  // An empty header says nothing, and then a node does not look at what it is given.
  const fallback = form === 'path' ? 'application/octet-stream' : usual
  const contentType = checkedContentType(put.contentType ?? usual) ?? fallback
  const pairs = Object.entries(put.metadata ?? {}).map(
    // Names of headers have no case.
    ([name, text]): MetadataPair => [form === 'path' ? name.toLowerCase() : name, text],
  )
  return { bytes, contentType, metadata: metadataOf(pairs), expiresAtMs: deadlineOf(put, form) }
}

/** 0 for none. */
function deadlineOf(
  { ttlMs, expiresAt }: BatchOperation & { readonly type: 'put' },
  form: Form,
): number {
  const code = form === 'path' ? 'DND_ERR_BAD_HEADER' : 'DND_ERR_BAD_JSON'
  if (ttlMs !== undefined && expiresAt !== undefined)
    throw new DndError(code, 'a value has both a time to live and a deadline')
  if (ttlMs !== undefined && !isTtl(ttlMs))
    throw new DndError(code, `a time to live is 0 (for ever), or ${TTL_MS_MIN} to ${TTL_MS_MAX} ms`)
  if (expiresAt === undefined) return 0
  const expiresAtMs = parseMoment(expiresAt)
  if (expiresAtMs !== undefined) return expiresAtMs
  throw new DndError(code, 'a deadline is a moment in UTC, such as 2030-01-31T12:00:00Z')
}

function badJson(message: string): DndError {
  return new DndError('DND_ERR_BAD_JSON', message)
}
