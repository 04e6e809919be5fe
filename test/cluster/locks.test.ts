/**
 * Locked nodes, as real processes: what a stranger, a reader of one prefix, and one who was thrown
 * out get from them, at each route and each port.
 */
import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { askCluster } from '../../src/adapters/tcp/ask-cluster.ts'
import type { NodeId } from '../../src/core/std/ids.ts'
import { DndClient } from '../../packages/client/src/node/client.ts'
import { DndClientError } from '../../packages/client/src/client.ts'
import { newKey } from '../../src/server/cluster-keys.ts'
import { eventually, RealCluster, RealNode } from '../support/real-cluster.ts'
import { runCli } from '../support/run-cli.ts'

const PASSWORD = 'correct horse battery'
const KEY = newKey()
/** What a stranger must not learn: a key's name, a value, who the nodes are. */
const HIDDEN = 'other-hidden-key'
const VALUE = 'a-hidden-value'
const OPEN = ['/livez', '/readyz', '/']

let cluster: RealCluster
const tokens: Record<string, string> = {}

before(async () => {
  cluster = await RealCluster.start(0)
  writeFileSync(join(cluster.folder, 'cluster.key'), `${KEY.key}\n`)
  writeFileSync(join(cluster.folder, 'anna.password'), `${PASSWORD}\n`)
  cluster.flags = ['--key-file', join(cluster.folder, 'cluster.key')]
  for (let i = 0; i < 3; i++) await cluster.add()
  await cluster.settled()
  const first = ['create', 'anna', '--grant', 'admin', '--new-password-file', 'anna.password']
  const made = await runCli(['users', ...first], { server: node(0).url, cwd: cluster.folder })
  assert.equal(made.code, 0, made.err)
  tokens['admin'] = await newToken('root', 'admin')
  tokens['reader'] = await newToken('reader', 'read:default/mine/')
  for (const [key, value] of [
    ['mine/1', 'my value'],
    [HIDDEN, VALUE],
  ])
    await admin().put(key!, value!)
})

after(() => cluster.close())

function node(index: number): RealNode {
  return cluster.nodes[index]!
}

function admin(): DndClient {
  return new DndClient({ server: cluster.urls, token: tokens['admin']! })
}

async function asAnna(...args: readonly string[]): Promise<string> {
  const { code, out, err } = await runCli(
    [...args, '--user', 'anna', '--password-file', 'anna.password'],
    { server: node(0).url, cwd: cluster.folder },
  )
  assert.equal(code, 0, err)
  assert.doesNotMatch(err, /not confirmed/)
  return out.trim()
}

function newToken(name: string, grant: string): Promise<string> {
  return asAnna('tokens', 'create', name, '--grant', grant)
}

async function ask(
  server: RealNode,
  path: string,
  token?: string,
  init: RequestInit = {},
): Promise<Response> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return fetch(server.url + path, { ...init, headers })
}

async function statusOf(server: RealNode, path: string, token?: string): Promise<number> {
  const response = await ask(server, path, token)
  await response.arrayBuffer()
  return response.status
}

interface Case {
  readonly method: string
  readonly path: string
  readonly hasBody: boolean
}

async function cases(): Promise<readonly Case[]> {
  const document = (await (await ask(node(0), '/openapi.json', tokens['admin'])).json()) as {
    paths: Record<string, Record<string, object>>
  }
  return Object.entries(document.paths).flatMap(([path, item]) =>
    ['get', 'head', 'put', 'post', 'delete']
      .filter((method) => method in item)
      .map((method) => ({
        ...{ path, method: method.toUpperCase(), hasBody: 'requestBody' in item[method]! },
      })),
  )
}

function target(path: string): string {
  return path
    .replace('{bucket}', 'default')
    .replace('{key}', HIDDEN)
    .replace('{id}', node(1).ready!.node)
}

const isOpen = (path: string): boolean => OPEN.includes(path) || path.startsWith('/console/')

suite('locked nodes', () => {
  test('a stranger is refused at every route of every node, and learns nothing', async () => {
    const all = await cases()
    assert.ok(all.length > 60, `${all.length} operations`)
    const secrets = [VALUE, ...cluster.nodes.map(({ ready }) => ready!.node)]
    for (const server of cluster.nodes)
      for (const { method, path, hasBody } of all)
        for (const token of [undefined, `dnd_${'x'.repeat(43)}`]) {
          const what = `${method} ${path}`
          const body = hasBody ? { body: '{}' } : {}
          const response = await ask(server, target(path), token, { method, ...body })
          const text = await response.text()
          assert.equal(response.headers.get('x-dnd-layout'), null, what)
          for (const secret of [...secrets, HIDDEN])
            assert.ok(!text.includes(secret), `${what} tells ${secret}`)
          if (!isOpen(path)) assert.equal(response.status, 401, what)
        }
    const { status } = await admin().get(HIDDEN)
    assert.equal(status, 'found', 'and none of it did anything')
  })

  test('a stranger gets nothing out of the ports between nodes, and does not join', async () => {
    for (const { ready, port } of cluster.nodes) {
      const address = { host: '127.0.0.1', port }
      const stranger = { node: '00000000000000ff' as NodeId, timeoutMs: 2_000, tls: undefined }
      const keyring = { mode: 'off', primary: undefined, find: () => undefined } as const
      await assert.rejects(askCluster(address, { ...stranger, keyring }), {
        code: 'DND_ERR_JOIN_REFUSED',
      })
      const heard = await shout(port)
      const ids = [ready!.node, ready!.cluster]
      for (const secret of [...ids, HIDDEN, VALUE]) assert.ok(!heard.includes(secret), secret)
      for (const id of ids) assert.ok(!heard.includes(Buffer.from(id, 'hex')), id)
    }
    const uninvited = new RealNode('uninvited', join(cluster.folder, 'uninvited'))
    await assert.rejects(uninvited.start(['join', node(0).ready!.clusterAddress]))
    const { members } = await admin().cluster()
    assert.deepEqual(members.map(({ name }) => name).toSorted(), ['node1', 'node2', 'node3'])
  })

  test('a reader of one prefix reads that, and sees nothing of another', async () => {
    const reader = new DndClient({ server: cluster.urls, token: tokens['reader']! })
    const mine = await reader.get('mine/1')
    assert.equal(mine.status, 'found')
    const listed = await reader.listPage({ prefix: 'mine/' })
    assert.deepEqual(
      listed.keys.map(({ key }) => key),
      ['mine/1'],
    )
    await forbidden(() => reader.get(HIDDEN))
    await forbidden(() => reader.put('mine/1', 'another'))
    await forbidden(() => reader.listPage({}))
    await forbidden(() => reader.listPage({ prefix: 'm' }))
    await forbidden(() => reader.explain(HIDDEN))
    await forbidden(async () => {
      for await (const _ of reader.watch('default')) return
    })
    const results = await reader.batch([
      { type: 'get', key: 'mine/1' },
      { type: 'get', key: HIDDEN },
    ])
    assert.equal(results[0]?.status, 'found')
    assert.ok(!JSON.stringify(results).includes(VALUE))
    for (const { method, path, hasBody } of await cases()) {
      const body = hasBody ? { body: '{}' } : {}
      const response = await ask(node(2), target(path), tokens['reader'], { method, ...body })
      const text = await response.text()
      assert.ok(!text.includes(VALUE), path)
      if (path !== '/openapi.json') assert.ok(!text.includes(HIDDEN), path)
    }
    reader.close()
  })

  test('a node asks another with the words of who asked it', async () => {
    const path = `/nodes/${node(1).ready!.node}/hints`
    assert.equal(await statusOf(node(0), path, tokens['admin']), 200)
    assert.equal(await statusOf(node(0), path, tokens['reader']), 403)
  })

  test('commands come with a token or a user, from flags or the environment', async () => {
    const server = node(1).url
    const bare = await runCli(['get', 'mine/1'], { server })
    assert.equal(bare.code, 2)
    assert.match(bare.err, /locked/)
    const token = { DND_TOKEN: tokens['reader']! }
    assert.equal((await runCli(['get', 'mine/1'], { server, env: token })).out, 'my value')
    assert.equal((await runCli(['get', HIDDEN], { server, env: token })).code, 2)
    const user = { DND_USER: 'anna', DND_PASSWORD: PASSWORD }
    for (const args of [
      ['status'],
      ['users', 'list'],
      ['tokens', 'list'],
      ['hints'],
      ['layout', 'show'],
    ])
      assert.equal((await runCli(args, { server, env: user })).code, 0, args.join(' '))
    const { out } = await runCli(['tokens', 'list'], { server, env: user })
    assert.match(out, /reader +read:default\/mine\//)
    assert.ok(!out.includes('dnd_'))
  })

  test('a token that is revoked on one node stops working on all, and ends what it watches', async () => {
    const token = await newToken('brief', 'read')
    const watched = await ask(node(1), '/watch/default', token)
    assert.equal(watched.status, 200)
    for (const server of cluster.nodes) assert.equal(await statusOf(server, '/metrics', token), 200)
    await asAnna('tokens', 'revoke', 'brief')
    for (const server of cluster.nodes) assert.equal(await statusOf(server, '/metrics', token), 401)
    await admin().put('mine/2', 'seen by nobody')
    assert.ok(!(await watched.text()).includes('seen by nobody'))
  })

  test('a node that was down learns of it before it serves', async () => {
    const token = await newToken('late', 'read')
    const third = node(2)
    await third.end('SIGKILL')
    await eventually('the others see that it is down', async () => {
      const { members } = await admin().cluster()
      return members.find(({ id }) => id === third.ready!.node)?.state === 'dead' || undefined
    })
    await asAnna('tokens', 'revoke', 'late')
    const seen: number[] = []
    const port = third.httpPort
    const isOver = { now: false }
    const poking = (async () => {
      while (!isOver.now) {
        await fetch(`http://127.0.0.1:${port}/metrics`, {
          headers: { authorization: `Bearer ${token}` },
        }).then(
          ({ status }) => seen.push(status),
          () => undefined,
        )
        await sleep(5)
      }
    })()
    await cluster.restart(third)
    await eventually('it serves', async () =>
      (await statusOf(third, '/metrics', tokens['admin'])) === 200 ? true : undefined,
    )
    assert.equal(await statusOf(third, '/metrics', token), 401)
    isOver.now = true
    await poking
    assert.ok(seen.includes(401))
    assert.deepEqual(
      seen.filter((status) => status !== 401 && status !== 503),
      [],
    )
  })

  test('the log says who did what, and no secret', () => {
    const lines = node(0)
      .log.split('\n')
      .filter((line) => line.includes('"audit"'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
    const made = lines.find(({ act, subject }) => act === 'createToken' && subject === 'reader')!
    assert.deepEqual(
      [made['who'], made['outcome'], made['grants']],
      ['user anna', 'done', [{ role: 'read', bucket: 'default', prefix: 'mine/' }]],
    )
    assert.match(String(made['from']), /^127\.0\.0\.1:\d+$/)
    assert.ok(lines.some(({ act, who }) => act === 'createUser' && who === 'anybody'))
    assert.ok(lines.some(({ act, outcome }) => act === 'applyLayout' && outcome === 'refused'))
    for (const { log } of cluster.nodes)
      for (const secret of [PASSWORD, ...Object.values(tokens)]) assert.ok(!log.includes(secret))
  })
})

test('a cluster is locked from its first moment on, and its admin comes out of a file', async () => {
  const alone = await RealCluster.start(0)
  try {
    const file = join(alone.folder, 'admin.password')
    writeFileSync(file, `${PASSWORD}\n`)
    const data = join(alone.folder, 'node1')
    const one = new RealNode('node1', data)
    alone.nodes.push(one)
    await one.start(['start', '--require-auth', '--admin-password-file', file])
    assert.ok([401, 503].includes(await statusOf(one, '/cluster')))
    const client = new DndClient({ server: one.url, user: 'admin', password: PASSWORD })
    const who = await eventually('the admin is made', async () =>
      client.users.whoAmI().catch(() => undefined),
    )
    assert.deepEqual(who, {
      ...{ locked: true, kind: 'user', name: 'admin' },
      grants: [{ role: 'admin' }],
    })
    client.close()
  } finally {
    await alone.close()
  }
})

async function forbidden(call: () => Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof DndClientError)
    assert.deepEqual([error.code, error.status], ['DND_ERR_FORBIDDEN', 403])
    assert.ok(!error.message.includes(HIDDEN))
    return true
  })
}

/** What a port answers to bytes of no node, by TCP and UDP. */
async function shout(port: number): Promise<Buffer> {
  const heard: Buffer[] = []
  const datagrams = createSocket('udp4')
  datagrams.on('message', (message) => heard.push(message))
  const socket = connect({ host: '127.0.0.1', port })
  socket.on('data', (chunk: Buffer) => heard.push(chunk))
  socket.on('error', () => undefined)
  const closed = new Promise((resolve) => socket.on('close', resolve))
  for (const text of ['GET /layout HTTP/1.1\r\n\r\n', '\u0000\u0000\u0000\u0001 ']) {
    socket.write(text)
    datagrams.send(text, port, '127.0.0.1')
  }
  await Promise.race([closed, sleep(500, undefined, { ref: false })])
  socket.destroy()
  datagrams.close()
  return Buffer.concat(heard)
}
