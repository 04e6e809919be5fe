/** Two processes with one node's identity: somebody copied a data directory and started both. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatAddress } from '../../src/core/std/ids.ts'
import {
  clusterOf,
  configure,
  get,
  isSettled,
  keyWhere,
  list,
  put,
  replicasOf,
  texts,
} from '../support/mini-client.ts'
import type { MiniCluster, MiniNode } from '../support/mini-cluster.ts'

/** Starts a copy of what `original` has on its disk now, in a generation of its own. */
function startCopy(cluster: MiniCluster, original: MiniNode, generation?: number): MiniNode {
  const seed = cluster.nodes.findIndex(({ id }) => id !== original.id)
  return cluster.add({
    ...{ id: original.id, disk: original.store.backup(), seeds: [seed] },
    generation: generation ?? original.generation + 1,
  })
}

function untilBothKnow(cluster: MiniCluster, one: MiniNode, other: MiniNode): void {
  const knows = (mini: MiniNode): boolean => mini.node.view().clonedBy !== undefined
  cluster.until('both know of each other', () => knows(one) && knows(other), 5_000)
}

function assertRefuses(cluster: MiniCluster, node: MiniNode, other: MiniNode): void {
  const key = keyWhere(cluster, (replicas) => replicas.some(({ id }) => id === node.id))
  const elsewhere = keyWhere(cluster, (replicas) => replicas.every(({ id }) => id !== node.id))
  const results = [
    put(cluster, node, key, 'refused'),
    put(cluster, node, elsewhere, 'refused'),
    configure(cluster, node, 'carts', { conflicts: 'siblings' }),
  ]
  for (const result of results) {
    assert.ok(!result.ok && result.code === 'DND_ERR_CLONED_IDENTITY', JSON.stringify(result))
    assert.equal(result.outcome, 'rejected')
    assert.ok(result.message.includes(formatAddress(other.address)), result.message)
  }
  assert.deepEqual(node.node.view().clonedBy, other.address)
  assert.ok(node.notes.some(({ type }) => type === 'cloned-identity'))
}

test('both refuse every write within seconds and name each other, whichever began first', () => {
  for (const later of [0, 1, 1_000]) {
    const cluster = clusterOf(5)
    const original = cluster.nodes[2]!
    const copy = startCopy(cluster, original, original.generation + later)
    untilBothKnow(cluster, original, copy)
    assertRefuses(cluster, original, copy)
    assertRefuses(cluster, copy, original)
  }
})

test('they still read, and the others still write, wherever enough replicas are not of the two', () => {
  const cluster = clusterOf(5)
  const [first, second, original] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  // A hint must not count for the one that refuses.
  assert.ok(configure(cluster, first, 'default', { sloppy: false }).ok)
  for (let i = 0; i < 20; i++) assert.ok(put(cluster, first, `old${i}`, `${i}`).ok)
  const copy = startCopy(cluster, original)
  untilBothKnow(cluster, original, copy)
  const stored = [original, copy].map(({ store }) => records(store.records))
  for (let i = 0; i < 20; i++) {
    // What the others answer goes to the later of the two: the earlier one has its own copies.
    for (const node of [first, copy])
      assert.deepEqual(texts(get(cluster, node, `old${i}`)), [`${i}`])
    if (replicasOf(cluster, `old${i}`).includes(original))
      assert.deepEqual(texts(get(cluster, original, `old${i}`, { r: 1 })), [`${i}`])
    // One of three replicas may be the one that refuses; forwarded, another one coordinates.
    assert.ok(put(cluster, second, `new${i}`, `${i}`).ok, `new${i}`)
  }
  assert.equal(list(cluster, first).keys.length, 40)
  const both = keyWhere(cluster, (replicas) => replicas.some(({ id }) => id === original.id))
  const all = put(cluster, first, both, 'all of them', { w: 3 })
  assert.ok(!all.ok && all.outcome === 'unknown', 'the third does not store it')
  cluster.run(1_000)
  assert.deepEqual(
    [original, copy].map(({ store }) => records(store.records)),
    stored,
    'neither a write nor a repair was stored',
  )
})

test('a forward that one of the two refuses is taken by another replica', () => {
  const cluster = clusterOf(5)
  const [first, , original] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  const copy = startCopy(cluster, original)
  untilBothKnow(cluster, original, copy)
  const key = keyWhere(cluster, (replicas) => {
    return replicas[0]!.id === original.id && !replicas.includes(first)
  })
  assert.equal(replicasOf(cluster, key)[0]!.id, original.id)
  assert.ok(put(cluster, first, key, 'x').ok)
})

test('nobody plans a layout while the planner is two', () => {
  const cluster = clusterOf(3)
  const [planner] = cluster.nodes as [MiniNode]
  const copy = startCopy(cluster, planner)
  untilBothKnow(cluster, planner, copy)
  const { version } = planner.node.view().layout!.current
  cluster.add({ seeds: [1] })
  cluster.run(5_000)
  for (const { node } of cluster.nodes) assert.equal(node.view().layout!.current.version, version)
  cluster.kill(copy)
  cluster.kill(planner)
  planner.generation = copy.generation + 1
  cluster.restart(planner)
  cluster.until('the newcomer has a share', () => isSettled(cluster))
})

test('when the copy is gone and the original restarted all is as before', () => {
  const cluster = clusterOf(3)
  const [, , original] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  const copy = startCopy(cluster, original)
  untilBothKnow(cluster, original, copy)
  cluster.kill(copy)
  cluster.run(10_000)
  assertStillRefuses(cluster, original)
  cluster.kill(original)
  original.generation = copy.generation + 1
  cluster.restart(original)
  cluster.until('it serves again', () => isSettled(cluster))
  cluster.run(1_000)
  assert.equal(original.node.view().clonedBy, undefined)
  for (const [index, node] of cluster.nodes.slice(0, 3).entries()) {
    const result = put(cluster, node, `k${index}`, 'v', { w: 3 })
    assert.ok(result.ok, JSON.stringify(result))
    assert.ok(node.node.view().members.every(({ state }) => state === 'alive'))
    assert.equal(node.node.view().members.length, 3)
  }
})

/** The other one is gone, and nobody has decided yet that it was the wrong one. */
function assertStillRefuses(cluster: MiniCluster, node: MiniNode): void {
  const result = put(cluster, node, 'still', 'refused')
  assert.ok(!result.ok && result.code === 'DND_ERR_CLONED_IDENTITY')
}

/** Of a disk, the records alone: key and bytes. */
function records(disk: ReadonlyMap<string, Uint8Array>): string[] {
  return [...disk]
    .filter(([key]) => key.startsWith('\x01'))
    .map(([key, value]) => `${key} ${Buffer.from(value).toString('hex')}`)
    .sort()
}
