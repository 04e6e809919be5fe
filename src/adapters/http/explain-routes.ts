/**
 * `/explain`: where a key belongs, what each replica holds of it, and what is still to happen to
 * it. For whoever wonders why a read shows what it shows.
 */
import type { ClientReply } from '../../core/node/events.ts'
import type { ExplainResult } from '../../core/node/explanation.ts'
import { assert } from '../../core/std/assert.ts'
import type { Asked } from './exchange.ts'
import { explainJson } from './explain-json.ts'
import type { ExplainedKey, ExplainJson } from './explain-json.ts'
import { explainSummary } from './explain-summary.ts'
import { checkKey } from './key.ts'

export function onExplain(exchange: Asked): void {
  const { site, bucket, key } = exchange
  const { sort, timeout: timeoutMs } = exchange.query
  checkKey(key, sort)
  site.gateway.submit({ type: 'explain', bucket, key, sort, timeoutMs }, (reply) =>
    onExplained(exchange, explainResult(reply)),
  )
}

function onExplained(exchange: Asked, result: ExplainResult): void {
  if (!result.ok) return exchange.failure(result)
  const { site, bucket, key, query } = exchange
  const asked: ExplainedKey = {
    ...{ bucket, key: Buffer.from(key).toString() },
    ...(query.sort === undefined ? {} : { sort: Buffer.from(query.sort).toString() }),
  }
  const view = site.gateway.view()
  const found = explainJson(asked, result, view, Date.now())
  const json: ExplainJson = { ...found, summary: explainSummary(found) }
  exchange.json(200, json)
}

function explainResult(reply: ClientReply): ExplainResult {
  assert(reply.type === 'explain', `a question about a key was answered by ${reply.type}`)
  return reply.result
}
