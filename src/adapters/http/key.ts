/**
 * What a key may be when it comes over HTTP, and its causal context as clients carry it: a
 * base64url token.
 */
import { DndError } from '../../core/errors.ts'
import { listingKey } from '../../core/node/storage-keys.ts'
import { KEY_BYTES_MAX } from '../../core/std/limits.ts'
import { decodeContextToken, encodeContextToken } from '../../core/versions/context-token.ts'
import type { ContextProblem } from '../../core/versions/context-token.ts'
import type { Context } from '../../core/versions/version.ts'
import type { NodeSite } from './site.ts'

/**
 * Eight bytes of authentication code end every token, and twelve characters hold them wherever they
 * fall.
 */
const ENTITY_TAG_CHARACTERS = 12

const CONTEXT_PROBLEMS: Readonly<Record<ContextProblem['problem'], string>> = {
  malformed: 'it is not a context',
  'wrong-cluster': 'it comes from another cluster',
  'wrong-key': 'it belongs to another key',
  forged: 'it was not given out by this cluster',
  'too-large': 'it is too long',
}

/** Throws for a key that cannot be used. */
export function checkKey(key: Uint8Array, sort: Uint8Array | undefined): void {
  if (key.length === 0) throw bad('the key is empty')
  if (key.includes(0)) throw bad('the key contains U+0000')
  if (sort !== undefined) checkSort(sort)
  const length = key.length + (sort === undefined ? 0 : sort.length)
  if (length > KEY_BYTES_MAX)
    throw bad(`key and sort key have ${length} bytes together; ${KEY_BYTES_MAX} are allowed`)
}

/**
 * The context in a token; throws, with the reason, for any that this cluster did not give out for
 * this key.
 */
export function contextOfToken(
  site: Pick<NodeSite, 'cluster' | 'mac'>,
  bucket: string,
  key: Uint8Array,
  sort: Uint8Array | undefined,
  token: string,
): Context {
  // Buffer.from skips what is not base64url; a token with anything else in it was not given out by
  // us.
  if (!/^[A-Za-z0-9_-]+$/.test(token)) throw badContext('malformed')
  const binding = { cluster: site.cluster, bucket, key: listingKey(key, sort) }
  const context = decodeContextToken(Buffer.from(token, 'base64url'), binding, site.mac)
  if ('problem' in context) throw badContext(context.problem)
  return context
}

export function tokenOfContext(
  site: Pick<NodeSite, 'cluster' | 'mac'>,
  bucket: string,
  key: Uint8Array,
  sort: Uint8Array | undefined,
  context: Context,
): string {
  const binding = { cluster: site.cluster, bucket, key: listingKey(key, sort) }
  const token = encodeContextToken(context, binding, site.mac)
  return Buffer.from(token.buffer, token.byteOffset, token.length).toString('base64url')
}

/**
 * The entity tag of what a context covers. A vector names a set of writes, the set decides which
 * versions are left, so equal contexts mean equal values; and the code at the token's end is a
 * digest of its context. So a write can say the tag that the next read will have.
 */
export function entityTagOf(token: string): string {
  return `"${token.slice(-ENTITY_TAG_CHARACTERS)}"`
}

/** Whether an If-None-Match names the tag. */
export function namesTag(ifNoneMatch: string, tag: string): boolean {
  const list = ifNoneMatch.trim()
  if (list === '*' || list === tag) return true
  return list.split(',').some((item) => item.trim().replace(/^W\//, '') === tag)
}

function checkSort(sort: Uint8Array): void {
  if (sort.length === 0) throw bad('the sort key is empty; leave it out to name the key itself')
  if (sort.includes(0)) throw bad('the sort key contains U+0000')
}

function bad(message: string): DndError {
  return new DndError('DND_ERR_BAD_KEY', message)
}

function badContext(problem: ContextProblem['problem']): DndError {
  return new DndError(
    'DND_ERR_BAD_CONTEXT',
    `the context cannot be used: ${CONTEXT_PROBLEMS[problem]}`,
  )
}
