/** `/watch/{bucket}`: changes as they come (`watch-stream.ts`). */
import { DndError } from '../../core/errors.ts'
import type { WatchResult } from '../../core/node/watch-asks.ts'
import { assert } from '../../core/std/assert.ts'
import type { Exchange } from './exchange.ts'
import type { Operation, Route } from './operation.ts'
import { WatchStream } from './watch-stream.ts'

/** Of a cluster with as many nodes as there may be. */
const TOKEN_TEXT_MAX = 48 * 1024
const NO_BYTES = new Uint8Array(0)

export function onWatch(exchange: Exchange): void {
  const { site, bucket, query, headers } = exchange
  const since = query.since && Buffer.from(query.since).toString('latin1')
  const token = watchToken(headers.lastEventId ?? since)
  const ask = { what: 'open', bucket, prefix: query.prefix ?? NO_BYTES, token } as const
  site.gateway.submit({ type: 'watch', ask }, (reply) => {
    assert(reply.type === 'watch', `a watcher was answered by ${reply.type}`)
    onOpened(exchange, reply.result)
  })
}

function onOpened(exchange: Exchange, result: WatchResult): void {
  if (!result.ok) return exchange.failure(result)
  assert(result.what === 'opened', result.what)
  // It ends with the connection; nobody else holds on to it.
  void new WatchStream(exchange, result.watcher)
}

/** What browsers send when they connect again comes before what the address says. */
export function watchToken(text: string | undefined): Uint8Array | undefined {
  if (text === undefined || text === '') return undefined
  if (text.length > TOKEN_TEXT_MAX)
    throw new DndError('DND_ERR_BAD_TOKEN', 'a token is what the id of an event was')
  return new Uint8Array(Buffer.from(text, 'base64url'))
}

const WATCH: Operation = {
  id: 'watch',
  op: 'watch',
  access: 'list',
  summary: 'Changes of a bucket as they come, as server-sent events',
  description:
    'Each change at least once, those of one key in causal order. `id` of an event is the token by which to go on, as `Last-Event-ID` or `since`, on any node, whatever has died or joined meanwhile. Without one it begins now.',
  query: ['prefix', 'since'],
  headers: ['Last-Event-ID'],
  responses: { 200: { description: 'For as long as the client listens.', content: 'events' } },
  errors: ['DND_ERR_NOT_READY', 'DND_ERR_BAD_TOKEN', 'DND_ERR_OVERLOADED'],
  handle: onWatch,
}

export const WATCH_ROUTES: readonly Route[] = [{ path: '/watch/{bucket}', methods: { GET: WATCH } }]
