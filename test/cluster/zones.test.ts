import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RealNode } from '../support/real-cluster.ts'
import { eventually, getJson, membersOf, RealCluster } from '../support/real-cluster.ts'

const ZONES = ['north', 'east', 'west']
const KEYS = Array.from({ length: 200 }, (_, i) => `k${i}`)

interface Layout {
  readonly roles: readonly { readonly node: string; readonly zone: string }[]
  readonly table: readonly (readonly string[])[]
}

async function put(node: RealNode, key: string, value: string): Promise<Response> {
  const headers = { 'content-type': 'text/plain' }
  return fetch(`${node.url}/kv/${key}`, { method: 'PUT', body: value, headers })
}

test('three zones: each partition is in all of them, and one of them may die', async (t) => {
  const cluster = await RealCluster.start(0)
  t.after(() => cluster.close())
  for (let i = 0; i < 6; i++) {
    cluster.flags = ['--zone', ZONES[i % 3]!]
    await cluster.add()
  }
  await cluster.settled(120_000)
  const [first] = cluster.nodes as [RealNode]
  const { roles, table } = (await getJson(`${first.url}/layout`)) as Layout
  const zones = new Map(roles.map(({ node, zone }) => [node, zone]))
  for (const set of table) assert.equal(new Set(set.map((node) => zones.get(node))).size, 3)
  for (const key of KEYS) assert.equal((await put(first, key, 'before')).status, 200)

  const alive = cluster.nodes.filter((_, i) => i % 3 !== 1)
  const dead = cluster.nodes.filter((node) => !alive.includes(node))
  await Promise.all(dead.map((node) => node.end('SIGKILL')))
  const began = Date.now()
  // Nobody has been told yet that they are dead: reads wait for no more than a hedge.
  for (const [i, key] of KEYS.slice(0, 40).entries()) {
    const response = await fetch(`${alive[i % 4]!.url}/kv/${key}`)
    assert.equal(response.status, 200, await response.clone().text())
    assert.equal(await response.text(), 'before')
  }
  t.diagnostic(`40 reads right after the kill took ${Date.now() - began} ms`)
  await eventually('all who are left know who is dead', async () => {
    const views = await Promise.all(alive.map((node) => membersOf(node)))
    const counts = views.map((members) => members.filter(({ state }) => state === 'dead').length)
    return counts.every((count) => count === dead.length) || undefined
  })
  for (const [i, key] of KEYS.entries()) {
    const written = await put(alive[i % 4]!, key, 'since')
    assert.equal(written.status, 200, await written.text())
    const response = await fetch(`${alive[(i + 1) % 4]!.url}/kv/${key}`)
    assert.equal(await response.text(), 'since')
  }

  for (const node of dead) {
    cluster.flags = ['--zone', 'east']
    await cluster.restart(node)
  }
  await cluster.settled()
  for (const [i, key] of KEYS.entries()) {
    const response = await fetch(`${dead[i % 2]!.url}/kv/${key}`)
    assert.equal(await response.text(), 'since', 'who was away shows nothing older')
  }
})
