/** A node is its data directory: not its address, and not its process. */
import assert from 'node:assert/strict'
import { cpSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually, membersOf, RealCluster, RealNode } from '../support/real-cluster.ts'

interface Answer {
  readonly status: number
  readonly text: string
}

async function put(node: RealNode, key: string, value: string): Promise<Answer> {
  const response = await fetch(`${node.url}/kv/${key}`, { method: 'PUT', body: value })
  return { status: response.status, text: await response.text() }
}

async function mustPut(node: RealNode, key: string, value: string): Promise<void> {
  const { status, text } = await put(node, key, value)
  assert.equal(status, 200, `${key} at ${node.name}: ${text}`)
}

async function mustGet(node: RealNode, key: string, value: string): Promise<void> {
  const response = await fetch(`${node.url}/kv/${key}`)
  assert.equal(await response.text(), value, `${key} at ${node.name}`)
}

/** A port on which nobody listens: it was free a moment ago. */
async function deadAddress(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => void server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => void server.close(resolve))
  return `127.0.0.1:${port}`
}

test('killed and restarted on other ports it is the same node, with its data, and nobody new', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const [first, , third] = cluster.nodes as [RealNode, RealNode, RealNode]
  for (let i = 0; i < 20; i++) await mustPut(first, `k${i}`, `v${i}`)
  const before = third.ready!
  await third.end('SIGKILL')
  await cluster.restart(third, 'other ports')
  const after = third.ready!
  assert.equal(after.node, before.node)
  assert.notEqual(after.clusterAddress, before.clusterAddress)
  assert.notEqual(after.http, before.http)
  for (const node of cluster.nodes)
    await eventually(`${node.name} knows the new address`, async () => {
      const members = await membersOf(node)
      assert.equal(members.length, 3, 'no new member')
      const seen = members.find(({ id }) => id === after.node)
      if (seen?.state !== 'alive' || seen.addresses.cluster !== after.clusterAddress) return
      return seen.addresses.http === after.http ? true : undefined
    })
  await cluster.settled()
  for (let i = 0; i < 20; i++) await mustGet(third, `k${i}`, `v${i}`)
  await mustPut(third, 'again', 'v')
  await mustGet(first, 'again', 'v')
})

test('with a wiped data directory it is a new node, and the old one is dead', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const [first, second, third] = cluster.nodes as [RealNode, RealNode, RealNode]
  const before = third.ready!.node
  await third.end('SIGKILL')
  rmSync(third.data, { recursive: true })
  await third.start(['join', first.ready!.clusterAddress])
  const after = third.ready!.node
  assert.notEqual(after, before)
  for (const node of [first, second, third])
    await eventually(
      `${node.name} sees the old one dead and the new one alive`,
      async () => {
        const states = new Map((await membersOf(node)).map(({ id, state }) => [id, state]))
        return states.get(before) === 'dead' && states.get(after) === 'alive' ? true : undefined
      },
      60_000,
    )
})

test('two processes with copies of one data directory refuse to write and say so, and one restarted alone is well', async (t) => {
  const cluster = await RealCluster.start(4)
  t.after(() => cluster.close())
  const [first, second, , original] = cluster.nodes as [RealNode, RealNode, RealNode, RealNode]
  for (let i = 0; i < 10; i++) await mustPut(first, `old${i}`, `v${i}`)
  await original.end('SIGTERM')
  const copy = new RealNode('copy', join(cluster.folder, 'copy'))
  t.after(() => copy.end('SIGKILL'))
  cpSync(original.data, copy.data, { recursive: true })
  await Promise.all([original.start(['start']), copy.start(['start'])])
  assert.equal(copy.ready!.node, original.ready!.node)
  for (const [one, other] of [
    [original, copy],
    [copy, original],
  ] as const) {
    const refusal = await eventually(`${one.name} refuses`, async () => {
      const { status, text } = await put(one, 'refused', 'v')
      return status === 503 && text.includes('DND_ERR_CLONED_IDENTITY') ? text : undefined
    })
    const problem = JSON.parse(refusal) as { outcome: string; detail: string }
    assert.equal(problem.outcome, 'rejected')
    assert.ok(problem.detail.includes(other.ready!.clusterAddress), problem.detail)
    assert.match(one.log, /"level":"error".*another process runs with this node's identity/)
  }
  for (let i = 0; i < 10; i++) {
    await mustPut(second, `new${i}`, `v${i}`)
    await mustGet(first, `old${i}`, `v${i}`)
  }
  await copy.end('SIGKILL')
  await original.end('SIGTERM')
  await cluster.restart(original)
  await cluster.settled()
  for (let i = 0; i < 10; i++) {
    await mustPut(original, `after${i}`, `v${i}`)
    await mustGet(original, `new${i}`, `v${i}`)
  }
  for (const node of cluster.nodes) assert.equal((await membersOf(node)).length, 4)
})

test('a node joins by any one of several seeds, dead ones among them, and by a name with several addresses', async (t) => {
  const cluster = await RealCluster.start(1)
  t.after(() => cluster.close())
  const [first] = cluster.nodes as [RealNode]
  const seeds = [
    [await deadAddress(), await deadAddress(), first.ready!.clusterAddress],
    [`localhost:${first.port}`],
  ]
  for (const [index, list] of seeds.entries()) {
    const name = `joiner${index}`
    const node = new RealNode(name, join(cluster.folder, name))
    cluster.nodes.push(node)
    await node.start(['join', ...list])
    assert.equal(node.ready!.cluster, first.ready!.cluster)
  }
  await cluster.settled()
})
