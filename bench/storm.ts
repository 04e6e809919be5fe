/**
 * What clients feel of a storm in the background: one of three nodes comes back that was away while
 * a million keys were written, some 100 MiB, and is brought up to date by hints and exchanges,
 * while all nodes compare all that they hold. The same load is measured on the same nodes during
 * the storm and when it is over, and the two belong together: a pair.
 *
 *   npm run bench -- storm [--keys 1000000] [--rounds 3] [--seconds 30] [--connections 16]
 *
 * Half of the connections put and half get, over keys of their own. The figures of a round: p99
 * during the storm and after it, how much of the storm went on during the measurement, and how long
 * the rest took when no client was in its way.
 */
import { parseArgs } from 'node:util'
import { runLoad, sendAll } from './load.ts'
import type { Target } from './load.ts'
import { startNodes } from './nodes.ts'
import { beginRepair, metric, whenRepaired } from './repairs.ts'
import { eachKey, getRequest, putRequest } from './workload.ts'
import { zipfian } from './zipf.ts'

const FILL_CONNECTIONS = 64
/** The keys of the load, behind those of the storm. */
const LOAD_KEYS = 100_000
const WARM_UP_MS = 2_000
const REPAIRED_WITHIN_MS = 30 * 60_000

interface Settings {
  readonly keys: number
  readonly seconds: number
  readonly connections: number
}

interface Tail {
  readonly put: number
  readonly get: number
  readonly perSecond: number
}

interface Pair {
  readonly storm: Tail
  readonly calm: Tail
  /** Units of background work in the measured time, all nodes together. */
  readonly units: number
  readonly isWholeTime: boolean
  readonly restSeconds: number
  /** Hints delivered in all. */
  readonly hints: number
}

export async function measureStorm(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      keys: { type: 'string', default: '1000000' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '30' },
      connections: { type: 'string', default: '16' },
    },
  })
  const settings: Settings = {
    keys: Number(values.keys),
    seconds: Number(values.seconds),
    connections: Number(values.connections),
  }
  const heads = ['PUT p99 ms', 'storm', 'ratio', 'GET p99 ms', 'storm', 'ratio', 'op/s', 'storm']
  console.log(heads.map((head) => head.padStart(11)).join(''))
  const pairs: Pair[] = []
  for (let round = 0; round < Number(values.rounds); round++) {
    const pair = await measure(settings)
    pairs.push(pair)
    const { storm, calm, units, isWholeTime, restSeconds, hints } = pair
    const cells = [
      ...[calm.put.toFixed(2), storm.put.toFixed(2), (storm.put / calm.put).toFixed(2)],
      ...[calm.get.toFixed(2), storm.get.toFixed(2), (storm.get / calm.get).toFixed(2)],
      ...[calm.perSecond.toFixed(0), storm.perSecond.toFixed(0)],
    ]
    console.log(cells.map((cell) => cell.padStart(11)).join(''))
    const end = isWholeTime ? `its rest took ${restSeconds.toFixed(0)} s` : 'it was over before'
    console.log(`  ${units} units of background work in the measured time; ${end}; ${hints} hints`)
  }
  for (const op of ['put', 'get'] as const) {
    const ratios = pairs.map(({ storm, calm }) => storm[op] / calm[op]).toSorted((a, b) => a - b)
    const middle = ratios[ratios.length >> 1]!
    console.log(`${op.toUpperCase()}: p99 in the storm ×${middle.toFixed(2)}, median of the pairs`)
  }
}

async function measure({ keys, seconds, connections }: Settings): Promise<Pair> {
  const nodes = await startNodes(3, 'lmdb')
  try {
    const { targets } = nodes
    await fill(
      targets,
      (function* all() {
        for (let key = 0; key < LOAD_KEYS; key++) yield putRequest(keys + key)
      })(),
    )
    await nodes.end(2)
    await fill(targets.slice(0, 2), eachKey(keys, putRequest))
    await nodes.again(2)
    await beginRepair(targets)
    const before = await unitsOf(targets)
    const storm = await load(targets, keys, seconds, connections)
    const units = (await unitsOf(targets)) - before
    const rest = performance.now()
    await whenRepaired(targets, REPAIRED_WITHIN_MS)
    const restSeconds = (performance.now() - rest) / 1_000
    const calm = await load(targets, keys, seconds, connections)
    const hints = await metric(targets, 'dnd_hints_delivered_total')
    return { storm, calm, units, isWholeTime: restSeconds > 1, restSeconds, hints }
  } finally {
    await nodes.stop()
  }
}

async function fill(targets: readonly Target[], requests: Iterator<Buffer>): Promise<void> {
  const refused = await sendAll(targets, FILL_CONNECTIONS, requests)
  if (refused > 0) throw new Error(`${refused} keys could not be stored`)
}

/** Puts and gets at once, each on half of the connections. */
async function load(
  targets: readonly Target[],
  firstKey: number,
  seconds: number,
  connections: number,
): Promise<Tail> {
  const draw = zipfian(LOAD_KEYS, Math.random)
  const times = { forMs: seconds * 1_000, warmUpMs: WARM_UP_MS }
  const options = { targets, connections: connections >> 1, ...times }
  const silent = (): void => undefined
  const [puts, gets] = await Promise.all([
    runLoad({ ...options, next: () => putRequest(firstKey + draw()) }, silent),
    runLoad({ ...options, next: () => getRequest(firstKey + draw()) }, silent),
  ])
  if (puts.errors + gets.errors > 0) throw new Error(`${puts.errors + gets.errors} requests failed`)
  return {
    put: puts.latencies.percentile(0.99),
    get: gets.latencies.percentile(0.99),
    perSecond: puts.requests / puts.seconds + gets.requests / gets.seconds,
  }
}

async function unitsOf(targets: readonly Target[]): Promise<number> {
  let sum = 0
  for (const work of ['hints', 'exchange', 'tree', 'scrub', 'transfer', 'reaping'])
    sum += await metric(targets, 'dnd_background_units_total', `work="${work}"`)
  return sum
}
