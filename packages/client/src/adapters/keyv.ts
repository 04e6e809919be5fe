/**
 * `dnd-client/keyv`: a store for Keyv 5, and so for what takes a Keyv (cache-manager, cacheable,
 * got).
 *
 * ```ts
 * import Keyv from 'keyv'
 * import { KeyvDnd } from 'dnd-client/keyv'
 *
 * const cache = new Keyv({ store: new KeyvDnd({ client }), namespace: 'users', ttl: 60_000 })
 * ```
 *
 * Keyv writes the namespace before each key (`users:ada`), so all namespaces share one bucket, and
 * `clear` lists the keys of one and deletes them; without a namespace it clears the whole bucket.
 * A namespace is a prefix up to a colon, so that of `a` contains that of `a:b`. Keyv tells a store
 * its namespace by setting it: each Keyv needs an adapter of its own.
 *
 * `delete` says whether there was something by reading first; two at once may both be told so.
 * `records.ts` says what is promised of lifetimes and of writes at the same time.
 */
import type { AdapterClient, LiveRecord } from './records.ts'
import { Records } from './records.ts'

export interface KeyvDndOptions {
  readonly client: AdapterClient
  /** Must end conflicts by the last write. Default `keyv`. */
  readonly bucket?: string | undefined
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: (() => number) | undefined
}

type Listener = (...args: readonly unknown[]) => void

export class KeyvDnd {
  /** Keyv sets it. */
  namespace: string | undefined
  /**
   * Keyv 5 iterates over a store only if it takes it for one of its own: by this name, which it
   * uses for nothing else.
   */
  readonly opts: Record<string, unknown> = { dialect: 'redis' }
  readonly #records: Records
  // Bounded by: those who listen, which is one Keyv each.
  readonly #listeners = new Set<Listener>()

  constructor({ client, bucket = 'keyv', now = () => Date.now() }: KeyvDndOptions) {
    this.#records = new Records({ client, bucket, now })
  }

  on(event: string, listener: Listener): this {
    if (event === 'error') this.#listeners.add(listener)
    return this
  }

  async get<T>(key: string): Promise<T | undefined> {
    try {
      return valueOf<T>(await this.#records.get(key))
    } catch (error) {
      // Keyv takes a failed read for a miss and tells nobody, unlike failed writes.
      for (const listener of this.#listeners) listener(error)
      throw error
    }
  }

  async getMany<T>(keys: string[]): Promise<(T | undefined)[]> {
    return (await this.#records.getMany(keys)).map((record) => valueOf<T>(record))
  }

  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    if (typeof value !== 'string' && !(value instanceof Uint8Array))
      throw new TypeError(
        `dnd stores text and bytes, not ${value === null ? 'null' : typeof value}: leave Keyv its serializer`,
      )
    // Keyv says 0 for none.
    await this.#records.set(key, value, ttl === 0 ? undefined : ttl)
    return true
  }

  async delete(key: string): Promise<boolean> {
    return this.deleteMany([key])
  }

  /** Whether all of them were there. */
  async deleteMany(keys: string[]): Promise<boolean> {
    return (await this.#records.delete(keys)).every(Boolean)
  }

  async has(key: string): Promise<boolean> {
    return (await this.#records.get(key)) !== undefined
  }

  async hasMany(keys: string[]): Promise<boolean[]> {
    return (await this.#records.getMany(keys)).map((record) => record !== undefined)
  }

  async clear(): Promise<void> {
    await this.#records.clear(prefixOf(this.namespace))
  }

  async *iterator<T>(
    namespace: string | undefined = this.namespace,
  ): AsyncGenerator<(string | Awaited<T> | undefined)[], void> {
    for await (const [key, record] of this.#records.entries(prefixOf(namespace)))
      yield [key, valueOf<T>(record) as Awaited<T>]
  }

  /** The client stays open: it was given. */
  async disconnect(): Promise<void> {
    this.#listeners.clear()
  }
}

function prefixOf(namespace: string | undefined): string {
  return namespace === undefined || namespace === '' ? '' : `${namespace}:`
}

/** As Keyv gave it: what it makes of that is its own. */
function valueOf<T>(record: LiveRecord | undefined): T | undefined {
  return record?.value as T | undefined
}
