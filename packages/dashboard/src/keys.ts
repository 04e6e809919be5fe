/**
 * The key browser: which keys of which bucket are listed, and what is known of the one that is
 * open.
 */
import type { KeyJson } from '../../client/src/api.ts'
import type { ExplainJson } from '../../client/src/explain.ts'
import type { KeyName, NewValue, ReadKey, StoredValue } from './api.ts'
import * as api from './api.ts'
import { ApiProblem, messageOf } from './api.ts'
import { DEFAULT_BUCKET } from './model/route.ts'
import type { Route } from './model/route.ts'
import { textOf } from './model/value.ts'

export type KeysRoute = Extract<Route, { page: 'keys' }>

/** More are not kept in the page: who looks for one among so many writes its beginning. */
const LISTED_MAX = 5_000
const REFRESH_MS = 4_000

/** A value that is being written; `name` of an existing key is fixed. */
export interface Draft {
  readonly isNew: boolean
  readonly key: string
  readonly sort: string
  readonly text: string
  readonly contentType: string
  readonly ttl: string
  /** Kept with the value, as it was. */
  readonly metadata: StoredValue['metadata']
  readonly context: string | undefined
}

export interface Listing {
  readonly keys: readonly KeyJson[]
  readonly next: string | undefined
  readonly state: 'loading' | 'ready' | 'failed'
  readonly problem: string | undefined
}

export interface OpenKey {
  readonly name: KeyName
  readonly read: ReadKey | undefined
  readonly explained: ExplainJson | undefined
  readonly readProblem: string | undefined
  readonly explainProblem: string | undefined
}

const NOTHING: Listing = { keys: [], next: undefined, state: 'loading', problem: undefined }

export class Keys {
  listing: Listing = NOTHING
  open: OpenKey | undefined
  draft: Draft | undefined
  /** What is being done, and what became of it last. */
  isBusy = false
  problem: string | undefined
  /** A delete is asked for twice. */
  isDeleting = false
  /** As typed; listed with a pause. */
  prefix = ''
  /** Buckets that were looked at without being configured. Bounded by: the reader's patience. */
  visited: ReadonlySet<string> = new Set([DEFAULT_BUCKET])
  #route: KeysRoute | undefined
  #asked = 0
  #refreshedAtMs = 0
  readonly #changed: () => void

  constructor(changed: () => void) {
    this.#changed = changed
  }

  enter(route: KeysRoute): void {
    const before = this.#route
    this.#route = route
    this.visited = new Set([...this.visited, route.bucket])
    if (before?.bucket !== route.bucket || before.prefix !== route.prefix) {
      this.prefix = route.prefix
      void this.list()
    }
    const isSame = before?.bucket === route.bucket && before.key === route.key
    if (isSame && before.sort === route.sort) return
    this.#forget()
    const { bucket, key, sort } = route
    if (key === undefined) this.open = undefined
    else {
      const unknown = { readProblem: undefined, explainProblem: undefined }
      this.open = { name: { bucket, key, sort }, read: undefined, explained: undefined, ...unknown }
      void this.refresh()
    }
  }

  leave(): void {
    this.#route = undefined
    this.open = undefined
    this.#forget()
  }

  #forget(): void {
    this.draft = undefined
    this.problem = undefined
    this.isDeleting = false
  }

  /** Told every second: an open key is looked at again now and then. */
  tick(nowMs: number): void {
    if (this.open === undefined || this.isBusy || nowMs - this.#refreshedAtMs < REFRESH_MS) return
    void this.refresh()
  }

  /** From the beginning, or where `start` says; the listing asked for last is shown. */
  async list(start?: string): Promise<void> {
    const route = this.#route
    if (route === undefined) return
    const asked = ++this.#asked
    const before = start === undefined ? [] : this.listing.keys
    this.listing = { ...this.listing, state: 'loading', problem: undefined }
    this.#changed()
    try {
      const page = await api.listKeys(route.bucket, route.prefix, start)
      if (asked !== this.#asked) return
      const keys = [...before, ...page.keys].slice(0, LISTED_MAX)
      const next = keys.length >= LISTED_MAX ? undefined : page.next
      this.listing = { keys, next, state: 'ready', problem: undefined }
    } catch (error) {
      if (asked !== this.#asked) return
      this.listing = { keys: before, next: undefined, state: 'failed', problem: messageOf(error) }
    }
    this.#changed()
  }

  /** Reads and explains the open key again. */
  async refresh(): Promise<void> {
    const name = this.open?.name
    if (name === undefined) return
    this.#refreshedAtMs = Date.now()
    const [read, explained] = await Promise.allSettled([api.read(name), api.explain(name)])
    const { open } = this
    if (open?.name !== name) return
    this.open = {
      name,
      read: read.status === 'fulfilled' ? read.value : open.read,
      readProblem: read.status === 'fulfilled' ? undefined : messageOf(read.reason),
      explained: explained.status === 'fulfilled' ? explained.value : open.explained,
      explainProblem: explained.status === 'fulfilled' ? undefined : messageOf(explained.reason),
    }
    this.#changed()
  }

  /** Writes one of several values again, in the place of all of them. */
  keep(value: StoredValue): Promise<boolean> {
    const { open } = this
    if (open === undefined) return Promise.resolve(false)
    return this.#do(() => api.write(open.name, value, open.read?.context))
  }

  async delete(): Promise<void> {
    const { open } = this
    if (open === undefined) return
    if (!this.isDeleting) {
      this.isDeleting = true
      return this.#changed()
    }
    this.isDeleting = false
    if (await this.#do(() => api.remove(open.name, open.read?.context))) void this.list()
  }

  /** `value`: what is edited; undefined: something new, under a new key. */
  edit(value?: StoredValue): void {
    const name = this.open?.name
    const contentType = value?.contentType ?? 'text/plain; charset=utf-8'
    const text = value === undefined ? '' : (textOf(value.bytes) ?? '')
    const isNew = name === undefined || value === undefined
    this.draft = {
      ...{ isNew, text, contentType, ttl: '', metadata: value?.metadata ?? [] },
      key: isNew ? '' : name.key,
      sort: isNew ? '' : (name.sort ?? ''),
      context: isNew ? undefined : this.open?.read?.context,
    }
    this.problem = undefined
    this.#changed()
  }

  change(draft: Partial<Draft> | undefined): void {
    this.draft =
      draft === undefined || this.draft === undefined ? undefined : { ...this.draft, ...draft }
    if (draft === undefined) this.problem = undefined
    this.#changed()
  }

  /** Stores the draft; gives the key that it went to, undefined when it did not. */
  async save(bucket: string, ttlMs: number): Promise<KeyName | undefined> {
    const { draft } = this
    if (draft === undefined) return undefined
    const name = { bucket, key: draft.key, sort: draft.sort === '' ? undefined : draft.sort }
    const value: NewValue = {
      bytes: new TextEncoder().encode(draft.text),
      ...{ contentType: draft.contentType, metadata: draft.metadata },
      expiresAt: ttlMs === 0 ? undefined : new Date(Date.now() + ttlMs).toISOString(),
    }
    if (!(await this.#do(() => api.write(name, value, draft.context)))) return undefined
    this.draft = undefined
    this.#changed()
    if (draft.isNew) void this.list()
    return name
  }

  /** One write at a time; says whether it was done. */
  async #do(work: () => Promise<void>): Promise<boolean> {
    if (this.isBusy) return false
    this.isBusy = true
    this.problem = undefined
    this.#changed()
    let done = false
    try {
      await work()
      done = true
    } catch (error) {
      const unknown = error instanceof ApiProblem && error.isUnknown
      this.problem = messageOf(error) + (unknown ? ' It may be stored all the same.' : '')
    }
    this.isBusy = false
    this.#changed()
    await this.refresh()
    return done
  }
}
