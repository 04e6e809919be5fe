/**
 * One client that watches a bucket: server-sent events, for as long as it listens.
 *
 * The node answers one question at a time: what is next? So a client that reads slowly is asked for
 * no more than it takes, and what it has not taken waits where it is bounded. The last event of
 * each answer carries the token that stands behind it, as its id: browsers send the last id that
 * they saw when they connect again, to whichever node that is.
 *
 * ```
 *   event: ready         id                     the watcher stands
 *   event: change        [id] · key, values …   one key as it is now; no values: it is deleted
 *   event: snapshot      what follows is read anew: what was known and is not named is gone
 *   event: snapshot-end  id
 *                        id                     only the place has moved
 *   : nothing            when there is nothing for a while
 * ```
 */
import { isUtf8 } from 'node:buffer'
import type { ServerResponse } from 'node:http'
import type { ClientReply, GetSuccess, ListKeysRequest } from '../../core/node/events.ts'
import { listingBounds } from '../../core/node/listing-bounds.ts'
import type { WatchAsk, WatchedKey, WatchRead, WatchResult } from '../../core/node/watch-asks.ts'
import { NOTHING_READ } from '../../core/node/watch-asks.ts'
import { assert } from '../../core/std/assert.ts'
import { mayStillRead } from './admission.ts'
import type { Exchange } from './exchange.ts'
import { tokenOfContext } from './key.ts'
import { getResult, listResult } from './reply.ts'
import { isLive, siblingJson } from './value-json.ts'
import type { SiblingJson } from './value-json.ts'

/** One key, as a client that watches is told of it (`ChangeJson` of the client). */
interface ChangeJson {
  readonly key: string
  readonly sort?: string
  readonly values: readonly SiblingJson[]
  readonly context?: string
}

type Name = Pick<WatchedKey, 'key' | 'sort'>

/** A key as it was read. */
type Shown = Name & Pick<GetSuccess, 'live' | 'context' | 'container'>

const SNAPSHOT_PAGE = 1_000
const HEAD = [
  ...['content-type', 'text/event-stream'],
  ...['cache-control', 'no-store'],
  // Proxies that gather answers would keep the events back.
  ...['x-accel-buffering', 'no'],
]

/** Keys read at once, for one client. */
const READS_AT_ONCE = 16

export class WatchStream {
  readonly #exchange: Exchange
  readonly #response: ServerResponse
  readonly #watcher: number
  readonly #prefix: Uint8Array | undefined
  #isOver = false
  #hasBegun = false

  constructor(exchange: Exchange, watcher: number) {
    this.#exchange = exchange
    this.#response = exchange.response
    this.#watcher = watcher
    this.#prefix = exchange.query.prefix
    // The request may be over by now: then nobody would say that the connection is.
    if (exchange.stream(HEAD, () => this.end())) {
      this.#response.once('close', () => this.end())
      this.#next(NOTHING_READ)
    } else this.end()
  }

  /** No more events: the client connects again, here or elsewhere. */
  end(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#ask({ what: 'close', watcher: this.#watcher }, () => undefined)
    this.#response.end()
  }

  #next(read: WatchRead): void {
    if (this.#isOver) return
    this.#ask({ what: 'next', watcher: this.#watcher, read }, (result) => {
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
    if (gap) await this.#write(`event: snapshot-end\n${idLine(id, texts)}data: {}\n\n`)
    else if (changes.length === 0) await this.#write(this.#first(id))
    // Keys that are no text move the place, and say nothing.
    else if (texts.length === 0) await this.#write(`id: ${id}\n\n`)
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
  #first(id: string): string {
    const text = this.#hasBegun ? ': nothing\n\n' : `event: ready\nid: ${id}\ndata: {}\n\n`
    this.#hasBegun = true
    return text
  }

  /** Gives the greatest stamp of what it told. */
  async #snapshot(): Promise<number> {
    this.#hasBegun = true
    await this.#write('event: snapshot\ndata: {}\n\n')
    let latestMs = 0
    let bounds = listingBounds({ prefix: this.#prefix, reverse: false })
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
    const { site, bucket } = this.#exchange
    const token =
      context === undefined ? undefined : tokenOfContext(site, bucket, key, sort, context)
    const json: ChangeJson = {
      key: Buffer.from(key).toString(),
      ...(sort === undefined ? {} : { sort: Buffer.from(sort).toString() }),
      values: live.filter(isLive).map(siblingJson),
      ...(token === undefined ? {} : { context: token }),
    }
    return this.#write(
      `event: change\n${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(json)}\n\n`,
    )
  }

  /** Resolves when there is room for more; the server closes what has been stuck for long. */
  #write(text: string): Promise<void> {
    // Nothing more for who was thrown out meanwhile.
    if (!mayStillRead(this.#exchange)) this.end()
    if (this.#isOver || this.#response.write(text)) return Promise.resolve()
    return new Promise((resolve) => {
      const go = (): void => {
        this.#response.off('drain', go)
        this.#response.off('close', go)
        resolve()
      }
      this.#response.on('drain', go)
      this.#response.on('close', go)
    })
  }

  #read({ key, sort }: Name): Promise<Shown> {
    const { site, bucket } = this.#exchange
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
    const { site, bucket } = this.#exchange
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
    this.#exchange.site.gateway.submit({ type: 'watch', ask }, (reply: ClientReply) => {
      assert(reply.type === 'watch', `a watcher was answered by ${reply.type}`)
      done(reply.result)
    })
  }
}

/** As in listings: keys that are no text cannot be told. */
function isText({ key, sort }: Name): boolean {
  return isUtf8(key) && (sort === undefined || isUtf8(sort))
}

/** The last of an answer's events has the id. */
function idLine(id: string, following: readonly unknown[]): string {
  return following.length === 0 ? `id: ${id}\n` : ''
}

function* inParts<T>(list: readonly T[], size: number): Generator<readonly T[]> {
  for (let i = 0; i < list.length; i += size) yield list.slice(i, i + size)
}
