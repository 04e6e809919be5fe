import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failure, serve } from './fixture.test.ts'

async function problem(response: Response): Promise<Record<string, unknown>> {
  assert.match(response.headers.get('content-type') ?? '', /^application\/problem\+json/)
  return (await response.json()) as Record<string, unknown>
}

test('a value comes back as it was stored, with its type, metadata, tag and context', async (t) => {
  const { base } = await serve(t)
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i)
  const put = await fetch(`${base}/kv/photos/cat%2F1`, {
    method: 'PUT',
    body: bytes,
    headers: { 'content-type': 'image/png', 'x-dnd-meta-city': 'Z%C3%BCrich 100%25' },
  })
  assert.equal(put.status, 200)
  assert.equal(await put.text(), '')
  assert.equal(put.headers.get('x-dnd-acks'), '2')
  const got = await fetch(`${base}/kv/photos/cat%2F1`)
  assert.equal(got.status, 200)
  assert.deepEqual(new Uint8Array(await got.arrayBuffer()), bytes)
  assert.equal(got.headers.get('content-type'), 'image/png')
  assert.equal(got.headers.get('content-length'), '256')
  assert.equal(got.headers.get('x-dnd-meta-city'), 'Z%C3%BCrich%20100%25')
  assert.equal(got.headers.get('x-dnd-answers'), '2')
  assert.equal(got.headers.get('etag'), put.headers.get('etag'))
  assert.equal(got.headers.get('x-dnd-context'), put.headers.get('x-dnd-context'))
  assert.equal(got.headers.get('content-security-policy'), 'sandbox')
})

test('POST stores as PUT does, in the default bucket when none is named, as bytes of no known type', async (t) => {
  const { base, gateway } = await serve(t)
  const posted = await fetch(`${base}/kv/hello`, { method: 'POST', body: Buffer.from('world') })
  assert.equal(posted.status, 200)
  const got = await fetch(`${base}/kv/default/hello`)
  assert.equal(await got.text(), 'world')
  assert.equal(got.headers.get('content-type'), 'application/octet-stream')
  assert.equal(gateway.requests[0]?.type, 'put')
})

test('an empty value is a value', async (t) => {
  const { base } = await serve(t)
  assert.equal((await fetch(`${base}/kv/empty`, { method: 'PUT' })).status, 200)
  const got = await fetch(`${base}/kv/empty`)
  assert.equal(got.status, 200)
  assert.equal(got.headers.get('content-length'), '0')
})

test('the value given to the node is a plain array of bytes, whole, whether it came in one piece or in many', async (t) => {
  const { base, gateway } = await serve(t)
  const pieces = new ReadableStream<Uint8Array>({
    start(stream) {
      for (const piece of ['one ', 'two ', 'three']) stream.enqueue(Buffer.from(piece))
      stream.close()
    },
  })
  await fetch(`${base}/kv/a`, { method: 'PUT', body: pieces, duplex: 'half' } as RequestInit)
  await fetch(`${base}/kv/b`, { method: 'PUT', body: 'x'.repeat(300_000) })
  const [a, b] = gateway.requests
  assert(a?.type === 'put' && b?.type === 'put')
  assert.equal(Buffer.from(a.value.bytes).toString(), 'one two three')
  assert.equal(Object.getPrototypeOf(a.value.bytes), Uint8Array.prototype)
  assert.equal(b.value.bytes.length, 300_000)
})

test('a key that was never written is 404 without a context, a deleted one 404 with it', async (t) => {
  const { base } = await serve(t)
  const never = await fetch(`${base}/kv/k`)
  assert.equal(never.status, 404)
  assert.equal(never.headers.get('x-dnd-context'), null)
  assert.equal((await problem(never))['code'], 'DND_ERR_KEY_NOT_FOUND')
  await fetch(`${base}/kv/k`, { method: 'PUT', body: 'v' })
  const deleted = await fetch(`${base}/kv/k`, { method: 'DELETE' })
  assert.equal(deleted.status, 204)
  assert.notEqual(deleted.headers.get('x-dnd-context'), null)
  const gone = await fetch(`${base}/kv/k`)
  assert.equal(gone.status, 404)
  assert.notEqual(gone.headers.get('x-dnd-context'), null)
  assert.match(String((await problem(gone))['detail']), /deleted/)
})

test('deleting what is not there is done all the same', async (t) => {
  const { base } = await serve(t)
  assert.equal((await fetch(`${base}/kv/nothing`, { method: 'DELETE' })).status, 204)
})

test('HEAD says what GET says, without the body', async (t) => {
  const { base } = await serve(t)
  await fetch(`${base}/kv/k`, { method: 'PUT', body: 'twelve bytes' })
  const head = await fetch(`${base}/kv/k`, { method: 'HEAD' })
  const get = await fetch(`${base}/kv/k`)
  assert.equal(head.status, 200)
  assert.equal(await head.text(), '')
  assert.equal(head.headers.get('content-length'), '12')
  for (const name of ['etag', 'x-dnd-context', 'content-type'])
    assert.equal(head.headers.get(name), get.headers.get(name))
  assert.equal((await fetch(`${base}/kv/other`, { method: 'HEAD' })).status, 404)
})

test('a sort key names an item of its own', async (t) => {
  const { base, gateway } = await serve(t)
  await fetch(`${base}/kv/user1?sort=name`, { method: 'PUT', body: 'Ada' })
  await fetch(`${base}/kv/user1?sort=a+b%20c`, { method: 'PUT', body: 'spaces' })
  assert.equal(await (await fetch(`${base}/kv/user1?sort=name`)).text(), 'Ada')
  assert.equal((await fetch(`${base}/kv/user1`)).status, 404)
  const put = gateway.requests[1]
  assert(put?.type === 'put')
  assert.equal(Buffer.from(put.sort!).toString(), 'a b c')
})

test('r, w and timeout reach the node', async (t) => {
  const { base, gateway } = await serve(t)
  await fetch(`${base}/kv/k?w=3&timeout=1500`, { method: 'PUT', body: 'v' })
  await fetch(`${base}/kv/k?timeout=60000&r=1`)
  await fetch(`${base}/kv/k?w=1`, { method: 'DELETE' })
  const [put, get, del] = gateway.requests
  assert(put?.type === 'put' && get?.type === 'get' && del?.type === 'delete')
  assert.deepEqual([put.w, put.timeoutMs], [3, 1500])
  assert.deepEqual([get.r, get.timeoutMs], [1, 60_000])
  assert.deepEqual([del.w, del.timeoutMs], [1, undefined])
})

test('concurrent values come back together with 300, and a write with their context supersedes them all', async (t) => {
  const { base, gateway } = await serve(t)
  await fetch(`${base}/buckets/notes`, { method: 'PUT', body: '{"conflicts":"siblings"}' })
  const meta = { 'x-dnd-meta-by': 'ann', 'content-type': 'text/plain' }
  const first = await fetch(`${base}/kv/notes/k`, { method: 'PUT', body: 'one', headers: meta })
  assert.notEqual(first.headers.get('etag'), null)
  const second = await fetch(`${base}/kv/notes/k`, { method: 'PUT', body: Buffer.from([0xff, 0]) })
  assert.equal(second.status, 200)
  assert.equal(second.headers.get('x-dnd-context'), null)
  const both = await fetch(`${base}/kv/notes/k`)
  assert.equal(both.status, 300)
  assert.equal(both.headers.get('content-type'), 'application/json')
  const body = (await both.json()) as { siblings: unknown[]; context: string }
  assert.deepEqual(body.siblings, [
    { dot: '7000001:1', value: 'one', contentType: 'text/plain', metadata: { by: 'ann' } },
    { dot: '7000001:2', valueBase64: '/wA=', contentType: 'application/octet-stream' },
  ])
  assert.equal(body.context, both.headers.get('x-dnd-context'))
  const merged = await fetch(`${base}/kv/notes/k`, {
    method: 'PUT',
    body: 'merged',
    headers: { 'x-dnd-context': body.context },
  })
  assert.equal(merged.status, 200)
  const after = await fetch(`${base}/kv/notes/k`)
  assert.equal(after.status, 200)
  assert.equal(await after.text(), 'merged')
  assert.equal(gateway.requests.filter((request) => request.type === 'put').length, 3)
})

test('If-None-Match answers 304 while the value is the same, and the value once it is not', async (t) => {
  const { base } = await serve(t)
  const put = await fetch(`${base}/kv/k`, { method: 'PUT', body: 'one' })
  const tag = put.headers.get('etag')!
  for (const condition of [tag, `W/${tag}`, `"x", ${tag}`, '*']) {
    const same = await fetch(`${base}/kv/k`, { headers: { 'if-none-match': condition } })
    assert.equal(same.status, 304, condition)
    assert.equal(same.headers.get('etag'), tag)
    assert.equal(same.headers.get('content-length'), null)
  }
  await fetch(`${base}/kv/k`, { method: 'PUT', body: 'two' })
  const changed = await fetch(`${base}/kv/k`, { headers: { 'if-none-match': tag } })
  assert.equal(changed.status, 200)
  assert.notEqual(changed.headers.get('etag'), tag)
})

test('conditions and the like are refused on writes, and nothing is asked of the node', async (t) => {
  const { base, gateway, metrics } = await serve(t)
  const headers = [
    ['If-Match', '"x"'],
    ['If-None-Match', '*'],
    ['Idempotency-Key', 'abc'],
    ['Content-Encoding', 'gzip'],
  ] as const
  for (const [name, value] of headers)
    for (const method of ['PUT', 'DELETE']) {
      const response = await fetch(`${base}/kv/k`, { method, headers: { [name]: value } })
      assert.equal(response.status, 501, name)
      const { code, detail, outcome } = await problem(response)
      assert.equal(code, 'DND_ERR_UNSUPPORTED')
      assert(String(detail).startsWith(name), String(detail))
      assert.equal(outcome, 'rejected')
    }
  assert.equal((await fetch(`${base}/kv/k`, { headers: { 'if-match': '"x"' } })).status, 501)
  assert.equal(gateway.requests.length, 0)
  assert.equal(metrics.faults.get('http/unsupported'), 9)
})

test('a time to live reaches the node in milliseconds, a deadline as it is, and comes back', async (t) => {
  const { base, gateway } = await serve(t)
  const put = (headers: Record<string, string>): Promise<Response> =>
    fetch(`${base}/kv/k`, { method: 'PUT', body: 'v', headers })
  const asked = async (headers: Record<string, string>): Promise<unknown> => {
    assert.equal((await put(headers)).status, 200)
    const request = gateway.requests.at(-1)
    assert.ok(request?.type === 'put')
    return [request.ttlMs, request.value.expiresAtMs]
  }
  assert.deepEqual(await asked({}), [undefined, 0])
  assert.deepEqual(await asked({ 'x-dnd-ttl': '30' }), [30_000, 0])
  assert.deepEqual(await asked({ 'x-dnd-ttl': '7d' }), [604_800_000, 0])
  assert.deepEqual(await asked({ 'x-dnd-ttl': '0' }), [0, 0])
  const moment = '2100-01-31T12:00:00.500Z'
  assert.deepEqual(await asked({ 'x-dnd-expires-at': moment }), [undefined, Date.parse(moment)])
  assert.equal((await fetch(`${base}/kv/k`)).headers.get('x-dnd-expires-at'), moment)
})

test('a time that is none is refused, and nothing is asked of the node', async (t) => {
  const { base, gateway } = await serve(t)
  const cases = [
    ...['', '-1', '1.5', '5 s', '5w', '999ms', '1e3', '36526d'].map((ttl) => ({
      'x-dnd-ttl': ttl,
    })),
    ...['', 'tomorrow', '2100-01-31', '2100-13-31T12:00:00Z', '1970-01-01T00:00:00Z'].map(
      (moment) => ({ 'x-dnd-expires-at': moment }),
    ),
    { 'x-dnd-ttl': '30s', 'x-dnd-expires-at': '2100-01-31T12:00:00Z' },
  ]
  for (const headers of cases) {
    const response = await fetch(`${base}/kv/k`, { method: 'PUT', body: 'v', headers })
    assert.equal((await problem(response))['code'], 'DND_ERR_BAD_HEADER', JSON.stringify(headers))
  }
  const deleted = await fetch(`${base}/kv/k`, { method: 'DELETE', headers: { 'x-dnd-ttl': '30s' } })
  assert.match(String((await problem(deleted))['detail']), /a delete has no value/)
  assert.equal(gateway.requests.length, 0)
})

test('a context is taken only as it was given out, for the key that it was given out for', async (t) => {
  const { base, gateway } = await serve(t)
  const put = await fetch(`${base}/kv/k`, { method: 'PUT', body: 'v' })
  const context = put.headers.get('x-dnd-context')!
  const asked = gateway.requests.length
  const flipped = context.slice(0, -3) + (context.at(-3) === 'A' ? 'B' : 'A') + context.slice(-2)
  const cases = [
    ['k', 'garbage!', /not a context/],
    ['k', 'AAAA', /not a context/],
    ['k', 'A'.repeat(30_000), /too long/],
    ['k', flipped, /not given out by this cluster|not a context/],
    ['other', context, /another key/],
    ['k?sort=s', context, /another key/],
  ] as const
  for (const [key, token, reason] of cases)
    for (const method of ['PUT', 'DELETE']) {
      const response = await fetch(`${base}/kv/${key}`, {
        method,
        headers: { 'x-dnd-context': token },
      })
      assert.equal(response.status, 400)
      const { code, detail } = await problem(response)
      assert.equal(code, 'DND_ERR_BAD_CONTEXT')
      assert.match(String(detail), reason)
    }
  assert.equal(gateway.requests.length, asked)
  const headers = { 'x-dnd-context': context }
  assert.equal((await fetch(`${base}/kv/k`, { method: 'PUT', headers })).status, 200)
})

test('keys that cannot be used are refused with the reason', async (t) => {
  const { base, gateway } = await serve(t)
  const cases = [
    ['/kv/', 400, 'DND_ERR_BAD_KEY', /empty/],
    ['/kv/default/', 400, 'DND_ERR_BAD_KEY', /empty/],
    ['/kv/a%00b', 400, 'DND_ERR_BAD_KEY', /U\+0000/],
    ['/kv/k?sort=', 400, 'DND_ERR_BAD_KEY', /sort key is empty/],
    ['/kv/k?sort=%00', 400, 'DND_ERR_BAD_KEY', /U\+0000/],
    [`/kv/${'x'.repeat(1025)}`, 400, 'DND_ERR_BAD_KEY', /1025 bytes/],
    [`/kv/${'x'.repeat(1000)}?sort=${'y'.repeat(25)}`, 400, 'DND_ERR_BAD_KEY', /1025 bytes/],
    ['/kv/%', 400, 'DND_ERR_BAD_ENCODING', /hexadecimal/],
    ['/kv/%4', 400, 'DND_ERR_BAD_ENCODING', /hexadecimal/],
    ['/kv/%zz', 400, 'DND_ERR_BAD_ENCODING', /hexadecimal/],
    ['/kv/%ff', 400, 'DND_ERR_BAD_ENCODING', /UTF-8/],
    ['/kv/%ED%A0%80', 400, 'DND_ERR_BAD_ENCODING', /UTF-8/],
    ['/kv/k?sort=%C3', 400, 'DND_ERR_BAD_ENCODING', /UTF-8/],
    ['/kv/Upper/k', 400, 'DND_ERR_BAD_BUCKET', /a-z/],
    ['/kv//k', 400, 'DND_ERR_BAD_BUCKET', /1 to 64/],
    [`/kv/${'b'.repeat(65)}/k`, 400, 'DND_ERR_BAD_BUCKET', /1 to 64/],
    ['/kv/a/b/c', 404, 'DND_ERR_NOT_FOUND', /%2F/],
    ['/kv', 404, 'DND_ERR_NOT_FOUND', /no route/],
  ] as const
  for (const [path, status, code, detail] of cases)
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const response = await fetch(base + path, { method })
      assert.equal(response.status, status, path)
      const body = await problem(response)
      assert.equal(body['code'], code, path)
      assert.match(String(body['detail']), detail, path)
    }
  assert.equal(gateway.requests.length, 0)
})

test('the longest key and the largest value are taken, and one byte more of a value is not', async (t) => {
  const { base } = await serve(t)
  const largest = Buffer.alloc(1024 * 1024, 'v')
  const key = 'k'.repeat(1024)
  assert.equal((await fetch(`${base}/kv/${key}`, { method: 'PUT', body: largest })).status, 200)
  const got = await fetch(`${base}/kv/${key}`)
  assert.equal((await got.arrayBuffer()).byteLength, largest.length)
  const larger = Buffer.alloc(1024 * 1024 + 1)
  const refused = await fetch(`${base}/kv/k`, { method: 'PUT', body: larger })
  assert.equal(refused.status, 413)
  assert.equal((await problem(refused))['code'], 'DND_ERR_VALUE_TOO_LARGE')
})

test('what the cluster could not do is told with its numbers, and 503 says when to come back', async (t) => {
  const { base, gateway } = await serve(t)
  gateway.failure = failure('DND_ERR_QUORUM_UNAVAILABLE', '1 of 2 replicas answered', {
    outcome: 'unknown',
    needed: 2,
    got: 1,
  })
  const response = await fetch(`${base}/kv/k`, { method: 'PUT', body: 'v' })
  assert.equal(response.status, 503)
  assert.equal(response.headers.get('retry-after'), '1')
  assert.deepEqual(await problem(response), {
    type: 'urn:dnd:error:quorum-unavailable',
    title: 'Too few replicas of the key answered',
    status: 503,
    code: 'DND_ERR_QUORUM_UNAVAILABLE',
    detail: '1 of 2 replicas answered',
    outcome: 'unknown',
    needed: 2,
    got: 1,
  })
  gateway.failure = failure('DND_ERR_TIMEOUT', 'too slow')
  assert.equal((await fetch(`${base}/kv/k`)).status, 504)
  gateway.failure = undefined
  const tooMany = await fetch(`${base}/kv/k?r=7`)
  assert.equal(tooMany.status, 400)
  assert.equal((await problem(tooMany))['code'], 'DND_ERR_BAD_QUORUM')
})

test('metadata that cannot be kept is refused before the body is read', async (t) => {
  const { base, gateway } = await serve(t)
  const many = Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`x-dnd-meta-n${i}`, 'v']))
  const cases: [Record<string, string>, string][] = [
    [{ 'x-dnd-meta-a': '100%' }, 'DND_ERR_BAD_METADATA'],
    [{ 'x-dnd-meta-a': '%ff' }, 'DND_ERR_BAD_METADATA'],
    [{ 'x-dnd-meta-': 'v' }, 'DND_ERR_BAD_METADATA'],
    [{ 'x-dnd-meta-a': 'v'.repeat(8192) }, 'DND_ERR_BAD_METADATA'],
    [many, 'DND_ERR_BAD_METADATA'],
    [{ 'x-dnd-contxt': 'v' }, 'DND_ERR_BAD_HEADER'],
    [{ 'content-type': 'x'.repeat(257) }, 'DND_ERR_BAD_HEADER'],
  ]
  for (const [headers, code] of cases) {
    const response = await fetch(`${base}/kv/k`, { method: 'PUT', body: 'v', headers })
    assert.equal(response.status, 400)
    assert.equal((await problem(response))['code'], code)
  }
  assert.equal(gateway.requests.length, 0)
  const headers = { 'x-dnd-meta-b': ' ', 'x-dnd-meta-a': 'v'.repeat(8000) }
  assert.equal((await fetch(`${base}/kv/k`, { method: 'PUT', body: 'v', headers })).status, 200)
})
