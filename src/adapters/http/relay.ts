/**
 * `/nodes/{id}/…`: what another node tells of itself, asked by the node that answers.
 *
 * Counters, hints and repairs are told by each node for itself. Whoever looks at a whole cluster
 * from a browser can reach one node only, for the others are of another origin and often behind
 * another door; that node can reach them all. It asks at the address that the member has told, only
 * for these three, and only as an answer that ends: small, and soon.
 */
import { DndError } from '../../core/errors.ts'
import { servesHttp } from '../../core/membership/member.ts'
import { formatAddress } from '../../core/std/ids.ts'
import { onHints } from './hints-routes.ts'
import { onMetrics } from './info-routes.ts'
import type { Operation, Route } from './operation.ts'
import { reading } from './operation.ts'
import { onRepairProgress } from './repair-routes.ts'

/** Answers as `here` would on the node that the path names. */
function onRelay(path: string, here: Operation['handle']): Operation['handle'] {
  return (exchange) => {
    const id = Buffer.from(exchange.key).toString('utf8')
    const view = exchange.site.gateway.view()
    if (id === view.self.info.id) return here(exchange)
    const member = view.members.find(({ info }) => info.id === id)
    if (member === undefined)
      throw new DndError('DND_ERR_NODE_UNKNOWN', 'the cluster has no member with this id')
    const { name, httpAddress } = member.info
    if (!servesHttp(member.info))
      throw new DndError('DND_ERR_NODE_SILENT', `${name} serves no HTTP`)
    exchange.site.peers.ask(member.info, path, exchange.headers.authorization).then(
      ({ status, type, body }) => exchange.respond(status, ['content-type', type], body),
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : 'no answer'
        const message = `${name} does not answer at ${formatAddress(httpAddress)}: ${reason}`
        exchange.fail(new DndError('DND_ERR_NODE_SILENT', message))
      },
    )
  }
}

function relayed(
  what: string,
  id: string,
  responses: Operation['responses'],
  here: Operation['handle'],
): Route {
  return {
    path: `/nodes/{id}/${what}`,
    methods: reading(
      id,
      `What \`/${what}\` says on the member with this id, asked by the node that answers`,
      responses,
      onRelay(`/${what}`, here),
      { errors: ['DND_ERR_NODE_UNKNOWN', 'DND_ERR_NODE_SILENT', 'DND_ERR_INTERNAL'] },
    ),
  }
}

export const RELAY_ROUTES: readonly Route[] = [
  relayed(
    'metrics',
    'getMetricsOf',
    { 200: { description: 'A scrape.', content: 'text' } },
    onMetrics,
  ),
  relayed('hints', 'getHintsOf', { 200: { description: 'By target.', content: 'Hints' } }, onHints),
  relayed(
    'repair',
    'getRepairOf',
    { 200: { description: 'The last repairs.', content: 'Repair' } },
    onRepairProgress,
  ),
]
