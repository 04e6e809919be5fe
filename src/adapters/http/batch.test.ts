import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { failure, openSocket, serve } from './fixture.test.ts'

type Result = Record<string, unknown> & { readonly status: number }

async function send(base: string, body: unknown, query = ''): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return fetch(`${base}/batch${query}`, { method: 'POST', body: text })
}

async function run(base: string, operations: unknown[], query = ''): Promise<Result[]> {
  const response = await send(base, { operations }, query)
  assert.equal(response.status, 200)
  return ((await response.json()) as { results: Result[] }).results
}

test('each operation has its own result, in the order asked', async (t) => {
  const { base } = await serve(t)
  const stored = await run(base, [
    { type: 'put', key: 'a', value: 'text é', metadata: { b: '2', constructor: '1' } },
    { type: 'put', key: 'b', bucket: 'other', sort: 's', valueBase64: '/wA=' },
    { type: 'put', key: 'gone', value: '', contentType: 'a/b', w: 1 },
    { type: 'delete', key: 'gone' },
  ])
  assert.deepEqual(
    stored.map(({ status }) => status),
    [200, 200, 200, 204],
  )
  assert.equal(stored[0]!['acks'], 2)
  assert.equal(stored[2]!['acks'], 1)
  const read = await run(base, [
    { type: 'get', key: 'a' },
    { type: 'get', key: 'b', bucket: 'other', sort: 's', r: 1 },
    { type: 'get', key: 'gone' },
    { type: 'get', key: 'never' },
  ])
  assert.deepEqual(read[0], {
    status: 200,
    value: 'text é',
    contentType: 'text/plain; charset=utf-8',
    metadata: { b: '2', constructor: '1' },
    context: stored[0]!['context'],
    etag: stored[0]!['etag'],
    answers: 2,
  })
  assert.equal(read[1]!['valueBase64'], '/wA=')
  assert.equal(read[1]!['contentType'], 'application/octet-stream')
  assert.deepEqual([read[2]!.status, read[2]!['code']], [404, 'DND_ERR_KEY_NOT_FOUND'])
  assert.equal(read[2]!['context'], stored[3]!['context'])
  assert.deepEqual([read[3]!.status, read[3]!['context']], [404, undefined])
})

test('contexts and siblings work as they do one by one', async (t) => {
  const { base } = await serve(t)
  await fetch(`${base}/buckets/notes`, { method: 'PUT', body: '{"conflicts":"siblings"}' })
  const named = { bucket: 'notes', key: 'k' }
  await run(base, [{ type: 'put', ...named, value: 'one' }])
  const [second] = await run(base, [{ type: 'put', ...named, value: 'two' }])
  assert.deepEqual(second, { status: 200, acks: 2 })
  const [both] = await run(base, [{ type: 'get', ...named }])
  assert.equal(both!.status, 300)
  assert.equal((both!['siblings'] as unknown[]).length, 2)
  const { context } = both!
  const merged = await run(base, [{ type: 'put', ...named, value: 'three', context }])
  assert.equal(merged[0]!.status, 200)
  const [one] = await run(base, [{ type: 'get', ...named }])
  assert.equal(one!['value'], 'three')
  const [wrong] = await run(base, [{ type: 'delete', key: 'k', context }])
  assert.deepEqual([wrong!.status, wrong!['code']], [400, 'DND_ERR_BAD_CONTEXT'])
})

test('an operation that cannot be done is refused alone, with the place and the reason', async (t) => {
  const { base, gateway } = await serve(t)
  const cases: [unknown, number, string, RegExp][] = [
    ['get', 400, 'DND_ERR_BAD_JSON', /operations\[0\] is wrong/],
    [{ key: 'k' }, 400, 'DND_ERR_BAD_JSON', /operations\[0\].type is .*"get", "put" or "delete"/],
    [{ type: 'patch', key: 'k' }, 400, 'DND_ERR_BAD_JSON', /"get", "put" or "delete"/],
    [{ type: 'get' }, 400, 'DND_ERR_BAD_JSON', /operations\[0\].key is missing/],
    [{ type: 'get', key: 1 }, 400, 'DND_ERR_BAD_JSON', /operations\[0\].key is wrong: a text/],
    [{ type: 'get', key: 'k', w: 1 }, 400, 'DND_ERR_BAD_JSON', /operations\[0\].w is not a field/],
    [{ type: 'get', key: 'k', r: 8 }, 400, 'DND_ERR_BAD_JSON', /from 1 to 7/],
    [{ type: 'get', key: '' }, 400, 'DND_ERR_BAD_KEY', /empty/],
    [{ type: 'get', key: 'a\u0000' }, 400, 'DND_ERR_BAD_KEY', /U\+0000/],
    [{ type: 'get', key: '\ud800' }, 400, 'DND_ERR_BAD_JSON', /surrogate/],
    [{ type: 'get', key: 'k', bucket: 'B' }, 400, 'DND_ERR_BAD_BUCKET', /a-z/],
    [{ type: 'put', key: 'k' }, 400, 'DND_ERR_BAD_JSON', /either value or valueBase64/],
    [{ type: 'put', key: 'k', value: 'a', valueBase64: '' }, 400, 'DND_ERR_BAD_JSON', /either/],
    [{ type: 'put', key: 'k', value: '\udc00' }, 400, 'DND_ERR_BAD_JSON', /surrogate/],
    [{ type: 'put', key: 'k', valueBase64: 'a-b_' }, 400, 'DND_ERR_BAD_JSON', /not base64/],
    [{ type: 'put', key: 'k', valueBase64: 'abc' }, 400, 'DND_ERR_BAD_JSON', /not base64/],
    [
      { type: 'put', key: 'k', value: 'v', metadata: [] },
      400,
      'DND_ERR_BAD_JSON',
      /object of texts/,
    ],
    [
      { type: 'put', key: 'k', value: 'v', metadata: { A: '' } },
      400,
      'DND_ERR_BAD_METADATA',
      /"A"/,
    ],
    [
      { type: 'put', key: 'k', value: 'v', metadata: { a: '\ud800' } },
      400,
      'DND_ERR_BAD_METADATA',
      /malformed/,
    ],
    [{ type: 'put', key: 'k', value: 'v', contentType: 'é' }, 400, 'DND_ERR_BAD_HEADER', /ASCII/],
    [
      { type: 'put', key: 'k', value: 'v'.repeat(1024 * 1024 + 1) },
      413,
      'DND_ERR_VALUE_TOO_LARGE',
      /bytes/,
    ],
  ]
  for (const [operation, status, code, detail] of cases) {
    const [refused, done] = await run(base, [operation, { type: 'get', key: 'fine' }])
    assert.deepEqual(
      [refused!.status, refused!['code']],
      [status, code],
      JSON.stringify(operation).slice(0, 80),
    )
    assert.match(String(refused!['detail']), detail)
    assert.equal(refused!['outcome'], 'rejected')
    assert.equal(done!.status, 404)
  }
  assert(gateway.requests.every((request) => request.type === 'get'))
})

test('a body that is no batch is refused whole', async (t) => {
  const { base, gateway } = await serve(t)
  const cases = [
    ['', /not JSON/],
    ['{', /not JSON/],
    [Buffer.from([0xff]).toString('latin1'), /not JSON|UTF-8/],
    ['[]', /the body/],
    ['null', /the body/],
    ['{}', /the body.operations is missing/],
    ['{"operations":{}}', /the body.operations is wrong: a list/],
    ['{"operations":[],"atomic":true}', /the body.atomic is not a field/],
    [`{"operations":${'['.repeat(100_000)}`, /not JSON/],
  ] as const
  for (const [body, detail] of cases) {
    const response = await send(base, body)
    assert.equal(response.status, 400, body.slice(0, 40))
    const problem = (await response.json()) as { code: string; detail: string }
    assert.equal(problem.code, 'DND_ERR_BAD_JSON')
    assert.match(problem.detail, detail)
  }
  const many = Array.from({ length: 1001 }, () => ({ type: 'get', key: 'k' }))
  const tooMany = await send(base, { operations: many })
  assert.equal(tooMany.status, 413)
  assert.equal(((await tooMany.json()) as { code: string }).code, 'DND_ERR_BATCH_TOO_LARGE')
  const large = await send(base, `{"operations":[${' '.repeat(8 * 1024 * 1024)}]}`)
  assert.equal(large.status, 413)
  assert.equal(((await large.json()) as { code: string }).code, 'DND_ERR_BODY_TOO_LARGE')
  assert.equal(gateway.requests.length, 0)
})

test('a batch of none has no results, and the largest has one for each', async (t) => {
  const { base } = await serve(t)
  assert.deepEqual(await run(base, []), [])
  const operations = Array.from({ length: 1000 }, (_, i) => ({
    type: 'put',
    key: `k${i}`,
    value: `${i}`,
  }))
  assert((await run(base, operations)).every(({ status }) => status === 200))
  const gets = operations.map(({ key }) => ({ type: 'get', key }))
  const values = (await run(base, gets)).map((result) => result['value'])
  assert.deepEqual(
    values,
    operations.map(({ value }) => value),
  )
})

test('only so many operations run at once', async (t) => {
  const { base, gateway } = await serve(t)
  gateway.held = []
  const operations = Array.from({ length: 100 }, (_, i) => ({ type: 'get', key: `k${i}` }))
  const answer = run(base, operations)
  while (gateway.requests.length < 32) await sleep(1)
  assert.equal(gateway.held.length, 32)
  gateway.held.shift()!()
  assert.equal(gateway.requests.length, 33)
  while (gateway.held.length > 0) gateway.held.shift()!()
  assert.equal((await answer).length, 100)
})

test('results that would fill the memory are left out with a reason', async (t) => {
  const { base } = await serve(t)
  const value = 'v'.repeat(1024 * 1024)
  await run(base, [{ type: 'put', key: 'large', value }])
  const gets = Array.from({ length: 40 }, () => ({ type: 'get', key: 'large' }))
  const results = await run(base, gets)
  assert.equal(results.filter(({ status }) => status === 200).length, 32)
  assert.equal(results.filter((result) => result['code'] === 'DND_ERR_BATCH_TOO_LARGE').length, 8)
})

test('a failure of the cluster is the result of its operation, and the timeout reaches the node', async (t) => {
  const { base, gateway } = await serve(t)
  gateway.failure = failure('DND_ERR_TIMEOUT', 'slow', { outcome: 'unknown', needed: 2, got: 1 })
  const operations = [
    { type: 'put', key: 'k', value: 'v' },
    { type: 'get', key: 'k' },
  ]
  const results = await run(base, operations, '?timeout=700')
  for (const result of results)
    assert.deepEqual(
      [result.status, result['code'], result['outcome'], result['needed'], result['got']],
      [504, 'DND_ERR_TIMEOUT', 'unknown', 2, 1],
    )
  for (const request of gateway.requests)
    assert('timeoutMs' in request && request.timeoutMs === 700)
})

test('when the client leaves, what was not begun does not begin', async (t) => {
  const { port, gateway, metrics } = await serve(t)
  gateway.held = []
  const operations = Array.from({ length: 100 }, (_, i) => ({ type: 'get', key: `k${i}` }))
  const body = JSON.stringify({ operations })
  const socket = await openSocket(port)
  socket.write(`POST /batch HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`)
  while (gateway.requests.length < 32) await sleep(1)
  socket.destroy()
  while (metrics.connections > 0) await sleep(1)
  while (gateway.held.length > 0) gateway.held.shift()!()
  assert.equal(gateway.requests.length, 32)
})
