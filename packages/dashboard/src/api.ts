/**
 * The node that served the page, by its HTTP API. Nothing else is ever asked.
 */
import type {
  BucketJson,
  BucketPropertiesJson,
  BucketsJson,
  ClusterJson,
  HintsJson,
  KeysPageJson,
  LayoutJson,
  ProblemJson,
  RepairJson,
  SiblingsJson,
} from '../../client/src/api.ts'
import type { ExplainJson } from '../../client/src/explain.ts'
import { fromBase64 } from './model/value.ts'
import { session } from './session.ts'

const TIMEOUT_MS = 8_000
const KEYS_PAGE = 100
const METADATA_PREFIX = 'x-dnd-meta-'

/** What a request came to that did not come to what it was made for, in words for people. */
export class ApiProblem extends Error {
  override readonly name = 'ApiProblem'
  /** Of the node; absent when there was no answer. */
  readonly code: string | undefined
  readonly isUnknown: boolean

  constructor(message: string, problem: Partial<ProblemJson> = {}) {
    super(message)
    this.code = problem.code
    this.isUnknown = problem.outcome === 'unknown'
  }
}

export interface KeyName {
  readonly bucket: string
  readonly key: string
  readonly sort: string | undefined
}

export interface StoredValue {
  readonly bytes: Uint8Array
  readonly contentType: string
  readonly metadata: readonly (readonly [name: string, value: string])[]
  readonly expiresAt: string | undefined
  /** Of one among several: the identity of its write. */
  readonly dot: string | undefined
}

export interface ReadKey {
  /** None: absent; more than one: siblings. */
  readonly values: readonly StoredValue[]
  readonly context: string | undefined
}

export function keyPath({ bucket, key, sort }: KeyName, of: 'kv' | 'explain'): string {
  const query = sort === undefined ? '' : `?sort=${encodeURIComponent(sort)}`
  return `/${of}/${encodeURIComponent(bucket)}/${encodeURIComponent(key)}${query}`
}

/** Rejects with the reason when the node does not let us in. */
export async function knock(): Promise<void> {
  await send('/whoami')
}

export function cluster(): Promise<ClusterJson> {
  return json('/cluster')
}

export function layout(): Promise<LayoutJson> {
  return json('/layout')
}

export function buckets(): Promise<BucketsJson> {
  return json('/buckets')
}

export async function metricsOf(node: string): Promise<string> {
  return (await send(`/nodes/${node}/metrics`)).text()
}

export function hintsOf(node: string): Promise<HintsJson> {
  return json(`/nodes/${node}/hints`)
}

export function repairOf(node: string): Promise<RepairJson> {
  return json(`/nodes/${node}/repair`)
}

export function explain(name: KeyName): Promise<ExplainJson> {
  return json(keyPath(name, 'explain'))
}

export function configureBucket(
  name: string,
  properties: BucketPropertiesJson,
): Promise<BucketJson> {
  return json(`/buckets/${encodeURIComponent(name)}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(properties),
  })
}

export function resetBucket(name: string): Promise<BucketJson> {
  return json(`/buckets/${encodeURIComponent(name)}`, { method: 'DELETE' })
}

export function listKeys(bucket: string, prefix: string, start?: string): Promise<KeysPageJson> {
  const query = new URLSearchParams({ limit: String(KEYS_PAGE) })
  if (prefix !== '') query.set('prefix', prefix)
  if (start !== undefined) query.set('start', start)
  return json(`/buckets/${encodeURIComponent(bucket)}/keys?${query.toString()}`)
}

export async function read(name: KeyName): Promise<ReadKey> {
  const response = await send(keyPath(name, 'kv'), {}, [300, 404])
  const context = response.headers.get('x-dnd-context') ?? undefined
  if (response.status === 404) {
    const problem = await problemOf(response)
    if (problem.code === 'DND_ERR_KEY_NOT_FOUND') return { values: [], context }
    throw problem
  }
  if (response.status === 300) {
    const body = (await response.json()) as SiblingsJson
    return { values: body.siblings.map(siblingValue), context: body.context }
  }
  const value = {
    bytes: new Uint8Array(await response.arrayBuffer()),
    contentType: response.headers.get('content-type') ?? 'application/octet-stream',
    metadata: metadataOf(response.headers),
    expiresAt: response.headers.get('x-dnd-expires-at') ?? undefined,
    dot: undefined,
  }
  return { values: [value], context }
}

function siblingValue(sibling: SiblingsJson['siblings'][number]): StoredValue {
  const { value, valueBase64, contentType, metadata = {}, expiresAt, dot } = sibling
  return {
    bytes:
      valueBase64 === undefined ? new TextEncoder().encode(value ?? '') : fromBase64(valueBase64),
    ...{ contentType, expiresAt, dot, metadata: Object.entries(metadata) },
  }
}

function metadataOf(headers: Headers): [string, string][] {
  const found: [string, string][] = []
  for (const [name, value] of headers)
    if (name.startsWith(METADATA_PREFIX))
      found.push([name.slice(METADATA_PREFIX.length), decoded(value)])
  return found
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // Written by some other program, as it stands.
    return text
  }
}

export interface NewValue {
  readonly bytes: Uint8Array
  readonly contentType: string
  readonly metadata: StoredValue['metadata']
  readonly expiresAt: string | undefined
}

/** `context`: what the write supersedes. */
export async function write(
  name: KeyName,
  value: NewValue,
  context: string | undefined,
): Promise<void> {
  const headers: Record<string, string> = { 'content-type': value.contentType }
  if (context !== undefined) headers['x-dnd-context'] = context
  if (value.expiresAt !== undefined) headers['x-dnd-expires-at'] = value.expiresAt
  for (const [own, text] of value.metadata)
    headers[METADATA_PREFIX + own] = encodeURIComponent(text)
  await send(keyPath(name, 'kv'), { method: 'PUT', headers, body: new Uint8Array(value.bytes) })
}

export async function remove(name: KeyName, context: string | undefined): Promise<void> {
  const headers: Record<string, string> = context === undefined ? {} : { 'x-dnd-context': context }
  await send(keyPath(name, 'kv'), { method: 'DELETE', headers })
}

async function json<T>(path: string, init: RequestInit = {}): Promise<T> {
  return (await (await send(path, init)).json()) as T
}

async function send(
  path: string,
  init: RequestInit = {},
  expected: readonly number[] = [],
): Promise<Response> {
  let response: Response
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const { authorization } = session
    const headers = new Headers(init.headers)
    if (authorization !== undefined) headers.set('authorization', authorization)
    // Without credentials of its own the browser shows no dialog of its own either.
    const alone = { credentials: 'omit', cache: 'no-store' } as const
    response = await fetch(path, { ...init, ...alone, headers, signal })
  } catch (error) {
    const late = error instanceof DOMException && error.name === 'TimeoutError'
    throw new ApiProblem(late ? 'The node does not answer.' : 'The node cannot be reached.')
  }
  if (response.ok || expected.includes(response.status)) return response
  if (response.status === 401) session.refused()
  throw await problemOf(response)
}

async function problemOf(response: Response): Promise<ApiProblem> {
  try {
    const problem = (await response.json()) as Partial<ProblemJson>
    const text = problem.detail ?? problem.title ?? `The node answered ${response.status}.`
    return new ApiProblem(sentence(text), problem)
  } catch {
    return new ApiProblem(`The node answered ${response.status}.`)
  }
}

function sentence(text: string): string {
  const first = text[0]?.toUpperCase() ?? ''
  return `${first}${text.slice(1)}${/[.?!]$/.test(text) ? '' : '.'}`
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
