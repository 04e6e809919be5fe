import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LeavePhase, LeavingView } from '../../core/node/leaving.ts'
import type { NodeId } from '../../core/std/ids.ts'
import type { LayoutState } from '../../core/placement/layout.ts'
import { layoutJson } from './cluster-routes.ts'
import { CLUSTER, failure, layoutState, serve } from './fixture.test.ts'

type Json = Record<string, unknown>

async function get(base: string, path: string, status = 200): Promise<Json> {
  const response = await fetch(base + path)
  assert.equal(response.status, status, path)
  return (await response.json()) as Json
}

function leavingIn(phase: LeavePhase): LeavingView {
  return { phase, waitsFor: undefined, partitions: 0, records: 0, copies: undefined }
}

const DEFAULTS = {
  ...{ n: 3, r: 2, w: 2, conflicts: 'lww', valueBytesMax: 1024 * 1024 },
  ...{ sloppy: true, ttlMs: 0 },
}

test('a bucket that nobody configured has the defaults', async (t) => {
  const { base } = await serve(t)
  assert.deepEqual(await get(base, '/buckets'), { buckets: [], defaults: DEFAULTS })
  const bucket = await get(base, '/buckets/photos')
  assert.deepEqual(bucket, { name: 'photos', configured: false, properties: DEFAULTS })
})

test('a bucket is configured, shown and reset', async (t) => {
  const { base } = await serve(t)
  const properties = {
    ...{ n: 3, r: 1, w: 3, conflicts: 'siblings', valueBytesMax: 100 },
    ...{ sloppy: false, ttlMs: 60_000 },
  }
  const put = await fetch(`${base}/buckets/notes`, {
    method: 'PUT',
    body: JSON.stringify(properties),
  })
  assert.equal(put.status, 200)
  const answer = { name: 'notes', configured: true, properties }
  assert.deepEqual(await put.json(), { ...answer, pending: ['a000000000000003'] })
  assert.deepEqual(await get(base, '/buckets/notes'), answer)
  assert.deepEqual((await get(base, '/buckets'))['buckets'], [answer])
  const reset = await fetch(`${base}/buckets/notes`, { method: 'DELETE' })
  assert.equal(reset.status, 200)
  const { configured, properties: after } = (await reset.json()) as Json
  assert.deepEqual([configured, after], [false, DEFAULTS])
})

test('what is left out of the properties is as by default, r and w a majority of n', async (t) => {
  const { base, gateway } = await serve(t)
  for (const [body, expected] of [
    ['{}', DEFAULTS],
    ['{"n":1}', { ...DEFAULTS, n: 1, r: 1, w: 1 }],
    ['{"n":5,"r":1}', { ...DEFAULTS, n: 5, r: 1, w: 3 }],
  ] as const) {
    await fetch(`${base}/buckets/b`, { method: 'PUT', body })
    const request = gateway.requests.at(-1)
    assert(request?.type === 'configure-bucket')
    assert.deepEqual(request.properties, expected)
  }
})

test('properties that make no sense are refused, and the node is not asked', async (t) => {
  const { base, gateway } = await serve(t)
  const cases = [
    ['{"replicas":3}', /the body.replicas is not a field/],
    ['{"n":"3"}', /the body.n is wrong: a whole number/],
    ['{"n":1.5}', /whole number/],
    ['{"n":0}', /at least 1/],
    ['{"conflicts":"strong"}', /"lww" or "siblings"/],
    ['{"valueBytesMax":1048577}', /at most 1048576/],
    ['[]', /the body is wrong/],
    ['', /not JSON/],
  ] as const
  for (const [body, detail] of cases) {
    const response = await fetch(`${base}/buckets/b`, { method: 'PUT', body })
    assert.equal(response.status, 400, body)
    assert.match(((await response.json()) as { detail: string }).detail, detail)
  }
  const long = `{"n":3}${' '.repeat(5000)}`
  assert.equal((await fetch(`${base}/buckets/b`, { method: 'PUT', body: long })).status, 413)
  assert.equal((await fetch(`${base}/buckets/B`)).status, 400)
  assert.equal(gateway.requests.length, 0)
})

test('a bucket that holds keys is not changed', async (t) => {
  const { base } = await serve(t)
  await fetch(`${base}/kv/full/k`, { method: 'PUT', body: 'v' })
  const response = await fetch(`${base}/buckets/full`, { method: 'DELETE' })
  assert.equal(response.status, 409)
  assert.equal(((await response.json()) as Json)['code'], 'DND_ERR_BUCKET_NOT_EMPTY')
})

test('the cluster is shown with its members and their addresses', async (t) => {
  const { base } = await serve(t)
  const cluster = await get(base, '/cluster')
  assert.deepEqual([cluster['cluster'], cluster['self']], [CLUSTER, 'a000000000000001'])
  assert.deepEqual(cluster['encryption'], { mode: 'required', key: '0badcafe' })
  assert.deepEqual((cluster['members'] as Json[])[2], {
    id: 'a000000000000003',
    name: 'node3<b>',
    state: 'suspect',
    since: '2024-01-01T12:02:00.000Z',
    suspectedBy: ['a000000000000001', 'a000000000000002'],
    zone: 'z2',
    weight: 100,
    addresses: {
      cluster: '127.0.0.1:5003',
      http: '127.0.0.1:6003',
      url: 'http://127.0.0.1:6003',
    },
    generation: 1002,
    incarnation: 2,
    version: '1.0.0',
    flapping: true,
  })
})

test('what is known of a member besides is shown, and what is not known is left out', async (t) => {
  const { base, gateway } = await serve(t)
  const before = await get(base, '/cluster')
  const [self, second] = before['members'] as Json[]
  assert.deepEqual([second!['localHealth'], second!['roundTripMs']], [2, 0.123])
  const absent = ['roundTripMs', 'suspectedBy', 'degraded', 'flapping']
  assert.deepEqual([self!['localHealth'], absent.filter((name) => name in self!)], [0, []])
  assert.deepEqual(
    ['clonedBy', 'leaving', 'replacing'].filter((name) => name in before),
    [],
  )
  gateway.degraded = true
  gateway.clonedBy = { host: '::1', port: 5009 }
  gateway.leaving = leavingIn('moving')
  gateway.replacing = { phase: 'filling', lost: 'a000000000000009' }
  const after = await get(base, '/cluster')
  assert.equal((after['members'] as Json[])[0]!['degraded'], true)
  assert.deepEqual([after['clonedBy'], after['leaving']], ['[::1]:5009', 'moving'])
  assert.deepEqual(after['replacing'], gateway.replacing)
})

test('the layout is shown as names of nodes, with what each holds', async (t) => {
  const { base } = await serve(t)
  const layout = await get(base, '/layout')
  assert.deepEqual([layout['version'], layout['partitions'], layout['replicas']], [3, 4, 3])
  const table = layout['table'] as string[][]
  assert.deepEqual(table[1], ['a000000000000002', 'a000000000000003', 'a000000000000001'])
  assert.deepEqual((layout['balance'] as Json[])[0], {
    node: 'a000000000000001',
    replicas: 4,
    share: 0.3333,
  })
  assert.equal(layout['moving'], undefined)
})

test('a layout that is being changed says from which, who has its data, and how much moves', () => {
  const { current } = layoutState()
  const roles = current.roles.slice(0, 2)
  const previous = { ...current, version: 2, roles, table: [[0, 1], [1, 0], [0], [1]] }
  const synced = [current.roles[1]!.node]
  const state: LayoutState = { current, previous, synced, acked: [], lost: [] }
  assert.deepEqual(layoutJson(state).moving, {
    from: 2,
    phase: 'filling',
    synced,
    acked: [],
    waiting: [current.roles[0]!.node, current.roles[2]!.node],
    partitions: 4,
    changing: [0, 1, 2, 3],
    previous: {
      roles,
      table: previous.table.map((set) => set.map((index) => roles[index]!.node)),
    },
  })
  const same: LayoutState = { current, previous: current, synced: [], acked: [], lost: [] }
  assert.equal(layoutJson(same).moving?.partitions, 0)
  assert.equal(layoutJson(same).moving?.phase, 'settling')
  assert.deepEqual(layoutJson(same).moving?.waiting, [], 'nobody could read anything else')
  const lost = ['a000000000000009' as NodeId]
  assert.deepEqual(layoutJson({ ...state, current: { ...current, lost } }).moving?.lost, lost)
})

test('before a layout is known there is none to show', async (t) => {
  const { base, gateway } = await serve(t)
  gateway.layout = undefined
  const response = await fetch(`${base}/layout`)
  assert.equal(response.status, 503)
  assert.equal(response.headers.get('retry-after'), '1')
  assert.equal(((await response.json()) as Json)['code'], 'DND_ERR_NOT_READY')
})

test('health reads a key that no client can name, another one each time', async (t) => {
  const { base, gateway } = await serve(t)
  const health = await get(base, '/health')
  assert.deepEqual(health, {
    status: 'healthy',
    ready: true,
    read: { ok: true, answers: 2 },
    partitions: { total: 4, withQuorum: 4, allUp: 4 },
    transfers: { pending: 0, records: 0 },
    stored: { partitions: 0, records: 0, bytes: 0 },
  })
  await get(base, '/health?timeout=100')
  const [first, second] = gateway.requests
  assert(first?.type === 'get' && second?.type === 'get')
  assert.equal(first.key[0], 0)
  assert.notDeepEqual(first.key, second.key)
  assert.deepEqual([first.timeoutMs, second.timeoutMs], [2000, 100])
})

test('health tells how far a pull is, as far as that is known', async (t) => {
  const { base, gateway } = await serve(t)
  const read = { records: 10, bytes: 1_000 }
  const expected = { records: 40, bytes: 4_000 }
  const pulling = { ...gateway.transfers, pending: 2, records: 5 }
  const first = { partitions: 8, done: 6, read, expected: undefined, bytesPerSecond: undefined }
  gateway.transfers = { ...pulling, progress: first }
  const transfers = async (): Promise<unknown> => (await get(base, '/health'))['transfers']
  assert.deepEqual(await transfers(), {
    ...{ pending: 2, records: 5, progress: { partitions: 8, done: 6, read } },
  })
  gateway.transfers = { ...pulling, progress: { ...first, expected, bytesPerSecond: 400.4 } }
  const progress = { partitions: 8, done: 6, read, expected, bytesPerSecond: 400, secondsLeft: 8 }
  assert.deepEqual(await transfers(), { pending: 2, records: 5, progress })
})

test('health is degraded while replicas are missing, unavailable without quorum or when the read fails', async (t) => {
  const { base, gateway } = await serve(t)
  gateway.partitions = { total: 4, withQuorum: 4, allUp: 1 }
  assert.equal((await get(base, '/health'))['status'], 'degraded')
  gateway.partitions = { total: 4, withQuorum: 4, allUp: 4 }
  gateway.transfers = { ...gateway.transfers, pending: 2, records: 5 }
  assert.equal((await get(base, '/health'))['status'], 'degraded')
  gateway.partitions = { total: 4, withQuorum: 3, allUp: 3 }
  assert.equal((await get(base, '/health', 503))['status'], 'unavailable')
  gateway.partitions = { total: 0, withQuorum: 0, allUp: 0 }
  assert.equal((await get(base, '/health', 503))['status'], 'unavailable')
  gateway.partitions = { total: 4, withQuorum: 4, allUp: 4 }
  gateway.failure = failure('DND_ERR_TIMEOUT', 'slow', { needed: 2, got: 1 })
  const health = await get(base, '/health', 503)
  assert.equal(health['status'], 'unavailable')
  const read = { ok: false, code: 'DND_ERR_TIMEOUT', detail: 'slow', needed: 2, got: 1 }
  assert.deepEqual(health['read'], read)
})

test('a node is live while it turns, and ready while it serves', async (t) => {
  const { base, gateway } = await serve(t)
  assert.equal(await (await fetch(`${base}/livez`)).text(), 'ok\n')
  assert.equal(await (await fetch(`${base}/readyz`)).text(), 'ok\n')
  gateway.ready = false
  const response = await fetch(`${base}/readyz`)
  assert.deepEqual([response.status, await response.text()], [503, 'starting\n'])
  assert.equal((await fetch(`${base}/livez`)).status, 200)
})

test('a node whose identity another process has is live, not ready, and no health', async (t) => {
  const { base, gateway } = await serve(t)
  gateway.clonedBy = { host: '10.0.0.9', port: 5001 }
  const ready = await fetch(`${base}/readyz`)
  assert.deepEqual([ready.status, await ready.text()], [503, 'cloned\n'])
  const health = await get(base, '/health', 503)
  assert.deepEqual([health['status'], health['clonedBy']], ['unavailable', '10.0.0.9:5001'])
  assert.equal((await fetch(`${base}/livez`)).status, 200)
})

test('a node that is badly connected serves, and its health says so', async (t) => {
  const { base, gateway } = await serve(t)
  gateway.degraded = true
  const health = await get(base, '/health')
  assert.deepEqual([health['status'], health['degraded']], ['degraded', true])
  assert.equal((await fetch(`${base}/readyz`)).status, 200)
})

test('a node that leaves serves until it has left', async (t) => {
  const { base, gateway } = await serve(t)
  for (const phase of ['waiting', 'moving', 'telling'] as const) {
    gateway.leaving = leavingIn(phase)
    assert.equal((await fetch(`${base}/readyz`)).status, 200, phase)
  }
  gateway.leaving = leavingIn('left')
  const response = await fetch(`${base}/readyz`)
  assert.deepEqual([response.status, await response.text()], [503, 'left\n'])
})

test('before the node stands behind its door, what shows it is not ready and the process is live', async (t) => {
  const { base, gateway } = await serve(t)
  gateway.started = false
  for (const path of ['/readyz', '/cluster', '/layout', '/buckets', '/']) {
    const response = await fetch(base + path)
    assert.equal(response.status, 503, path)
    assert.equal(((await response.json()) as Json)['code'], 'DND_ERR_NOT_READY')
  }
  assert.equal((await fetch(`${base}/livez`)).status, 200)
})

test('a scrape is what the metrics give, and an error when they give none', async (t) => {
  const { base, metrics } = await serve(t)
  const scrape = await fetch(`${base}/metrics`)
  assert.equal(scrape.headers.get('content-type'), metrics.contentType)
  assert.match(await scrape.text(), /dnd_ready/)
  metrics.broken = true
  assert.equal((await get(base, '/metrics', 500))['code'], 'DND_ERR_INTERNAL')
})

test('people without a browser get a page of text, with what to try and where to go', async (t) => {
  const { base } = await serve(t)
  const text = await fetch(base)
  assert.match(text.headers.get('content-type') ?? '', /^text\/plain/)
  const page = await text.text()
  assert.match(page, /curl -X PUT http:\/\/127\.0\.0\.1:6001\/kv\/hello -d world/)
  assert.match(page, /^console http:\/\/127\.0\.0\.1:6001\/$/m)
  const paths = [...page.matchAll(/^(\/\S+) /gm)].map((match) => match[1]!)
  assert(paths.length >= 7)
  for (const path of paths) assert.equal((await fetch(base + path)).status, 200, path)
})

test('the page tells of a clone, and of a bad connection', async (t) => {
  const { base, gateway } = await serve(t)
  const page = async (): Promise<string> => (await fetch(base)).text()
  assert.doesNotMatch(await page(), /badly connected/)
  gateway.degraded = true
  assert.match(await page(), /^This node is slow or badly connected/m)
  gateway.clonedBy = { host: '10.0.0.9', port: 5001 }
  assert.match(await page(), /listens on 10\.0\.0\.9:5001: both refuse all writes/)
})

test('every request is counted once, with its operation and status', async (t) => {
  const { base, metrics } = await serve(t)
  await fetch(`${base}/kv/k`, { method: 'PUT', body: 'v' })
  await fetch(`${base}/kv/k`)
  await fetch(`${base}/kv/k?x=1`)
  await fetch(`${base}/nowhere`)
  await fetch(`${base}/health`)
  await fetch(`${base}/livez`)
  const counted = metrics.requests.map(({ api, op, status }) => `${api} ${op} ${status}`)
  assert.deepEqual(counted, [
    'http put 200',
    'http get 200',
    'http get 400',
    'http other 404',
    'http health 200',
    'http info 200',
  ])
  assert(metrics.requests.every(({ seconds }) => seconds >= 0 && seconds < 10))
  assert.deepEqual(Object.fromEntries(metrics.faults), {
    'http/bad-parameter': 1,
    'http/not-found': 1,
  })
})
