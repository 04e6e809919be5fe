/**
 * The canonical workload: `npm run bench`.
 *
 * GET and PUT of 100-byte values over 100,000 keys with a Zipfian skew, 64 connections with one
 * request in flight each, against three nodes (N=3, R=2, W=2, durable) and against a single node,
 * all on this machine. What to compare is CPU per operation, summed over the node processes:
 * throughput and latency on a shared machine say as much about the neighbours.
 *
 *   npm run bench                                   measure and write bench/results/latest.json
 *   npm run bench -- --out base.json --seconds 20   longer, elsewhere
 *   npm run bench -- --engine memory                without a disk: what durability costs
 *   npm run bench -- --compare a.json b.json        two results side by side
 *   npm run bench -- tree                           what the hash trees cost a put
 *   npm run bench -- storm                          clients during a storm of background work
 *   npm run bench -- client                         what the client library costs
 *   npm run bench -- locks                          what tokens and passwords cost a get
 *   npm run bench -- space                          what deleting everything leaves on the disk
 *   npm run bench -- embedded                       how late the loop of an app with a member is
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus, release } from 'node:os'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { measureClient } from './client.ts'
import { measureEmbedded } from './embedded.ts'
import { runLoad, sendAll } from './load.ts'
import { cpuSeconds, startNodes } from './nodes.ts'
import { printComparison, printResults } from './report.ts'
import type { BenchResult, Measurement } from './report.ts'
import { measureLocks } from './locks.ts'
import { measureSpace } from './space.ts'
import { measureStorm } from './storm.ts'
import { measureTree } from './tree.ts'
import { putRequest, getRequest } from './workload.ts'
import { zipfian } from './zipf.ts'

const KEYS = 100_000
const CONNECTIONS = 64
const WARM_UP_MS = 2_000

interface Settings {
  readonly seconds: number
  readonly engine: string
}

/** Each has its own options. */
const OTHERS: Readonly<Record<string, (args: readonly string[]) => Promise<void>>> = {
  client: measureClient,
  tree: measureTree,
  locks: measureLocks,
  storm: measureStorm,
  space: measureSpace,
  embedded: measureEmbedded,
}

async function main(): Promise<void> {
  const other = OTHERS[process.argv[2] ?? '']
  if (other !== undefined) return other(process.argv.slice(3))
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      seconds: { type: 'string', default: '8' },
      rounds: { type: 'string', default: '3' },
      engine: { type: 'string', default: 'lmdb' },
      out: { type: 'string', default: 'bench/results/latest.json' },
      compare: { type: 'boolean', default: false },
    },
  })
  if (values.compare) {
    const [a, b] = positionals.map((file) => JSON.parse(readFileSync(file, 'utf8')) as BenchResult)
    if (a === undefined || b === undefined) throw new Error('--compare takes two result files')
    return printComparison(a, b)
  }
  const settings = { seconds: Number(values.seconds), engine: values.engine }
  const rounds: Measurement[] = []
  for (let round = 0; round < Number(values.rounds); round++)
    for (const nodes of [3, 1]) rounds.push(...(await measure(nodes, settings)))
  const result: BenchResult = {
    at: new Date().toISOString(),
    node: process.version,
    kernel: release(),
    cores: cpus().length,
    engine: settings.engine,
    seconds: settings.seconds,
    measurements: rounds,
  }
  printResults(result)
  mkdirSync(dirname(values.out), { recursive: true })
  writeFileSync(values.out, `${JSON.stringify(result, undefined, 2)}\n`)
  console.log(`\nwritten to ${values.out}; compare two with: npm run bench -- --compare A B`)
}

/** One cluster from start to end: filled, then PUT, then GET. */
async function measure(count: number, { seconds, engine }: Settings): Promise<Measurement[]> {
  const nodes = await startNodes(count, engine)
  try {
    const refused = await sendAll(nodes.targets, CONNECTIONS, fills())
    if (refused > 0) throw new Error(`${refused} of ${KEYS} keys could not be stored`)
    const draw = zipfian(KEYS, Math.random)
    const run = async (op: 'PUT' | 'GET'): Promise<Measurement> => {
      const requests = op === 'PUT' ? putRequest : getRequest
      let began = 0
      let cpu = 0
      const options = {
        targets: nodes.targets,
        connections: CONNECTIONS,
        forMs: seconds * 1000,
        warmUpMs: WARM_UP_MS,
      }
      const load = await runLoad({ ...options, next: () => requests(draw()) }, (phase) => {
        if (phase === 'begin') began = cpuSeconds(nodes.pids)
        else cpu = cpuSeconds(nodes.pids) - began
      })
      const { latencies, errors } = load
      return {
        nodes: count,
        op,
        perSecond: load.requests / load.seconds,
        cpuMicros: (cpu * 1e6) / load.requests,
        p50: latencies.percentile(0.5),
        p99: latencies.percentile(0.99),
        p999: latencies.percentile(0.999),
        errors,
      }
    }
    return [await run('PUT'), await run('GET')]
  } finally {
    await nodes.stop()
  }
}

function* fills(): Generator<Buffer> {
  for (let key = 0; key < KEYS; key++) yield putRequest(key)
}

await main()
