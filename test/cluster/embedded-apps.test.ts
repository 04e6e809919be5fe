/**
 * Three processes of an app, each with a member within, go through every function of the embedded
 * API, round after round; one is killed in the middle, and no error reaches the others.
 */
import assert from 'node:assert/strict'
import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { NodeClient } from '../../src/server/embedded/node-client.ts'
import type { AppMessage, AppOrder } from '../support/embedded-app.ts'

const APP = fileURLToPath(new URL('../support/embedded-app.js', import.meta.url))
const WITHIN_MS = 180_000

class App {
  readonly child: ChildProcess
  printed = ''
  rounds = 0
  used: readonly string[] = []
  /** All three hold their share of the data. */
  hasSettled = false
  readonly #heard: AppMessage[] = []

  constructor(fields: object) {
    this.child = fork(APP, [JSON.stringify(fields)], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.on('data', (chunk: Buffer) => {
        this.printed = (this.printed + chunk.toString()).slice(-20_000)
      })
    this.child.on('message', (message: AppMessage) => {
      if (message.type !== 'round') return void this.#heard.push(message)
      this.rounds = message.round
      this.used = message.used
      this.hasSettled = message.owners === 3 && !message.moving
    })
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null
  }

  heard<T extends AppMessage['type']>(type: T): Promise<AppMessage & { readonly type: T }> {
    return this.until(() =>
      this.#heard.find((each): each is AppMessage & { readonly type: T } => each.type === type),
    )
  }

  /** Rejects when the app has failed or ended before. */
  async until<T>(what: () => T | undefined | false): Promise<T> {
    const end = Date.now() + WITHIN_MS
    for (;;) {
      const found = what()
      if (found !== undefined && found !== false) return found
      const failure = this.#heard.find((each) => each.type === 'failed')
      assert.equal(failure, undefined, JSON.stringify(failure))
      assert.ok(this.running, `it ended: ${this.printed}`)
      assert.ok(Date.now() < end, `not in time, after ${this.rounds} rounds: ${this.printed}`)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  tell(order: AppOrder | 'go'): void {
    this.child.send(order)
  }

  async end(): Promise<void> {
    if (!this.running) return
    this.child.kill('SIGKILL')
    await once(this.child, 'exit')
  }
}

const folder = mkdtempSync(join(tmpdir(), 'dnd-apps-'))
const apps: App[] = []

after(async () => {
  await Promise.all(apps.map((app) => app.end()))
  rmSync(folder, { recursive: true, force: true })
})

test('every function goes on where a process of three is killed in the middle', async () => {
  for (const name of ['a', 'b', 'c']) {
    const seeds = apps.length === 0 ? [] : [(await apps[0]!.heard('ready')).cluster]
    const app = new App({ name, data: join(folder, name), port: 0, http: false, seeds })
    apps.push(app)
    await app.heard('ready')
  }
  for (const app of apps) app.tell('go')
  const [first, second, third] = apps as [App, App, App]
  for (const app of apps) await app.until(() => app.rounds >= 2 && app.hasSettled)

  await third.end()
  const before = [first.rounds, second.rounds]
  for (const [i, app] of [first, second].entries())
    await app.until(() => app.rounds >= before[i]! + 4)

  // `leave` is below; `bucket` is what opens them.
  const methods = Object.getOwnPropertyNames(NodeClient.prototype).filter(
    (name) => !['constructor', 'leave', 'bucket'].includes(name),
  )
  assert.deepEqual(
    methods.filter((name) => !first.used.includes(name)),
    [],
  )

  // All rounds of all three were counted, by updates of one key.
  for (const app of [first, second]) app.tell('count')
  const counted = (await first.heard('counted')).count
  await second.heard('counted')
  assert.ok(counted >= before[0]! + before[1]!, `${counted} updates`)
  for (const { printed } of apps) assert.equal(printed, '')
})

test('a process ends when its member is told to stop, with nothing printed', async () => {
  const [first, second] = apps as [App, App]
  for (const app of [second, first]) {
    const exit = once(app.child, 'exit')
    app.tell('stop')
    assert.deepEqual(await exit, [0, null], app.printed)
    assert.equal(app.printed, '')
  }
})

test('a member that leaves by its own app is gone from the cluster, and its process ends', async () => {
  const one = new App({ name: 'd', engine: 'memory', port: 0, http: false })
  apps.push(one)
  const seeds = [(await one.heard('ready')).cluster]
  const two = new App({ name: 'e', engine: 'memory', port: 0, http: false, seeds })
  apps.push(two)
  await two.heard('ready')
  const three = new App({ name: 'f', engine: 'memory', port: 0, http: false, seeds })
  apps.push(three)
  await three.heard('ready')
  for (const app of [one, two, three]) app.tell('go')
  await three.until(() => three.rounds >= 1 && three.hasSettled)
  for (const app of [one, two]) app.tell('count')
  await Promise.all([one.heard('counted'), two.heard('counted')])
  const exit = once(three.child, 'exit')
  three.tell('leave')
  await three.heard('left')
  assert.deepEqual(await exit, [0, null])
})
