import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { connect } from 'node:net'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { Prng } from '../../src/core/std/prng.ts'
import { CLI, RealCluster } from '../support/real-cluster.ts'

const MESSAGES = 150

interface Ended {
  readonly code: number | null
  readonly output: string
}

/** Runs a command that is expected to end by itself; kills it when it does not. */
function run(t: TestContext, ...args: string[]): Promise<Ended> {
  const child = spawn(process.execPath, [CLI, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000)
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  t.after(() => child.kill('SIGKILL'))
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve({ code, output })
    })
  })
}

function garbage(dice: Prng): Buffer {
  return Buffer.from(Array.from({ length: 1 + dice.below(600) }, () => dice.below(256)))
}

/** Opens a connection, says it, and waits until the other side or we have had enough. */
function say(port: number, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (): void => {
      socket.destroy()
      resolve()
    }
    socket.on('error', end)
    socket.on('close', end)
    socket.on('data', () => undefined)
    socket.on('connect', () => socket.end(bytes))
    socket.setTimeout(2_000, end)
  })
}

test('garbage on every port is counted and dropped, and the node serves on with its data', async (t) => {
  const cluster = await RealCluster.start(1)
  t.after(() => cluster.close())
  const [node] = cluster.nodes
  await fetch(`${node!.url}/kv/kept`, { method: 'PUT', body: 'safe' })
  const dice = new Prng(11)
  const udp = createSocket('udp4')
  for (let i = 0; i < MESSAGES; i++) {
    const hello = Buffer.concat([Buffer.from([0, 0, 0, 40]), garbage(dice)])
    await Promise.all([
      say(node!.port, dice.chance(0.5) ? garbage(dice) : hello),
      say(
        node!.httpPort,
        dice.chance(0.5)
          ? garbage(dice)
          : Buffer.concat([Buffer.from('GET /kv/'), garbage(dice), Buffer.from('\r\n\r\n')]),
      ),
      new Promise((resolve) => udp.send(garbage(dice), node!.port, '127.0.0.1', resolve)),
    ])
  }
  await new Promise<void>((resolve) => udp.close(() => resolve()))
  assert.ok(node!.running, node!.log)
  const kept = await fetch(`${node!.url}/kv/kept`)
  assert.equal(await kept.text(), 'safe')
  const metrics = await (await fetch(`${node!.url}/metrics`)).text()
  assert.match(metrics, /dnd_http_refused_total\{cause="[a-z-]+"\} [1-9]/)
  for (const transport of ['tcp', 'udp'])
    assert.match(
      metrics,
      new RegExp(`dnd_faults_total\\{transport="${transport}",cause="[a-z-]+"\\} [1-9]`),
      transport,
    )
})

test('a second process on one data directory is refused, and the first goes on', async (t) => {
  const cluster = await RealCluster.start(1)
  t.after(() => cluster.close())
  const [node] = cluster.nodes
  const { code, output } = await run(
    t,
    'start',
    '--data',
    node!.data,
    '--port',
    '0',
    '--server-port',
    '0',
  )
  assert.equal(code, 1, output)
  assert.match(output, new RegExp(node!.data), 'it names the directory')
  assert.doesNotMatch(output, /^\s+at /m, 'no stack')
  assert.equal((await fetch(`${node!.url}/livez`)).status, 200)
})

test('a port in use is named, with the flag that chooses another', async (t) => {
  const cluster = await RealCluster.start(1)
  t.after(() => cluster.close())
  const [node] = cluster.nodes
  const elsewhere = join(cluster.folder, 'elsewhere')
  const http = await run(
    t,
    'start',
    '--data',
    elsewhere,
    '--port',
    '0',
    '--server-port',
    String(node!.httpPort),
  )
  assert.equal(http.code, 1, http.output)
  assert.match(http.output, new RegExp(String(node!.httpPort)))
  assert.match(http.output, /--server-port/)
  const tcp = await run(
    t,
    'start',
    '--data',
    elsewhere,
    '--server-port',
    '0',
    '--port',
    String(node!.port),
  )
  assert.equal(tcp.code, 1, tcp.output)
  assert.match(tcp.output, new RegExp(String(node!.port)))
  assert.match(tcp.output, /--port/)
})

test('a directory of another cluster is not joined', async (t) => {
  const [one, other] = await Promise.all([RealCluster.start(1), RealCluster.start(1)])
  t.after(() => Promise.all([one.close(), other.close()]))
  const [stranger] = other.nodes
  await stranger!.end('SIGTERM')
  const flags = ['--data', stranger!.data, '--port', '0', '--server-port', '0']
  const { code, output } = await run(t, 'join', one.nodes[0]!.ready!.clusterAddress, ...flags)
  assert.equal(code, 2, output)
  assert.match(
    output,
    new RegExp(stranger!.ready!.cluster),
    'it names the cluster that the directory belongs to',
  )
})

test('a data path that cannot be a directory, and a join that nobody answers, end with a reason', async (t) => {
  const cluster = await RealCluster.start(1)
  t.after(() => cluster.close())
  const file = join(cluster.folder, 'file')
  writeFileSync(file, '')
  const path = await run(
    t,
    'start',
    '--data',
    join(file, 'sub'),
    '--port',
    '0',
    '--server-port',
    '0',
  )
  assert.equal(path.code, 1, path.output)
  assert.match(path.output, /file/)
  const nobody = await run(
    t,
    'join',
    '127.0.0.1:9',
    '--data',
    join(cluster.folder, 'new'),
    '--port',
    '0',
    '--server-port',
    '0',
  )
  assert.equal(nobody.code, 1, nobody.output)
  assert.match(nobody.output, /127\.0\.0\.1:9/)
})
