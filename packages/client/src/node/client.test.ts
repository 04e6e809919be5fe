import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { FakeNode } from '../../../../test/support/fake-node.ts'
import { DndClient } from './client.ts'

let node: FakeNode
let client: DndClient

before(async () => {
  node = new FakeNode()
  await node.start()
})
after(() => node.stop())
beforeEach(() => {
  node.intercept = undefined
  client = new DndClient({ server: node.url, retries: 0, timeoutMs: 2_000 })
})

test('text, bytes, metadata and deletes go over node:http as over fetch', async () => {
  const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i & 0xff)
  await client.put('t', 'grüezi', { metadata: { author: 'Zoë' } })
  await client.put('b', bytes)
  await client.put('empty', '')
  const [text, blob, empty] = [
    await client.get('t'),
    await client.get('b'),
    await client.get('empty'),
  ]
  assert.ok(text.status === 'found' && blob.status === 'found' && empty.status === 'found')
  assert.equal(new TextDecoder().decode(text.bytes), 'grüezi')
  assert.deepEqual(text.metadata, { author: 'Zoë' })
  assert.deepEqual(blob.bytes, bytes)
  assert.equal(empty.bytes.length, 0)
  await client.delete('t')
  assert.equal((await client.get('t')).status, 'absent')
  client.close()
})

test('a refused connection is told from one that broke', async () => {
  const gone = new FakeNode()
  await gone.start()
  const { url } = gone
  await gone.stop()
  const nobody = new DndClient({ server: url, retries: 0 })
  await assert.rejects(nobody.put('k', 'v'), { code: 'DND_ERR_UNREACHABLE', outcome: 'rejected' })
  node.intercept = () => ({ break: true })
  await assert.rejects(client.put('k', 'v'), {
    code: 'DND_ERR_CONNECTION_LOST',
    outcome: 'unknown',
  })
})

test('a request that nobody answers ends with its deadline', async () => {
  node.intercept = () => ({ hang: true })
  const hasty = new DndClient({ server: node.url, timeoutMs: 30, retries: 0 })
  await assert.rejects(hasty.get('k'), { code: 'DND_ERR_TIMEOUT' })
  hasty.close()
})

test('an answer that ends in its middle is no answer', async () => {
  node.intercept = () => ({
    status: 200,
    text: 'half',
    headers: { 'content-length': '100', connection: 'close' },
  })
  await assert.rejects(client.get('k'), { code: 'DND_ERR_CONNECTION_LOST' })
})

test('a fetch that is given is used', async () => {
  let calls = 0
  const given = new DndClient({
    server: node.url,
    fetch: (...args) => {
      calls++
      return fetch(...args)
    },
  })
  await given.get('nobody')
  assert.equal(calls, 1)
})
