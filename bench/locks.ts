/**
 * What it costs a get that the cluster is locked: CPU of a node without a disk for each get, open,
 * with a token, and with a password, in turn, so that all see the same neighbours.
 *
 *   npm run bench -- locks [--rounds 5] [--seconds 6]
 */
import { parseArgs } from 'node:util'
import { runLoad, sendAll } from './load.ts'
import { cpuSeconds, startNodes } from './nodes.ts'
import { eachKey, getRequest, putRequest } from './workload.ts'
import { zipfian } from './zipf.ts'

const KEYS = 1_000
const CONNECTIONS = 64
const WARM_UP_MS = 2_000
const PASSWORD = 'correct horse battery'
const BASIC = `Basic ${Buffer.from(`anna:${PASSWORD}`).toString('base64')}`

const WAYS = ['open', 'token', 'password'] as const
type Way = (typeof WAYS)[number]

export async function measureLocks(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '6' },
    },
  })
  const found = new Map<Way, number[]>(WAYS.map((way) => [way, []]))
  console.log('CPU µs for each get, one node\n')
  console.log(WAYS.map((way) => way.padStart(12)).join(''))
  for (let round = 0; round < Number(values.rounds); round++) {
    const order = round % 2 === 0 ? WAYS : WAYS.toReversed()
    for (const way of order) found.get(way)!.push(await cpuOfGet(way, Number(values.seconds)))
    console.log(WAYS.map((way) => found.get(way)!.at(-1)!.toFixed(1).padStart(12)).join(''))
  }
  console.log(`\n${WAYS.map((way) => median(found.get(way)!).toFixed(1).padStart(12)).join('')}`)
  console.log('medians')
}

async function cpuOfGet(way: Way, seconds: number): Promise<number> {
  const nodes = await startNodes(1, 'memory')
  try {
    const { targets, pids } = nodes
    if ((await sendAll(targets, CONNECTIONS, eachKey(KEYS, putRequest))) > 0)
      throw new Error('not all keys could be stored')
    const header = await headerOf(way, `http://${targets[0]!.host}:${targets[0]!.port}`)
    const draw = zipfian(KEYS, Math.random)
    const next = (): Buffer => {
      const request = getRequest(draw())
      return Buffer.from(request.toString('latin1').replace('\r\n\r\n', `${header}\r\n\r\n`))
    }
    const times = { forMs: seconds * 1_000, warmUpMs: WARM_UP_MS }
    let began = 0
    let cpu = 0
    const load = await runLoad({ targets, connections: CONNECTIONS, ...times, next }, (phase) => {
      if (phase === 'begin') began = cpuSeconds(pids)
      else cpu = cpuSeconds(pids) - began
    })
    if (load.errors > 0) throw new Error(`${load.errors} gets failed`)
    return (cpu * 1e6) / load.requests
  } finally {
    await nodes.stop()
  }
}

/** Locks the node unless it is to stay open. */
async function headerOf(way: Way, base: string): Promise<string> {
  if (way === 'open') return ''
  const grants = [{ role: 'admin' }]
  await put(`${base}/users/anna`, { password: PASSWORD, grants }, {})
  if (way === 'password') return `\r\nAuthorization: ${BASIC}`
  const made = await put(`${base}/tokens/bench`, { grants }, { authorization: BASIC })
  return `\r\nAuthorization: Bearer ${String(made['token'])}`
}

async function put(
  url: string,
  body: object,
  headers: Readonly<Record<string, string>>,
): Promise<Record<string, unknown>> {
  const response = await fetch(url, { method: 'PUT', body: JSON.stringify(body), headers })
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`)
  return (await response.json()) as Record<string, unknown>
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
