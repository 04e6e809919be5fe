import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Operation, Route } from './operation.ts'
import { Router, segment } from './router.ts'

const GET: Operation = {
  id: 'x',
  op: 'x',
  access: 'open',
  summary: '',
  query: [],
  responses: {},
  errors: [],
  handle: () => {},
}
const TABLE: readonly Route[] = [
  { path: '/', methods: { GET } },
  { path: '/kv/{key}', methods: { GET, PUT: GET } },
  { path: '/kv/{bucket}/{key}', methods: { GET } },
  { path: '/buckets', methods: { GET } },
  { path: '/buckets/{bucket}', methods: { DELETE: GET } },
  { path: '/buckets/{bucket}/keys', methods: { GET } },
]
const router = new Router(TABLE)

function path(target: string): string | undefined {
  return router.find(target).route?.path
}

test('a target finds the route of its shape', () => {
  assert.equal(path('/'), '/')
  assert.equal(path('/?a=/b'), '/')
  assert.equal(path('/kv/a'), '/kv/{key}')
  assert.equal(path('/kv/a/b?x'), '/kv/{bucket}/{key}')
  assert.equal(path('/kv/'), '/kv/{key}')
  assert.equal(path('/buckets'), '/buckets')
  assert.equal(path('/buckets/a/keys'), '/buckets/{bucket}/keys')
})

test('what fits no route finds none', () => {
  for (const target of [
    '',
    '*',
    '/x',
    '/kv',
    '/kv/a/b/c',
    '/kv/a/b/c/d/e/f',
    '/buckets/a/x',
    '//kv/a',
  ])
    assert.equal(path(target), undefined, target)
  for (const target of ['kv/a', 'ftp://host/kv/a', '?', '/KV/a', '/constructor', '/__proto__/a'])
    assert.equal(path(target), undefined, target)
})

test('segments and query are where the target has them', () => {
  const match = router.find('/kv/b%2Fc/k%3F?sort=/x?y')
  assert.equal(segment(match, match.route!.bucket), 'b%2Fc')
  assert.equal(segment(match, match.route!.key), 'k%3F')
  assert.equal(match.target.slice(match.queryStart), 'sort=/x?y')
  assert.equal(router.find('/kv/a').queryStart, '/kv/a'.length + 1)
})

test('a target in absolute form, as proxies send it, is its path', () => {
  const match = router.find('http://localhost:6001/kv/a?r=1')
  assert.equal(match.route?.path, '/kv/{key}')
  assert.equal(match.target, '/kv/a?r=1')
  assert.equal(path('HTTP://host'), '/')
  assert.equal(path('http://host?x=1'), '/')
})

test('HEAD is there wherever GET is, and the methods are told in order', () => {
  assert.equal(router.find('/kv/a').route?.allow, 'GET, HEAD, PUT')
  assert.equal(router.find('/kv/a').route?.operations.get('HEAD'), GET)
  assert.equal(router.find('/buckets/a').route?.allow, 'DELETE')
})
