import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { failure, serve } from './fixture.test.ts'
import type { Served } from './fixture.test.ts'
import { isOwnMachine } from './local-only.ts'

type Json = Record<string, unknown>

const TEXT = Buffer.alloc(32, 7).toString('base64')
const SECRET = new Uint8Array(32).fill(7)
const OLD = '0a0b0c0d'
const NEW = 'c0c1c2c3'

interface Asked {
  readonly status: number
  readonly json: Json
  readonly text: string
}

async function ask(
  { base }: Served,
  method: string,
  path: string,
  body?: string,
  headers: Record<string, string> = {},
): Promise<Asked> {
  const response = await fetch(base + path, { method, headers, ...(body && { body }) })
  const text = await response.text()
  return { status: response.status, text, json: JSON.parse(text) as Json }
}

const CHANGED = { primary: NEW, keys: [OLD, NEW], pending: ['a000000000000003'] }

test('the list says who has which key, who uses which, and who has not answered', async (t) => {
  const { status, json } = await ask(await serve(t), 'GET', '/keys')
  assert.equal(status, 200)
  const [first, second, third] = ['a000000000000001', 'a000000000000002', 'a000000000000003']
  assert.deepEqual(json, {
    primary: NEW,
    keys: [
      { id: OLD, primary: false, members: [first, second] },
      { id: NEW, primary: true, members: [first] },
    ],
    members: [
      { id: first, name: 'node1<b>', keys: [OLD, NEW], primary: NEW },
      { id: second, name: 'node2<b>', keys: [OLD], primary: OLD },
      { id: third, name: 'node3<b>' },
    ],
  })
})

test('a key that is installed reaches the node as bytes, and no answer has it', async (t) => {
  const served = await serve(t)
  const { status, json, text } = await ask(served, 'POST', '/keys', JSON.stringify({ key: TEXT }))
  assert.equal(status, 200)
  assert.deepEqual(json, { id: NEW, ...CHANGED })
  assert.ok(!text.includes(TEXT))
  const wish = { what: 'install', secret: SECRET }
  assert.deepEqual(served.gateway.requests, [{ type: 'cluster-keys', ask: wish }])
})

test('a key is used and removed by its id', async (t) => {
  const served = await serve(t)
  const used = await ask(served, 'PUT', '/keys/primary', JSON.stringify({ id: NEW }))
  assert.deepEqual(used.json, { id: NEW, ...CHANGED })
  const removed = await ask(served, 'DELETE', `/keys/${OLD}`)
  assert.deepEqual(removed.json, { id: OLD, ...CHANGED })
  await ask(served, 'DELETE', `/keys/${OLD}?force=true`)
  assert.deepEqual(
    served.gateway.requests.map((request) => request.type === 'cluster-keys' && request.ask),
    [
      { what: 'use', id: NEW },
      { what: 'remove', id: OLD, force: false },
      { what: 'remove', id: OLD, force: true },
    ],
  )
})

suite('what is no key', () => {
  test('is refused without a word of it', async (t) => {
    const served = await serve(t)
    const half = TEXT.slice(0, 30)
    for (const [body, code] of [
      [JSON.stringify({ key: half }), 'DND_ERR_BAD_CLUSTER_KEY'],
      [JSON.stringify({ key: `${TEXT}A` }), 'DND_ERR_BAD_CLUSTER_KEY'],
      [JSON.stringify({ [half]: 1 }), 'DND_ERR_BAD_JSON'],
      [JSON.stringify({ key: 7 }), 'DND_ERR_BAD_JSON'],
      [JSON.stringify(half), 'DND_ERR_BAD_JSON'],
      [half, 'DND_ERR_BAD_JSON'],
      [`{"key": ${half}`, 'DND_ERR_BAD_JSON'],
    ] as const) {
      const { status, json, text } = await ask(served, 'POST', '/keys', body)
      assert.equal(status, 400, body)
      assert.equal(json['code'], code, body)
      assert.ok(!text.includes(half.slice(0, 8)), text)
    }
    assert.deepEqual(served.gateway.requests, [])
  })

  test('or no id of one is refused', async (t) => {
    const served = await serve(t)
    const short = await ask(served, 'DELETE', '/keys/0a0b')
    assert.deepEqual([short.status, short.json['code']], [400, 'DND_ERR_BAD_CLUSTER_KEY'])
    for (const body of ['{"id":"0A0B0C0D"}', '{"id":7}', '{}', '{"id":"0a0b0c0d","force":true}']) {
      const { status, json } = await ask(served, 'PUT', '/keys/primary', body)
      assert.deepEqual([status, json['code']], [400, 'DND_ERR_BAD_JSON'], body)
    }
    assert.deepEqual(served.gateway.requests, [])
  })

  test('and too large is not even read', async (t) => {
    const { json } = await ask(await serve(t), 'POST', '/keys', 'x'.repeat(2000))
    assert.equal(json['code'], 'DND_ERR_BODY_TOO_LARGE')
  })
})

test('what the cluster refuses is told with its code', async (t) => {
  const served = await serve(t)
  for (const [code, status] of [
    ['DND_ERR_NOT_ENCRYPTED', 409],
    ['DND_ERR_CLUSTER_KEY_UNKNOWN', 404],
    ['DND_ERR_CLUSTER_KEY_MISSING', 409],
    ['DND_ERR_CLUSTER_KEY_IN_USE', 409],
    ['DND_ERR_TOO_MANY_CLUSTER_KEYS', 409],
  ] as const) {
    served.gateway.keys = failure(code, 'why')
    const asked = await ask(served, 'PUT', '/keys/primary', JSON.stringify({ id: NEW }))
    assert.deepEqual(
      [asked.status, asked.json['code'], asked.json['detail']],
      [status, code, 'why'],
    )
  }
})

suite('who may change keys', () => {
  test('is no page in a browser, from wherever it is', async (t) => {
    const served = await serve(t)
    for (const headers of [{ origin: served.base }, { 'sec-fetch-site': 'same-origin' }] as Record<
      string,
      string
    >[])
      for (const [method, path, body] of [
        ['POST', '/keys', JSON.stringify({ key: TEXT })],
        ['PUT', '/keys/primary', JSON.stringify({ id: NEW })],
        ['DELETE', `/keys/${OLD}`, undefined],
      ] as const) {
        const { status, json } = await ask(served, method, path, body, headers)
        assert.deepEqual([status, json['code']], [403, 'DND_ERR_LOCAL_ONLY'], `${method} ${path}`)
      }
    assert.deepEqual(served.gateway.requests, [])
    assert.equal(
      (await ask(served, 'GET', '/keys', undefined, { origin: served.base })).status,
      200,
    )
  })

  test('is who calls over the loopback address', () => {
    for (const address of ['127.0.0.1', '127.8.9.10', '::1', '::ffff:127.0.0.1'])
      assert.ok(isOwnMachine(address), address)
    for (const address of [
      undefined,
      '',
      '10.0.0.1',
      '192.168.127.1',
      '::ffff:10.0.0.127',
      '::',
      'fe80::1',
      '127.0.0.1.example.net',
      '1270.0.0.1',
    ])
      assert.ok(!isOwnMachine(address), String(address))
  })
})
