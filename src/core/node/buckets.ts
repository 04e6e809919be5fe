/**
 * Bucket properties: their defaults, their bounds, and what a request's quorum comes to.
 */
import { BUCKET_NAME_BYTES_MAX, VALUE_BYTES_MAX } from '../std/limits.ts'
import type { BucketProperties } from './messages.ts'

/** The bucket that `/kv/{key}` means. */
export const DEFAULT_BUCKET = 'default'

export const DEFAULT_PROPERTIES: BucketProperties = {
  n: 3,
  r: 2,
  w: 2,
  conflicts: 'lww',
  valueBytesMax: VALUE_BYTES_MAX,
  sloppy: true,
  ttlMs: 0,
}

/** The shortest: clocks that differ by the allowed skew must not end a value before it is read. */
export const TTL_MS_MIN = 1000
/** A hundred years, milliseconds: the longest time that a value may be given to live. */
export const TTL_MS_MAX: number = 3_155_760_000_000

/** What is wrong with a bucket's name; undefined when nothing is. */
export function bucketNameProblem(name: string): string | undefined {
  if (name.length === 0 || name.length > BUCKET_NAME_BYTES_MAX)
    return `a bucket name has 1 to ${BUCKET_NAME_BYTES_MAX} characters`
  if (!/^[a-z0-9][a-z0-9._-]*$/.test(name))
    return 'a bucket name begins with a letter or digit and has only a-z, 0-9, ".", "_" and "-"'
  return undefined
}

/**
 * What is wrong with a bucket's properties in a cluster of `replicas`; undefined when nothing is.
 */
export function propertiesProblem(p: BucketProperties, replicas: number): string | undefined {
  if (!isCount(p.n, replicas)) return `n must be 1 to ${replicas}, the cluster's number of replicas`
  if (!isCount(p.r, p.n)) return `r must be 1 to n (${p.n})`
  if (!isCount(p.w, p.n)) return `w must be 1 to n (${p.n})`
  if (p.conflicts !== 'lww' && p.conflicts !== 'siblings')
    return 'conflicts must be "lww" or "siblings"'
  if (!isCount(p.valueBytesMax, VALUE_BYTES_MAX))
    return `valueBytesMax must be 1 to ${VALUE_BYTES_MAX}`
  if (typeof p.sloppy !== 'boolean') return 'sloppy must be true or false'
  const isTime = isCount(p.ttlMs, TTL_MS_MAX) && p.ttlMs >= TTL_MS_MIN
  if (p.ttlMs !== 0 && !isTime)
    return `ttlMs must be 0 (for ever), or ${TTL_MS_MIN} to ${TTL_MS_MAX}`
  return undefined
}

function isCount(value: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= max
}
