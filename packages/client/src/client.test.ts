import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { after, before, beforeEach, describe, test } from 'node:test'
import { FakeNode } from '../../../test/support/fake-node.ts'
import { DndClient, DndClientError } from './client.ts'

let node: FakeNode
let client: DndClient

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** A port where nobody listens: one that was just given back. */
async function deadServer(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return `http://127.0.0.1:${port}`
}

async function failureOf(promise: Promise<unknown>): Promise<DndClientError> {
  const error = await promise.then(
    () => assert.fail('it did not fail'),
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof DndClientError, String(error))
  return error
}

before(async () => {
  node = new FakeNode()
  await node.start()
})
after(() => node.stop())
beforeEach(() => {
  node.intercept = undefined
  node.requests.length = 0
  client = new DndClient({ server: node.url, timeoutMs: 5000 })
})

describe('one key', () => {
  test('text comes back as it went, with type, metadata and context', async () => {
    const written = await client.put('greeting', 'grüezi', { metadata: { author: 'Zoë' } })
    const read = await client.get('greeting')
    assert.ok(read.status === 'found')
    assert.equal(text(read.bytes), 'grüezi')
    assert.equal(read.contentType, 'text/plain; charset=utf-8')
    assert.deepEqual(read.metadata, { author: 'Zoë' })
    assert.equal(read.context, written.context)
  })

  test('bytes come back as they went', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
    await client.put('bytes', bytes)
    const read = await client.get('bytes')
    assert.ok(read.status === 'found')
    assert.deepEqual(read.bytes, bytes)
    assert.equal(read.contentType, 'application/octet-stream')
  })

  test('any text is a key, in any bucket, with or without a sort key', async () => {
    for (const key of ['a/b', 'ä ?#%25', '.', '..', '../x', '\u0000', '🦖']) {
      await client.put(key, `value of ${key}`, { bucket: 'odd', sort: 'x/y&z' })
      const read = await client.get(key, { bucket: 'odd', sort: 'x/y&z' })
      assert.ok(read.status === 'found', key)
      assert.equal(text(read.bytes), `value of ${key}`)
      assert.equal((await client.get(key, { bucket: 'odd' })).status, 'absent')
      await client.delete(key, { bucket: 'odd', sort: 'x/y&z' })
      assert.equal((await client.get(key, { bucket: 'odd', sort: 'x/y&z' })).status, 'absent')
    }
  })

  test('half a surrogate pair is no text, and is not replaced by another', async () => {
    await assert.rejects(client.get('\ud800'), /not well-formed/)
    await assert.rejects(client.put('k', 'a\udc00b'), /half of a surrogate pair at 1/)
    assert.equal(node.requests.length, 0)
  })

  test('quorums and timeout go along', async () => {
    await client.put('k', 'v', { w: 3, timeoutMs: 700 })
    await client.get('k', { r: 1 })
    assert.equal(node.requests[0]!.query.toString(), 'timeout=700&w=3')
    assert.equal(node.requests[1]!.query.toString(), 'r=1')
  })

  test('an absent key is a result and not an error', async () => {
    assert.deepEqual(await client.get('nobody'), { status: 'absent', context: undefined })
  })

  test('concurrent values come back together, and one put with their context ends the conflict', async () => {
    node.setBucket('carts', { conflicts: 'siblings' })
    await client.put('c', 'milk', { bucket: 'carts' })
    await client.put('c', 'bread', { bucket: 'carts' })
    const read = await client.get('c', { bucket: 'carts' })
    assert.ok(read.status === 'siblings')
    assert.deepEqual(read.siblings.map((each) => text(each.bytes)).sort(), ['bread', 'milk'])
    await client.put('c', 'milk, bread', { bucket: 'carts', context: read.context })
    const merged = await client.get('c', { bucket: 'carts' })
    assert.ok(merged.status === 'found')
    assert.equal(text(merged.bytes), 'milk, bread')
  })
})

describe('many keys', () => {
  test('a listing goes through all pages, each key once and in order', async () => {
    for (const key of ['p1', 'p2', 'p3', 'q1', 'p4', 'p5'])
      await client.put(key, 'x', { bucket: 'l' })
    const keys: string[] = []
    for await (const { key } of client.list({ bucket: 'l', prefix: 'p', limit: 2 })) keys.push(key)
    assert.deepEqual(keys, ['p1', 'p2', 'p3', 'p4', 'p5'])
    const page = await client.listPage({ bucket: 'l', limit: 2, reverse: true })
    assert.deepEqual(page.keys, [{ key: 'q1' }, { key: 'p5' }])
  })

  test('a batch gives each operation its own result, in order', async () => {
    node.refuse = (key) => (key === 'no' ? { status: 400, code: 'DND_ERR_KEY' } : undefined)
    const bytes = Uint8Array.of(0xff, 0)
    const results = await client.batch([
      { type: 'put', key: 'b1', value: 'one', metadata: { a: 'b' } },
      { type: 'put', key: 'no', value: 'x' },
      { type: 'put', key: 'b2', value: bytes, sort: 's' },
      { type: 'get', key: 'b1' },
      { type: 'get', key: 'b2', sort: 's' },
      { type: 'delete', key: 'b1' },
      { type: 'get', key: 'b1' },
    ])
    node.refuse = undefined
    assert.deepEqual(
      results.map((result) => result.status),
      ['stored', 'failed', 'stored', 'found', 'found', 'stored', 'absent'],
    )
    const [, refused, , first, second] = results
    assert.ok(refused?.status === 'failed')
    assert.equal(refused.error.code, 'DND_ERR_KEY')
    assert.equal(refused.error.outcome, 'rejected')
    assert.equal(refused.error.retryable, false)
    assert.ok(first?.status === 'found' && second?.status === 'found')
    assert.deepEqual(first.metadata, { a: 'b' })
    assert.deepEqual(second.bytes, bytes)
  })

  test('a batch with fewer results than operations is a failure, unknown if it wrote', async () => {
    node.intercept = () => ({ status: 200, json: { results: [] } })
    const write = await failureOf(client.batch([{ type: 'put', key: 'a', value: 'b' }]))
    assert.equal(write.outcome, 'unknown')
    const read = await failureOf(client.batch([{ type: 'get', key: 'a' }]))
    assert.equal(read.outcome, 'rejected')
  })
})

describe('the cluster', () => {
  test('buckets are listed, set in part and reset', async () => {
    const set = await client.configureBucket('sessions', { w: 1 })
    assert.equal(set.properties.w, 1)
    assert.equal(set.configured, true)
    assert.ok((await client.buckets()).buckets.some((bucket) => bucket.name === 'sessions'))
    assert.equal((await client.bucketProperties('sessions')).properties.w, 1)
    assert.equal((await client.configureBucket('sessions', undefined)).configured, false)
  })

  test('cluster, layout and health are told as they are', async () => {
    assert.deepEqual(await client.cluster(), node.clusterJson)
    assert.deepEqual(await client.layout(), node.layoutJson)
    assert.deepEqual(await client.health(), node.healthJson)
  })

  test('a cluster that cannot serve is an answer of health and no failure', async () => {
    const before = node.healthJson
    node.healthJson = { ...before, status: 'unavailable' }
    assert.equal((await client.health()).status, 'unavailable')
    node.healthJson = before
  })
})

describe('failures', () => {
  test('a problem becomes an error with its code, outcome and counts', async () => {
    node.intercept = () => ({
      status: 503,
      json: { code: 'DND_ERR_QUORUM', detail: 'one of two', outcome: 'unknown', needed: 2, got: 1 },
      headers: { 'retry-after': '2' },
    })
    const error = await failureOf(client.put('k', 'v'))
    assert.equal(error.code, 'DND_ERR_QUORUM')
    assert.equal(error.message, 'one of two')
    assert.deepEqual([error.outcome, error.needed, error.got], ['unknown', 2, 1])
    assert.equal(error.status, 503)
    assert.equal(error.retryAfterMs, 2000)
    assert.equal(error.retryable, true)
  })

  test('nobody listening: nothing was sent, so a write is rejected', async () => {
    const lonely = new DndClient({ server: await deadServer() })
    const error = await failureOf(lonely.put('k', 'v'))
    assert.equal(error.code, 'DND_ERR_UNREACHABLE')
    assert.equal(error.outcome, 'rejected')
    assert.equal(error.status, undefined)
  })

  test('a name that does not resolve counts as never sent', async () => {
    const lost = new DndClient({ server: 'http://no-such-host.invalid:6001' })
    const error = await failureOf(lost.put('k', 'v'))
    assert.equal(error.outcome, 'rejected')
  })

  test('a port that fetch refuses counts as never sent', async () => {
    const unsafe = new DndClient({ server: 'http://127.0.0.1:6000' })
    assert.equal((await failureOf(unsafe.put('k', 'v'))).code, 'DND_ERR_UNREACHABLE')
  })

  test('a connection lost under way: a write is unknown, a read is not', async () => {
    node.intercept = () => ({ break: true })
    const write = await failureOf(client.put('k', 'v'))
    assert.equal(write.code, 'DND_ERR_CONNECTION_LOST')
    assert.equal(write.outcome, 'unknown')
    assert.equal((await failureOf(client.delete('k'))).outcome, 'unknown')
    assert.equal((await failureOf(client.get('k'))).outcome, 'rejected')
  })

  test('no answer in time: a write is unknown', async () => {
    node.intercept = () => ({ hang: true })
    const hasty = new DndClient({ server: node.url, timeoutMs: 60 })
    const error = await failureOf(hasty.put('k', 'v'))
    assert.equal(error.code, 'DND_ERR_TIMEOUT')
    assert.equal(error.outcome, 'unknown')
    assert.equal((await failureOf(hasty.get('k'))).outcome, 'rejected')
  })

  test('another program on that port is told apart from an absent key', async () => {
    node.intercept = () => ({
      status: 404,
      text: '<h1>Not Found</h1>',
      headers: { 'content-type': 'text/html' },
    })
    const error = await failureOf(client.get('k'))
    assert.equal(error.code, 'DND_ERR_BAD_RESPONSE')
    node.intercept = () => ({ status: 200, text: 'hello' })
    assert.match((await failureOf(client.cluster())).message, /is it a node of dnd/)
  })

  test('an error without a problem of ours: a write that may have reached a node is unknown', async () => {
    node.intercept = () => ({ status: 502, text: 'bad gateway' })
    const error = await failureOf(client.put('k', 'v'))
    assert.deepEqual([error.outcome, error.code], ['unknown', 'DND_ERR_BAD_RESPONSE'])
    assert.equal((await failureOf(client.get('k'))).outcome, 'rejected')
  })

  test('a server that is no URL is refused at once', () => {
    assert.throws(() => new DndClient({ server: 'ftp://x' }), /neither http nor https/)
    assert.throws(() => new DndClient({ server: 'http://' }), /not the URL of a server/)
    assert.throws(() => new DndClient({ server: [] }), /at least one server/)
  })
})

describe('several servers', () => {
  test('reads and writes go to the next when nobody listens, and stay there', async () => {
    const both = new DndClient({ server: [await deadServer(), node.url] })
    await both.put('failover', 'yes')
    const read = await both.get('failover')
    assert.equal(read.status, 'found')
    assert.equal(node.requests.length, 2)
  })

  test('a read goes on after a broken connection, a write does not', async () => {
    const broken = new FakeNode()
    await broken.start()
    broken.intercept = () => ({ break: true })
    const both = new DndClient({ server: [broken.url, node.url] })
    assert.equal((await failureOf(both.put('k', 'v'))).outcome, 'unknown')
    assert.equal(node.requests.length, 0)
    assert.equal((await both.get('nobody')).status, 'absent')
    assert.equal(node.requests.length, 1)
    await broken.stop()
  })

  test('a write goes on after 503 only when nothing was stored', async () => {
    const busy = new FakeNode()
    await busy.start()
    const both = new DndClient({ server: [busy.url, node.url] })
    busy.intercept = () => ({ status: 503, json: { code: 'X', outcome: 'unknown' } })
    assert.equal((await failureOf(both.put('k', 'v'))).code, 'X')
    busy.intercept = () => ({ status: 503, json: { code: 'X', outcome: 'rejected' } })
    await both.put('k', 'v')
    assert.equal(node.requests.length, 1)
    await busy.stop()
  })

  test('one that hangs does not use up the time of a read', async () => {
    const stuck = new FakeNode()
    await stuck.start()
    stuck.intercept = () => ({ hang: true })
    const both = new DndClient({ server: [stuck.url, node.url], timeoutMs: 600 })
    assert.equal((await both.get('nobody')).status, 'absent')
    await stuck.stop()
  })

  test('when all fail, the last failure is told', async () => {
    const dead = [await deadServer(), await deadServer()]
    const error = await failureOf(new DndClient({ server: dead }).get('k'))
    assert.equal(error.code, 'DND_ERR_UNREACHABLE')
    assert.equal(error.server, dead[1])
  })
})
