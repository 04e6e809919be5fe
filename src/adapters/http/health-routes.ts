/**
 * `/health` proves that a quorum can be read, by reading one; `/livez` says that the process turns;
 * `/readyz` says whether to send it requests.
 *
 * A node that has met a clone of itself is live, since a restart would not help, but not ready: it
 * refuses all writes until an operator decides. One that is slow or badly connected is ready:
 * others route around it, and taking it away from its clients as well could take away the last
 * one. One that leaves serves until it has left. One that was told to stop is not ready at once,
 * and serves for those who have not noticed yet.
 */
import type { GetResult } from '../../core/node/events.ts'
import { DEFAULT_BUCKET } from '../../core/node/buckets.ts'
import type { TransfersView } from '../../core/node/transfers.ts'
import { totalOf } from '../../core/repair/partition-size.ts'
import { formatAddress } from '../../core/std/ids.ts'
import type { Asked, Exchange } from './exchange.ts'
import { getResult } from './reply.ts'

const PROBE_TIMEOUT_MS = 2_000
/** Probes go round so many keys, so that they reach different partitions. */
const PROBE_KEYS = 256
const TEXT = 'text/plain; charset=utf-8'

export function onHealth(exchange: Asked): void {
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
  const { ready, clonedBy, leaving } = site.gateway.view()
  if (!ready) return exchange.text(503, TEXT, 'starting\n')
  if (clonedBy !== undefined) return exchange.text(503, TEXT, 'cloned\n')
  if (leaving?.phase === 'left') return exchange.text(503, TEXT, 'left\n')
  exchange.text(200, TEXT, 'ok\n')
}

/** A key that no client can name: it begins with U+0000. Nothing is ever stored under it. */
function probeKey(index: number): Uint8Array {
  return new Uint8Array(Buffer.from(`\u0000probe${index}`))
}

/**
 * `healthy`: every replica is up. `degraded`: some are not, or this node is slow or badly
 * connected, and every partition still has its quorum. `unavailable`: some partition has none, or
 * the quorum read failed, or this node refuses all writes.
 */
function onProbed(exchange: Asked, probe: GetResult): void {
  const { partitions, ready, transfers, clonedBy, self, sizes } = exchange.site.gateway.view()
  const reachable = partitions.total > 0 && partitions.withQuorum === partitions.total
  const served = probe.ok && reachable && clonedBy === undefined
  const isDegraded = self.degraded === true
  const whole = partitions.allUp === partitions.total && transfers.pending === 0 && !isDegraded
  const status = !served ? 'unavailable' : whole ? 'healthy' : 'degraded'
  exchange.json(served ? 200 : 503, {
    status,
    ready: ready && exchange.site.closing !== true,
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
    transfers: transfersJson(transfers),
    stored: { partitions: sizes.size, ...totalOf(sizes.values()) },
    ...(isDegraded ? { degraded: true } : {}),
    ...(clonedBy === undefined ? {} : { clonedBy: formatAddress(clonedBy) }),
  })
}

function transfersJson({ pending, records, progress }: TransfersView) {
  if (progress === undefined) return { pending, records }
  const { partitions, done, read, expected, bytesPerSecond: rate } = progress
  const left = expected === undefined ? undefined : Math.max(0, expected.bytes - read.bytes)
  const isKnown = left !== undefined && rate !== undefined && rate > 0
  return {
    ...{ pending, records },
    progress: {
      ...{ partitions, done, read },
      ...(expected === undefined ? {} : { expected }),
      ...(rate === undefined ? {} : { bytesPerSecond: Math.round(rate) }),
      ...(isKnown ? { secondsLeft: Math.ceil(left / rate) } : {}),
    },
  }
}
