/** The embedded member: started, used and stopped by the app that it is a part of. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { NodeServer } from '../../src/index.ts'
import { DndClientError, DndError, startNode } from '../../src/index.ts'

const urlOf = ({ httpAddress }: NodeServer): string =>
  `http://${httpAddress!.host}:${httpAddress!.port}`

test('two members in one process are a cluster, and both stop cleanly', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-embedded-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const quiet = { port: 0, httpPort: 0, logLevel: 'error' } as const
  const first = await startNode({ ...quiet, data: join(folder, 'a') })
  t.after(() => first.stop())
  await first.ready
  const { host, port } = first.clusterAddress
  const second = await startNode({ ...quiet, data: join(folder, 'b'), seeds: [`${host}:${port}`] })
  t.after(() => second.stop())
  await second.ready
  const put = await fetch(`${urlOf(first)}/kv/k`, { method: 'PUT', body: 'v' })
  assert.equal(put.status, 200, await put.text())
  assert.equal(await (await fetch(`${urlOf(second)}/kv/k`)).text(), 'v')
  assert.equal(first.cluster, second.cluster)
  assert.notEqual(first.node, second.node)
  await Promise.all([second.stop(), first.stop()])
  await Promise.all([second.stopped, first.stopped])
})

test('a bad field is refused with a code, and nothing is started', async () => {
  await assert.rejects(
    async () => startNode({ port: 70_000 }),
    (error) => error instanceof DndError && error.code === 'DND_ERR_BAD_CONFIG',
  )
})

const MEMORY = { engine: 'memory', port: 0, http: false } as const

async function failureOf(promise: Promise<unknown>): Promise<DndClientError> {
  const error: unknown = await promise.then(
    () => assert.fail('it did not fail'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof DndClientError, String(error))
  return error
}

const APP = `
import { startNode } from 'dnd-under-test'
const node = await startNode({ engine: 'memory', port: 0, HTTP })
await node.ready
const bucket = node.bucket('b')
const watching = (async () => {
  let seen = 0
  for await (const event of bucket.watch()) if (event.type === 'change') seen++
  return seen
})()
for (let i = 0; i < 10; i++) await bucket.put('k' + i, 'v')
await node.client.health()
await node.stop()
process.send(await watching > 0 ? 'watched' : 'not watched')
process.disconnect()
`

for (const [name, fields] of Object.entries({ 'with HTTP': 'httpPort: 0', without: 'http: false' }))
  test(`a process ends by itself when its member is stopped, and nothing was printed: ${name}`, async () => {
    const index = fileURLToPath(new URL('../../src/index.js', import.meta.url))
    const source = APP.replace('HTTP', fields).replace('dnd-under-test', `file://${index}`)
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    })
    let printed = ''
    for (const stream of [child.stdout!, child.stderr!])
      stream.on('data', (chunk: Buffer) => (printed += chunk.toString()))
    const told: unknown[] = []
    child.on('message', (message) => told.push(message))
    const [code] = (await once(child, 'close')) as [number | null]
    assert.deepEqual({ code, printed, told }, { code: 0, printed: '', told: ['watched'] })
  })

test('it logs through the logger that it is given, whatever that does', async () => {
  const lines: [level: string, fields: Readonly<Record<string, unknown>>, message: string][] = []
  const say =
    (level: string) =>
    (fields: Readonly<Record<string, unknown>>, message: string): void => {
      lines.push([level, fields, message])
      if (lines.length > 1) throw new Error('the log is full')
    }
  const logger = { error: say('error'), info: say('info'), debug: say('debug') }
  const node = await startNode({ ...MEMORY, name: 'ada', logger })
  await node.ready
  await node.bucket('b').put('k', 'v')
  await node.stop()
  assert.ok(lines.some(([level, , message]) => level === 'info' && message === 'a new node'))
  assert.deepEqual(new Set(lines.map(([, fields]) => fields['node'])), new Set(['ada']))
})

test('without HTTP it says so to the others, and is no address for clients', async (t) => {
  const node = await startNode(MEMORY)
  t.after(() => node.stop())
  await node.ready
  assert.equal(node.httpAddress, undefined)
  const { host, port } = node.clusterAddress
  const other = await startNode({ ...MEMORY, http: true, httpPort: 0, seeds: [`${host}:${port}`] })
  t.after(() => other.stop())
  await other.ready
  const { members } = await other.client.cluster()
  const told = members.map(({ id, addresses }) => [id === node.node, 'http' in addresses])
  assert.deepEqual(told.toSorted(), [
    [false, true],
    [true, false],
  ])
})

test('a signal ends a call: what was under way may be stored, what was not is not', async (t) => {
  const node = await startNode(MEMORY)
  t.after(() => node.stop())
  await node.ready
  const users = node.bucket('users')
  const control = new AbortController()
  const writing = failureOf(node.client.put('ada', 'x', { signal: control.signal }))
  control.abort()
  const during = await writing
  assert.deepEqual([during.code, during.outcome], ['DND_ERR_ABORTED', 'unknown'])
  const before = await failureOf(users.put('eve', 'x', { signal: control.signal }))
  assert.deepEqual([before.code, before.outcome], ['DND_ERR_ABORTED', 'rejected'])
  const reading = await failureOf(users.get('ada', { signal: AbortSignal.abort(lateness()) }))
  assert.deepEqual([reading.code, reading.outcome], ['DND_ERR_TIMEOUT', 'rejected'])
  assert.equal((await users.get('eve')).status, 'absent')
})

test('a stop lets calls end that are under way, and refuses those that come after', async () => {
  const node = await startNode(MEMORY)
  await node.ready
  const bucket = node.bucket('b')
  const calls = Array.from({ length: 200 }, async (_, i) => node.client.put(`k${i}`, 'v'))
  await node.stop()
  const settled = await Promise.allSettled(calls)
  assert.deepEqual(new Set(settled.map(({ status }) => status)), new Set(['fulfilled']))
  const after = await failureOf(bucket.put('k', 'v'))
  assert.deepEqual([after.code, after.outcome], ['DND_ERR_UNREACHABLE', 'rejected'])
  assert.equal((await bucket.watch().next()).done, true)
})

test('what an app does to its bytes afterwards reaches neither the store nor other readers', async (t) => {
  const node = await startNode(MEMORY)
  t.after(() => node.stop())
  await node.ready
  const bytes = Buffer.from('abc')
  const writing = node.client.put('k', bytes)
  bytes.fill(0)
  await writing
  const read = await node.client.get('k')
  assert.ok(read.status === 'found')
  assert.equal(Buffer.from(read.bytes).toString(), 'abc')
  read.bytes.fill(0)
  const again = await node.client.get('k')
  assert.ok(again.status === 'found')
  assert.equal(Buffer.from(again.bytes).toString(), 'abc')
})

/** As `AbortSignal.timeout` ends a call. */
function lateness(): DOMException {
  return new DOMException('late', 'TimeoutError')
}
