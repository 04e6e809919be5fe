import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LeaveHindrance, LeavingView } from '../../core/node/leaving.ts'
import type { NodeId } from '../../core/std/ids.ts'
import { failure, serve } from './fixture.test.ts'

type Json = Record<string, unknown>

const SECOND = 'a000000000000002' as NodeId
const THIRD = 'a000000000000003' as NodeId
const UNKNOWN = 'a0000000000000ff' as NodeId

function leavingFor(waitsFor: LeaveHindrance | undefined): LeavingView {
  return { phase: 'moving', waitsFor, partitions: 3, records: 12, copies: undefined }
}

test('a node that was not asked to leave stays', async (t) => {
  const { base } = await serve(t)
  assert.deepEqual(await (await fetch(`${base}/leave`)).json(), {
    node: 'a000000000000001',
    name: 'node1<b>',
    phase: 'staying',
    partitions: 0,
    records: 0,
  })
})

test('the wish to leave is answered with 202 and how things stand, and what will be worse', async (t) => {
  const { base, gateway } = await serve(t)
  const response = await fetch(`${base}/leave`, { method: 'POST' })
  assert.equal(response.status, 202)
  assert.deepEqual(await response.json(), {
    node: 'a000000000000001',
    name: 'node1<b>',
    phase: 'waiting',
    waitsFor: 'a layout without this node to be planned',
    partitions: 4,
    records: 0,
    warning: 'without this node every key has 2 copies instead of 3, until another node joins',
  })
  assert.deepEqual(gateway.requests, [{ type: 'leave' }])
})

test('a wish that is refused is told with its code', async (t) => {
  const { base, gateway } = await serve(t)
  for (const [code, status] of [
    ['DND_ERR_LAST_NODE', 409],
    ['DND_ERR_NOT_READY', 503],
    ['DND_ERR_STORE_FAILED', 500],
  ] as const) {
    gateway.leave = failure(code, 'why')
    const response = await fetch(`${base}/leave`, { method: 'POST' })
    assert.equal(response.status, status)
    const problem = (await response.json()) as Json
    assert.deepEqual([problem['code'], problem['detail']], [code, 'why'])
  }
})

test('what a leave waits for is told in words, with the names and states of members', async (t) => {
  const { base, gateway } = await serve(t)
  const cases: readonly (readonly [LeaveHindrance, RegExp])[] = [
    [{ reason: 'last', nodes: [] }, /^another node to join/],
    [{ reason: 'majority', nodes: [THIRD] }, /^most members .*; not up: node3<b> \(suspect\)$/],
    [{ reason: 'members', nodes: [THIRD] }, /not up: node3<b> \(suspect\)$/],
    [{ reason: 'move', nodes: [SECOND, THIRD] }, /^data to be moved to node2<b>, node3<b> \(/],
    [{ reason: 'news', nodes: [] }, /^a member to confirm/],
    [{ reason: 'news', nodes: [UNKNOWN] }, /data has moved: a0000000000000ff$/],
    [{ reason: 'move', nodes: Array.from({ length: 7 }, () => SECOND) }, / and 2 more$/],
  ]
  for (const [hindrance, text] of cases) {
    gateway.leaving = leavingFor(hindrance)
    const json = (await (await fetch(`${base}/leave`)).json()) as Json
    assert.match(String(json['waitsFor']), text)
    assert.deepEqual([json['phase'], json['partitions'], json['records']], ['moving', 3, 12])
  }
  gateway.leaving = leavingFor(undefined)
  assert.ok(!('waitsFor' in ((await (await fetch(`${base}/leave`)).json()) as Json)))
})

test('no warning where there are as many copies as before', async (t) => {
  const { base, gateway } = await serve(t)
  for (const [after, warning] of [
    [3, undefined],
    [1, 'without this node every key has one copy instead of 3, until another node joins'],
  ] as const) {
    gateway.leaving = { ...leavingFor(undefined), copies: { before: 3, after } }
    const json = (await (await fetch(`${base}/leave`)).json()) as Json
    assert.equal(json['warning'], warning)
  }
})

test('a body is refused: nothing can be wished besides', async (t) => {
  const { base, gateway } = await serve(t)
  const response = await fetch(`${base}/leave`, { method: 'POST', body: '{}' })
  assert.equal(response.status, 400)
  assert.deepEqual(gateway.requests, [])
})
