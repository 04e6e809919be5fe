/**
 * Watching a bucket: changes as they come, over as many connections as it takes.
 *
 * A node that dies, restarts or closes the connection ends a stream and no more than that: another
 * node is asked to go on behind the last event that had an id. What was told since that id is told
 * again, so an event may come twice; none is left out.
 */
import type { ChangeJson } from './api.ts'
import { encode, queryOf } from './encoding.ts'
import { DndClientError } from './error.ts'
import type { ServerEvent } from './event-stream.ts'
import { eventsOf } from './event-stream.ts'
import { valueOf } from './operations.ts'
import type { StoredValue } from './operations.ts'
import { pause, pauseMs } from './retry.ts'

export interface WatchOptions {
  /** Only keys that begin with this. */
  readonly prefix?: string | undefined
  /** `id` of an event, to go on behind it; from now on without it. */
  readonly since?: string | undefined
  /** Ends it. */
  readonly signal?: AbortSignal | undefined
}

export type WatchEvent =
  /** It is listened to from here on. */
  | { readonly type: 'ready'; readonly id: string }
  /** One key as it is now. */
  | {
      readonly type: 'change'
      readonly key: string
      readonly sort: string | undefined
      /** None: it is deleted. Several: they are concurrent. */
      readonly values: readonly StoredValue[]
      /** To hand back with the next write. */
      readonly context: string | undefined
      /** To go on behind it; only some events have one. */
      readonly id: string | undefined
    }
  /** The changes up to `snapshot-end` name every key there is: what is not named is gone. */
  | { readonly type: 'snapshot' }
  | { readonly type: 'snapshot-end'; readonly id: string | undefined }

/** An event as it came; `event` is undefined when only the place has moved. */
export interface ToldEvent {
  /** To go on behind it. */
  readonly id: string | undefined
  readonly event: WatchEvent | undefined
}

/** Begins behind `since`, or now; rejects when nobody can serve it. */
export type OpenWatch = (
  since: string | undefined,
  signal: AbortSignal | undefined,
) => Promise<AsyncIterable<ToldEvent>>

/** Opens a stream at any server that serves it; rejects when none does. */
export type OpenPath = (
  path: string,
  signal: AbortSignal | undefined,
) => Promise<AsyncIterable<Uint8Array>>

/**
 * Never ends by itself, and never gives up as long as a server may come back.
 * @throws DndClientError when a server says that it cannot be done: a bad bucket, a bad id
 */
export function watchBucket(
  open: OpenPath,
  bucket: string,
  options: WatchOptions = {},
): AsyncGenerator<WatchEvent, void, undefined> {
  const openStream: OpenWatch = async (since, signal) => {
    const path = `/watch/${encode(bucket)}${queryOf({ prefix: options.prefix, since })}`
    return toldBy(await open(path, signal))
  }
  return watchAgain(openStream, options)
}

/** As `watchBucket`, whatever the events come over. */
export async function* watchAgain(
  open: OpenWatch,
  { since, signal }: Pick<WatchOptions, 'since' | 'signal'>,
): AsyncGenerator<WatchEvent, void, undefined> {
  let position = since
  let failures = 0
  while (signal?.aborted !== true) {
    try {
      for await (const { id, event } of await open(position, signal)) {
        failures = 0
        position = id ?? position
        if (event !== undefined) yield event
      }
    } catch (error) {
      if (!(error instanceof DndClientError)) throw error
      if (error.code === 'DND_ERR_ABORTED') return
      if (!error.retryable) throw error
    }
    await pause(pauseMs(failures++, undefined, Math.random()), signal)
  }
}

async function* toldBy(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<ToldEvent, void, undefined> {
  for await (const event of eventsOf(chunks)) yield { id: event.id, event: watchEventOf(event) }
}

/** undefined: one that is nothing to be told, such as one of a later version. */
function watchEventOf({ event, id, data }: ServerEvent): WatchEvent | undefined {
  switch (event) {
    case 'ready':
      return id === undefined ? undefined : { type: 'ready', id }
    case 'snapshot':
      return { type: 'snapshot' }
    case 'snapshot-end':
      return { type: 'snapshot-end', id }
    case 'change': {
      const { key, sort, values, context } = JSON.parse(data) as ChangeJson
      return { type: 'change', key, sort, values: values.map(valueOf), context, id }
    }
    default:
      return undefined
  }
}
