/**
 * A bucket as values of one type rather than as bytes: encoded by a codec, checked by a schema on
 * the way in and on the way out, with the causal context carried in what comes back. Hand an entry
 * back to `put` or `delete`, and the write supersedes what was read and nothing else.
 *
 * It stands on the plain operations of any client, so it works alike over HTTP and in the testkit.
 */
import type { BucketJson, BucketPropertiesJson, ConflictMode, KeyJson } from './api.ts'
import { DndSchemaError, DndSiblingsError } from './bucket-errors.ts'
import { runBatch } from './bucket-batch.ts'
import type { BucketBatchOperation, BucketBatchResult } from './bucket-batch.ts'
import type { BucketHost, BucketStore, OpenBucket, Unnamed } from './bucket-store.ts'
import type { BucketEvent } from './bucket-watch.ts'
import { typedEvents } from './bucket-watch.ts'
import type { Codec } from './codec.ts'
import { anyCodec, jsonCodec } from './codec.ts'
import type { Entry, FoundEntry, KeyOrEntry, SettledEntry, Sibling } from './entry.ts'
import { named, ofKey } from './entry.ts'
import type {
  BatchOptions,
  GetOptions,
  GetResult,
  ListOptions,
  PutOptions,
  StoredValue,
  WriteOptions,
} from './operations.ts'
import { pause } from './retry.ts'
import type { StandardSchemaV1 } from './standard-schema.ts'
import type { UpdateOptions } from './update.ts'
import { Turns, update, UPDATE_MARK } from './update.ts'
import type { WatchOptions } from './watch.ts'

export type { BucketBatchOperation, BucketBatchResult } from './bucket-batch.ts'
export type { BucketHost, BucketStore } from './bucket-store.ts'
export type { BucketEvent } from './bucket-watch.ts'
export type {
  AbsentEntry,
  Entry,
  FoundEntry,
  KeyOrEntry,
  SettledEntry,
  Sibling,
  SiblingsEntry,
} from './entry.ts'
export type { UpdateOptions } from './update.ts'

export interface BucketOptions<T, In = T> {
  /**
   * Makes one value of several concurrent ones, in no particular order: must give the same for the
   * same values, and lose nothing that matters. `get` then shows its result, and the next write of
   * the entry stores it.
   */
  readonly resolve?:
    | ((siblings: readonly Sibling<T>[], key: string) => In | Promise<In>)
    | undefined
}

/** Text and bytes. */
export interface UntypedBucketOptions extends BucketOptions<string | Uint8Array> {
  readonly codec?: undefined
  readonly schema?: undefined
}

/** JSON by default. What is put is stored as given; what is got is what the schema makes of it. */
export interface SchemaBucketOptions<T, In = T> extends BucketOptions<T, In> {
  readonly schema: StandardSchemaV1<In, T> | StandardSchemaV1<unknown, T>
  readonly codec?: Codec<In> | undefined
}

export interface CodecBucketOptions<T> extends BucketOptions<T> {
  readonly schema?: undefined
  readonly codec: Codec<T>
}

export interface AnyBucketOptions {
  readonly resolve?: unknown
  readonly schema?: unknown
  readonly codec?: unknown
}

const HOST: BucketHost = {
  pause,
  mark: () => {
    const words = crypto.getRandomValues(new Uint32Array(2))
    return Array.from(words, (word) => word.toString(16).padStart(8, '0')).join('')
  },
  dice: Math.random,
}

/** So long the mode of a bucket is taken to be what it was. */
const CONFLICTS_MS = 60_000

/** @throws DndClientError Every operation, when it fails; DndSchemaError for a value. */
export class Bucket<T, In = T> implements OpenBucket<T, In> {
  readonly name: string
  readonly #store: BucketStore
  readonly #codec: Codec<In>
  readonly #schema: StandardSchemaV1<unknown, T> | undefined
  readonly #resolve: BucketOptions<T, In>['resolve']
  readonly #host: BucketHost
  readonly #turns = new Turns()
  #conflicts: { readonly mode: ConflictMode; readonly untilMs: number } | undefined

  constructor(
    store: BucketStore,
    name: string,
    options: BucketOptions<T, In> & {
      readonly codec: Codec<In>
      readonly schema: StandardSchemaV1<unknown, T> | undefined
    },
    host: BucketHost = HOST,
  ) {
    this.name = name
    this.#store = store
    this.#codec = options.codec
    this.#schema = options.schema
    this.#resolve = options.resolve
    this.#host = host
  }

  async get(key: string, options: Unnamed<GetOptions> = {}): Promise<Entry<T>> {
    const result = await this.#store.get(key, { ...options, bucket: this.name })
    return this.entryOf(key, options.sort, result)
  }

  /**
   * Stores a value. By an entry it supersedes what that entry has seen; by a key alone it says that
   * it has seen nothing, and where the bucket keeps siblings it is stored beside what is there.
   */
  async put(key: KeyOrEntry, value: In, options: Unnamed<PutOptions> = {}): Promise<FoundEntry<T>> {
    const to = named(key, options)
    const { data, contentType, output } = await this.encode(to.key, value)
    const all = { contentType, ...options, ...to, bucket: this.name }
    const { key: _, ...rest } = all
    const result = await this.#store.put(to.key, data, rest)
    return {
      status: 'found',
      ...ofKey(to),
      value: output,
      contentType: rest.contentType ?? contentType,
      metadata: withoutMark(options.metadata ?? {}),
      ...(options.expiresAt === undefined ? {} : { expiresAt: options.expiresAt }),
      context: result.context,
    }
  }

  /** Deletes: by an entry what that entry has seen, by a key alone all that is there. */
  async delete(key: KeyOrEntry, options: Unnamed<WriteOptions> = {}): Promise<SettledEntry<T>> {
    const { key: name, ...rest } = named(key, options)
    const result = await this.#store.delete(name, { ...options, ...rest, bucket: this.name })
    const { context } = result
    return { status: 'absent', ...ofKey({ key: name, sort: rest.sort }), value: undefined, context }
  }

  /** Keys in order, page by page; `limit` is the size of a page. */
  list(options: Unnamed<ListOptions> = {}): AsyncGenerator<KeyJson, void, undefined> {
    return this.#store.list({ ...options, bucket: this.name })
  }

  /**
   * Several operations, each with its own result, in the order given; at most 1,000 go in one
   * request. Not a transaction.
   */
  batch(
    operations: readonly BucketBatchOperation<In>[],
    options: BatchOptions = {},
  ): Promise<readonly BucketBatchResult<T>[]> {
    return runBatch(this, this.#store, operations, options)
  }

  /**
   * Reads a key, and stores what `change` makes of its value: `undefined` deletes it. May call
   * `change` more than once. `update.ts` says what is promised.
   */
  update(
    key: string,
    change: (
      value: T | undefined,
      entry: SettledEntry<T>,
    ) => In | undefined | Promise<In | undefined>,
    options: UpdateOptions = {},
  ): Promise<SettledEntry<T>> {
    const work = (): Promise<SettledEntry<T>> => update(this, this.#host, key, change, options)
    return this.#turns.take(`${key}\u0000${options.sort ?? ''}`, work)
  }

  /**
   * The changes of the bucket as they come, each as the entry that a read would have given; until
   * `signal` ends it. As `watch` of the client: each acknowledged write at least once, those of one
   * key in causal order.
   */
  watch(options: WatchOptions = {}): AsyncGenerator<BucketEvent<T>, void, undefined> {
    const events = this.#store.watch?.(this.name, options)
    if (events === undefined) throw new TypeError('this cluster is simulated: nothing is watched')
    return typedEvents(this, events)
  }

  /** A read as the plain client gives it. */
  read(key: string, options: Unnamed<GetOptions>): Promise<GetResult> {
    return this.#store.get(key, { ...options, bucket: this.name })
  }

  /** What `resolve` makes of concurrent values. */
  async merge(
    key: string,
    sort: string | undefined,
    read: GetResult & { readonly status: 'siblings' },
  ): Promise<In> {
    const siblings = await Promise.all(read.siblings.map((each) => this.#decode(key, each)))
    if (this.#resolve !== undefined) return this.#resolve(siblings, key)
    throw new DndSiblingsError(
      sort === undefined ? key : `${key}, ${sort}`,
      siblings.map(({ value }) => value),
      read.context,
    )
  }

  /** How the bucket treats concurrent writes; asked once a minute. */
  async conflicts(): Promise<ConflictMode> {
    const nowMs = Date.now()
    if (this.#conflicts === undefined || nowMs > this.#conflicts.untilMs) {
      const { properties } = await this.properties()
      this.#conflicts = { mode: properties.conflicts, untilMs: nowMs + CONFLICTS_MS }
    }
    return this.#conflicts.mode
  }

  properties(): Promise<BucketJson> {
    return this.#store.bucketProperties(this.name)
  }

  /** As `configureBucket` of the client. */
  configure(properties: Partial<BucketPropertiesJson> | undefined): Promise<BucketJson> {
    return this.#store.configureBucket(this.name, properties)
  }

  /** Whether siblings are merged here. */
  get resolves(): boolean {
    return this.#resolve !== undefined
  }

  /** A read of the plain client as an entry of this bucket. */
  async entryOf(key: string, sort: string | undefined, result: GetResult): Promise<Entry<T>> {
    const of = ofKey({ key, sort })
    if (result.status === 'absent')
      return { status: 'absent', ...of, value: undefined, context: result.context }
    if (result.status === 'found')
      return {
        status: 'found',
        ...of,
        ...(await this.#decode(key, result)),
        context: result.context,
      }
    const { context } = result
    const siblings = await Promise.all(result.siblings.map((each) => this.#decode(key, each)))
    if (this.#resolve === undefined) return { status: 'siblings', ...of, siblings, context }
    const merged = await this.encode(key, await this.#resolve(siblings, key))
    return {
      status: 'found',
      ...of,
      value: merged.output,
      contentType: merged.contentType,
      metadata: {},
      context,
      resolved: siblings,
    }
  }

  /** As it is stored, and as it will be read. */
  async encode(
    key: string,
    value: In,
  ): Promise<{ data: string | Uint8Array; contentType: string; output: T }> {
    const where = { bucket: this.name, key, during: 'put' } as const
    const output = await this.#checked(value, where)
    try {
      return { ...this.#codec.encode(value), output }
    } catch (cause) {
      throw new DndSchemaError(where, [{ message: messageOf(cause) }], cause)
    }
  }

  async #decode(key: string, stored: StoredValue): Promise<Sibling<T>> {
    const where = { bucket: this.name, key, during: 'get' } as const
    const { bytes, contentType, metadata, expiresAt } = stored
    let raw: In
    try {
      raw = this.#codec.decode(bytes, contentType)
    } catch (cause) {
      throw new DndSchemaError(where, [{ message: messageOf(cause) }], cause)
    }
    return {
      value: await this.#checked(raw, where),
      contentType,
      metadata: withoutMark(metadata),
      ...(expiresAt === undefined ? {} : { expiresAt }),
    }
  }

  async #checked(
    value: In,
    where: { readonly bucket: string; readonly key: string; readonly during: 'put' | 'get' },
  ): Promise<T> {
    if (this.#schema === undefined) return value as unknown as T
    const answer = this.#schema['~standard'].validate(value)
    const result = answer instanceof Promise ? await answer : answer
    if (result.issues !== undefined) throw new DndSchemaError(where, result.issues)
    return result.value
  }
}

/** Behind the overloads of `client.bucket`. */
export function openBucket(
  store: BucketStore,
  name: string,
  options: AnyBucketOptions,
  host?: BucketHost,
): Bucket<unknown> {
  const { schema } = options
  const codec = options.codec ?? (schema === undefined ? anyCodec : jsonCodec())
  const all = {
    codec: codec as Codec<unknown>,
    schema: schema as StandardSchemaV1 | undefined,
    resolve: options.resolve as BucketOptions<unknown>['resolve'],
  }
  return new Bucket(store, name, all, host)
}

function withoutMark(metadata: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  if (metadata[UPDATE_MARK] === undefined) return metadata
  const { [UPDATE_MARK]: _, ...rest } = metadata
  return rest
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
