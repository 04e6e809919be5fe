import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LayoutHistoryJson, LayoutPlanJson } from './layout-routes.ts'
import { failure, serve } from './fixture.test.ts'

type Json = Record<string, unknown>

const [FIRST, SECOND, THIRD] = ['a000000000000001', 'a000000000000002', 'a000000000000003'] as const
const STRANGER = 'a0000000000000ff'
const PLAN = { version: 4, hash: '0a0b0c0d' }

const roleOf = (node: string, weight = 100, zone = 'z'): Json => ({ node, weight, zone })

async function post(base: string, path: string, body: unknown): Promise<Response> {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return fetch(`${base}/layout/${path}`, { method: 'POST', body: text })
}

async function problem(
  response: Response,
): Promise<{ status: number; code: string; text: string }> {
  const { code, detail } = (await response.json()) as Json
  return { status: response.status, code: String(code), text: String(detail) }
}

test('a plan tells what would follow, between whom it moves, and what it is worth', async (t) => {
  const { base, gateway } = await serve(t)
  const plan = (await (await fetch(`${base}/layout/plan`)).json()) as LayoutPlanJson
  assert.deepEqual(plan.from, { version: 3, hash: '00000002' })
  assert.equal(plan.plan?.version, 4)
  assert.match(plan.plan?.hash ?? '', /^[0-9a-f]{8}$/)
  assert.deepEqual(
    plan.plan?.roles.map(({ node }) => node),
    [SECOND, THIRD],
  )
  for (const name of ['moves', 'leastMoves', 'links', 'nodes', 'nodeRisk']) assert.ok(name in plan)
  assert.deepEqual(gateway.layoutAsks, [{ what: 'plan', roles: undefined }])
})

test('roles may name members by name or id', async (t) => {
  const { base, gateway } = await serve(t)
  const roles = [roleOf(FIRST), roleOf('node3<b>', 50, 'west')]
  assert.equal((await post(base, 'plan', { roles })).status, 200)
  const ask = { what: 'plan', roles: [roleOf(FIRST), roleOf(THIRD, 50, 'west')] }
  assert.deepEqual(gateway.layoutAsks, [ask])
})

test('a plan is applied by its version and hash, and by the roles that it was made of', async (t) => {
  const { base, gateway } = await serve(t)
  const response = await post(base, 'apply', PLAN)
  assert.deepEqual([response.status, await response.json()], [200, { version: 4 }])
  await post(base, 'apply', { ...PLAN, roles: [roleOf('node2<b>', 0)] })
  const apply = { what: 'apply', version: 4, hash: 0x0a0b0c0d }
  assert.deepEqual(gateway.layoutAsks, [
    { ...apply, roles: undefined },
    { ...apply, roles: [roleOf(SECOND, 0)] },
  ])
})

test('a node is removed by name or id, and by how many partitions are given up', async (t) => {
  const { base, gateway } = await serve(t)
  const response = await post(base, 'remove', { node: 'node3<b>' })
  assert.deepEqual([response.status, await response.json()], [202, { node: THIRD }])
  await post(base, 'remove', { node: STRANGER, partitions: 12 })
  assert.deepEqual(gateway.layoutAsks, [
    { what: 'remove', node: THIRD, partitions: 0 },
    { what: 'remove', node: STRANGER, partitions: 12 },
  ])
})

test('history tells what the node has seen', async (t) => {
  const { base } = await serve(t)
  const { layouts } = (await (await fetch(`${base}/layout/history`)).json()) as LayoutHistoryJson
  const [entry] = layouts
  assert.deepEqual(
    [entry?.version, entry?.hash, entry?.at, entry?.moves, entry?.roles.length],
    [3, '00000002', '2023-11-14T22:13:20.000Z', 7, 3],
  )
})

test('what is no question about layouts is refused before anybody is asked', async (t) => {
  const { base, gateway } = await serve(t)
  const cases: readonly (readonly [path: string, body: unknown])[] = [
    ['plan', '{'],
    ['plan', []],
    ['plan', { roles: 'all' }],
    ['plan', { roles: [{ node: FIRST }] }],
    ['plan', { roles: [{ ...roleOf(FIRST), weight: 1.5 }] }],
    ['plan', { roles: [{ ...roleOf(FIRST), weight: '100' }] }],
    ['plan', { roles: [{ ...roleOf(FIRST), colour: 'red' }] }],
    ['apply', {}],
    ['apply', { version: 4 }],
    ['apply', { ...PLAN, version: 'four' }],
    ['apply', { ...PLAN, hash: '0A0B0C0D' }],
    ['apply', { ...PLAN, hash: 'abc' }],
    ['apply', { ...PLAN, force: true }],
    ['remove', {}],
    ['remove', { node: 7 }],
    ['remove', { node: THIRD, partitions: 'all' }],
  ]
  for (const [path, body] of cases) {
    const { status, code } = await problem(await post(base, path, body))
    assert.deepEqual([status, code], [400, 'DND_ERR_BAD_JSON'], JSON.stringify(body))
  }
  assert.deepEqual(gateway.layoutAsks, [])
})

test('a member that nobody knows is named', async (t) => {
  const { base, gateway } = await serve(t)
  const bodies = [
    ['plan', { roles: [roleOf('node9')] }],
    ['apply', { ...PLAN, roles: [roleOf('node9')] }],
    ['remove', { node: 'node9' }],
  ] as const
  for (const [path, body] of bodies) {
    const { status, code, text } = await problem(await post(base, path, body))
    assert.deepEqual(
      [status, code, text],
      [404, 'DND_ERR_NODE_UNKNOWN', 'no member is called node9'],
    )
  }
  assert.deepEqual(gateway.layoutAsks, [])
})

test('of two members with one name the one in the layout is meant, or the id is wanted', async (t) => {
  const { base, gateway } = await serve(t)
  const view = gateway.view.bind(gateway)
  gateway.view = () => {
    const before = view()
    const members = before.members.map((each) => ({
      ...each,
      info: { ...each.info, name: 'twin' },
    }))
    return { ...before, members }
  }
  const { status, code, text } = await problem(await post(base, 'remove', { node: 'twin' }))
  assert.deepEqual([status, code], [400, 'DND_ERR_BAD_LAYOUT'])
  assert.equal(text, `3 members are called twin; give the id: ${FIRST}, ${SECOND}, ${THIRD}`)
  const { current, ...state } = gateway.layout!
  gateway.layout = { ...state, current: { ...current, roles: current.roles.slice(2) } }
  assert.deepEqual(await (await post(base, 'remove', { node: 'twin' })).json(), { node: THIRD })
})

test('what a node refuses is told with its code and outcome', async (t) => {
  const { base, gateway } = await serve(t)
  for (const [path, code, status, outcome] of [
    ['apply', 'DND_ERR_LAYOUT_CONFLICT', 409, 'rejected'],
    ['apply', 'DND_ERR_LAYOUT_MOVING', 409, 'rejected'],
    ['apply', 'DND_ERR_NODE_DOWN', 409, 'rejected'],
    ['apply', 'DND_ERR_LAYOUT_UNAVAILABLE', 503, 'rejected'],
    ['apply', 'DND_ERR_LAYOUT_UNAVAILABLE', 503, 'unknown'],
    ['plan', 'DND_ERR_BAD_LAYOUT', 400, 'rejected'],
    ['remove', 'DND_ERR_NODE_UP', 409, 'rejected'],
    ['remove', 'DND_ERR_WOULD_LOSE_DATA', 409, 'rejected'],
    ['remove', 'DND_ERR_LAST_NODE', 409, 'rejected'],
    ['remove', 'DND_ERR_NOT_READY', 503, 'rejected'],
  ] as const) {
    gateway.layoutFailure = failure(code, 'why', { outcome })
    const body = path === 'plan' ? {} : path === 'apply' ? PLAN : { node: THIRD }
    const response = await post(base, path, body)
    assert.equal(response.status, status)
    const told = (await response.json()) as Json
    assert.deepEqual([told['code'], told['detail'], told['outcome']], [code, 'why', outcome])
  }
})
