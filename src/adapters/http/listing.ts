/**
 * `/buckets/{bucket}/keys`: the keys of a bucket in order, in pages.
 */
import { isUtf8 } from 'node:buffer'
import type { ListResult } from '../../core/node/events.ts'
import { listingBounds, nextStart } from '../../core/node/listing-bounds.ts'
import { DndError } from '../../core/errors.ts'
import type { Asked } from './exchange.ts'
import { LIST_LIMIT_DEFAULT } from './query.ts'
import { listResult } from './reply.ts'

interface KeyJson {
  readonly key: string
  readonly sort?: string
}

export function onList(exchange: Asked): void {
  const { site, bucket, query } = exchange
  const bounds = listingBounds(query)
  if (bounds === undefined) return exchange.json(200, { keys: [] })
  site.gateway.submit(
    {
      type: 'list',
      bucket,
      from: bounds.from,
      to: bounds.to,
      reverse: query.reverse === true,
      limit: query.limit ?? LIST_LIMIT_DEFAULT,
      timeoutMs: query.timeout,
    },
    (reply) => onListed(exchange, listResult(reply)),
  )
}

function onListed(exchange: Asked, result: ListResult): void {
  if (!result.ok) return exchange.failure(result)
  const keys: KeyJson[] = []
  for (const { key, sort } of result.keys) {
    const item = keyJson(key, sort)
    if (item !== undefined) keys.push(item)
  }
  if (result.next === undefined) return exchange.json(200, { keys })
  const next = nextStart(result.next, exchange.query.reverse === true)
  if (next === undefined)
    return exchange.fail(
      new DndError('DND_ERR_KEY_NOT_TEXT', 'the next page begins at a key that is not UTF-8'),
    )
  exchange.json(200, { keys, next })
}

/**
 * undefined for a key that is not text: it was not written over HTTP, and cannot be read over it.
 */
function keyJson(key: Uint8Array, sort: Uint8Array | undefined): KeyJson | undefined {
  const keyText = textOf(key)
  if (keyText === undefined) return undefined
  if (sort === undefined) return { key: keyText }
  const sortText = textOf(sort)
  return sortText === undefined ? undefined : { key: keyText, sort: sortText }
}

/** undefined for bytes that are not UTF-8. */
function textOf(bytes: Uint8Array): string | undefined {
  return isUtf8(bytes)
    ? Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString()
    : undefined
}
