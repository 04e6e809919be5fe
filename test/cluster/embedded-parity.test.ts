/**
 * The embedded member's API and `dnd-client` are one interface: a list of calls is made through
 * both, of the same node, and has equal results.
 */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { DndClient } from '../../packages/client/src/node/client.ts'
import type { NodeClient, NodeServer } from '../../src/index.ts'
import { startNode } from '../../src/index.ts'

/** What an app should ask for. */
type Api = Omit<DndClient, 'close' | 'keys' | 'users' | 'repairs'> & Pick<NodeClient, 'repairs'>
type Call = (api: Api, bucket: string) => Promise<unknown>

let node: NodeServer
let client: DndClient

before(async () => {
  node = await startNode({
    engine: 'memory',
    port: 0,
    httpPort: 0,
    name: 'one',
    probeIntervalMs: 60_000,
  })
  await node.ready
  const { host, port } = node.httpAddress!
  client = new DndClient({ server: `http://${host}:${port}` })
})
after(async () => {
  client.close()
  await node.stop()
})

const BYTES = Uint8Array.of(0, 255, 128, 7)
const HALF = 'half \ud800'
const NEXT_CENTURY = '2101-01-01T00:00:00.000Z'

/** A read, with the context that it gave in use afterwards. */
const KEY_CALLS: Readonly<Record<string, Call>> = {
  'a key that was never there': (api, bucket) => api.get('nothing', { bucket }),
  text: (api, bucket) => api.put('text', 'väl ✓', { bucket }),
  'text read': (api, bucket) => api.get('text', { bucket }),
  bytes: (api, bucket) => api.put('bytes', BYTES, { bucket }),
  'bytes read': (api, bucket) => api.get('bytes', { bucket, r: 1 }),
  'an empty value': (api, bucket) => api.put('empty', '', { bucket }),
  'an empty value read': (api, bucket) => api.get('empty', { bucket }),
  'all that a put can say': (api, bucket) =>
    api.put('full', '{}', {
      ...{ bucket, sort: 's', w: 1, timeoutMs: 5_000, expiresAt: NEXT_CENTURY },
      ...{ contentType: 'application/json', metadata: { b: 'zwei ü', a: '100 %', Cc: 'x' } },
    }),
  'all of it read': (api, bucket) => api.get('full', { bucket, sort: 's' }),
  'no content type': (api, bucket) => api.put('typeless', 'x', { bucket, contentType: '' }),
  'no content type read': (api, bucket) => api.get('typeless', { bucket }),
  'for ever': (api, bucket) => api.put('long', 'x', { bucket, ttlMs: 0 }),
  'a delete': (api, bucket) => api.delete('text', { bucket }),
  'what was deleted': (api, bucket) => api.get('text', { bucket }),
  'a delete of nothing': (api, bucket) => api.delete('nothing at all', { bucket }),
  'a write upon a read': async (api, bucket) => {
    const { context } = await api.get('bytes', { bucket })
    return api.put('bytes', 'next', { bucket, context })
  },
  'keys made of dots': async (api, bucket) => [
    await api.put('..', 'dots', { bucket }),
    await api.get('..', { bucket }),
    await api.delete('..', { bucket }),
    await api.get('.', { bucket }),
  ],
  'a key with everything in it': async (api, bucket) => {
    await api.put('a/b?c#d%20 ü', 'x', { bucket, sort: '/../' })
    return api.get('a/b?c#d%20 ü', { bucket, sort: '/../' })
  },
  keys: (api, bucket) => api.listPage({ bucket }),
  'some keys': (api, bucket) => api.listPage({ bucket, prefix: 'b', limit: 1 }),
  'keys from the end': (api, bucket) =>
    api.listPage({ bucket, reverse: true, limit: 2, start: 'full', timeoutMs: 1_000 }),
  'between no bounds': (api, bucket) => api.listPage({ bucket, start: 'z', end: 'a' }),
  'all keys, page by page': (api, bucket) => every(api.list({ bucket, limit: 2 })),
  'a batch': (api, bucket) =>
    api.batch([
      { type: 'put', bucket, key: 'b1', value: 'x', metadata: { a: 'b' } },
      { type: 'put', bucket, key: 'b2', value: BYTES, contentType: '' },
      { type: 'get', bucket, key: 'bytes' },
      { type: 'get', bucket, key: 'nobody' },
      { type: 'delete', bucket, key: 'empty' },
      { type: 'put', bucket, key: '', value: 'x' },
      { type: 'put', bucket, key: 'm', value: 'x', metadata: { Upper: 'b' } },
      { type: 'get', bucket, key: 'bytes', r: 9 },
      { type: 'put', bucket, key: 't', value: 'x', ttlMs: 3 },
      { type: 'put', bucket, key: 't', value: 'x', ttlMs: 3_000, expiresAt: NEXT_CENTURY },
      { type: 'put', bucket, key: 'c', value: 'x', context: 'nonsense' },
      { type: 'get', bucket: 'Bad Bucket', key: 'x' },
    ]),
  'a batch read back': (api, bucket) =>
    api.batch([
      { type: 'get', bucket, key: 'b1' },
      { type: 'get', bucket, key: 'b2' },
    ]),
  'a batch of nothing': (api) => api.batch([]),
  'a batch of too many': (api, bucket) =>
    api.batch(Array.from({ length: 1_001 }, () => ({ type: 'get', bucket, key: 'x' }) as const)),
  'a batch of too much': (api, bucket) =>
    api.batch(
      Array.from({ length: 9 }, (_, i) => {
        const value = 'x'.repeat(1024 * 1024)
        return { type: 'put', bucket, key: `big ${i}`, value } as const
      }),
    ),
}

const REFUSED: Readonly<Record<string, Call>> = {
  'no key': (api, bucket) => api.listPage({ bucket, limit: 0 }),
  'an empty sort key': (api, bucket) => api.get('k', { bucket, sort: '' }),
  'a zero byte': (api, bucket) => api.put('a\u0000b', 'x', { bucket }),
  'a long key': (api, bucket) => api.put('x'.repeat(1025), 'x', { bucket }),
  'a large value': (api, bucket) => api.put('k', new Uint8Array(1024 * 1024 + 1), { bucket }),
  'half a character as the key': (api, bucket) => api.put(HALF, 'x', { bucket }),
  'half a character as the value': (api, bucket) => api.put('k', HALF, { bucket }),
  'half a character as a prefix': (api, bucket) => api.listPage({ bucket, prefix: HALF }),
  'a bad bucket': (api) => api.get('k', { bucket: 'Bad Bucket' }),
  'a bad bucket listed': (api) => api.listPage({ bucket: 'Bad Bucket' }),
  'a bad bucket looked at': (api) => api.bucketProperties('Bad Bucket'),
  'a bad context': (api, bucket) => api.put('k', 'x', { bucket, context: 'nonsense' }),
  'the context of another key': async (api, bucket) => {
    const { context } = await api.put('one', 'x', { bucket })
    return api.put('other', 'x', { bucket, context })
  },
  'r that cannot be': (api, bucket) => api.get('k', { bucket, r: 8 }),
  'w that cannot be': (api, bucket) => api.delete('k', { bucket, w: 0 }),
  'a timeout that cannot be': (api, bucket) => api.get('k', { bucket, timeoutMs: 60_001 }),
  'a limit that cannot be': (api, bucket) => api.listPage({ bucket, limit: 100_000 }),
  'a lifetime that is too short': (api, bucket) => api.put('k', 'x', { bucket, ttlMs: 999 }),
  'a lifetime in parts': (api, bucket) => api.put('k', 'x', { bucket, ttlMs: 1_000.5 }),
  'a moment that is none': (api, bucket) => api.put('k', 'x', { bucket, expiresAt: 'tomorrow' }),
  'two lifetimes': (api, bucket) =>
    api.put('k', 'x', { bucket, ttlMs: 1_000, expiresAt: NEXT_CENTURY }),
  'a content type that is none': (api, bucket) =>
    api.put('k', 'x', { bucket, contentType: `text/${'x'.repeat(300)}` }),
  'too much metadata': (api, bucket) =>
    api.put('k', 'x', { bucket, metadata: { a: 'x'.repeat(10_000) } }),
  'properties that cannot be': (api, bucket) => api.configureBucket(bucket, { n: 0 }),
  'properties that nobody knows': (api, bucket) =>
    api.configureBucket(bucket, { conflict: 'lww' } as object),
  'n of a bucket that holds keys': (api, bucket) => api.configureBucket(bucket, { n: 2 }),
  'a quorum that is greater than n': (api, bucket) =>
    api.configureBucket(`${bucket}-other`, { n: 2, r: 3 }),
  'a plan of who is not there': (api) => api.layoutPlan([{ node: 'nobody', zone: '', weight: 1 }]),
  'a layout that was not planned': (api) => api.applyLayout({ version: 99, hash: '00000000' }),
  'a hash that is none': (api) => api.applyLayout({ version: 2, hash: 'x' }),
  'the removal of who is not there': (api) => api.removeNode('nobody'),
  'the removal of who is up': (api) => api.removeNode('one'),
  'the leave of the last': (api) => api.leave(),
  'a watch of a bad bucket': (api) => api.watch('Bad Bucket').next(),
  'a watch from nowhere': (api, bucket) => api.watch(bucket, { since: 'nonsense' }).next(),
  'a signal that was aborted before': (api, bucket) =>
    api.put('k', 'x', { bucket, signal: AbortSignal.abort() }),
}

const CLUSTER_CALLS: Readonly<Record<string, Call>> = {
  cluster: (api) => api.cluster(),
  layout: (api) => api.layout(),
  'what layout would follow': (api) => api.layoutPlan(),
  layouts: (api) => api.layoutHistory(),
  'what it keeps for others': async (api) => ({ ...(await api.hints()), writes: undefined }),
  'whether it leaves': (api) => api.leaveProgress(),
  'whether it is well': (api) => api.health(),
  'a bucket that was not configured': (api, bucket) => api.bucketProperties(`${bucket}-new`),
  'a bucket that is': async (api, bucket) => [
    await api.configureBucket(`${bucket}-new`, { conflicts: 'siblings' }),
    await api.bucketProperties(`${bucket}-new`),
    await api.configureBucket(`${bucket}-new`, undefined),
  ],
  'all buckets': (api) => api.buckets(),
  'why a key is as it is': async (api, bucket) => {
    await api.put('why', 'x', { bucket })
    const explained = await api.explain('why', { bucket })
    const { replicas, versions, ...rest } = explained
    return { ...rest, replicas: replicas.length, versions: versions.length, partition: 0, slot: 0 }
  },
  'a repair': async (api, bucket) => {
    const { run, startedAt, finishedAt, ...rest } = await api.repairs.begin({ bucket, prefix: 'x' })
    return [rest, typeof run, typeof startedAt, typeof finishedAt]
  },
  'how far repairs are': async (api) => Object.keys(await api.repairs.progress()),
}

const SIBLING_CALLS: Readonly<Record<string, Call>> = {
  'concurrent values': async (api, bucket) => {
    const name = `${bucket}-siblings`
    await api.configureBucket(name, { conflicts: 'siblings' })
    await api.put('k', 'one', { bucket: name })
    const second = await api.put('k', 'two', { bucket: name, metadata: { a: 'b' } })
    const read = await api.get('k', { bucket: name })
    assert.ok(read.status === 'siblings')
    const inBatch = await api.batch([{ type: 'get', bucket: name, key: 'k' }])
    const { context } = read
    const merged = await api.put('k', 'three', { bucket: name, context })
    return [
      second,
      sorted(read.siblings),
      inBatch.length,
      merged,
      await api.get('k', { bucket: name }),
    ]
  },
  watched: async (api, bucket) => {
    const events: unknown[] = []
    const watching = api.watch(bucket, { prefix: 'watched' })
    for await (const event of watching) {
      events.push(event)
      if (event.type === 'ready') {
        await api.put('watched', 'x', { bucket, metadata: { a: 'b' } })
        await api.delete('watched', { bucket })
      }
      if (event.type === 'change' && event.values.length === 0) break
    }
    const last = events.at(-1) as { key: string; values: unknown[] }
    return [events[0], last]
  },
  'typed values': async (api, bucket) => {
    const texts = api.bucket(`${bucket}-typed`)
    const first = await texts.put('k', 'x', { sort: 's' })
    const second = await texts.put(first, BYTES)
    const read = await texts.get('k', { sort: 's' })
    const changed = await texts.update('k', (value) => `${String(value)}!`, {
      allowLostUpdates: true,
    })
    return [first, second, read, changed, await texts.delete(changed), await texts.properties()]
  },
}

for (const [group, calls] of Object.entries({
  keys: KEY_CALLS,
  refused: REFUSED,
  siblings: SIBLING_CALLS,
  cluster: CLUSTER_CALLS,
}))
  test(`the same results inside and over HTTP: ${group}`, async () => {
    for (const [name, call] of Object.entries(calls)) {
      const overHttp = await outcome(call, client, 'x-http')
      const inside = await outcome(call, node.client, 'x-node')
      assert.deepEqual(inside, overHttp, name)
      if (group === 'refused') assert.ok('failed' in (inside as object), name)
    }
  })

/** What becomes of a call, without what differs each time. */
async function outcome(call: Call, api: Api, bucket: string): Promise<unknown> {
  try {
    return plain(await call(api, bucket))
  } catch (error) {
    return { failed: plain(error) }
  }
}

const TOKEN = /^[A-Za-z0-9_-]{12,}$/

function plain(value: unknown): unknown {
  if (value instanceof TypeError) return value.constructor.name
  if (value instanceof Error) {
    const { name, code, outcome, status, needed, got, retryable } = value as Error & {
      readonly code?: string
      readonly outcome?: string
      readonly status?: number
      readonly needed?: number
      readonly got?: number
      readonly retryable?: boolean
    }
    assert.ok(code !== undefined, value.stack)
    return { name, code, outcome, status, needed, got, retryable }
  }
  if (value instanceof Uint8Array) return [...value]
  if (Array.isArray(value)) return value.map(plain)
  if (typeof value === 'string') return value.replace('x-http', 'x-node')
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, part]) => [
      name,
      isToken(name, part) ? 'a token' : plain(part),
    ]),
  )
}

function isToken(name: string, part: unknown): boolean {
  if (name !== 'context' && name !== 'id') return false
  return typeof part === 'string' && TOKEN.test(part)
}

function sorted(values: readonly { readonly bytes: Uint8Array }[]): unknown[] {
  return values.toSorted((a, b) => Buffer.compare(a.bytes, b.bytes))
}

async function every<T>(all: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = []
  for await (const each of all) list.push(each)
  return list
}
