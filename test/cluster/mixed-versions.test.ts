import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PROTOCOL_MAX } from '../../src/core/wire/protocol.ts'
import { setTimeout as sleep } from 'node:timers/promises'
import type { RealNode } from '../support/real-cluster.ts'
import { eventually, getJson, RealCluster } from '../support/real-cluster.ts'

const OLD = ['--protocol-max', '5']
const KEYS = 60

interface Seen {
  readonly protocol: number
  readonly members: readonly {
    readonly name: string
    readonly state: string
    readonly protocol: number
  }[]
}

const seenBy = async (node: RealNode): Promise<Seen> =>
  (await getJson(`${node.url}/cluster`)) as Seen

async function version(node: RealNode): Promise<number> {
  return ((await getJson(`${node.url}/layout`)) as { version: number }).version
}

async function put(node: RealNode, key: string, value: string): Promise<number> {
  const headers = { 'content-type': 'text/plain' }
  const response = await fetch(`${node.url}/kv/${key}`, { method: 'PUT', body: value, headers })
  await response.arrayBuffer()
  return response.status
}

/** Writes a round of values by one node and reads it by the next, in turn over all that run. */
async function round(nodes: readonly RealNode[], value: string): Promise<void> {
  for (let i = 0; i < KEYS; i++) {
    assert.equal(await put(nodes[i % nodes.length]!, `k${i}`, value), 200)
    const read = await fetch(`${nodes[(i + 1) % nodes.length]!.url}/kv/k${i}`)
    assert.equal(await read.text(), value)
  }
}

/** What the cluster speaks, as each node sees it, is `protocol`. */
async function speaks(nodes: readonly RealNode[], protocol: number): Promise<void> {
  await eventually(`all speak protocol ${protocol}`, async () => {
    const seen = await Promise.all(nodes.map((node) => seenBy(node)))
    return seen.every((cluster) => cluster.protocol === protocol) || undefined
  })
}

async function restart(cluster: RealCluster, node: RealNode, flags: readonly string[]) {
  assert.equal(await node.end('SIGTERM'), 0)
  cluster.flags = flags
  await cluster.restart(node)
  await cluster.settled()
}

test('a cluster is upgraded node by node, and what is new is used when the last one has it', async (t) => {
  const cluster = await RealCluster.start(3)
  t.after(() => cluster.close())
  const nodes = [...cluster.nodes] as [RealNode, RealNode, RealNode]
  await speaks(nodes, PROTOCOL_MAX)
  const before = await version(nodes[0])
  for (const node of nodes) await restart(cluster, node, OLD)
  await speaks(nodes, 5)
  await round(nodes, 'old')

  await restart(cluster, nodes[0], [])
  const { members } = await seenBy(nodes[1])
  assert.deepEqual(
    members.map(({ name, protocol }) => [name, protocol]).toSorted(),
    [
      ['node1', PROTOCOL_MAX],
      ['node2', 5],
      ['node3', 5],
    ],
    'the others hear what the first could speak',
  )
  await round(nodes, 'mixed')
  await restart(cluster, nodes[1], [])
  await round(nodes, 'mixed again')

  // One that joins now waits for its share: the layout is not changed before all are upgraded.
  cluster.flags = []
  const fourth = await cluster.add()
  await eventually('the fourth is known', async () => {
    const seen = await seenBy(nodes[0])
    return seen.members.filter(({ state }) => state === 'alive').length === 4 || undefined
  })
  await sleep(2_000)
  for (const node of nodes) assert.equal(await version(node), before)
  assert.equal((await seenBy(nodes[0])).protocol, 5)
  await round([...nodes, fourth], 'four')

  assert.equal(await nodes[2].end('SIGTERM'), 0)
  await cluster.restart(nodes[2])
  await speaks([...nodes, fourth], PROTOCOL_MAX)
  await cluster.settled()
  assert.ok((await version(nodes[0])) > before, 'now the fourth has its share')
  await round([...nodes, fourth], 'new')
})
