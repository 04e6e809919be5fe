/**
 * How late the event loop of an app is that has a member within: three processes that put and get
 * at an even rate, at rest, under load, while all replicas are compared, and while a fourth joins
 * and the data moves. A fifth process that has no member shows what the machine does to any
 * process meanwhile.
 *
 *   npm run bench -- embedded [--keys 100000] [--seconds 10] [--rate 500] [--rounds 1]
 *
 * Delays are of `monitorEventLoopDelay`, milliseconds, the worst of all processes. `own` is the
 * most processor time that a process has spent, on all its threads, between two looks 2 ms apart: a
 * delay that is longer was spent by others on the same processors.
 */
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import type { Delays, Order } from './embedded-app.ts'

const APP = fileURLToPath(new URL('embedded-app.js', import.meta.url))
const APPS = 3

interface Answer {
  readonly answer?: object
  readonly error?: string
}

class App {
  readonly #child: ChildProcess
  cluster = ''

  private constructor(child: ChildProcess) {
    this.#child = child
  }

  static async start(fields: object | null): Promise<App> {
    const app = new App(fork(APP, [JSON.stringify(fields)], { execArgv: process.execArgv }))
    const { cluster } = (await app.#answer()) as { readonly cluster: string }
    app.cluster = cluster
    return app
  }

  async ask(order: Order): Promise<unknown> {
    this.#child.send(order)
    return this.#answer()
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return
    this.#child.disconnect()
    await once(this.#child, 'exit')
  }

  async #answer(): Promise<unknown> {
    const [message] = (await once(this.#child, 'message')) as [Answer]
    if (message.error !== undefined) throw new Error(message.error)
    return message.answer
  }
}

interface Settings {
  readonly keys: number
  readonly seconds: number
  readonly rate: number
}

export async function measureEmbedded(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      keys: { type: 'string', default: '100000' },
      seconds: { type: 'string', default: '10' },
      rate: { type: 'string', default: '500' },
      rounds: { type: 'string', default: '1' },
    },
  })
  const { keys, seconds, rate } = values
  const settings = { keys: Number(keys), seconds: Number(seconds), rate: Number(rate) }
  console.log(`${APPS} apps with a member each, ${keys} keys, ${rate} puts and gets a second each`)
  for (let round = 0; round < Number(values.rounds); round++) await measure(settings)
}

async function measure(settings: Settings): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-embedded-'))
  const apps: App[] = []
  const join4 = async (): Promise<App> => {
    const seeds = apps.slice(0, 1).map(({ cluster }) => cluster)
    const name = `app${apps.length + 1}`
    const app = await App.start({ name, data: join(folder, name), port: 0, http: false, seeds })
    apps.push(app)
    return app
  }
  const bare = await App.start(null)
  try {
    for (let i = 0; i < APPS; i++) await join4()
    await Promise.all(apps.map((app) => app.ask({ type: 'settled' })))
    heads()
    await phase('filling', apps, bare, settings, 0, async () => {
      const share = Math.ceil(settings.keys / APPS)
      await Promise.all(
        apps.map((app, i) => {
          const from = i * share
          return app.ask({ type: 'fill', from, to: Math.min(settings.keys, from + share) })
        }),
      )
    })
    const { seconds, rate } = settings
    await phase('at rest', apps, bare, settings, 0, () => sleep(seconds * 1_000))
    await phase('puts and gets', apps, bare, settings, rate, () => sleep(seconds * 1_000))
    await phase('and repair', apps, bare, settings, rate, async () => {
      await Promise.all(apps.map((app) => app.ask({ type: 'repair' })))
      await Promise.all(apps.map((app) => app.ask({ type: 'settled' })))
    })
    await phase('and a node joins', [...apps], bare, settings, rate, async () => {
      const fourth = await join4()
      await sleep(1_000)
      await fourth.ask({ type: 'settled' })
    })
  } finally {
    await Promise.all([bare, ...apps].map((app) => app.stop()))
    rmSync(folder, { recursive: true, force: true })
  }
}

async function phase(
  name: string,
  apps: readonly App[],
  bare: App,
  { keys }: Settings,
  perSecond: number,
  what: () => Promise<unknown>,
): Promise<void> {
  const all = [...apps, bare]
  await Promise.all(all.map((app) => app.ask({ type: 'begin', perSecond, keys })))
  const beganMs = performance.now()
  await what()
  const tookMs = performance.now() - beganMs
  const delays = await Promise.all(
    all.map(async (app) => (await app.ask({ type: 'end' })) as Delays),
  )
  const members = delays.slice(0, -1)
  const worst = (of: (each: Delays) => number): number => Math.max(...members.map(of))
  const total = (of: (each: Delays) => number): number =>
    members.reduce((sum, each) => sum + of(each), 0)
  const cells = [
    ...[worst(({ p50 }) => p50), worst(({ p99 }) => p99), worst(({ max }) => max)],
    ...[worst(({ ownMax }) => ownMax), delays.at(-1)!.p99, delays.at(-1)!.max],
  ].map((ms) => ms.toFixed(1))
  const rate = (total(({ operations }) => operations) / tookMs) * 1_000
  const rest = [(tookMs / 1_000).toFixed(0), rate.toFixed(0), total(({ failures }) => failures)]
  row(name, [...cells, ...rest.map(String)])
}

function heads(): void {
  row('', ['p50', 'p99', 'max', 'own max', 'bare p99', 'bare max', 's', 'op/s', 'failed'])
}

function row(name: string, cells: readonly string[]): void {
  console.log(name.padEnd(18) + cells.map((cell) => cell.padStart(9)).join(''))
}
