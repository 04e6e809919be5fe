/**
 * What it costs a put that the hash trees of anti-entropy follow every change: CPU of all node
 * processes for each put, with the trees and without, in turn, so that both see the same
 * neighbours.
 *
 *   npm run bench -- tree [--rounds 5] [--seconds 8]
 */
import { parseArgs } from 'node:util'
import { runLoad, sendAll } from './load.ts'
import { cpuSeconds, startNodes } from './nodes.ts'
import { eachKey, putRequest } from './workload.ts'
import { zipfian } from './zipf.ts'

const KEYS = 100_000
const CONNECTIONS = 64
const WARM_UP_MS = 2_000
/** What is compared is not what it costs to keep. */
const NO_EXCHANGES = ['--anti-entropy-interval-ms', '86400000']

export async function measureTree(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '8' },
    },
  })
  const ratios: number[] = []
  console.log('CPU µs for each put, three nodes together\n')
  console.log('without trees   with trees   with/without')
  for (let round = 0; round < Number(values.rounds); round++) {
    const order = round % 2 === 0 ? [false, true] : [true, false]
    const cpu = new Map<boolean, number>()
    for (const hasTrees of order)
      cpu.set(hasTrees, await cpuOfPut(hasTrees, Number(values.seconds)))
    const [without, with_] = [cpu.get(false)!, cpu.get(true)!]
    ratios.push(with_ / without)
    const cells = [without.toFixed(1), with_.toFixed(1), (with_ / without).toFixed(3)]
    console.log(`${cells[0]!.padStart(13)}${cells[1]!.padStart(13)}${cells[2]!.padStart(15)}`)
  }
  const middle = ratios.toSorted((a, b) => a - b)[ratios.length >> 1]!
  console.log(`\nmedian of the pairs: ${((middle - 1) * 100).toFixed(1)} % more with trees`)
}

async function cpuOfPut(hasTrees: boolean, seconds: number): Promise<number> {
  const preload = new URL('without-tree.js', import.meta.url)
  const nodes = await startNodes(3, 'lmdb', {
    flags: NO_EXCHANGES,
    ...(hasTrees ? {} : { preload }),
  })
  try {
    const { targets, pids } = nodes
    if ((await sendAll(targets, CONNECTIONS, eachKey(KEYS, putRequest))) > 0)
      throw new Error('not all keys could be stored')
    const draw = zipfian(KEYS, Math.random)
    const times = { forMs: seconds * 1_000, warmUpMs: WARM_UP_MS }
    const options = { targets, connections: CONNECTIONS, ...times, next: () => putRequest(draw()) }
    let began = 0
    let cpu = 0
    const load = await runLoad(options, (phase) => {
      if (phase === 'begin') began = cpuSeconds(pids)
      else cpu = cpuSeconds(pids) - began
    })
    return (cpu * 1e6) / load.requests
  } finally {
    await nodes.stop()
  }
}
