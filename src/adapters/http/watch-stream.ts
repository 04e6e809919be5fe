/**
 * One client that watches a bucket: server-sent events, for as long as it listens.
 *
 * What is told, and when, is `watch-telling.ts`'s; here it becomes text. Browsers send the last id
 * that they saw when they connect again, to whichever node that is.
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
import type { ServerResponse } from 'node:http'
import { mayStillRead } from './admission.ts'
import type { Exchange } from './exchange.ts'
import { isLive, siblingJson } from './value-json.ts'
import type { SiblingJson } from './value-json.ts'
import { WatchTelling } from './watch-telling.ts'
import type { Told, WatchSink } from './watch-telling.ts'

/** One key, as a client that watches is told of it (`ChangeJson` of the client). */
interface ChangeJson {
  readonly key: string
  readonly sort?: string
  readonly values: readonly SiblingJson[]
  readonly context?: string
}

const HEAD = [
  ...['content-type', 'text/event-stream'],
  ...['cache-control', 'no-store'],
  // Proxies that gather answers would keep the events back.
  ...['x-accel-buffering', 'no'],
]

export class WatchStream implements WatchSink {
  readonly #exchange: Exchange
  readonly #response: ServerResponse
  readonly #telling: WatchTelling

  constructor(exchange: Exchange, watcher: number) {
    const { site, bucket, query } = exchange
    this.#exchange = exchange
    this.#response = exchange.response
    const telling = new WatchTelling({ site, bucket, prefix: query.prefix, watcher }, this)
    this.#telling = telling
    // The request may be over by now: then nobody would say that the connection is.
    if (exchange.stream(HEAD, () => telling.end())) {
      this.#response.once('close', () => telling.end())
      telling.begin()
    } else telling.end()
  }

  /** The client connects again, here or elsewhere. */
  end(): void {
    this.#response.end()
  }

  /** The server closes what has been stuck for long. */
  tell(told: Told): Promise<void> {
    // Nothing more for who was thrown out meanwhile.
    if (!mayStillRead(this.#exchange)) this.#telling.end()
    if (this.#response.writableEnded || this.#response.write(textOf(told))) return Promise.resolve()
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
}

function textOf(told: Told): string {
  switch (told.event) {
    case 'nothing':
      return ': nothing\n\n'
    case 'place':
      return `id: ${told.id}\n\n`
    case 'ready':
      return `event: ready\nid: ${told.id}\ndata: {}\n\n`
    case 'snapshot':
      return 'event: snapshot\ndata: {}\n\n'
    case 'snapshot-end':
      return `event: snapshot-end\n${idLine(told.id)}data: {}\n\n`
    case 'change':
      return `event: change\n${idLine(told.id)}data: ${JSON.stringify(changeJson(told))}\n\n`
  }
}

function idLine(id: string | undefined): string {
  return id === undefined ? '' : `id: ${id}\n`
}

function changeJson({ key, sort, live, context }: Told & { readonly event: 'change' }): ChangeJson {
  return {
    key,
    ...(sort === undefined ? {} : { sort }),
    values: live.filter(isLive).map(siblingJson),
    ...(context === undefined ? {} : { context }),
  }
}
