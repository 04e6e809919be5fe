/**
 * `dnd-client/unstorage`: a driver for unstorage, and so for the storage of Nitro and Nuxt.
 *
 * ```ts
 * import { createStorage } from 'unstorage'
 * import { dndDriver } from 'dnd-client/unstorage'
 *
 * const storage = createStorage({ driver: dndDriver({ client, base: 'app' }) })
 * ```
 *
 * Keys are stored as unstorage writes them, with colons (`app:users:ada`), all in one bucket;
 * `base` is a prefix up to a colon. `getKeys` and `clear` list the keys of a prefix, for which all
 * partitions are asked; `clear` leaves what is written meanwhile. `ttl`, of the driver or of a
 * `setItem`, is in seconds, as other drivers have it. Text stays readable for everybody; what
 * `setItemRaw` is given is stored as bytes. There is no `watch`: unstorage tells of changes made
 * through the same storage only.
 * `records.ts` says what is promised of lifetimes and of writes at the same time.
 */
import { textOf, toBase64 } from '../encoding.ts'
import type { AdapterClient, LiveRecord } from './records.ts'
import { Records } from './records.ts'

export interface DndDriverOptions {
  readonly client: AdapterClient
  /** Must end conflicts by the last write. Default `unstorage`. */
  readonly bucket?: string | undefined
  /** Before all keys, with a colon. Default: nothing. */
  readonly base?: string | undefined
  /** How long values live that say nothing else, seconds. Default: as the bucket says. */
  readonly ttl?: number | undefined
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: (() => number) | undefined
}

interface WithTtl {
  readonly ttl?: number | undefined
}

interface Meta {
  mtime?: Date
  /** Seconds that are left. */
  ttl?: number
  size: number
  [key: string]: string | number | Date | undefined
}

/** What unstorage calls a driver, as far as this is one. */
export interface DndDriver {
  readonly name: string
  readonly flags: { readonly ttl: boolean }
  readonly options: DndDriverOptions
  readonly getInstance: () => AdapterClient
  readonly hasItem: (key: string) => Promise<boolean>
  readonly getItem: (key: string) => Promise<string | null>
  readonly getItems: (
    items: readonly { readonly key: string }[],
  ) => Promise<{ key: string; value: string | null }[]>
  readonly getItemRaw: (key: string) => Promise<string | Uint8Array | null>
  readonly setItem: (key: string, value: string, options?: WithTtl) => Promise<void>
  readonly setItemRaw: (key: string, value: unknown, options?: WithTtl) => Promise<void>
  readonly removeItem: (key: string) => Promise<void>
  readonly getMeta: (key: string) => Promise<Meta | null>
  readonly getKeys: (base?: string) => Promise<string[]>
  readonly clear: (base?: string) => Promise<void>
}

const MODIFIED = 'modified-ms'

/** unstorage calls these functions without an object: they stand on nothing but this closure. */
export function dndDriver(options: DndDriverOptions): DndDriver {
  const { client, bucket = 'unstorage', base = '', ttl, now = () => Date.now() } = options
  const records = new Records({ client, bucket, now })
  const root = withColon(base)
  const set = async (
    key: string,
    value: string | Uint8Array,
    given: WithTtl | undefined,
  ): Promise<void> => {
    const seconds = given?.ttl ?? ttl ?? 0
    const ttlMs = seconds === 0 ? undefined : seconds * 1000
    await records.set(root + key, value, ttlMs, { [MODIFIED]: String(Math.floor(now())) })
  }
  return {
    name: 'dnd',
    flags: { ttl: true },
    options,
    getInstance: () => client,
    hasItem: async (key) => (await records.get(root + key)) !== undefined,
    getItem: async (key) => asText(await records.get(root + key)),
    getItems: async (items) => {
      const found = await records.getMany(items.map(({ key }) => root + key))
      return items.map(({ key }, i) => ({ key, value: asText(found[i]) }))
    },
    getItemRaw: async (key) => (await records.get(root + key))?.value ?? null,
    setItem: set,
    setItemRaw: async (key, value, given) => set(key, rawOf(value), given),
    removeItem: (key) => records.remove(root + key),
    getMeta: async (key) => {
      const record = await records.get(root + key)
      return record === undefined ? null : metaOf(record, now())
    },
    getKeys: async (below = '') => {
      const keys: string[] = []
      for await (const key of records.keys(root + withColon(below)))
        keys.push(key.slice(root.length))
      return keys
    },
    clear: (below = '') => records.clear(root + withColon(below)),
  }
}

function withColon(base: string): string {
  return base === '' || base.endsWith(':') ? base : `${base}:`
}

/** Bytes that are no text as unstorage writes them itself where a driver knows text only. */
function asText(record: LiveRecord | undefined): string | null {
  if (record === undefined) return null
  const { value } = record
  if (typeof value === 'string') return value
  return textOf(value) ?? `base64:${toBase64(value)}`
}

function rawOf(value: unknown): string | Uint8Array {
  if (typeof value === 'string' || value instanceof Uint8Array) return value
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  if (ArrayBuffer.isView(value))
    return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  throw new TypeError(
    `dnd stores text and bytes raw, not ${value === null ? 'null' : typeof value}: use setItem for JSON`,
  )
}

function metaOf({ value, metadata, deadlineMs }: LiveRecord, nowMs: number): Meta {
  const modified = Number(metadata[MODIFIED])
  const size = typeof value === 'string' ? new TextEncoder().encode(value).length : value.length
  return {
    size,
    ...(Number.isFinite(modified) ? { mtime: new Date(modified) } : {}),
    ...(deadlineMs === undefined ? {} : { ttl: Math.ceil((deadlineMs - nowMs) / 1000) }),
  }
}
