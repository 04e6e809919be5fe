/**
 * What a node says of itself besides data: counters, the description of this API, and at `/` the
 * console for a browser and a page of text for anybody else.
 */
import type { NodeView } from '../../core/node/view.ts'
import { DndError } from '../../core/errors.ts'
import { httpUrl } from '../../core/membership/member.ts'
import { formatAddress } from '../../core/std/ids.ts'
import { onConsolePage } from './console-routes.ts'
import type { Exchange } from './exchange.ts'
import type { Site } from './site.ts'

export function onMetrics(exchange: Exchange): void {
  const { metrics, log } = exchange.site
  metrics.render().then(
    (text) => exchange.text(200, metrics.contentType, text),
    (error: unknown) => {
      log.error('the metrics could not be collected', { error })
      exchange.fail(new DndError('DND_ERR_INTERNAL', 'the metrics could not be collected'))
    },
  )
}

export function onOpenapi(exchange: Exchange): void {
  exchange.respond(200, ['content-type', 'application/json'], exchange.site.openapi())
}

export function onWelcome(exchange: Exchange): void {
  const { site, headers } = exchange
  if (/\btext\/html\b/.test(headers.accept)) return onConsolePage(exchange)
  if (site.doorman.isLocked) return exchange.respond(200, [...PLAIN], Buffer.from(LOCKED))
  exchange.respond(200, [...PLAIN], Buffer.from(welcomeText(site, site.gateway.view())))
}

const PLAIN = ['content-type', 'text/plain; charset=utf-8', 'vary', 'accept'] as const
/** For who has not said who he is; nobody need say it for this page. */
const LOCKED = `dnd: the cluster is locked; send a token, or a user and password:

curl -H 'Authorization: Bearer TOKEN' …
curl -u USER …
`

const PLACES: readonly (readonly [path: string, what: string])[] = [
  ['/cluster', 'the members of the cluster'],
  ['/layout', 'who holds which partition'],
  ['/buckets', 'configured buckets'],
  ['/buckets/default/keys', 'keys of the default bucket'],
  ['/health', 'whether every key can be read'],
  ['/metrics', 'counters for Prometheus'],
  ['/openapi.json', 'every route, parameter and answer'],
]

function welcomeText(site: Site, view: NodeView): string {
  const { info } = view.self
  const base = httpUrl(info)
  return `dnd ${site.version}: node ${info.name} of cluster ${view.cluster}
${countMembers(view)}
${warning(view)}
console ${base}/
store   curl -X PUT ${base}/kv/hello -d world
read    curl ${base}/kv/hello
delete  curl -X DELETE ${base}/kv/hello

${PLACES.map(([path, what]) => `${path.padEnd(24)}${what}`).join('\n')}
`
}

/** What somebody should know at once; empty when all is well. Ends with a line break. */
function warning({ clonedBy, self }: NodeView): string {
  if (clonedBy !== undefined)
    return `Another process with the identity of this node listens on ${formatAddress(clonedBy)}: both refuse all writes. Stop one of the two and restart the other.\n`
  if (self.degraded === true)
    return 'This node is slow or badly connected: the others ask it last.\n'
  return ''
}

function countMembers(view: NodeView): string {
  const members = view.members.filter((member) => member.state !== 'left')
  const alive = members.filter((member) => member.state === 'alive').length
  return `${alive} of ${members.length} members alive`
}
