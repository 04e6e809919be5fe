/**
 * Three processes of the app: a flag that is set at one, or by the `dnd` command, is known to all;
 * also when one of them is killed, and when it has come back.
 */
import assert from 'node:assert/strict'
import { execFile, fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const APP = fileURLToPath(new URL('app.js', import.meta.url))
const DND = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
/** A second is what one sees; this machine may be busy. */
const WITHIN_MS = 20_000

interface Message {
  readonly cluster?: string
  readonly http?: string
  readonly name?: string
  readonly isOn?: boolean
}

class App {
  readonly child: ChildProcess
  readonly flags = new Map<string, boolean>()
  cluster = ''
  http: string | undefined
  #printed = ''

  constructor(env: Readonly<Record<string, string>>) {
    const stdio = ['pipe', 'pipe', 'pipe', 'ipc'] as const
    this.child = fork(APP, [], { env: { ...process.env, ...env }, stdio: [...stdio] })
    for (const stream of [this.child.stdout!, this.child.stderr!])
      stream.on('data', (chunk: Buffer) => (this.#printed += chunk.toString()))
    this.child.on('message', ({ cluster, http, name, isOn }: Message) => {
      if (name !== undefined) this.flags.set(name, isOn === true)
      else [this.cluster, this.http] = [cluster ?? '', http]
    })
  }

  write(line: string): void {
    this.child.stdin!.write(`${line}\n`)
  }

  async until(what: () => boolean): Promise<void> {
    for (const end = Date.now() + WITHIN_MS; !what();) {
      assert.equal(this.child.exitCode, null, this.#printed)
      assert.ok(Date.now() < end, this.#printed)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

  knows(name: string, isOn: boolean): Promise<void> {
    return this.until(() => this.flags.get(name) === isOn)
  }
}

const folder = mkdtempSync(join(tmpdir(), 'dnd-flags-'))
const apps: App[] = []

async function start(place: number, settings: Readonly<Record<string, string>>): Promise<App> {
  const app = new App({ PORT: '0', DATA: join(folder, String(place)), ...settings })
  apps[place]?.child.kill('SIGKILL')
  apps[place] = app
  await app.until(() => app.cluster !== '')
  return app
}

after(async () => {
  for (const { child } of apps) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  rmSync(folder, { recursive: true, force: true })
})

test('all processes see a flag that one of them sets, whoever is killed', async () => {
  const first = await start(0, { HTTP_PORT: '0' })
  const settings = { SEEDS: first.cluster }
  const second = await start(1, settings)
  const third = await start(2, settings)

  second.write('dark-mode on')
  for (const app of apps) await app.knows('dark-mode', true)

  const put = [DND, 'put', 'dark-mode', 'off', '--bucket', 'flags', '--server', first.http!]
  await promisify(execFile)(process.execPath, put)
  for (const app of apps) await app.knows('dark-mode', false)

  third.child.kill('SIGKILL')
  await once(third.child, 'exit')
  first.write('new-checkout on')
  await second.knows('new-checkout', true)
  second.write('dark-mode on')
  await first.knows('dark-mode', true)

  // Back with what it had, it learns what it missed.
  const again = await start(2, settings)
  await again.knows('new-checkout', true)
  await again.knows('dark-mode', true)
})

test('a process that is told to end does so by itself', async () => {
  for (const { child } of apps) {
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    assert.deepEqual(await exit, [0, null])
  }
})
