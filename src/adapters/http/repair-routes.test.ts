import assert from 'node:assert/strict'
import { test } from 'node:test'
import { serve } from './fixture.test.ts'

type Json = Record<string, unknown>

test('a wish to repair is answered with 202 and its run, and looking on tells of it', async (t) => {
  const { base, gateway } = await serve(t)
  const response = await fetch(`${base}/repair`, { method: 'POST' })
  assert.equal(response.status, 202)
  const run = (await response.json()) as Json
  assert.deepEqual([run['run'], run['comparisons'], run['done']], [1, 8, 0])
  assert.equal('bucket' in run || 'prefix' in run || 'finishedAt' in run, false)
  assert.deepEqual(gateway.requests, [
    { type: 'repair', scope: { bucket: undefined, prefix: new Uint8Array(0) } },
  ])
  const progress = (await (await fetch(`${base}/repair`)).json()) as Json
  assert.deepEqual(progress['runs'], [run])
  assert.deepEqual([progress['active'], progress['treesMissing']], [2, 1])
})

test('a bucket and a prefix choose what is repaired; a prefix alone is of the default bucket', async (t) => {
  const { base, gateway } = await serve(t)
  for (const query of ['?bucket=carts', '?bucket=carts&prefix=user%3A', '?prefix=a'])
    assert.equal((await fetch(`${base}/repair${query}`, { method: 'POST' })).status, 202)
  assert.deepEqual(
    gateway.requests.map((request) => request.type === 'repair' && request.scope.bucket),
    ['carts', 'carts', 'default'],
  )
  const { runs } = (await (await fetch(`${base}/repair`)).json()) as { runs: Json[] }
  assert.deepEqual(
    runs.map(({ bucket, prefix }) => [bucket, prefix]),
    [
      ['carts', undefined],
      ['carts', 'user:'],
      ['default', 'a'],
    ],
  )
})

test('a bucket that cannot be is refused, and nothing begins', async (t) => {
  const { base, gateway } = await serve(t)
  const response = await fetch(`${base}/repair?bucket=Upper`, { method: 'POST' })
  assert.equal(response.status, 400)
  assert.equal(((await response.json()) as Json)['code'], 'DND_ERR_BAD_BUCKET')
  assert.deepEqual(gateway.requests, [])
})
