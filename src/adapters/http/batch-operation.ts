/**
 * One operation of a batch: from JSON to what the node is asked, and from what it answers to JSON.
 */
import {
  custom,
  integer,
  literal,
  maxValue,
  minValue,
  number,
  optional,
  pipe,
  strictObject,
  string,
  variant,
} from 'valibot'
import type { WriteResult } from '../../core/coordinator/messages.ts'
import { siblingsWarning } from '../../core/node/conflicts.ts'
import type { ClientReply, ClientRequest, GetResult } from '../../core/node/events.ts'
import {
  bucketNameProblem,
  DEFAULT_BUCKET,
  TTL_MS_MAX,
  TTL_MS_MIN,
} from '../../core/node/buckets.ts'
import { DndError } from '../../core/errors.ts'
import { assert } from '../../core/std/assert.ts'
import { utf8Length } from '../../core/std/bytes.ts'
import { VALUE_BYTES_MAX } from '../../core/std/limits.ts'
import type { Context, Value } from '../../core/versions/version.ts'
import { badJson, shaped } from './json-body.ts'
import { checkKey, contextOfToken, entityTagOf, tokenOfContext } from './key.ts'
import { isTtl, parseMoment } from './lifetime.ts'
import { metadataOf } from './metadata.ts'
import type { Metadata } from './metadata.ts'
import { problemOf, problemOfError, problemOfFailure } from './problem.ts'
import type { Problem } from './problem.ts'
import { PARAMETERS } from './query.ts'
import { checkedContentType } from './request-headers.ts'
import type { Site } from './site.ts'
import { isLive, siblingJson, valueJson } from './value-json.ts'
import type { SiblingJson, ValueJson } from './value-json.ts'

const TEXT_CONTENT_TYPE = 'text/plain; charset=utf-8'
const BINARY_CONTENT_TYPE = 'application/octet-stream'

type Texts = Readonly<Record<string, string>>

const TEXT = string('a text is wanted')
const QUORUM = quorumSchema()
const NAMED = { bucket: optional(TEXT), key: TEXT, sort: optional(TEXT) }
const OPERATION = variant(
  'type',
  [
    strictObject({ type: literal('get'), ...NAMED, r: optional(QUORUM) }),
    strictObject({
      type: literal('put'),
      ...NAMED,
      value: optional(TEXT),
      valueBase64: optional(TEXT),
      contentType: optional(TEXT),
      metadata: optional(custom<Texts>(isTexts, 'an object of texts is wanted')),
      ttlMs: optional(number('a number is wanted')),
      expiresAt: optional(TEXT),
      context: optional(TEXT),
      w: optional(QUORUM),
    }),
    strictObject({
      type: literal('delete'),
      ...NAMED,
      context: optional(TEXT),
      w: optional(QUORUM),
    }),
  ],
  'it must be "get", "put" or "delete"',
)

/** A get, put or delete, and nothing else. */
export type BatchRequest = Extract<ClientRequest, { readonly type: 'get' | 'put' | 'delete' }>

interface Named {
  readonly bucket: string
  readonly key: Uint8Array
  readonly sort: Uint8Array | undefined
}

export type BatchResult =
  | ({
      readonly status: 200
      readonly context: string
      readonly etag: string
      readonly answers: number
    } & ValueJson)
  | {
      readonly status: 300
      readonly siblings: readonly SiblingJson[]
      readonly context: string
      readonly etag: string
      readonly answers: number
    }
  | {
      readonly status: 200 | 204
      readonly context?: string
      readonly etag?: string
      readonly acks: number
      readonly warning?: string
    }
  | (Problem & { readonly context?: string })

/** Throws for what cannot be asked. */
export function batchRequest(site: Site, json: unknown, place: string): BatchRequest {
  const operation = shaped(OPERATION, json, place)
  const bucket = operation.bucket ?? DEFAULT_BUCKET
  const problem = bucketNameProblem(bucket)
  if (problem !== undefined) throw new DndError('DND_ERR_BAD_BUCKET', problem)
  const key = textBytes(operation.key, `${place}.key`)
  const sort = operation.sort === undefined ? undefined : textBytes(operation.sort, `${place}.sort`)
  checkKey(key, sort)
  const named = { bucket, key, sort, timeoutMs: undefined }
  if (operation.type === 'get') return { type: 'get', ...named, r: operation.r }
  const { w } = operation
  const context = contextOf(site, named, operation.context)
  if (operation.type === 'delete') return { type: 'delete', ...named, context, w }
  const { ttlMs } = operation
  return { type: 'put', ...named, context, w, value: valueOf(operation, place), ttlMs }
}

export function batchResult(site: Site, request: BatchRequest, reply: ClientReply): BatchResult {
  if (reply.type === 'get') return readResult(site, request, reply.result)
  assert(reply.type === 'write', `an operation of a batch was answered by ${reply.type}`)
  return writtenResult(site, request, reply.result)
}

export function batchProblem(error: DndError): BatchResult {
  return problemOfError(error)
}

function writtenResult(site: Site, request: BatchRequest, result: WriteResult): BatchResult {
  if (!result.ok) return problemOfFailure(result)
  const { acks } = result
  const status = request.type === 'delete' ? 204 : 200
  const { siblings } = result
  const warned = siblings === undefined ? {} : { warning: siblingsWarning(siblings) }
  // Siblings that the writer has not seen: no context covers the write without covering them.
  if (result.context === undefined) return { status, acks, ...warned }
  const context = tokenOfContext(site, request.bucket, request.key, request.sort, result.context)
  if (status === 204) return { status, context, acks }
  return { status, context, etag: entityTagOf(context), acks }
}

function readResult(site: Site, request: BatchRequest, result: GetResult): BatchResult {
  if (!result.ok) return problemOfFailure(result)
  const { bucket, key, sort } = request
  const { live, answers } = result
  if (result.context === undefined)
    return problemOf('DND_ERR_KEY_NOT_FOUND', 'nothing was ever stored under this key')
  const context = tokenOfContext(site, bucket, key, sort, result.context)
  const siblings = live.filter(isLive)
  const [only] = siblings
  if (only === undefined)
    return {
      ...problemOf('DND_ERR_KEY_NOT_FOUND', 'the value was deleted, or has expired'),
      context,
    }
  const said = { context, etag: entityTagOf(context), answers }
  if (siblings.length === 1) return { status: 200, ...valueJson(only.value), ...said }
  return { status: 300, siblings: siblings.map(siblingJson), ...said }
}

function valueOf(
  put: {
    readonly value?: string | undefined
    readonly valueBase64?: string | undefined
    readonly contentType?: string | undefined
    readonly metadata?: Texts | undefined
    readonly ttlMs?: number | undefined
    readonly expiresAt?: string | undefined
  },
  place: string,
): Value {
  const { value, valueBase64 } = put
  if ((value === undefined) === (valueBase64 === undefined))
    throw badJson(`${place} needs either value or valueBase64`)
  const bytes =
    value === undefined
      ? base64Bytes(valueBase64 ?? '', `${place}.valueBase64`)
      : textBytes(value, `${place}.value`)
  if (bytes.length > VALUE_BYTES_MAX)
    throw new DndError(
      'DND_ERR_VALUE_TOO_LARGE',
      `the value of ${place} has more than ${VALUE_BYTES_MAX} bytes`,
    )
  const usual = value === undefined ? BINARY_CONTENT_TYPE : TEXT_CONTENT_TYPE
  const contentType = checkedContentType(put.contentType ?? '') ?? usual
  const expiresAtMs = deadlineOf(put.ttlMs, put.expiresAt, place)
  return { bytes, contentType, metadata: metadataOfJson(put.metadata), expiresAtMs }
}

/** 0 for none; throws for what cannot be meant. */
function deadlineOf(ttlMs: number | undefined, moment: string | undefined, place: string): number {
  if (ttlMs !== undefined && moment !== undefined)
    throw badJson(`${place} has both ttlMs and expiresAt`)
  if (ttlMs !== undefined && !isTtl(ttlMs))
    throw badJson(`${place}.ttlMs must be 0 (for ever), or ${TTL_MS_MIN} to ${TTL_MS_MAX}`)
  if (moment === undefined) return 0
  const expiresAtMs = parseMoment(moment)
  if (expiresAtMs === undefined)
    throw badJson(`${place}.expiresAt must be a moment in UTC, such as 2030-01-31T12:00:00Z`)
  return expiresAtMs
}

// By hand, because schemas of records skip names such as `constructor`, and a name is not to be
// lost.
function isTexts(json: unknown): boolean {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return false
  return Object.values(json).every((text) => typeof text === 'string')
}

function metadataOfJson(json: Texts | undefined): Metadata {
  return metadataOf(
    json === undefined ? [] : Object.entries(json).map(([name, text]) => [name, text]),
  )
}

function contextOf(site: Site, named: Named, token: string | undefined): Context | undefined {
  if (token === undefined) return undefined
  return contextOfToken(site, named.bucket, named.key, named.sort, token)
}

function textBytes(text: string, place: string): Uint8Array {
  if (utf8Length(text) === undefined) throw badJson(`${place} holds half of a surrogate pair`)
  const bytes = Buffer.from(text)
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

function base64Bytes(text: string, place: string): Uint8Array {
  // Buffer.from skips what it does not know; a value with anything else in it would be stored cut
  // or changed.
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text))
    throw badJson(`${place} is not base64`)
  const bytes = Buffer.from(text, 'base64')
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length)
}

// The schema's type is long and nobody's business: what counts is the number that comes out of it.
function quorumSchema() {
  const { value } = PARAMETERS.r
  assert(value.kind === 'integer', 'r is a number')
  const sentence = `a whole number from ${value.min} to ${value.max} is wanted`
  return pipe(
    number(sentence),
    integer(sentence),
    minValue(value.min, sentence),
    maxValue(value.max, sentence),
  )
}
