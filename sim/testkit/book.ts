/**
 * What the app did and was told, written down for the checkers.
 *
 * The checkers must know whose write a value is. The simulator's own clients write each value only
 * once, so that it names its write; an app writes what it likes. So each put carries the name of
 * its operation beside the value, in one more pair of metadata that the app never sees, and the
 * history holds that name in place of the value. Whose metadata has no room for it (64 pairs, 8
 * KiB) has its key left out of the checks that go by values.
 *
 * A context stands for the writes whose values its holder was shown; here it is found by its token,
 * whoever of the app holds that by now.
 */
import { must } from '../../src/core/std/assert.ts'
import { bytesToBinary, utf8Decode, utf8Encode } from '../../src/core/std/bytes.ts'
import { DEFAULT_PROPERTIES } from '../../src/core/node/buckets.ts'
import type { ClientReply, ClientRequest, GetSuccess } from '../../src/core/node/events.ts'
import type { BucketProperties } from '../../src/core/node/messages.ts'
import { listingKey } from '../../src/core/node/storage-keys.ts'
import { valueProblem } from '../../src/core/versions/value.ts'
import type { Container, Context, Value, Version } from '../../src/core/versions/version.ts'
import { shownBy } from '../checkers/causality.ts'
import type { GetRecord, Operation, SeenContext, WriteRecord } from '../history.ts'
import { valueName } from '../history.ts'
import type { World } from '../world.ts'

/** A request on one key. */
export type KeyRequest = Extract<ClientRequest, { readonly type: 'get' | 'put' | 'delete' }>

/** A key as the app names it, and as the history does. */
export interface KnownKey {
  readonly bucket: string
  readonly key: Uint8Array
  readonly sort: Uint8Array | undefined
  readonly name: string
}

/** No name that a client may choose: those have no colon. */
const TAG = '~dnd:operation'

export class Book {
  readonly #world: World
  // Bounded by: the buckets that the app configures, BUCKETS_MAX.
  readonly #properties = new Map<string, BucketProperties>()
  /** By bucket and listing key. Bounded by: the keys that the app names. */
  readonly #keys = new Map<string, KnownKey>()
  // Bounded by: the same.
  readonly #names = new Set<string>()
  /** By token. Bounded by: the answers that the app was given. */
  readonly #contexts = new Map<string, SeenContext>()
  /** Keys and whole buckets that the checkers cannot judge. Bounded by: the keys. */
  readonly #unchecked = new Set<string>()
  /** Numbers of processes that ask for nothing now. Bounded by: the app's requests at once. */
  readonly #free: number[] = []

  constructor(world: World) {
    this.#world = world
  }

  /** All keys that the app ever named, in the order in which it did. */
  get keys(): readonly KnownKey[] {
    return [...this.#keys.values()]
  }

  propertiesOf(bucket: string): BucketProperties {
    return this.#properties.get(bucket) ?? DEFAULT_PROPERTIES
  }

  /** What a bucket is from now on; undefined: as by default. */
  configured(bucket: string, properties: BucketProperties | undefined): void {
    if (properties === undefined) this.#properties.delete(bucket)
    else this.#properties.set(bucket, properties)
  }

  /** Nobody knows what the bucket's properties are, or were when it was written to. */
  blur(bucket: string): void {
    this.#unchecked.add(bucket)
  }

  /** The same, if it was ever written to or read. */
  blurIfUsed(bucket: string): void {
    for (const known of this.#keys.values()) if (known.bucket === bucket) return this.blur(bucket)
  }

  /** Whether the checkers can judge what was done to `bucket/key`. */
  isChecked(bucket: string, name: string): boolean {
    return !this.#unchecked.has(bucket) && !this.#unchecked.has(`${bucket}/${name}`)
  }

  /** A request goes to a node: its operation in the history, and what is really asked. */
  invoke(
    request: KeyRequest,
    node: number,
    token: string | undefined,
  ): { operation: Operation; request: KeyRequest } {
    const { bucket } = request
    const properties = this.propertiesOf(bucket)
    const common = {
      process: this.#free.pop() ?? this.#world.nextProcess(),
      node,
      bucket,
      mode: properties.conflicts,
      n: Math.min(properties.n, this.#world.replicas),
      key: this.#nameOf(request),
      invokedAtMs: this.#world.queue.nowMs,
    }
    const { history } = this.#world
    if (request.type === 'get') {
      const r = request.r ?? properties.r
      const get = history.invoke<GetRecord>({ ...common, kind: 'get', r, result: undefined })
      return { operation: get, request }
    }
    const operation = history.invoke<WriteRecord>({
      ...common,
      kind: request.type,
      w: request.w ?? properties.w,
      ...(properties.sloppy ? { sloppy: true } : {}),
      ...(livesOn(request, properties) ? {} : { mayExpireAtMs: -Infinity }),
      supersedes: this.#seen(request.context, token),
      context: undefined,
      acks: 0,
    })
    if (request.type === 'delete') return { operation, request }
    const value = this.#tagged(request.value, operation)
    return { operation, request: { ...request, value } }
  }

  /** The answer has reached the app, with `token` for the context in it. */
  answered(operation: Operation, reply: ClientReply, token: string | undefined): void {
    const { history } = this.#world
    if (reply.type !== 'get' && reply.type !== 'write') return
    if (!reply.result.ok) {
      const { outcome, code } = reply.result
      if (operation.kind !== 'get' && outcome === 'unknown') return this.lost(operation, code)
      history.fail(operation, code)
    } else if (reply.type === 'get' && operation.kind === 'get') {
      operation.result = nameValues(reply.result)
      history.ok(operation)
      this.#show(reply.result.context, token, shownBy(operation.result.container))
    } else if (reply.type === 'write' && operation.kind !== 'get') {
      operation.context = reply.result.context
      operation.acks = reply.result.acks
      history.ok(operation)
      const writes = new Set(operation.supersedes?.writes).add(operation.id)
      this.#show(reply.result.context, token, writes)
    }
    this.#free.push(operation.process)
  }

  /** No answer will reach the app: a write may have happened, a get has changed nothing. */
  lost(operation: Operation, reason: string): void {
    if (operation.kind === 'get') {
      this.#world.history.fail(operation, reason)
      this.#free.push(operation.process)
    } else this.#world.history.unknown(operation, reason)
  }

  #seen(context: Context | undefined, token: string | undefined): SeenContext | undefined {
    if (context === undefined || token === undefined) return undefined
    return must(this.#contexts.get(token), 'what the holder of a context has seen')
  }

  #show(
    context: Context | undefined,
    token: string | undefined,
    writes: ReadonlySet<number>,
  ): void {
    if (context === undefined || token === undefined) return
    const known = this.#contexts.get(token)
    this.#contexts.set(token, { context, writes: new Set([...(known?.writes ?? []), ...writes]) })
  }

  /** As the simulator's story names it: `key`, or `key#sort`; told apart where these collide. */
  #nameOf({ bucket, key, sort }: KeyRequest): string {
    const place = `${bucket}/${bytesToBinary(listingKey(key, sort))}`
    const known = this.#keys.get(place)
    if (known !== undefined) return known.name
    const sortText = sort === undefined ? '' : `#${utf8Decode(sort) ?? '?'}`
    let name = `${utf8Decode(key) ?? '?'}${sortText}`
    while (this.#names.has(`${bucket}/${name}`)) name += "'"
    this.#names.add(`${bucket}/${name}`)
    this.#keys.set(place, { bucket, key, sort, name })
    return name
  }

  #tagged(value: Value, operation: Operation): Value {
    const pair = [TAG, valueName(operation.id)] as const
    const metadata = [...value.metadata, pair].sort(([a], [b]) => (a < b ? -1 : 1))
    const tagged = { ...value, metadata }
    if (valueProblem(tagged) === undefined) return tagged
    this.#unchecked.add(`${operation.bucket}/${operation.key}`)
    return value
  }
}

/** Whether what a request writes has no deadline. */
function livesOn(request: KeyRequest, { ttlMs }: BucketProperties): boolean {
  if (request.type !== 'put') return true
  return (request.ttlMs ?? (request.value.expiresAtMs > 0 ? 1 : ttlMs)) === 0
}

/** The user metadata as the app gave it. */
export function ownMetadata(value: Value): Value['metadata'] {
  return value.metadata.filter(([name]) => name !== TAG)
}

/** The same answer with the names of their writes in place of the values. */
export function nameValues(result: GetSuccess): GetSuccess {
  const container: Container = {
    versions: result.container.versions.map(named),
    vector: result.container.vector,
  }
  return { ...result, container, live: result.live.map(named) }
}

function named(version: Version): Version {
  const name = version.value?.metadata.find(([key]) => key === TAG)?.[1]
  if (version.value === undefined || name === undefined) return version
  return { ...version, value: { ...version.value, bytes: utf8Encode(name) } }
}
