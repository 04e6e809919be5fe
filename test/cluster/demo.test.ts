/** `dnd demo` as a person uses it: processes, signals, and what is left behind (nothing). */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { DndClient } from '../../packages/client/src/client.ts'
import { CLI } from '../support/real-cluster.ts'

interface ReadyEvent {
  readonly event: 'ready'
  readonly together: boolean
  readonly nodes: readonly { readonly name: string; readonly pid: number; readonly http: string }[]
}
interface ExitEvent {
  readonly event: 'exit'
  readonly name: string
  readonly signal: string | null
}

let data: string
before(() => {
  data = mkdtempSync(join(tmpdir(), 'dnd-demo-'))
})
after(() => rmSync(data, { recursive: true, force: true }))

/** A demo whose events can be waited for. */
class Demo {
  readonly child: ChildProcess
  readonly #events: AsyncIterator<string>
  readonly ended: Promise<number | null>
  err = ''

  constructor(args: readonly string[]) {
    this.child = spawn(process.execPath, [CLI, 'demo', '--json', '--data', data, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stderr!.on('data', (chunk: Buffer) => (this.err += chunk.toString()))
    this.#events = createInterface({ input: this.child.stdout! })[Symbol.asyncIterator]()
    this.ended = new Promise((resolve) => this.child.once('exit', resolve))
  }

  async next<T>(): Promise<T> {
    const { value, done } = await this.#events.next()
    assert.ok(done !== true, `the demo ended: ${this.err}`)
    return JSON.parse(value) as T
  }
}

/** Two ranges of ports that are free now, or will be told as taken. */
async function ports(): Promise<string[]> {
  const base = async (): Promise<number> => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise((resolve) => server.close(resolve))
    return Math.min(port, 64_000)
  }
  const first = await base()
  return [
    '--port',
    String(first),
    '--server-port',
    String(first < 50_000 ? first + 100 : first - 100),
  ]
}

const isRunning = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    // No such process.
    return false
  }
}

async function allGone(pids: readonly number[]): Promise<void> {
  for (let i = 0; i < 100 && pids.some(isRunning); i++) await sleep(100)
  assert.deepEqual(pids.filter(isRunning), [])
}

test('a demo serves, survives a killed node, ends in order, and goes on with its data', async (t) => {
  const args = await ports()
  const first = new Demo(args)
  t.after(() => first.child.kill('SIGKILL'))
  const ready = await first.next<ReadyEvent>()
  assert.equal(ready.together, true, first.err)
  assert.equal(ready.nodes.length, 3)
  const client = new DndClient({ server: ready.nodes.map((node) => node.http) })
  await client.put('kept', 'between runs')

  process.kill(ready.nodes[1]!.pid, 'SIGKILL')
  const exit = await first.next<ExitEvent>()
  assert.deepEqual([exit.name, exit.signal], ['node2', 'SIGKILL'])
  await client.put('later', 'written by two')

  first.child.kill('SIGINT')
  assert.equal(await first.ended, 0, first.err)
  await allGone(ready.nodes.map((node) => node.pid))

  const second = new Demo(args)
  t.after(() => second.child.kill('SIGKILL'))
  const again = await second.next<ReadyEvent>()
  assert.equal(again.together, true, readFileSync(join(data, 'node2.log'), 'utf8').slice(-2000))
  for (const { http } of again.nodes)
    for (const [key, value] of [
      ['kept', 'between runs'],
      ['later', 'written by two'],
    ] as const) {
      const read = await new DndClient({ server: http }).get(key)
      assert.ok(read.status === 'found', `${key} at ${http}`)
      assert.equal(Buffer.from(read.bytes).toString(), value)
    }

  // Whatever happens to the demo, its nodes end with it.
  second.child.kill('SIGKILL')
  await second.ended
  await allGone(again.nodes.map((node) => node.pid))
})
