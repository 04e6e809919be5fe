import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CLI, getJson, RealCluster } from '../support/real-cluster.ts'
import type { RealNode } from '../support/real-cluster.ts'

const WRITERS = 4
const KEYS_EACH = 100

interface Ended {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** The command line in a process of its own, until it ends. */
function dnd(args: readonly string[], limitMs = 60_000): Promise<Ended> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const texts = { out: '', err: '' }
  child.stdout.on('data', (chunk: Buffer) => (texts.out += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (texts.err += chunk.toString()))
  const timer = setTimeout(() => child.kill('SIGKILL'), limitMs)
  return new Promise((resolve) => {
    child.once('close', (code) => {
      clearTimeout(timer)
      resolve({ code, ...texts })
    })
  })
}

interface Load {
  /** What was acknowledged last, by key. */
  readonly stored: Map<string, string>
  readonly failures: string[]
  stop(): Promise<void>
}

/** Writers that each own their keys, over the nodes that stay. */
function startLoad(urls: readonly string[]): Load {
  let over = false
  const stored = new Map<string, string>()
  const failures: string[] = []
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let turn = 0; !over; turn++) {
      const key = `w${writer}-k${turn % KEYS_EACH}`
      const value = `${writer}:${turn}`
      const url = urls[(writer + turn) % urls.length]!
      const response = await fetch(`${url}/kv/${key}`, { method: 'PUT', body: value })
      const text = await response.text()
      if (response.ok) stored.set(key, value)
      else failures.push(text)
    }
  })
  const stop = async (): Promise<void> => {
    over = true
    await Promise.all(writers)
  }
  return { stored, failures, stop }
}

async function assertReadable(urls: readonly string[], load: Load): Promise<void> {
  for (const [key, value] of load.stored)
    for (const url of urls) {
      const response = await fetch(`${url}/kv/${key}`)
      assert.equal(await response.text(), value, `${key} at ${url}`)
    }
}

async function stateAt(url: string, id: string): Promise<string | undefined> {
  const { members } = (await getJson(`${url}/cluster`)) as {
    members: { id: string; state: string }[]
  }
  return members.find((member) => member.id === id)?.state
}

async function until(what: string, done: () => Promise<boolean>, withinMs = 30_000): Promise<void> {
  for (const end = Date.now() + withinMs; !(await done()); await sleep(50))
    assert.ok(Date.now() < end, `not within ${withinMs} ms: ${what}`)
}

function identityOf({ data }: RealNode): { node: string; generation: number; left?: string } {
  return JSON.parse(readFileSync(join(data, 'dnd.json'), 'utf8')) as ReturnType<typeof identityOf>
}

test('one of four leaves under load: all values are on the others, it ends with 0, is seen as left, is not started again, and may join again', async (t) => {
  const cluster = await RealCluster.start(4)
  t.after(() => cluster.close())
  const leaver = cluster.nodes[2]!
  const others = cluster.nodes.filter((node) => node !== leaver)
  const urls = others.map(({ url }) => url)
  const load = startLoad(urls)
  await sleep(500)
  const { code, out, err } = await dnd(['leave', '--server', leaver.url])
  assert.equal(code, 0, err)
  assert.match(err, /node3 was asked to leave; Ctrl-C stops this display, and not the leave/)
  assert.match(err, /partitions to hand over/)
  assert.match(
    out,
    /^node3 has left; its data is on the other nodes; its directory .* can be deleted\n$/,
  )
  assert.ok(out.includes(leaver.data), out)
  await until('its process has ended', async () => !leaver.running)
  assert.equal(await leaver.end(), 0)
  await sleep(500)
  await load.stop()
  assert.deepEqual(load.failures, [])
  assert.ok(load.stored.size > 100, `${load.stored.size} keys`)
  await assertReadable(urls, load)
  const { node: id, generation, left } = identityOf(leaver)
  assert.ok(left !== undefined)
  for (const url of urls) assert.equal(await stateAt(url, id), 'left')

  const restart = await dnd(['start', '--data', leaver.data, '--port', '0', '--server-port', '0'])
  assert.equal(restart.code, 2)
  assert.match(restart.err, /has handed over all of its data: join again with "dnd join SEED"/)

  await leaver.start(['join', others[0]!.ready!.clusterAddress])
  await cluster.settled()
  const again = identityOf(leaver)
  assert.equal(again.node, id)
  assert.ok(again.generation > generation)
  assert.equal(again.left, undefined)
  for (const url of cluster.urls) assert.equal(await stateAt(url, id), 'alive')
  await assertReadable(cluster.urls, load)
})

test('a node that is killed in the middle of its leave goes on with it when it is started again', async (t) => {
  const cluster = await RealCluster.start(4)
  t.after(() => cluster.close())
  const [first, second, third] = cluster.nodes as [RealNode, RealNode, RealNode]
  const put = await fetch(`${first.url}/kv/kept`, { method: 'PUT', body: 'value' })
  assert.equal(put.status, 200)
  // While another one is down nobody is let go.
  await second.end('SIGKILL')
  const asked = await fetch(`${third.url}/leave`, { method: 'POST' })
  assert.equal(asked.status, 202)
  assert.equal(((await asked.json()) as { phase: string }).phase, 'waiting')
  await third.end('SIGKILL')
  await cluster.restart(third)
  const { phase } = (await getJson(`${third.url}/leave`)) as { phase: string }
  assert.notEqual(phase, 'staying')
  await cluster.restart(second)
  await until('it has left', async () => !third.running, 60_000)
  assert.equal(await third.end(), 0)
  for (const node of [first, second])
    assert.equal(await (await fetch(`${node.url}/kv/kept`)).text(), 'value')
  assert.ok(existsSync(join(third.data, 'dnd.json')) && readdirSync(third.data).length > 0)
})

test('the only node of a cluster is not let go, and is told to be stopped instead', async (t) => {
  const cluster = await RealCluster.start(1)
  t.after(() => cluster.close())
  const { code, err } = await dnd(['leave', '--server', cluster.urls[0]!])
  assert.equal(code, 1)
  assert.match(err, /no other node holds data/)
  assert.match(err, /Stop it instead/)
  assert.ok(cluster.nodes[0]!.running)
})
