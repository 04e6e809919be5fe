/** Both sides of a cut network, and what becomes of them when it heals. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MemberState } from '../../src/core/membership/member.ts'
import {
  clusterOf,
  configure,
  del,
  get,
  getResult,
  listResult,
  put,
  putRequest,
  texts,
  writeResultOf,
} from '../support/mini-client.ts'
import type { MiniCluster, MiniNode } from '../support/mini-cluster.ts'

function stateOf(seenBy: MiniNode, node: MiniNode): MemberState | undefined {
  return seenBy.node.view().members.find(({ info }) => info.id === node.id)?.state
}

/** Three nodes, the first cut off from the others, and all of them aware of it. */
function split(): { cluster: MiniCluster; alone: MiniNode; others: MiniNode[] } {
  const cluster = clusterOf(3)
  const [alone, ...others] = cluster.nodes as [MiniNode, ...MiniNode[]]
  cluster.separate([alone], others)
  cluster.until('both sides know', () =>
    others.every((node) => stateOf(node, alone) === 'dead' && stateOf(alone, node) === 'dead'),
  )
  return { cluster, alone, others }
}

function heal(cluster: MiniCluster): void {
  cluster.heal()
  cluster.until(
    'all are seen by all',
    () => cluster.nodes.every((a) => cluster.nodes.every((b) => stateOf(a, b) === 'alive')),
    90_000,
  )
}

test('the smaller side refuses what it has no quorum for, before anything is stored', () => {
  const { cluster, alone, others } = split()
  const write = put(cluster, alone, 'a', 'x')
  assert.ok(!write.ok)
  assert.deepEqual(
    [write.code, write.outcome, write.needed, write.got],
    ['DND_ERR_QUORUM_UNAVAILABLE', 'rejected', 2, 1],
  )
  const read = getResult(cluster, alone, 'a')
  assert.ok(!read.ok && read.code === 'DND_ERR_QUORUM_UNAVAILABLE')
  const list = listResult(cluster, alone)
  assert.ok(!list.ok && list.code === 'DND_ERR_QUORUM_UNAVAILABLE')
  assert.deepEqual(alone.node.view().partitions, { total: 16, withQuorum: 0, allUp: 0 })
  assert.ok(put(cluster, others[0]!, 'a', 'y').ok, 'the larger side goes on')
  assert.deepEqual(others[0]!.node.view().partitions, { total: 16, withQuorum: 16, allUp: 0 })
  heal(cluster)
  for (const node of cluster.nodes) assert.deepEqual(texts(get(cluster, node, 'a')), ['y'])
})

test('with W and R of one both sides take writes, and after the cut reads make them one again', () => {
  const { cluster, alone, others } = split()
  const keys = Array.from({ length: 20 }, (_, i) => `k${i}`)
  for (const key of keys) assert.ok(put(cluster, alone, key, 'early', { w: 1 }).ok)
  cluster.run(10)
  for (const key of keys.slice(0, 10)) assert.ok(put(cluster, others[0]!, key, 'late').ok)
  assert.deepEqual(texts(get(cluster, alone, 'k0', { r: 1 })), ['early'])
  heal(cluster)
  for (const key of keys) {
    const expected = keys.indexOf(key) < 10 ? 'late' : 'early'
    for (const node of cluster.nodes)
      assert.deepEqual(texts(get(cluster, node, key, { r: 3 })), [expected], key)
  }
  cluster.run(100)
  for (const node of cluster.nodes)
    for (const key of keys.slice(0, 10))
      assert.deepEqual(texts(get(cluster, node, key, { r: 1 })), ['late'], 'each copy by itself')
})

test('a siblings bucket keeps what both sides wrote, until somebody who has seen both resolves it', () => {
  const cluster = clusterOf(3)
  const [alone, ...others] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  assert.ok(configure(cluster, alone, 'carts', { conflicts: 'siblings' }).ok)
  const bucket = 'carts'
  const base = put(cluster, alone, 'c', 'milk', { bucket })
  assert.ok(base.ok && base.context !== undefined)
  cluster.separate([alone], others)
  cluster.run(30_000)
  const { context } = base
  assert.ok(put(cluster, alone, 'c', 'milk,eggs', { bucket, context, w: 1 }).ok)
  assert.ok(put(cluster, others[1], 'c', 'milk,bread', { bucket, context }).ok)
  heal(cluster)
  const both = get(cluster, others[0], 'c', { bucket, r: 3 })
  assert.deepEqual(texts(both), ['milk,bread', 'milk,eggs'])
  const resolved = { bucket, context: both.context }
  assert.ok(put(cluster, alone, 'c', 'milk,eggs,bread', resolved).ok)
  for (const node of cluster.nodes)
    assert.deepEqual(texts(get(cluster, node, 'c', { bucket })), ['milk,eggs,bread'])
})

test('a delete on one side does not undo a later write on the other, nor is it undone by an earlier one', () => {
  const cluster = clusterOf(3)
  const [alone, ...others] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  for (const key of ['a', 'b']) assert.ok(put(cluster, alone, key, 'old').ok)
  cluster.separate([alone], others)
  cluster.run(30_000)
  assert.ok(del(cluster, alone, 'a', { w: 1 }).ok)
  assert.ok(put(cluster, alone, 'b', 'new', { w: 1 }).ok)
  cluster.run(10)
  assert.ok(put(cluster, others[0], 'a', 'new').ok)
  assert.ok(del(cluster, others[0], 'b').ok)
  heal(cluster)
  for (const node of cluster.nodes) {
    assert.deepEqual(texts(get(cluster, node, 'a', { r: 3 })), ['new'])
    assert.deepEqual(texts(get(cluster, node, 'b', { r: 3 })), [])
  }
})

test('before the cut is noticed a write may end as unknown, and then it may be found later', () => {
  const cluster = clusterOf(3)
  const [alone, ...others] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  cluster.separate([alone], others)
  const result = put(cluster, alone, 'a', 'x')
  assert.ok(!result.ok && result.outcome === 'unknown')
  assert.equal(result.got, 1)
  heal(cluster)
  assert.deepEqual(texts(get(cluster, others[0], 'a', { r: 3 })), ['x'])
})

test('messages that go one way only do not make a write succeed twice or a client wait for ever', () => {
  const cluster = clusterOf(3)
  const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  cluster.cut.add(`${second.id}>${first.id}`)
  cluster.cut.add(`${third.id}>${first.id}`)
  const asked = Array.from({ length: 20 }, (_, i) =>
    cluster.submit(first, putRequest(`k${i}`, 'x', { timeoutMs: 1_000 })),
  )
  cluster.run(1_100)
  assert.equal(cluster.unanswered().length, 0)
  for (const one of asked) {
    const result = writeResultOf(one)
    assert.ok(!result.ok && result.outcome === 'unknown')
  }
  heal(cluster)
  for (let i = 0; i < 20; i++)
    assert.deepEqual(texts(get(cluster, third, `k${i}`)), ['x'], 'they had arrived')
})

test('no layout is made on the side that has no majority, and none is lost', () => {
  const { cluster, alone, others } = split()
  const version = (node: MiniNode): number => node.node.view().layout!.current.version
  const before = version(alone)
  const fourth = cluster.add({ seeds: [0] })
  cluster.separate([fourth], others)
  cluster.run(20_000)
  assert.equal(version(alone), before, 'the newcomer has found the side without majority')
  const fifth = cluster.add({ seeds: [1] })
  cluster.separate([fifth], [alone, fourth])
  cluster.run(20_000)
  assert.ok(version(others[0]!) > before)
  heal(cluster)
  cluster.until(
    'all have a share',
    () => cluster.nodes.every(({ node }) => node.view().layout?.current.roles.length === 5),
    60_000,
  )
})
