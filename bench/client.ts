/**
 * What `dnd-client` costs: CPU of the application for each GET, by `fetch` and by `node:http`, and
 * CPU of five nodes together, with requests sent to any node and to a replica of their key. In
 * turn, so that all see the same neighbours.
 *
 *   npm run bench -- client [--rounds 5] [--seconds 5] [--nodes 5] [--in-flight 64]
 */
import { parseArgs } from 'node:util'
import { DndClient as FetchClient } from '../packages/client/src/client.ts'
import { DndClient } from '../packages/client/src/node/client.ts'
import { cpuSeconds, startNodes } from './nodes.ts'

const KEYS = 1_000
const WARM_UP_MS = 2_000
const VALUE = 'v'.repeat(100)

interface Way {
  readonly name: string
  readonly open: (servers: readonly string[]) => FetchClient
}

const WAYS: readonly Way[] = [
  { name: 'fetch, any node', open: (server) => new FetchClient({ server, routing: false }) },
  { name: 'node:http, any node', open: (server) => new DndClient({ server, routing: false }) },
  { name: 'node:http, a replica', open: (server) => new DndClient({ server }) },
]

interface Cost {
  /** Microseconds of CPU for each GET. */
  readonly client: number
  readonly nodes: number
  readonly perSecond: number
}

export async function measureClient(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '5' },
      nodes: { type: 'string', default: '5' },
      'in-flight': { type: 'string', default: '64' },
    },
  })
  const inFlight = Number(values['in-flight'])
  const nodes = await startNodes(Number(values.nodes), 'lmdb')
  const servers = nodes.targets.map(({ host, port }) => `http://${host}:${port}`)
  const costs = new Map<string, Cost[]>(WAYS.map(({ name }) => [name, []]))
  try {
    const filler = new DndClient({ server: servers })
    for (let key = 0; key < KEYS; key++) await filler.put(`key-${key}`, VALUE)
    filler.close()
    for (let round = 0; round < Number(values.rounds); round++)
      for (const { name, open } of WAYS) {
        const client = open(servers)
        costs
          .get(name)!
          .push(await costOf(client, nodes.pids, inFlight, Number(values.seconds) * 1_000))
        client.close()
      }
  } finally {
    await nodes.stop()
  }
  console.log(`CPU µs for each GET of 100 bytes, ${inFlight} in flight; medians\n`)
  console.log(`${''.padEnd(24)}application   ${servers.length} nodes   GET/s`)
  for (const [name, all] of costs) {
    const client = median(all.map((cost) => cost.client))
    const server = median(all.map((cost) => cost.nodes))
    const rate = median(all.map(({ perSecond }) => perSecond))
    const cells = [client.toFixed(1).padStart(11), server.toFixed(1).padStart(10)]
    console.log(`${name.padEnd(24)}${cells.join('')}${rate.toFixed(0).padStart(8)}`)
  }
}

async function costOf(
  client: FetchClient,
  pids: readonly number[],
  inFlight: number,
  forMs: number,
): Promise<Cost> {
  await readUntil(client, inFlight, Date.now() + WARM_UP_MS)
  const before = { own: process.cpuUsage(), nodes: cpuSeconds(pids) }
  const reads = await readUntil(client, inFlight, Date.now() + forMs)
  const { user, system } = process.cpuUsage(before.own)
  return {
    client: (user + system) / reads,
    nodes: ((cpuSeconds(pids) - before.nodes) * 1e6) / reads,
    perSecond: (reads * 1_000) / forMs,
  }
}

/** Gives how many reads that were. */
async function readUntil(client: FetchClient, inFlight: number, endMs: number): Promise<number> {
  let reads = 0
  const worker = async (): Promise<void> => {
    while (Date.now() < endMs) {
      const read = await client.get(`key-${reads++ % KEYS}`)
      if (read.status !== 'found') throw new Error('a key is gone')
    }
  }
  await Promise.all(Array.from({ length: inFlight }, worker))
  return reads
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
