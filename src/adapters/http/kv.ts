/**
 * `/kv`: one value. The hot path of the API, so it is plain: one function for each method, one for
 * each reply.
 */
import { siblingsWarning } from '../../core/node/conflicts.ts'
import type { GetResult } from '../../core/node/events.ts'
import { DndError } from '../../core/errors.ts'
import { must } from '../../core/std/assert.ts'
import { SIBLINGS_WARN, VALUE_BYTES_MAX } from '../../core/std/limits.ts'
import type { WriteResult } from '../../core/coordinator/messages.ts'
import type { Value, Version } from '../../core/versions/version.ts'
import type { Exchange } from './exchange.ts'
import { checkKey, contextOfToken, entityTagOf, namesTag, tokenOfContext } from './key.ts'
import { lifetimeOf, pushExpiry } from './lifetime.ts'
import { metadataOf, pushMetadata } from './metadata.ts'
import { problemOf } from './problem.ts'
import type { Problem } from './problem.ts'
import { getResult, writeResult } from './reply.ts'
import { isLive, siblingJson } from './value-json.ts'

export const DEFAULT_CONTENT_TYPE = 'application/octet-stream'
const NO_BYTES = new Uint8Array(0)

/**
 * Stored bytes are somebody else's: a browser must neither guess their type nor run them as a page
 * of ours.
 */
const SANDBOX: readonly string[] = [
  'x-content-type-options',
  'nosniff',
  'content-security-policy',
  'sandbox',
]

export function onPut(exchange: Exchange): void {
  const { headers } = exchange
  prepareWrite(exchange)
  if (headers.metadata !== undefined) exchange.metadata = metadataOf(headers.metadata)
  exchange.lifetime = lifetimeOf(headers.ttl, headers.expiresAt)
  exchange.readBody(VALUE_BYTES_MAX, 'DND_ERR_VALUE_TOO_LARGE', put)
}

function put(exchange: Exchange, bytes: Uint8Array): void {
  const { bucket, key, context, metadata, query } = exchange
  const { ttlMs, expiresAtMs } = exchange.lifetime
  const contentType = exchange.headers.contentType ?? DEFAULT_CONTENT_TYPE
  const value: Value = { bytes, contentType, metadata, expiresAtMs }
  const { sort, w, timeout: timeoutMs } = query
  exchange.site.gateway.submit(
    { type: 'put', bucket, key, sort, value, ttlMs, context, w, timeoutMs },
    (reply) => onWritten(exchange, writeResult(reply), 200),
  )
}

export function onDelete(exchange: Exchange): void {
  prepareWrite(exchange)
  const { bucket, key, context, query, headers } = exchange
  if (headers.ttl !== undefined || headers.expiresAt !== undefined)
    throw new DndError('DND_ERR_BAD_HEADER', 'a delete has no value that could expire')
  const { sort, w, timeout: timeoutMs } = query
  exchange.site.gateway.submit(
    { type: 'delete', bucket, key, sort, context, w, timeoutMs },
    (reply) => onWritten(exchange, writeResult(reply), 204),
  )
}

export function onGet(exchange: Exchange): void {
  const { site, bucket, key, headers } = exchange
  const { sort, r, timeout } = exchange.query
  if (headers.ifMatch !== undefined) throw unsupported(['If-Match'])
  checkKey(key, sort)
  site.gateway.submit({ type: 'get', bucket, key, sort, r, timeoutMs: timeout }, (reply) =>
    onRead(exchange, getResult(reply)),
  )
}

function onWritten(exchange: Exchange, result: WriteResult, status: 200 | 204): void {
  if (!result.ok) return exchange.failure(result)
  const { site, bucket, key, query } = exchange
  const headers = ['x-dnd-acks', String(result.acks)]
  if (result.siblings !== undefined) headers.push('x-dnd-warning', siblingsWarning(result.siblings))
  if (result.context !== undefined) {
    const token = tokenOfContext(site, bucket, key, query.sort, result.context)
    headers.push('x-dnd-context', token)
    if (status === 200) headers.push('etag', entityTagOf(token))
  }
  exchange.respond(status, headers, NO_BYTES)
}

function onRead(exchange: Exchange, result: GetResult): void {
  if (!result.ok) return exchange.failure(result)
  const { site, bucket, key, query } = exchange
  const { live, context } = result
  const headers = ['x-dnd-answers', String(result.answers)]
  const token =
    context === undefined ? undefined : tokenOfContext(site, bucket, key, query.sort, context)
  if (token !== undefined) headers.push('x-dnd-context', token)
  if (live.length === 0) return exchange.problem(absent(token !== undefined), headers)
  const tag = entityTagOf(must(token, 'the context of a value'))
  headers.push('etag', tag)
  const { ifNoneMatch } = exchange.headers
  if (ifNoneMatch !== undefined && namesTag(ifNoneMatch, tag))
    return exchange.respond(304, headers, NO_BYTES)
  if (live.length > 1) return siblings(exchange, live, token, headers)
  const value = must(live[0]!.value, 'a live value')
  headers.push('content-type', value.contentType, ...SANDBOX)
  if (value.metadata.length > 0) pushMetadata(headers, value.metadata)
  pushExpiry(headers, value)
  exchange.respond(200, headers, value.bytes)
}

/** All concurrent values: whoever reads them merges them and writes the result with the context. */
function siblings(
  exchange: Exchange,
  live: readonly Version[],
  token: string | undefined,
  headers: string[],
): void {
  if (live.length >= SIBLINGS_WARN) headers.push('x-dnd-warning', siblingsWarning(live.length))
  exchange.json(300, { siblings: live.filter(isLive).map(siblingJson), context: token }, headers)
}

function absent(deleted: boolean): Problem {
  const detail = deleted
    ? 'the value was deleted, or has expired'
    : 'nothing was ever stored under this key'
  return problemOf('DND_ERR_KEY_NOT_FOUND', detail)
}

function prepareWrite(exchange: Exchange): void {
  refuseConditions(exchange)
  const { site, headers, bucket, key, query } = exchange
  checkKey(key, query.sort)
  if (headers.context !== undefined)
    exchange.context = contextOfToken(site, bucket, key, query.sort, headers.context)
}

/** A condition that were accepted and not kept would be worse than none. */
function refuseConditions(exchange: Exchange): void {
  const { ifMatch, ifNoneMatch, unsupported: named } = exchange.headers
  if (ifMatch === undefined && ifNoneMatch === undefined && named === undefined) return
  const names = [...(named ?? [])]
  if (ifMatch !== undefined) names.push('If-Match')
  if (ifNoneMatch !== undefined) names.push('If-None-Match')
  throw unsupported(names)
}

function unsupported(names: readonly string[]): DndError {
  return new DndError(
    'DND_ERR_UNSUPPORTED',
    `${names.join(', ')}: not supported here, and ignoring it would break a promise. ` +
      'Concurrent writes are detected with X-Dnd-Context instead of conditions; ' +
      'bodies are stored whole and as they are',
  )
}
