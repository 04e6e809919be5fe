/**
 * From what an app asks of its client to what a node is asked, with the refusals that the client
 * and the HTTP front of a real node would give. The front itself (`src/adapters/http`) is no part
 * of the simulator; `parity.test.ts` holds the two against each other.
 */
import { DndError } from '../../src/core/errors.ts'
import {
  bucketNameProblem,
  DEFAULT_BUCKET,
  DEFAULT_PROPERTIES,
  TTL_MS_MAX,
  TTL_MS_MIN,
} from '../../src/core/node/buckets.ts'
import type { ListKeysRequest } from '../../src/core/node/events.ts'
import type { BucketProperties } from '../../src/core/node/messages.ts'
import { utf8Encode, utf8Length } from '../../src/core/std/bytes.ts'
import {
  CONTENT_TYPE_BYTES_MAX,
  KEY_BYTES_MAX,
  LIST_LIMIT_MAX,
  METADATA_PAIRS_MAX,
  VALUE_BYTES_MAX,
} from '../../src/core/std/limits.ts'
import { valueProblem } from '../../src/core/versions/value.ts'
import type { Value } from '../../src/core/versions/version.ts'
import type { BucketPropertiesJson } from '../../packages/client/src/api.ts'
import type { BatchOperation, ListOptions } from '../../packages/client/src/client.ts'
import { mustBeWellFormed } from '../../packages/client/src/encoding.ts'
import type { KeyRequest } from './book.ts'
import { listingBounds } from '../../src/core/node/listing-bounds.ts'
import type { Seal } from './seal.ts'

/**
 * A request for one value travels in a path, a query and headers; in a batch it is JSON. The same
 * mistake has another name in each.
 */
export type Form = 'path' | 'batch'

const TEXT_TYPE = 'text/plain; charset=utf-8'
const BYTES_TYPE = 'application/octet-stream'
const TIMEOUT_MS_MAX = 60_000
const QUORUM_MAX = 7
const LIST_LIMIT_DEFAULT = 1_000
const EMPTY = new Uint8Array(0)

/** What the client itself refuses, with a TypeError and before it asks anybody. */
export function mustBeSendable(operation: BatchOperation): void {
  const { bucket, key, sort } = operation
  for (const text of [bucket, key, sort]) if (text !== undefined) mustBeWellFormed(text)
  if (operation.type !== 'put') return
  if (typeof operation.value === 'string') mustBeWellFormed(operation.value)
  for (const [name, text] of Object.entries(operation.metadata ?? {}))
    for (const part of [name, text]) mustBeWellFormed(part)
}

/** What the node is asked; throws what it would be told instead. */
export function keyRequest(
  operation: BatchOperation,
  timeoutMs: number | undefined,
  form: Form,
  seal: Seal,
): KeyRequest {
  const { bucket = DEFAULT_BUCKET } = operation
  const key = bytesOf(operation.key)
  const sort = operation.sort === undefined ? undefined : bytesOf(operation.sort)
  const quorum = operation.type === 'get' ? operation.r : operation.w
  checkBucket(bucket)
  checkTimeout(timeoutMs)
  if (quorum !== undefined && !isWhole(quorum, QUORUM_MAX))
    throw malformed(form, `a whole number from 1 to ${QUORUM_MAX} is wanted for the quorum`)
  checkKey(key, sort)
  const named = { bucket, key, sort, timeoutMs }
  if (operation.type === 'get') return { type: 'get', ...named, r: quorum }
  const token = operation.context
  const context = token === undefined ? undefined : seal.open(token, bucket, key, sort)
  if (operation.type === 'delete') return { type: 'delete', ...named, context, w: quorum }
  const { ttlMs } = operation
  return { type: 'put', ...named, context, w: quorum, value: valueOf(operation, form), ttlMs }
}

/** undefined: nothing can lie between the bounds. */
export function listRequest(options: ListOptions): ListKeysRequest | undefined {
  const { bucket = DEFAULT_BUCKET, limit = LIST_LIMIT_DEFAULT, timeoutMs } = options
  const reverse = options.reverse === true
  checkBucket(bucket)
  checkTimeout(timeoutMs)
  if (!isWhole(limit, LIST_LIMIT_MAX))
    throw new DndError(
      'DND_ERR_BAD_PARAMETER',
      `the parameter "limit" must be a whole number from 1 to ${LIST_LIMIT_MAX}`,
    )
  const bounds = listingBounds({
    prefix: bytesOf(options.prefix ?? ''),
    start: bytesOf(options.start ?? ''),
    end: bytesOf(options.end ?? ''),
    reverse,
  })
  return bounds && { type: 'list', bucket, ...bounds, reverse, limit, timeoutMs }
}

export function checkBucket(name: string): void {
  const problem = bucketNameProblem(name)
  if (problem !== undefined) throw new DndError('DND_ERR_BAD_BUCKET', problem)
}

/** What is left out is as by default, r and w a majority of n. */
export function bucketProperties(given: Partial<BucketPropertiesJson>): BucketProperties {
  const { n = DEFAULT_PROPERTIES.n, conflicts = DEFAULT_PROPERTIES.conflicts } = given
  const majority = Math.floor(n / 2) + 1
  const { r = majority, w = majority, valueBytesMax = DEFAULT_PROPERTIES.valueBytesMax } = given
  const { sloppy = DEFAULT_PROPERTIES.sloppy, ttlMs = DEFAULT_PROPERTIES.ttlMs } = given
  const known = { n, r, w, conflicts, valueBytesMax, sloppy, ttlMs }
  for (const name of Object.keys(given))
    if (!Object.hasOwn(known, name)) throw badJson(`the body has an unknown field "${name}"`)
  for (const [name, count] of Object.entries({ n, r, w, valueBytesMax }))
    if (!isWhole(count, VALUE_BYTES_MAX))
      throw badJson(`${name} must be a whole number from 1 to ${VALUE_BYTES_MAX}`)
  if (conflicts !== 'lww' && conflicts !== 'siblings')
    throw badJson('conflicts must be "lww" or "siblings"')
  if (typeof sloppy !== 'boolean') throw badJson('sloppy must be true or false')
  if (ttlMs !== 0 && !isWhole(ttlMs, TTL_MS_MAX))
    throw badJson(`ttlMs must be a whole number from 0 to ${TTL_MS_MAX}`)
  return known
}

function valueOf(put: BatchOperation & { readonly type: 'put' }, form: Form): Value {
  const bytes = typeof put.value === 'string' ? bytesOf(put.value) : put.value
  if (bytes.length > VALUE_BYTES_MAX)
    throw new DndError('DND_ERR_VALUE_TOO_LARGE', `the body has more than ${VALUE_BYTES_MAX} bytes`)
  const usual = typeof put.value === 'string' ? TEXT_TYPE : BYTES_TYPE
  // An empty header says nothing, and then a node does not look at what it is given.
  const fallback = form === 'path' ? BYTES_TYPE : usual
  const given = put.contentType ?? usual
  if (given.length > CONTENT_TYPE_BYTES_MAX || !/^[\x20-\x7e]*$/.test(given))
    throw new DndError(
      'DND_ERR_BAD_HEADER',
      `a content type has at most ${CONTENT_TYPE_BYTES_MAX} printable ASCII characters`,
    )
  const contentType = given === '' ? fallback : given
  const metadata = metadataOf(put.metadata ?? {}, form)
  return { bytes, contentType, metadata, expiresAtMs: deadlineOf(put, form) }
}

/** 0 for none. */
function deadlineOf(
  { ttlMs, expiresAt }: BatchOperation & { readonly type: 'put' },
  form: Form,
): number {
  const code = form === 'path' ? 'DND_ERR_BAD_HEADER' : 'DND_ERR_BAD_JSON'
  if (ttlMs !== undefined && expiresAt !== undefined)
    throw new DndError(code, 'a value has both a time to live and a deadline')
  const isTtl = ttlMs === undefined || ttlMs === 0 || isWhole(ttlMs, TTL_MS_MAX)
  if (!isTtl || (ttlMs !== undefined && ttlMs > 0 && ttlMs < TTL_MS_MIN))
    throw new DndError(code, `a time to live is 0 (for ever), or ${TTL_MS_MIN} to ${TTL_MS_MAX} ms`)
  if (expiresAt === undefined) return 0
  const isMoment = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,3})?Z$/.test(expiresAt)
  const expiresAtMs = isMoment ? Date.parse(expiresAt) : Number.NaN
  if (expiresAtMs > 0) return expiresAtMs
  throw new DndError(code, 'a deadline is a moment in UTC, such as 2030-01-31T12:00:00Z')
}

function metadataOf(given: Readonly<Record<string, string>>, form: Form): Value['metadata'] {
  // Names of headers have no case.
  const nameOf = (name: string): string => (form === 'path' ? name.toLowerCase() : name)
  const metadata = Object.entries(given)
    .map(([name, text]) => [nameOf(name), text] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  if (metadata.length > METADATA_PAIRS_MAX)
    throw badMetadata(`there are more than ${METADATA_PAIRS_MAX} metadata names`)
  for (const [name] of metadata)
    if (!/^[a-z0-9!#$&'*+.^_`|~-]+$/.test(name))
      throw badMetadata(`the metadata name "${name}" is not a lower-case header name`)
  const problem = valueProblem({ bytes: EMPTY, contentType: '', metadata, expiresAtMs: 0 })
  if (problem !== undefined) throw badMetadata(problem)
  return metadata
}

function checkKey(key: Uint8Array, sort: Uint8Array | undefined): void {
  if (key.length === 0) throw badKey('the key is empty')
  if (key.includes(0)) throw badKey('the key contains U+0000')
  if (sort?.length === 0) throw badKey('the sort key is empty; leave it out to name the key itself')
  if (sort?.includes(0) === true) throw badKey('the sort key contains U+0000')
  const length = key.length + (sort?.length ?? 0)
  if (length > KEY_BYTES_MAX)
    throw badKey(`key and sort key have ${length} bytes together; ${KEY_BYTES_MAX} are allowed`)
}

export function checkTimeout(timeoutMs: number | undefined): void {
  if (timeoutMs === undefined || isWhole(timeoutMs, TIMEOUT_MS_MAX)) return
  const message = `the parameter "timeout" must be a whole number from 1 to ${TIMEOUT_MS_MAX}`
  throw new DndError('DND_ERR_BAD_PARAMETER', message)
}

function bytesOf(text: string): Uint8Array {
  if (utf8Length(text) === undefined) throw badJson('a text holds half of a surrogate pair')
  return utf8Encode(text)
}

function isWhole(value: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= most
}

function malformed(form: Form, message: string): DndError {
  return new DndError(form === 'path' ? 'DND_ERR_BAD_PARAMETER' : 'DND_ERR_BAD_JSON', message)
}

function badJson(message: string): DndError {
  return new DndError('DND_ERR_BAD_JSON', message)
}

function badKey(message: string): DndError {
  return new DndError('DND_ERR_BAD_KEY', message)
}

function badMetadata(message: string): DndError {
  return new DndError('DND_ERR_BAD_METADATA', message)
}
