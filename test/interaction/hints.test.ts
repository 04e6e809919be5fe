/** Writes that a node misses, from the moment it is away until it has all of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_PROPERTIES } from '../../src/core/node/buckets.ts'
import { clusterOf, configure, del, get, put, putRequest, texts } from '../support/mini-client.ts'
import type { MiniCluster, MiniNode } from '../support/mini-cluster.ts'

/** Anti-entropy must not do what is to be shown of hints. */
const NEVER = { config: { antiEntropyIntervalMs: 86_400_000 } }
const STRICT = { ...DEFAULT_PROPERTIES, sloppy: false }

const waiting = ({ node }: MiniNode): number => {
  let hints = 0
  for (const { count } of node.view().hints.targets) hints += count
  return hints
}
const delivered = (cluster: MiniCluster): void =>
  cluster.until('all hints are delivered', () => cluster.nodes.every((node) => waiting(node) === 0))

/** What a node shows of its own copy alone, and that of nobody else. */
function ownCopy(cluster: MiniCluster, node: MiniNode, key: string): string[] {
  cluster.separate(
    [node],
    cluster.nodes.filter((other) => other !== node),
  )
  const own = texts(get(cluster, node, key, { r: 1 }))
  cluster.heal()
  cluster.run(500)
  return own
}

function die(cluster: MiniCluster, ...nodes: readonly MiniNode[]): void {
  for (const node of nodes) cluster.kill(node)
  const gone = nodes.map(({ id }) => id)
  cluster.until('they are known to be dead', () =>
    cluster.nodes
      .filter(({ up }) => up)
      .every(({ node }) =>
        node.view().members.every(({ info, state }) => !gone.includes(info.id) || state === 'dead'),
      ),
  )
}

test('a node that was away gets every write and delete that it missed, and nobody else is asked', () => {
  const cluster = clusterOf(3, NEVER)
  const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  for (let i = 0; i < 10; i++) assert.ok(put(cluster, first, `k${i}`, 'old').ok)
  cluster.kill(third)
  for (let i = 0; i < 10; i++)
    assert.ok((i < 5 ? put(cluster, first, `k${i}`, 'new') : del(cluster, second, `k${i}`)).ok)
  assert.equal(waiting(first) + waiting(second), 10)
  cluster.restart(third)
  delivered(cluster)
  for (let i = 0; i < 10; i++)
    assert.deepEqual(ownCopy(cluster, third, `k${i}`), i < 5 ? ['new'] : [], `k${i}`)
})

test('hints outlive the node that keeps them', () => {
  const cluster = clusterOf(3, NEVER)
  const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  cluster.kill(third)
  for (let i = 0; i < 10; i++) assert.ok(put(cluster, first, `k${i}`, 'v').ok)
  cluster.run(1_000)
  const kept = [first, second].map(waiting)
  for (const node of [first, second]) {
    cluster.kill(node)
    cluster.restart(node)
    cluster.run(3_000)
  }
  assert.deepEqual([first, second].map(waiting), kept)
  cluster.restart(third)
  delivered(cluster)
  for (let i = 0; i < 10; i++) assert.deepEqual(ownCopy(cluster, third, `k${i}`), ['v'])
})

test('a replica that falls silent with the write unread gets it all the same', () => {
  const cluster = clusterOf(3, NEVER)
  const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  cluster.stall(first, third)
  cluster.stall(second, third)
  assert.ok(put(cluster, first, 'k', 'v').ok)
  assert.equal(waiting(first) + waiting(second), 0)
  cluster.run(1_500)
  assert.equal(waiting(first) + waiting(second), 1)
  assert.deepEqual(ownCopy(cluster, third, 'k'), [])
  cluster.kill(third)
  cluster.restart(third)
  cluster.heal()
  delivered(cluster)
  assert.deepEqual(ownCopy(cluster, third, 'k'), ['v'])
})

test('with two of three replicas down a sloppy bucket takes writes and a strict one does not', () => {
  const cluster = clusterOf(5, NEVER)
  assert.ok(configure(cluster, cluster.nodes[0]!, 'strict', STRICT).ok)
  const [first, , , fourth, fifth] = cluster.nodes as [
    MiniNode,
    MiniNode,
    MiniNode,
    MiniNode,
    MiniNode,
  ]
  die(cluster, fourth, fifth)
  const refused: string[] = []
  for (let i = 0; i < 40; i++) {
    assert.ok(put(cluster, first, `k${i}`, 'v').ok)
    const strict = put(cluster, first, `k${i}`, 'v', { bucket: 'strict' })
    if (!strict.ok) refused.push(`${strict.code} ${strict.outcome}`)
  }
  assert.ok(refused.length > 0)
  assert.deepEqual(new Set(refused), new Set(['DND_ERR_QUORUM_UNAVAILABLE rejected']))
  for (const node of [fourth, fifth]) cluster.restart(node)
  delivered(cluster)
  for (let i = 0; i < 40; i++) assert.deepEqual(texts(get(cluster, fifth, `k${i}`)), ['v'])
})

test('what a sloppy write has promised outlives its coordinator', () => {
  const cluster = clusterOf(5, NEVER)
  const [first, , , fourth, fifth] = cluster.nodes as [
    MiniNode,
    MiniNode,
    MiniNode,
    MiniNode,
    MiniNode,
  ]
  die(cluster, fourth, fifth)
  for (let i = 0; i < 40; i++) assert.ok(put(cluster, first, `k${i}`, 'v').ok)
  die(cluster, first)
  for (const node of [fourth, fifth]) cluster.restart(node)
  cluster.until('hints of the others are delivered', () =>
    cluster.nodes
      .filter(({ up }) => up)
      .every(({ node }) => node.view().hints.targets.every(({ target }) => target === first.id)),
  )
  for (let i = 0; i < 40; i++) assert.deepEqual(texts(get(cluster, fifth, `k${i}`)), ['v'])
})

test('a write that came to nothing for its client comes to all replicas in the end, or to none', () => {
  const cluster = clusterOf(3, NEVER)
  const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  const request = putRequest('k', 'v')
  cluster.stall(first, second)
  cluster.stall(first, third)
  const asked = cluster.submit(first, request)
  cluster.run(6_000)
  const { reply } = asked
  assert.ok(reply?.type === 'write' && !reply.result.ok && reply.result.outcome === 'unknown')
  cluster.heal()
  delivered(cluster)
  for (const node of cluster.nodes) assert.deepEqual(ownCopy(cluster, node, 'k'), ['v'])
})
