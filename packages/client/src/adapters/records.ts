/**
 * What the adapters for caches stand on: keys with text or bytes, of which some end at a moment.
 *
 * Such interfaces know one value a key, and no causality: what is written replaces what is there.
 * So the bucket ends conflicts by the last write (the default of buckets), and a write at each side
 * of a partition leaves the one with the later stamp. Writes are sent again when nobody knows what
 * became of them, which may put an older value over one that somebody wrote meanwhile; a cache can
 * bear that.
 *
 * Lifetimes are the difficulty. A node takes a lifetime of a second at least, and may end it by
 * twice the allowed skew of clocks too early; caches are asked for 50 ms, and for exactness. So the
 * deadline is kept in the metadata, by the application's clock, and each reader goes by that; the
 * node is given a lifetime that ends later, so that what has expired goes from the disks by itself.
 */
import type { Bucket } from '../bucket.ts'
import type { DndClientApi } from '../client.ts'
import { DndClientError } from '../error.ts'
import type { Entry } from '../entry.ts'

/** What an adapter needs of a client: any `DndClientApi` has it. */
export type AdapterClient = Pick<DndClientApi, 'bucket'>

export interface RecordsOptions {
  readonly client: AdapterClient
  readonly bucket: string
  /** Milliseconds since 1970. */
  readonly now: () => number
}

export interface LiveRecord {
  readonly value: string | Uint8Array
  readonly metadata: Readonly<Record<string, string>>
  /** Milliseconds since 1970; undefined: never. */
  readonly deadlineMs: number | undefined
}

const KEY_BYTES_MAX = 1024
/** More than twice the skew of clocks that nodes allow by default. */
const SLACK_MS = 2_000
/** Nodes take no more than a hundred years; who wants more wants it for ever. */
const LIFETIME_MS_MAX = 99 * 365 * 24 * 3_600_000
const DEADLINE = 'deadline-ms'
/** Keys in one request. */
const PAGE = 500

const utf8 = new TextEncoder()

export class Records {
  readonly #bucket: Bucket<string | Uint8Array>
  readonly #now: () => number

  constructor({ client, bucket, now }: RecordsOptions) {
    this.#bucket = client.bucket(bucket)
    this.#now = now
  }

  async get(key: string): Promise<LiveRecord | undefined> {
    checkKey(key)
    return this.#live(await this.#bucket.get(key))
  }

  async getMany(keys: readonly string[]): Promise<(LiveRecord | undefined)[]> {
    for (const key of keys) checkKey(key)
    const entries = await this.#bucket.batch(keys.map((key) => ({ type: 'get', key })))
    return entries.map((entry) => {
      if (entry.status === 'failed') throw entry.error
      return this.#live(entry)
    })
  }

  /** @param ttlMs Undefined: as the bucket says, by default for ever. */
  async set(
    key: string,
    value: string | Uint8Array,
    ttlMs?: number,
    metadata: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    checkKey(key)
    const life = ttlMs === undefined ? NO_LIFE : lifeUntil(this.#now() + ttlMs, this.#now())
    await this.#bucket.put(key, value, {
      ...(life.ttlMs === undefined ? {} : { ttlMs: life.ttlMs }),
      metadata: { ...metadata, ...life.metadata },
      idempotent: true,
    })
  }

  /** Which of them were there, as far as a read before could tell. */
  async delete(keys: readonly string[]): Promise<boolean[]> {
    const found = (await this.getMany(keys)).map((record) => record !== undefined)
    await this.#deleteAll(keys.filter((_, i) => found[i]))
    return found
  }

  async remove(key: string): Promise<void> {
    checkKey(key)
    await this.#bucket.delete(key, { idempotent: true })
  }

  /** May name keys that have expired in the last two seconds. */
  async *keys(prefix: string): AsyncGenerator<string, void, undefined> {
    for await (const { key, sort } of this.#bucket.list({ prefix, limit: PAGE }))
      if (sort === undefined) yield key
  }

  async *entries(prefix: string): AsyncGenerator<[string, LiveRecord], void, undefined> {
    for await (const keys of pagesOf(this.keys(prefix))) {
      const records = await this.getMany(keys)
      for (const [i, key] of keys.entries()) {
        const record = records[i]
        if (record !== undefined) yield [key, record]
      }
    }
  }

  /** Deletes all that a listing finds; what is written meanwhile may stay. */
  async clear(prefix: string): Promise<void> {
    for await (const keys of pagesOf(this.keys(prefix))) await this.#deleteAll(keys)
  }

  async #deleteAll(keys: readonly string[]): Promise<void> {
    if (keys.length === 0) return
    const operations = keys.map((key) => ({ type: 'delete', key }) as const)
    const results = await this.#bucket.batch(operations, { idempotent: true })
    for (const result of results) if (result.status === 'failed') throw result.error
  }

  #live(entry: Entry<string | Uint8Array>): LiveRecord | undefined {
    if (entry.status === 'absent') return undefined
    if (entry.status === 'siblings') throw new SiblingsBucketError(this.#bucket.name)
    const deadlineMs = deadlineOf(entry.metadata)
    if (deadlineMs !== undefined && deadlineMs <= this.#now()) return undefined
    return { value: entry.value, metadata: entry.metadata, deadlineMs }
  }
}

/** The bucket does not fit: it keeps concurrent values, and whoever asks wants one. */
export class SiblingsBucketError extends Error {
  override readonly name = 'SiblingsBucketError'
  readonly code = 'DND_ERR_SIBLINGS'

  constructor(bucket: string) {
    super(
      `the bucket "${bucket}" keeps concurrent values, and a cache knows one for each key: ` +
        `use another bucket, or dnd bucket set ${bucket} --conflicts lww`,
    )
  }
}

/** Refuses what a node would refuse, before anything is sent, and with the key as it is stored. */
export function checkKey(key: string): void {
  const bytes = utf8.encode(key).length
  const shown = key.length > 40 ? `${key.slice(0, 40)}…` : key
  if (bytes === 0) refuse('an empty key', 'give the key at least one character')
  if (bytes > KEY_BYTES_MAX)
    refuse(`the key ${shown}`, `it has ${bytes} bytes with its prefix, and 1,024 are possible`)
  if (key.includes('\u0000')) refuse(`the key ${shown}`, 'it has a U+0000')
}

function refuse(what: string, why: string): never {
  const message = `dnd cannot store ${what}: ${why}`
  throw new DndClientError({ code: 'DND_ERR_BAD_KEY', message, outcome: 'rejected', status: 400 })
}

interface Life {
  /** For the node. */
  readonly ttlMs: number | undefined
  /** For readers. */
  readonly metadata: Readonly<Record<string, string>>
}

const NO_LIFE: Life = { ttlMs: undefined, metadata: {} }

/** What a value is stored with that ends at a moment by the clock of the application. */
export function lifeUntil(deadlineMs: number, nowMs: number): Life {
  if (Number.isNaN(deadlineMs)) throw new TypeError('a lifetime is not a number')
  if (deadlineMs - nowMs > LIFETIME_MS_MAX) return { ttlMs: 0, metadata: {} }
  const ttlMs = Math.max(0, Math.ceil(deadlineMs - nowMs)) + SLACK_MS
  return { ttlMs, metadata: { [DEADLINE]: String(Math.ceil(deadlineMs)) } }
}

export function deadlineOf(metadata: Readonly<Record<string, string>>): number | undefined {
  const text = metadata[DEADLINE]
  return text !== undefined && /^-?\d{1,15}$/.test(text) ? Number(text) : undefined
}

export async function* pagesOf<T>(all: AsyncIterable<T>): AsyncGenerator<T[], void, undefined> {
  let page: T[] = []
  for await (const each of all) {
    page.push(each)
    if (page.length < PAGE) continue
    yield page
    page = []
  }
  if (page.length > 0) yield page
}
