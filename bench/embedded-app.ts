/**
 * One process of an app with a member within, for `embedded.ts`: puts and gets at an even rate
 * while it is told to, and measures how late its event loop is.
 *
 *   node embedded-app.js FIELDS      the fields of `startNode` as JSON; `null`: no member
 */
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import type { NodeServer } from '../src/index.ts'
import { startNode } from '../src/index.ts'

export type Order =
  | { readonly type: 'begin'; readonly perSecond: number; readonly keys: number }
  | { readonly type: 'fill'; readonly from: number; readonly to: number }
  | { readonly type: 'repair' | 'end' | 'settled' }

export interface Delays {
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** Processor time of this process within the longest of its turns, all threads, milliseconds. */
  readonly ownMax: number
  readonly operations: number
  readonly failures: number
}

const RESOLUTION_MS = 1
const LOOK_EVERY_MS = 2
/** Of work handed to the node at once, so that the app does not block its own loop. */
const AT_ONCE = 16
const VALUE = 'v'.repeat(100)
const MICROS = 1_000

/** Longest processor time between two looks: what nobody else on the machine can be blamed for. */
class OwnTurns {
  max = 0
  #last = process.cpuUsage()
  readonly #timer = setInterval(() => {
    const spent = process.cpuUsage(this.#last)
    this.#last = process.cpuUsage()
    this.max = Math.max(this.max, (spent.user + spent.system) / MICROS)
  }, LOOK_EVERY_MS)

  end(): void {
    clearInterval(this.#timer)
  }
}

class Load {
  operations = 0
  failures = 0
  #isOver = false
  readonly #node: NodeServer
  readonly #keys: number

  constructor(node: NodeServer, keys: number) {
    this.#node = node
    this.#keys = keys
  }

  async run(perSecond: number): Promise<void> {
    const everyMs = 5
    let due = 0
    for (let last = performance.now(); !this.#isOver;) {
      await sleep(everyMs)
      const now = performance.now()
      // What the machine was too slow for is left out: it is the rest that is measured.
      due = Math.min(due + ((now - last) * perSecond) / 1_000, AT_ONCE)
      last = now
      for (; due >= 1; due--) this.#one()
    }
  }

  end(): void {
    this.#isOver = true
  }

  #one(): void {
    const { client } = this.#node
    const key = `key-${Math.floor(Math.random() * this.#keys)}`
    const done = Math.random() < 0.5 ? client.get(key) : client.put(key, VALUE)
    done.then(
      () => this.operations++,
      () => this.failures++,
    )
  }
}

async function fill(node: NodeServer, from: number, to: number): Promise<void> {
  for (let at = from; at < to; at += 500) {
    const count = Math.min(500, to - at)
    const puts = Array.from({ length: count }, (_, i) => {
      return { type: 'put', key: `key-${at + i}`, value: VALUE } as const
    })
    for (const result of await node.client.batch(puts))
      if (result.status === 'failed') throw result.error
  }
}

/** Resolves when nothing moves and nothing is compared any more. */
async function settled(node: NodeServer): Promise<void> {
  for (;;) {
    await sleep(250)
    const { moving } = await node.client.layout()
    const { active } = await node.client.repairs.progress()
    if (moving === undefined && active === 0) return
  }
}

async function main(): Promise<void> {
  const fields = JSON.parse(process.argv[2]!) as object | null
  const node = fields === null ? undefined : await startNode(fields)
  await node?.ready
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  let turns = new OwnTurns()
  let load: Load | undefined
  const take = async (order: Order): Promise<object> => {
    switch (order.type) {
      case 'begin': {
        turns.end()
        turns = new OwnTurns()
        delay.reset()
        delay.enable()
        load = node && new Load(node, order.keys)
        if (order.perSecond > 0) void load?.run(order.perSecond)
        return {}
      }
      case 'fill':
        await fill(node!, order.from, order.to)
        return {}
      case 'repair':
        return node!.client.repairs.begin()
      case 'settled':
        await settled(node!)
        return {}
      case 'end': {
        delay.disable()
        load?.end()
        // A timer of one millisecond is a millisecond late where nothing is in its way.
        const ms = (nanos: number): number => Math.max(0, nanos / 1e6 - RESOLUTION_MS)
        const delays: Delays = {
          ...{ p50: ms(delay.percentile(50)), p99: ms(delay.percentile(99)), max: ms(delay.max) },
          ownMax: turns.max,
          ...{ operations: load?.operations ?? 0, failures: load?.failures ?? 0 },
        }
        return delays
      }
    }
  }
  process.on('message', (order: Order) => {
    void take(order).then(
      (answer) => process.send?.({ answer }),
      (error: unknown) => process.send?.({ error: String(error) }),
    )
  })
  process.once('disconnect', () => process.exit())
  const { host, port } = node?.clusterAddress ?? { host: '', port: 0 }
  process.send?.({ answer: { cluster: `${host}:${port}` } })
}

await main()
