/**
 * `dnd-client/express-session`: a session store for express-session.
 *
 * ```ts
 * import session from 'express-session'
 * import { sessionStore } from 'dnd-client/express-session'
 *
 * app.use(session({ store: sessionStore(session.Store, { client }), secret, resave: false, … }))
 * ```
 *
 * express-session calls `createSession`, `regenerate` and `on` of a store, which its own class has;
 * they make objects of classes that only it has. So its class is given, and extended.
 *
 * Two things that stores on a last-write-wins map do wrong, and sessions must not:
 *
 * - `touch`, at the end of most requests, moves the deadline. A store that has no such operation
 *   must write the session again, and may write an old one over what another has just saved.
 * - A request that began before a logout ends after it, saves or touches the session, and the
 *   session is back.
 *
 * So the bucket keeps concurrent values, and a reader chooses. A session is stored with the moment
 * when a request last changed it, which touches keep, and with its deadline. Destroyed sessions are
 * stored, too, as a mark that lives as long as the session would have lived, an hour at least. Of
 * concurrent values a mark wins, then the one saved last, then the later deadline. Each write has
 * read before and supersedes what it saw, so there are seldom two; a write that finds a mark does
 * nothing. A partition that outlasts the mark can show again what was touched behind it.
 *
 * What is lost: two requests of a session that change it at the same time each save the whole of
 * it, and the later one stays, as in every store of express-session.
 *
 * A touch that would move the deadline by less than a tenth of the session's life, or a minute, is
 * left out: a session may end so much early, and most requests write nothing. All writes may be
 * repeated without harm, and are when nobody knows what became of them.
 */
import type { Bucket } from '../bucket.ts'
import type { Codec } from '../codec.ts'
import type { Entry } from '../entry.ts'
import { Turns } from '../update.ts'
import type { AdapterClient } from './records.ts'
import { checkKey, deadlineOf, lifeUntil, pagesOf } from './records.ts'

export interface SessionStoreOptions {
  readonly client: AdapterClient
  /** Must keep siblings, and is set to do so if it has no properties yet. Default `sessions`. */
  readonly bucket?: string | undefined
  /** Before each session id. Default: nothing. */
  readonly prefix?: string | undefined
  /** How long a session without `cookie.maxAge` lives, milliseconds. Default a day. */
  readonly ttlMs?: number | undefined
  /**
   * A touch that moves the deadline by less is left out, milliseconds. Default a tenth of what the
   * session has to live, at most a minute; 0: none is left out.
   */
  readonly touchAfterMs?: number | undefined
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: (() => number) | undefined
}

/** What express-session stores, as far as a store looks into it. */
export interface SessionLike {
  readonly cookie: { readonly expires?: Date | string | null | undefined | false }
}

/** As JSON brings it back. */
export type StoredSession = Record<string, unknown> & { cookie: Record<string, unknown> }

type Done<T = void> = (error?: unknown, result?: T) => void

/** What a store adds to the class of express-session. */
export interface SessionMethods {
  get(id: string, done: (error: unknown, session?: StoredSession | null) => void): void
  set(id: string, session: SessionLike, done?: Done): void
  touch(id: string, session: SessionLike, done?: Done): void
  destroy(id: string, done?: Done): void
  /** Each with its id. */
  all(done: (error: unknown, sessions?: (StoredSession & { id: string })[]) => void): void
  ids(done: (error: unknown, ids?: string[]) => void): void
  length(done: (error: unknown, length?: number) => void): void
  clear(done?: Done): void
}

/** A value of the bucket. */
interface Saved {
  /** JSON of the session; `null` of a destroyed one. */
  readonly text: string
  readonly isDestroyed: boolean
  readonly savedMs: number
  readonly deadlineMs: number
}

/** Where something is put: a key with what was seen of it. */
interface Place {
  readonly key: string
  readonly context: string | undefined
}

interface Seen {
  readonly place: Place
  /** Undefined: nothing, or expired. */
  readonly saved: Saved | undefined
}

const DAY_MS = 24 * 3_600_000
const MARK_MS_MIN = 3_600_000
const TOUCH_SHARE = 0.1
const TOUCH_MS_MAX = 60_000
const SAVED = 'saved-ms'
const DESTROYED = 'destroyed'

const strictUtf8 = new TextDecoder('utf-8', { fatal: true })
const JSON_TEXT: Codec<string> = {
  encode: (data) => ({ data, contentType: 'application/json' }),
  decode: (bytes) => strictUtf8.decode(bytes),
}

/** @param Store The class `Store` of express-session. */
export function sessionStore<S extends object>(
  Store: abstract new () => S,
  options: SessionStoreOptions,
): S & SessionMethods {
  const Base = Store as unknown as new () => object
  const sessions = new Sessions(options)
  class DndStore extends Base implements SessionMethods {
    get(id: string, done: (error: unknown, session?: StoredSession | null) => void): void {
      settle(sessions.get(id), done)
    }

    set(id: string, session: SessionLike, done?: Done): void {
      settle(sessions.set(id, session), done)
    }

    touch(id: string, session: SessionLike, done?: Done): void {
      settle(sessions.touch(id, session), done)
    }

    destroy(id: string, done?: Done): void {
      settle(sessions.destroy(id), done)
    }

    all(done: (error: unknown, sessions?: (StoredSession & { id: string })[]) => void): void {
      settle(sessions.all(), done)
    }

    ids(done: (error: unknown, ids?: string[]) => void): void {
      const ids = sessions.all().then((all) => all.map(({ id }) => id))
      settle(ids, done)
    }

    length(done: (error: unknown, length?: number) => void): void {
      const length = sessions.all().then((all) => all.length)
      settle(length, done)
    }

    clear(done?: Done): void {
      settle(sessions.clear(), done)
    }
  }
  return new DndStore() as unknown as S & SessionMethods
}

/** What a callback throws is the application's, and no failure of the store. */
function settle<T>(work: Promise<T>, done: Done<T> | undefined): void {
  work.then(
    (result) => done !== undefined && queueMicrotask(() => done(null, result)),
    (error: unknown) => done !== undefined && queueMicrotask(() => done(error)),
  )
}

class Sessions {
  readonly #bucket: Bucket<string>
  readonly #prefix: string
  readonly #ttlMs: number
  readonly #touchAfterMs: number | undefined
  readonly #now: () => number
  /** Of the writes of one session: at the same time each would leave a value of its own. */
  readonly #turns = new Turns()
  /** Whether the bucket keeps siblings, once that is known. */
  #fits: Promise<void> | undefined

  constructor(options: SessionStoreOptions) {
    this.#bucket = options.client.bucket(options.bucket ?? 'sessions', { codec: JSON_TEXT })
    this.#prefix = options.prefix ?? ''
    this.#ttlMs = options.ttlMs ?? DAY_MS
    this.#touchAfterMs = options.touchAfterMs
    this.#now = options.now ?? ((): number => Date.now())
  }

  async get(id: string): Promise<StoredSession | null> {
    const { saved } = await this.#see(id)
    // Nothing is added: express-session would take it for a change, and save after each request.
    return saved === undefined || saved.isDestroyed ? null : sessionOf(saved)
  }

  set(id: string, session: SessionLike): Promise<void> {
    return this.#turns.take(id, () => this.#set(id, session))
  }

  touch(id: string, session: SessionLike): Promise<void> {
    return this.#turns.take(id, () => this.#touch(id, session))
  }

  destroy(id: string): Promise<void> {
    return this.#turns.take(id, () => this.#destroy(id))
  }

  async #set(id: string, session: SessionLike): Promise<void> {
    const { place, saved } = await this.#see(id)
    if (saved?.isDestroyed === true) return
    const nowMs = this.#now()
    const deadlineMs = this.#deadline(session)
    if (deadlineMs <= nowMs) return saved === undefined ? undefined : this.#mark(place, saved)
    // Later than what it was made of, whoever's clock that had.
    const savedMs = Math.max(Math.floor(nowMs), (saved?.savedMs ?? 0) + 1)
    const text = JSON.stringify(session)
    await this.#put(place, { text, isDestroyed: false, savedMs, deadlineMs })
  }

  async #touch(id: string, session: SessionLike): Promise<void> {
    const { place, saved } = await this.#see(id)
    if (saved === undefined || saved.isDestroyed) return
    const deadlineMs = this.#deadline(session)
    const leftMs = Math.max(0, deadlineMs - this.#now())
    const after = this.#touchAfterMs ?? Math.min(TOUCH_MS_MAX, leftMs * TOUCH_SHARE)
    const stored = JSON.parse(saved.text) as SessionLike
    const isSame = cookieText(stored) === cookieText(session)
    if (isSame && Math.abs(deadlineMs - saved.deadlineMs) < after) return
    const text = JSON.stringify({ ...stored, cookie: session.cookie })
    await this.#put(place, { ...saved, text, deadlineMs })
  }

  async #destroy(id: string): Promise<void> {
    const { place, saved } = await this.#see(id)
    if (saved === undefined || saved.isDestroyed) return
    await this.#mark(place, saved)
  }

  async all(): Promise<(StoredSession & { id: string })[]> {
    const sessions: (StoredSession & { id: string })[] = []
    for await (const seen of this.#seeAll())
      for (const { place, saved } of seen)
        if (saved !== undefined && !saved.isDestroyed)
          sessions.push({ ...sessionOf(saved), id: place.key.slice(this.#prefix.length) })
    return sessions
  }

  async clear(): Promise<void> {
    for await (const seen of this.#seeAll())
      await Promise.all(
        seen.map(async ({ place, saved }) => {
          if (saved !== undefined && !saved.isDestroyed) await this.#mark(place, saved)
        }),
      )
  }

  async *#seeAll(): AsyncGenerator<Seen[], void, undefined> {
    await this.#ready()
    for await (const page of pagesOf(this.#bucket.list({ prefix: this.#prefix }))) {
      const gets = page
        .filter(({ sort }) => sort === undefined)
        .map(({ key }) => ({ type: 'get', key }) as const)
      const entries = await this.#bucket.batch(gets)
      yield entries.map((entry) => {
        if (entry.status === 'failed') throw entry.error
        return this.#seen(entry)
      })
    }
  }

  async #see(id: string): Promise<Seen> {
    const key = this.#prefix + id
    checkKey(key)
    await this.#ready()
    return this.#seen(await this.#bucket.get(key))
  }

  #seen(entry: Entry<string>): Seen {
    const saved = savedOf(entry)
    const isOver = saved === undefined || saved.deadlineMs <= this.#now()
    const place = { key: entry.key, context: entry.context }
    return { place, saved: isOver ? undefined : saved }
  }

  async #mark(place: Place, seen: Saved): Promise<void> {
    const nowMs = this.#now()
    const deadlineMs = Math.max(nowMs + MARK_MS_MIN, seen.deadlineMs)
    const savedMs = Math.max(Math.floor(nowMs), seen.savedMs + 1)
    await this.#put(place, { text: 'null', isDestroyed: true, savedMs, deadlineMs })
  }

  async #put(place: Place, saved: Saved): Promise<void> {
    const life = lifeUntil(saved.deadlineMs, this.#now())
    const mark = saved.isDestroyed ? { [DESTROYED]: 'yes' } : undefined
    await this.#bucket.put(place, saved.text, {
      ttlMs: life.ttlMs,
      metadata: { [SAVED]: String(saved.savedMs), ...mark, ...life.metadata },
      idempotent: true,
    })
  }

  #deadline({ cookie }: SessionLike): number {
    const { expires } = cookie
    const given = expires instanceof Date || typeof expires === 'string' ? +new Date(expires) : NaN
    return Number.isNaN(given) ? this.#now() + this.#ttlMs : given
  }

  #ready(): Promise<void> {
    this.#fits ??= this.#prepare().catch((error: unknown) => {
      this.#fits = undefined
      throw error
    })
    return this.#fits
  }

  async #prepare(): Promise<void> {
    const { name } = this.#bucket
    const { properties, configured } = await this.#bucket.properties()
    if (properties.conflicts === 'siblings') return
    if (configured)
      throw new TypeError(
        `the bucket "${name}" ends conflicts by the last write, by which a session that was ` +
          `destroyed could come back: use another bucket, or dnd bucket set ${name} --conflicts siblings`,
      )
    await this.#bucket.configure({ conflicts: 'siblings' })
  }
}

/** Of concurrent values the one that holds; the same for every reader. */
function savedOf(entry: Entry<string>): Saved | undefined {
  if (entry.status === 'absent') return undefined
  const values = entry.status === 'siblings' ? entry.siblings : [entry]
  return values
    .map(({ value, metadata }) => ({
      text: value,
      isDestroyed: metadata[DESTROYED] !== undefined,
      savedMs: Number(metadata[SAVED] ?? 0),
      deadlineMs: deadlineOf(metadata) ?? Number.POSITIVE_INFINITY,
    }))
    .reduce((a, b) => (holdsOver(a, b) ? a : b))
}

function holdsOver(a: Saved, b: Saved): boolean {
  if (a.isDestroyed !== b.isDestroyed) return a.isDestroyed
  if (a.savedMs !== b.savedMs) return a.savedMs > b.savedMs
  if (a.deadlineMs !== b.deadlineMs) return a.deadlineMs > b.deadlineMs
  return a.text >= b.text
}

function sessionOf({ text }: Saved): StoredSession {
  return JSON.parse(text) as StoredSession
}

/**
 * What a browser is told besides the deadline. The maximum age that express-session notes is
 * computed from that, and off by the milliseconds it takes.
 */
function cookieText(session: SessionLike): string {
  const cookie = JSON.parse(JSON.stringify(session.cookie)) as object
  return JSON.stringify({ ...cookie, expires: undefined, originalMaxAge: undefined })
}
