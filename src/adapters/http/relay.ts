/**
 * `/nodes/{id}/…`: what another node tells of itself, asked by the node that answers.
 *
 * Counters, hints and repairs are told by each node for itself. Whoever looks at a whole cluster
 * from a browser can reach one node only, for the others are of another origin and often behind
 * another door; that node can reach them all. It asks at the address that the member has told, only
 * for these three, and only as an answer that ends: small, and soon.
 */
import { Agent, get } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { DndError } from '../../core/errors.ts'
import type { Address } from '../../core/std/ids.ts'
import { servesHttp } from '../../core/membership/member.ts'
import { formatAddress } from '../../core/std/ids.ts'
import { onHints } from './hints-routes.ts'
import { onMetrics } from './info-routes.ts'
import type { Operation, Route } from './operation.ts'
import { reading } from './operation.ts'
import { onRepairProgress } from './repair-routes.ts'

const TIMEOUT_MS = 2_000
const ANSWER_BYTES_MAX = 4 * 1024 * 1024
/** Connections to other nodes at once; beyond them questions wait, and time out. */
const CONNECTIONS_MAX = 32

/** One for the process: connections that nobody uses do not keep it running. */
const agent = new Agent({ keepAlive: true, maxTotalSockets: CONNECTIONS_MAX, maxFreeSockets: 8 })

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: Uint8Array
}

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
    ask(httpAddress, path, exchange.headers.authorization).then(
      ({ status, type, body }) => exchange.respond(status, ['content-type', type], body),
      (error: unknown) => {
        const reason = error instanceof Error ? error.message : 'no answer'
        const message = `${name} does not answer at ${formatAddress(httpAddress)}: ${reason}`
        exchange.fail(new DndError('DND_ERR_NODE_SILENT', message))
      },
    )
  }
}

/** Rejects with a reason for people. */
function ask(address: Address, path: string, authorization: string | undefined): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { host, port } = address
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    // There it is looked at again who asks.
    const headers = authorization === undefined ? {} : { authorization }
    const request = get({ host, port, path, headers, agent, signal }, (response) => {
      collect(response).then(resolve, reject)
    })
    request.on('error', (error: NodeJS.ErrnoException) => {
      reject(signal.aborted ? new Error(`not within ${TIMEOUT_MS} ms`) : error)
    })
  })
}

async function collect(response: IncomingMessage): Promise<Answer> {
  // Bounded by: ANSWER_BYTES_MAX in bytes.
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Uint8Array>) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES_MAX) throw new Error('its answer does not end')
    chunks.push(chunk)
  }
  const { statusCode = 0, headers } = response
  if (statusCode !== 200) throw new Error(`it answered ${statusCode}`)
  return {
    status: statusCode,
    type: headers['content-type'] ?? 'application/octet-stream',
    body: Buffer.concat(chunks, bytes),
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
