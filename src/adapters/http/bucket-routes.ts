/**
 * `/buckets`: namespaces and their properties.
 */
import {
  boolean,
  integer,
  maxValue,
  minValue,
  number,
  optional,
  picklist,
  pipe,
  strictObject,
} from 'valibot'
import type { ConfigureResult } from '../../core/node/events.ts'
import { DEFAULT_PROPERTIES, TTL_MS_MAX } from '../../core/node/buckets.ts'
import type { BucketProperties } from '../../core/node/messages.ts'
import { VALUE_BYTES_MAX } from '../../core/std/limits.ts'
import { maySee } from './admission.ts'
import { note } from './audit.ts'
import type { Asked, Exchange } from './exchange.ts'
import { parseJson, shaped } from './json-body.ts'
import { configureResult } from './reply.ts'

const PROPERTIES_BYTES_MAX = 4096

const COUNT = pipe(
  number('a whole number is wanted'),
  integer('a whole number is wanted'),
  minValue(1, 'it must be at least 1'),
  maxValue(VALUE_BYTES_MAX, `it must be at most ${VALUE_BYTES_MAX}`),
)
const PROPERTIES = strictObject({
  n: optional(COUNT),
  r: optional(COUNT),
  w: optional(COUNT),
  conflicts: optional(picklist(['lww', 'siblings'], 'it must be "lww" or "siblings"')),
  valueBytesMax: optional(COUNT),
  sloppy: optional(boolean('true or false is wanted')),
  ttlMs: optional(
    pipe(
      number('a whole number is wanted'),
      integer('a whole number is wanted'),
      minValue(0, 'it must be at least 0'),
      maxValue(TTL_MS_MAX, `it must be at most ${TTL_MS_MAX}`),
    ),
  ),
})

export interface BucketJson {
  readonly name: string
  /** Whether its properties were set; otherwise they are the defaults. */
  readonly configured: boolean
  readonly properties: BucketProperties
}

export function onBuckets(exchange: Asked): void {
  const buckets = exchange.site.gateway
    .view()
    .buckets.filter(({ name }) => maySee(exchange, name))
    .map(({ name, properties }) => ({ name, configured: true, properties }))
  exchange.json(200, { buckets, defaults: DEFAULT_PROPERTIES })
}

export function onBucket(exchange: Asked): void {
  const { bucket, site } = exchange
  const found = site.gateway.view().buckets.find(({ name }) => name === bucket)
  exchange.json(200, bucketJson(bucket, found?.properties))
}

export function onConfigureBucket(exchange: Exchange): void {
  exchange.readBody(PROPERTIES_BYTES_MAX, 'DND_ERR_BODY_TOO_LARGE', configure)
}

export function onResetBucket(exchange: Asked): void {
  change(exchange, undefined)
}

function configure(exchange: Exchange, body: Uint8Array): void {
  const json = parseJson(body)
  note(exchange, { properties: json })
  configureBucket(exchange, json)
}

export function configureBucket(exchange: Asked, json: unknown): void {
  change(exchange, propertiesOf(json))
}

/**
 * What is left out is as by default; r and w are then a majority of n, so that reads see what
 * writes stored.
 */
function propertiesOf(json: unknown): BucketProperties {
  const given = shaped(PROPERTIES, json, 'the body')
  const n = given.n ?? DEFAULT_PROPERTIES.n
  const majority = Math.floor(n / 2) + 1
  return {
    n,
    r: given.r ?? majority,
    w: given.w ?? majority,
    conflicts: given.conflicts ?? DEFAULT_PROPERTIES.conflicts,
    valueBytesMax: given.valueBytesMax ?? DEFAULT_PROPERTIES.valueBytesMax,
    sloppy: given.sloppy ?? DEFAULT_PROPERTIES.sloppy,
    ttlMs: given.ttlMs ?? DEFAULT_PROPERTIES.ttlMs,
  }
}

function change(exchange: Asked, properties: BucketProperties | undefined): void {
  exchange.site.gateway.submit(
    { type: 'configure-bucket', bucket: exchange.bucket, properties },
    (reply) => onConfigured(exchange, properties !== undefined, configureResult(reply)),
  )
}

function onConfigured(exchange: Asked, configured: boolean, result: ConfigureResult): void {
  if (!result.ok) return exchange.failure(result)
  const { bucket } = exchange
  const { properties, pending } = result
  exchange.json(200, { name: bucket, configured, properties, pending })
}

function bucketJson(name: string, properties: BucketProperties | undefined): BucketJson {
  const configured = properties !== undefined
  return { name, configured, properties: properties ?? DEFAULT_PROPERTIES }
}
