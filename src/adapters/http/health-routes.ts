/**
 * `/health` proves that a quorum can be read, by reading one; `/livez` says that the process turns;
 * `/readyz` says whether to send it requests.
 */
import type { GetResult } from '../../core/node/events.ts'
import { DEFAULT_BUCKET } from '../../core/node/buckets.ts'
import type { Exchange } from './exchange.ts'
import { getResult } from './reply.ts'

const PROBE_TIMEOUT_MS = 2_000
/** Probes go round so many keys, so that they reach different partitions. */
const PROBE_KEYS = 256
const TEXT = 'text/plain; charset=utf-8'

export function onHealth(exchange: Exchange): void {
  const { site, query } = exchange
  site.gateway.submit(
    {
      type: 'get',
      bucket: DEFAULT_BUCKET,
      key: probeKey(site.probes++ % PROBE_KEYS),
      sort: undefined,
      r: undefined,
      timeoutMs: query.timeout ?? PROBE_TIMEOUT_MS,
    },
    (reply) => onProbed(exchange, getResult(reply)),
  )
}

export function onLive(exchange: Exchange): void {
  exchange.text(200, TEXT, 'ok\n')
}

export function onReady(exchange: Exchange): void {
  const { site } = exchange
  if (site.closing) return exchange.text(503, TEXT, 'stopping\n')
  if (!site.gateway.view().ready) return exchange.text(503, TEXT, 'starting\n')
  exchange.text(200, TEXT, 'ok\n')
}

/** A key that no client can name: it begins with U+0000. Nothing is ever stored under it. */
function probeKey(index: number): Uint8Array {
  return new Uint8Array(Buffer.from(`\u0000probe${index}`))
}

/**
 * `healthy`: every replica is up. `degraded`: some are not, and every partition still has its
 * quorum. `unavailable`: some partition has none, or the quorum read failed.
 */
function onProbed(exchange: Exchange, probe: GetResult): void {
  const { partitions, ready, transfers } = exchange.site.gateway.view()
  const served = probe.ok && partitions.total > 0 && partitions.withQuorum === partitions.total
  const whole = partitions.allUp === partitions.total && transfers.pending === 0
  const status = !served ? 'unavailable' : whole ? 'healthy' : 'degraded'
  exchange.json(served ? 200 : 503, {
    status,
    ready,
    read: probe.ok
      ? { ok: true, answers: probe.answers }
      : {
          ok: false,
          code: probe.code,
          detail: probe.message,
          needed: probe.needed,
          got: probe.got,
        },
    partitions,
    transfers,
  })
}
