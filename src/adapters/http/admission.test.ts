/**
 * Every operation of the OpenAPI document, as a stranger, and as one who may read only what another
 * prefix does not hold: whatever is added to the document later is tried as well.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { test } from 'node:test'
import type { Grant } from '../../core/node/access.ts'
import { FULL_GRANT } from '../../core/node/access.ts'
import { utf8Encode } from '../../core/std/bytes.ts'
import type { AccessNeed } from './admission.ts'
import type { Served } from './fixture.test.ts'
import { serve } from './fixture.test.ts'
import { openapiDocument } from './openapi.ts'
import { ROUTES } from './routes.ts'
import { newToken, secretOfPassword } from './secrets.ts'

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

const METHODS = ['get', 'head', 'put', 'post', 'delete'] as const
const { paths } = openapiDocument(ROUTES, '1') as unknown as Document
const CASES = Object.entries(paths).flatMap(([path, item]) =>
  METHODS.filter((method) => method in item).map((method) => ({
    path,
    method: method.toUpperCase(),
    hasBody: 'requestBody' in (item[method] as object),
    need: needOf(path, method),
  })),
)

/** By what the router runs. */
function needOf(path: string, method: string): AccessNeed {
  const route = ROUTES.find((one) => one.path === path)!
  const name = (method === 'head' ? 'GET' : method.toUpperCase()) as 'GET'
  return route.methods[name]!.access
}

const OPEN = CASES.filter(({ need }) => need === 'open').map(({ path }) => path)

/** What is in the path, and what is nobody's business. */
function target(path: string): string {
  return path
    .replace('{bucket}', 'secrets')
    .replace('{key}', 'hidden-key')
    .replace('{id}', 'a000000000000002')
}

const READER: Grant = { role: 'read', bucket: 'default', prefix: utf8Encode('mine/') }

interface Locked extends Served {
  readonly tokens: Readonly<Record<'admin' | 'reader' | 'writer' | 'monitor' | 'keeper', string>>
}

async function locked(t: TestContext): Promise<Locked> {
  const served = await serve(t)
  const made: [string, string][] = []
  const grants: Readonly<Record<keyof Locked['tokens'], readonly Grant[]>> = {
    admin: [FULL_GRANT],
    reader: [READER],
    writer: [{ ...READER, role: 'write' }],
    monitor: [{ ...READER, bucket: '', prefix: new Uint8Array(0) }],
    keeper: [{ role: 'admin', bucket: 'kept', prefix: new Uint8Array(0) }],
  }
  for (const [name, granted] of Object.entries(grants)) {
    const { text, secret } = newToken()
    made.push([name, text])
    const principal = { secret, grants: granted }
    served.gateway.access.merge([{ kind: 'token', name, stamp: { ms: 1, counter: 0 }, principal }])
  }
  return { ...served, tokens: Object.fromEntries(made) as unknown as Locked['tokens'] }
}

async function ask(
  base: string,
  method: string,
  path: string,
  token?: string,
  body?: string,
): Promise<Response> {
  return fetch(base + path, {
    method,
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body }),
  })
}

test('only what tells nothing of the cluster is open', () => {
  assert.deepEqual(
    [...new Set(OPEN.filter((path) => !path.startsWith('/console/')))],
    ['/livez', '/readyz', '/'],
  )
  for (const { method, path, need } of CASES)
    if (need === 'open') assert.ok(method === 'GET' || method === 'HEAD', path)
})

test('a stranger is refused by each operation, and learns nothing', async (t) => {
  const { base, gateway } = await locked(t)
  const before = gateway.requests.length
  for (const { method, path, hasBody, need } of CASES) {
    const what = `${method} ${path}`
    for (const token of [undefined, 'nonsense', `dnd_${'A'.repeat(43)}`]) {
      const response = await ask(base, method, target(path), token, hasBody ? '{}' : undefined)
      const text = await response.text()
      assert.equal(response.headers.get('x-dnd-layout'), null, what)
      for (const told of ['hidden-key', 'secrets', 'node2', 'a000000000000001'])
        assert.ok(!text.includes(told), `${what} tells ${told}`)
      if (need === 'open') continue
      assert.equal(response.status, 401, what)
      assert.match(response.headers.get('www-authenticate')!, /^Bearer .*Basic /)
      if (method === 'HEAD') continue
      const { code } = JSON.parse(text) as { code: string }
      assert.equal(code, 'DND_ERR_UNAUTHENTICATED', what)
    }
  }
  assert.equal(gateway.requests.length, before, 'and the node was asked nothing')
})

test('what is not there does not tell the layout either', async (t) => {
  const { base, tokens } = await locked(t)
  const none = await ask(base, 'GET', '/nowhere')
  assert.deepEqual([none.status, none.headers.get('x-dnd-layout')], [404, null])
  const known = await ask(base, 'GET', '/kv/mine%2F1', tokens.reader)
  assert.equal(known.headers.get('x-dnd-layout'), '3')
})

test('a reader of one prefix is refused by all that is of others', async (t) => {
  const { base, gateway, tokens } = await locked(t)
  gateway.properties.set('secrets', { ...gateway.properties.get('x')! })
  const before = gateway.requests.length
  for (const { method, path, hasBody, need } of CASES) {
    if (['open', 'known', 'each'].includes(need)) continue
    const what = `${method} ${path}`
    const body = hasBody ? '{}' : undefined
    const response = await ask(base, method, target(path), tokens.reader, body)
    assert.equal(response.status, 403, what)
    if (method === 'HEAD') continue
    assert.equal(((await response.json()) as { code: string }).code, 'DND_ERR_FORBIDDEN', what)
  }
  assert.equal(gateway.requests.length, before, 'and the node was asked nothing')
  const { buckets } = (await (await ask(base, 'GET', '/buckets', tokens.reader)).json()) as {
    buckets: unknown[]
  }
  assert.deepEqual(buckets, [], 'nor does the list name the bucket of others')
})

test('what is granted is served: key, listing, explanation, batch', async (t) => {
  const { base, tokens } = await locked(t)
  const statusOf = async (method: string, path: string, token: string, body?: string) =>
    (await ask(base, method, path, token, body)).status
  assert.equal(await statusOf('PUT', '/kv/mine%2F1', tokens.reader, 'v'), 403)
  assert.equal(await statusOf('PUT', '/kv/mine%2F1', tokens.writer, 'v'), 200)
  assert.equal(await statusOf('PUT', '/kv/other%2F1', tokens.writer, 'v'), 403)
  assert.equal(await statusOf('PUT', '/kv/other%2F1', tokens.admin, 'v'), 200)
  assert.equal(await statusOf('GET', '/kv/mine%2F1', tokens.reader), 200)
  assert.equal(await statusOf('GET', '/kv/other%2F1', tokens.reader), 403)
  assert.equal(await statusOf('GET', '/kv/other%2F1', tokens.monitor), 200)
  assert.equal(await statusOf('GET', '/metrics', tokens.monitor), 200)
  assert.equal(await statusOf('GET', '/users', tokens.monitor), 403)
  assert.equal(await statusOf('PUT', '/buckets/kept', tokens.keeper, '{}'), 200)
  assert.equal(await statusOf('PUT', '/buckets/other', tokens.keeper, '{}'), 403)
  const keys = '/buckets/default/keys'
  assert.equal(await statusOf('GET', keys, tokens.reader), 403)
  assert.equal(await statusOf('GET', `${keys}?start=mine%2F&end=mine0`, tokens.reader), 403)
  assert.equal(await statusOf('GET', `${keys}?prefix=min`, tokens.reader), 403)
  const listed = await ask(base, 'GET', `${keys}?prefix=mine%2F`, tokens.reader)
  assert.deepEqual(await listed.json(), { keys: [{ key: 'mine/1' }] })
  assert.equal(await statusOf('GET', '/explain/mine%2F1', tokens.reader), 200)
  assert.equal(await statusOf('GET', '/explain/other%2F1', tokens.reader), 403)
  const operations = ['mine/1', 'other/1'].flatMap((key) => [
    { type: 'get', key },
    { type: 'put', key, value: 'w' },
  ])
  const batch = await ask(base, 'POST', '/batch', tokens.reader, JSON.stringify({ operations }))
  const { results } = (await batch.json()) as { results: { status: number; value?: string }[] }
  assert.deepEqual(
    results.map(({ status }) => status),
    [200, 403, 403, 403],
  )
})

test('a user comes with name and password, is asked once, and is refused with another', async (t) => {
  const { base, gateway, tokens } = await locked(t)
  const secret = await secretOfPassword('päss:word')
  gateway.access.merge([
    {
      ...{ kind: 'user', name: 'anna', stamp: { ms: 1, counter: 0 } },
      principal: { secret, grants: [READER] },
    },
  ])
  const as = async (name: string, password: string) =>
    fetch(`${base}/whoami`, {
      headers: { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` },
    })
  for (let i = 0; i < 3; i++) {
    const response = await as('anna', 'päss:word')
    assert.equal(response.status, 200)
    assert.deepEqual(await response.json(), {
      ...{ locked: true, kind: 'user', name: 'anna' },
      grants: [{ role: 'read', bucket: 'default', prefix: 'mine/' }],
    })
    assert.equal((await as('anna', 'password')).status, 401)
    assert.equal((await as('nobody', 'päss:word')).status, 401)
  }
  const all = await Promise.all(Array.from({ length: 20 }, () => as('anna', 'päss:word')))
  for (const { status } of all) assert.equal(status, 200)
  const changed = await ask(
    ...([base, 'PUT', '/users/anna/password', tokens.admin] as const),
    JSON.stringify({ password: 'another one' }),
  )
  assert.equal(changed.status, 200)
  assert.equal((await as('anna', 'päss:word')).status, 401)
  assert.equal((await as('anna', 'another one')).status, 200)
})

test('users and tokens are made, granted, shown without secrets, and removed', async (t) => {
  const { base, tokens } = await locked(t)
  const admin = async (method: string, path: string, body?: unknown) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const response = await ask(base, method, path, tokens.admin, text)
    return { status: response.status, json: (await response.json()) as Record<string, unknown> }
  }
  const grants = [{ role: 'read', bucket: 'carts', prefix: 'a/' }]
  const made = await admin('PUT', '/tokens/ci', { grants })
  assert.equal(made.status, 200)
  const token = made.json['token'] as string
  assert.match(token, /^dnd_[\w-]{43}$/)
  assert.equal((await ask(base, 'GET', '/kv/carts/a%2F1', token)).status, 404)
  assert.equal((await ask(base, 'GET', '/kv/carts/b', token)).status, 403)
  const more = { role: 'write', bucket: 'carts', prefix: 'b' }
  assert.deepEqual((await admin('POST', '/tokens/ci/grant', more)).json, {
    ...{ name: 'ci', grants: [...grants, more], pending: [] },
  })
  assert.equal((await ask(base, 'PUT', '/kv/carts/b', token, 'v')).status, 200)
  await admin('POST', '/tokens/ci/revoke', more)
  assert.equal((await ask(base, 'PUT', '/kv/carts/b', token, 'v')).status, 403)
  const list = JSON.stringify((await admin('GET', '/tokens')).json)
  assert.ok(list.includes('"ci"') && !list.includes(token))
  assert.equal((await admin('PUT', '/tokens/ci', { grants })).status, 409)
  assert.equal((await admin('PUT', '/tokens/UP', { grants })).status, 400)
  assert.equal((await admin('DELETE', '/tokens/ci')).status, 200)
  assert.equal((await ask(base, 'GET', '/kv/carts/a%2F1', token)).status, 401)
  const short = await admin('PUT', '/users/ben', { password: 'short', grants })
  assert.deepEqual([short.status, short.json['code']], [400, 'DND_ERR_BAD_PRINCIPAL'])
  assert.equal((await admin('PUT', '/users/ben', { password: 'long enough', grants })).status, 200)
  assert.equal((await admin('DELETE', '/users/nobody')).status, 404)
  const last = await admin('DELETE', '/tokens/admin')
  assert.deepEqual([last.status, last.json['code']], [409, 'DND_ERR_LAST_ADMIN'])
})

test('the first admin locks an open cluster; a page of the web cannot', async (t) => {
  const { base } = await serve(t)
  const body = JSON.stringify({ password: 'long enough', grants: [{ role: 'admin' }] })
  const page = await fetch(`${base}/users/anna`, {
    ...{ method: 'PUT', body, headers: { origin: 'http://evil.example' } },
  })
  assert.equal(page.status, 403)
  assert.deepEqual(await (await fetch(`${base}/whoami`)).json(), { locked: false })
  assert.equal((await fetch(`${base}/users/anna`, { method: 'PUT', body })).status, 200)
  assert.equal((await fetch(`${base}/whoami`)).status, 401)
})

test('a locked node that has not heard from the others yet lets nobody in', async (t) => {
  const { base, gateway, tokens } = await locked(t)
  gateway.ready = false
  assert.equal((await ask(base, 'GET', '/kv/mine%2F1', tokens.reader)).status, 503)
  assert.equal((await ask(base, 'GET', '/livez')).status, 200)
  gateway.ready = true
  assert.equal((await ask(base, 'GET', '/kv/mine%2F1', tokens.reader)).status, 404)
})

test('a script of a page is not told of passwords: the browser would ask for one itself', async (t) => {
  const { base } = await locked(t)
  const response = await fetch(`${base}/whoami`, { headers: { 'sec-fetch-site': 'same-origin' } })
  const challenge = response.headers.get('www-authenticate')!
  assert.ok(challenge.startsWith('Bearer') && !challenge.includes('Basic'))
})
