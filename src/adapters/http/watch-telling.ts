/**
 * What one watcher of a bucket is told, as the node's answers come in: for whoever hands it on,
 * over HTTP (`watch-stream.ts`) or to the app that the node runs in.
 *
 * The node answers one question at a time: what is next? So a watcher that is slow is asked for no
 * more than it takes, and what it has not taken waits where it is bounded. The last of what an
 * answer brings carries the token that stands behind it, as its id.
 */
import { isUtf8 } from 'node:buffer'
import type { ClientReply, GetSuccess, ListKeysRequest } from '../../core/node/events.ts'
import { listingBounds } from '../../core/node/listing-bounds.ts'
import type { WatchAsk, WatchedKey, WatchRead, WatchResult } from '../../core/node/watch-asks.ts'
import { NOTHING_READ } from '../../core/node/watch-asks.ts'
import { assert } from '../../core/std/assert.ts'
import type { Version } from '../../core/versions/version.ts'
import { tokenOfContext } from './key.ts'
import { getResult, listResult } from './reply.ts'
import type { NodeSite } from './site.ts'

export type Told =
  /** The watcher stands. */
  | { readonly event: 'ready'; readonly id: string }
  /** One key as it is now. No `live` versions: it is deleted. */
  | {
      readonly event: 'change'
      readonly key: string
      readonly sort: string | undefined
      readonly live: readonly Version[]
      /** A token. */
      readonly context: string | undefined
      readonly id: string | undefined
    }
  /** What follows is read anew: what was known and is not named is gone. */
  | { readonly event: 'snapshot' }
  | { readonly event: 'snapshot-end'; readonly id: string | undefined }
  /** Only the place has moved. */
  | { readonly event: 'place'; readonly id: string }
  | { readonly event: 'nothing' }

/** Who hands on what is told. */
export interface WatchSink {
  /** Resolves when there is room for more. */
  tell(told: Told): Promise<void>
  /** Nothing more is told. */
  end(): void
}

export interface Watched {
  readonly site: Pick<NodeSite, 'gateway' | 'cluster' | 'mac'>
  readonly bucket: string
  readonly prefix: Uint8Array | undefined
  /** As the node named it when it was opened. */
  readonly watcher: number
}

type Name = Pick<WatchedKey, 'key' | 'sort'>

/** A key as it was read. */
type Shown = Name & Pick<GetSuccess, 'live' | 'context' | 'container'>

const SNAPSHOT_PAGE = 1_000

/** Keys read at once, for one client. */
const READS_AT_ONCE = 16

export class WatchTelling {
  readonly #watched: Watched
  readonly #sink: WatchSink
  #isOver = false
  #hasBegun = false

  constructor(watched: Watched, sink: WatchSink) {
    this.#watched = watched
    this.#sink = sink
  }

  begin(): void {
    this.#next(NOTHING_READ)
  }

  /** No more events: the watcher goes on, here or elsewhere, from what it was told last. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#ask({ what: 'close', watcher: this.#watched.watcher }, () => undefined)
    this.#sink.end()
  }

  #next(read: WatchRead): void {
    if (this.#isOver) return
    this.#ask({ what: 'next', watcher: this.#watched.watcher, read }, (result) => {
      // It is not known here any more; with its last id the client goes on.
      if (!result.ok || result.what !== 'next') return this.end()
      this.#tell(result).then(
        (told) => this.#next(told),
        () => this.end(),
      )
    })
  }

  /** Rejects when a read fails: the client goes on from what it was told before. */
  async #tell({ gap, changes, token }: Extract<WatchResult, { what: 'next' }>): Promise<WatchRead> {
    const id = Buffer.from(token).toString('base64url')
    const bucketMs = gap ? await this.#snapshot() : undefined
    const texts = changes.filter(isText)
    if (gap) await this.#tellOne({ event: 'snapshot-end', id: texts.length === 0 ? id : undefined })
    else if (changes.length === 0) await this.#tellOne(this.#first(id))
    // Keys that are no text move the place, and say nothing.
    else if (texts.length === 0) await this.#tellOne({ event: 'place', id })
    const keys: Shown[] = []
    for (const some of inParts(texts, READS_AT_ONCE)) {
      const shown = await Promise.all(
        some.map(async (change) => (change.isStale ? this.#read(change) : change)),
      )
      for (const each of shown) {
        const isLast = some.at(-1) === texts.at(-1) && each === shown.at(-1)
        if ('container' in each) keys.push(each)
        await this.#change(each, isLast ? id : undefined)
      }
    }
    return { keys, bucketMs }
  }

  /** The first answer says where the watcher stands; a later one without changes says nothing. */
  #first(id: string): Told {
    const told = this.#hasBegun
      ? ({ event: 'nothing' } as const)
      : ({ event: 'ready', id } as const)
    this.#hasBegun = true
    return told
  }

  /** Gives the greatest stamp of what it told. */
  async #snapshot(): Promise<number> {
    this.#hasBegun = true
    await this.#tellOne({ event: 'snapshot' })
    let latestMs = 0
    let bounds = listingBounds({ prefix: this.#watched.prefix, reverse: false })
    while (bounds !== undefined && !this.#isOver) {
      const { keys, next } = await this.#list(bounds)
      for (const some of inParts(keys.filter(isText), READS_AT_ONCE))
        for (const shown of await Promise.all(some.map((name) => this.#read(name)))) {
          latestMs = Math.max(latestMs, shown.context?.stamp.ms ?? 0)
          if (shown.live.length > 0) await this.#change(shown, undefined)
        }
      bounds = next === undefined ? undefined : { ...bounds, from: next }
    }
    return latestMs
  }

  #change(
    { key, sort, live, context }: Omit<Shown, 'container'>,
    id: string | undefined,
  ): Promise<void> {
    const { site, bucket } = this.#watched
    const token =
      context === undefined ? undefined : tokenOfContext(site, bucket, key, sort, context)
    return this.#tellOne({
      event: 'change',
      key: Buffer.from(key).toString(),
      sort: sort === undefined ? undefined : Buffer.from(sort).toString(),
      ...{ live, context: token, id },
    })
  }

  #tellOne(told: Told): Promise<void> {
    return this.#isOver ? Promise.resolve() : this.#sink.tell(told)
  }

  #read({ key, sort }: Name): Promise<Shown> {
    const { site, bucket } = this.#watched
    const quorum = { r: undefined, timeoutMs: undefined }
    return new Promise((resolve, reject) => {
      site.gateway.submit({ type: 'get', bucket, key, sort, ...quorum }, (reply) => {
        const result = getResult(reply)
        if (!result.ok) return reject(new Error(result.message))
        const { live, context, container } = result
        resolve({ key, sort, live, context, container })
      })
    })
  }

  #list(bounds: Pick<ListKeysRequest, 'from' | 'to'>): Promise<{
    readonly keys: readonly Name[]
    readonly next: Uint8Array | undefined
  }> {
    const { site, bucket } = this.#watched
    const page = { reverse: false, limit: SNAPSHOT_PAGE, timeoutMs: undefined }
    return new Promise((resolve, reject) => {
      site.gateway.submit({ type: 'list', bucket, ...bounds, ...page }, (reply) => {
        const result = listResult(reply)
        if (result.ok) resolve(result)
        else reject(new Error(result.message))
      })
    })
  }

  #ask(ask: WatchAsk, done: (result: WatchResult) => void): void {
    this.#watched.site.gateway.submit({ type: 'watch', ask }, (reply: ClientReply) => {
      assert(reply.type === 'watch', `a watcher was answered by ${reply.type}`)
      done(reply.result)
    })
  }
}

/** As in listings: keys that are no text cannot be told. */
function isText({ key, sort }: Name): boolean {
  return isUtf8(key) && (sort === undefined || isUtf8(sort))
}

function* inParts<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < list.length; i += size) yield list.slice(i, i + size)
}
