/** The changes of a bucket, handed to the app as they come: one at a time, as it takes them. */
import { watchToken } from '../../adapters/http/watch-routes.ts'
import { WatchTelling } from '../../adapters/http/watch-telling.ts'
import type { Told, WatchSink } from '../../adapters/http/watch-telling.ts'
import { assert } from '../../core/std/assert.ts'
import type { ToldEvent, WatchEvent } from '../../../packages/client/src/watch.ts'
import type { Desk } from './desk.ts'
import { valuesOf } from './key-answers.ts'
import { checkBucket, textBytes } from './key-requests.ts'

export interface WatchedBucket {
  readonly bucket: string
  readonly prefix: string | undefined
}

/** Rejects with a `DndClientError` when the node does not serve it. */
export async function openWatch(
  desk: Desk,
  { bucket, prefix }: WatchedBucket,
  since: string | undefined,
  signal: AbortSignal | undefined,
): Promise<AsyncIterable<ToldEvent>> {
  const bytes = textBytes(prefix ?? '')
  const question = { write: false, signal, retry: false }
  const watcher = await desk.ask<number>(question, (answering) => {
    checkBucket(bucket)
    const ask = { what: 'open', bucket, prefix: bytes, token: watchToken(since) } as const
    desk.site.gateway.submit({ type: 'watch', ask }, (reply) => {
      assert(reply.type === 'watch', `a watcher was answered by ${reply.type}`)
      const { result } = reply
      if (!result.ok) return answering.fail(result)
      assert(result.what === 'opened', result.what)
      answering.answer(result.watcher)
    })
  })
  const events = new Events()
  const watched = { site: desk.site, bucket, prefix: bytes, watcher }
  return events.run(new WatchTelling(watched, events), signal)
}

/** Holds one event, until it is taken. */
class Events implements WatchSink {
  #told: Told | undefined
  #isOver = false
  #wake: (() => void) | undefined
  #makeRoom: (() => void) | undefined

  tell(told: Told): Promise<void> {
    if (this.#isOver) return Promise.resolve()
    assert(this.#told === undefined, 'one event at a time')
    this.#told = told
    this.#wake?.()
    return new Promise((resolve) => {
      this.#makeRoom = resolve
    })
  }

  end(): void {
    this.#isOver = true
    this.#wake?.()
    this.#makeRoom?.()
  }

  async *run(
    telling: WatchTelling,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ToldEvent, void, undefined> {
    const onAbort = (): void => telling.end()
    signal?.addEventListener('abort', onAbort)
    if (signal?.aborted === true) onAbort()
    else telling.begin()
    try {
      while (!this.#isOver) {
        const told = this.#told
        this.#told = undefined
        if (told === undefined) {
          await new Promise<void>((resolve) => {
            this.#wake = resolve
          })
          continue
        }
        yield eventOf(told)
        this.#makeRoom?.()
      }
    } finally {
      signal?.removeEventListener('abort', onAbort)
      telling.end()
    }
  }
}

function eventOf(told: Told): ToldEvent {
  switch (told.event) {
    case 'nothing':
      return { id: undefined, event: undefined }
    case 'place':
      return { id: told.id, event: undefined }
    case 'ready':
      return { id: told.id, event: { type: 'ready', id: told.id } }
    case 'snapshot':
      return { id: undefined, event: { type: 'snapshot' } }
    case 'snapshot-end':
      return { id: told.id, event: { type: 'snapshot-end', id: told.id } }
    case 'change': {
      const { key, sort, live, context, id } = told
      const event: WatchEvent = { type: 'change', key, sort, values: valuesOf(live), context, id }
      return { id, event }
    }
  }
}
