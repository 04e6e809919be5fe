/** Nodes that join, die and restart while partitions move. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LayoutState } from '../../src/core/placement/layout.ts'
import { beginTransition } from '../../src/core/placement/layout-state.ts'
import { planLayout } from '../../src/core/placement/plan-layout.ts'
import type { Asked } from '../support/mini-cluster.ts'
import type { MiniCluster } from '../support/mini-cluster.ts'
import type { MiniNode } from '../support/mini-cluster.ts'
import {
  clusterOf,
  configure,
  get,
  getRequest,
  getResultOf,
  isSettled,
  keyWhere,
  listRequest,
  put,
  putRequest,
  replicasOf,
  texts,
  writeResultOf,
} from '../support/mini-client.ts'

/** Three nodes with some data. */
function withData(count = 60): { cluster: MiniCluster; stored: Map<string, string> } {
  const cluster = clusterOf(3)
  const stored = new Map<string, string>()
  const asked: Asked[] = []
  for (let i = 0; i < count; i++) {
    asked.push(cluster.submit(cluster.nodes[i % 3]!, putRequest(`k${i}`, `v${i}`)))
    stored.set(`k${i}`, `v${i}`)
  }
  cluster.run(100)
  for (const one of asked) assert.ok(writeResultOf(one).ok)
  return { cluster, stored }
}

/** Every value is found from every node that is up. */
function assertFound(cluster: MiniCluster, stored: ReadonlyMap<string, string>): void {
  const nodes = cluster.nodes.filter(({ up }) => up)
  const reads = [...stored].flatMap(([key, value]) =>
    nodes.map((node) => ({ key, value, asked: cluster.submit(node, getRequest(key)) })),
  )
  cluster.run(1_000)
  for (const { key, value, asked } of reads)
    assert.deepEqual(texts(getResultOf(asked)), [value], `${key} from ${asked.mini.index}`)
}

function settle(cluster: MiniCluster, ms = 60_000): void {
  cluster.until('one complete layout everywhere', () => isSettled(cluster), ms)
}

function move(cluster: MiniCluster): LayoutState | undefined {
  return cluster.nodes[0]!.node.view().layout
}

test('what is asked while partitions move is answered, each exactly once', () => {
  const { cluster, stored } = withData()
  const fourth = cluster.add()
  const puts: { key: string; value: string; asked: Asked }[] = []
  const reads: Asked[] = []
  for (let i = 0; i < 300; i++) {
    const node = cluster.nodes[i % 3]!
    const key = `k${i % 90}`
    puts.push({ key, value: `w${i}`, asked: cluster.submit(node, putRequest(key, `w${i}`)) })
    reads.push(cluster.submit(cluster.nodes[(i + 1) % 3]!, getRequest(`k${i % 60}`)))
    if (i % 20 === 0) reads.push(cluster.submit(node, listRequest({ limit: 20 })))
    cluster.run(3)
    for (const { node: each } of cluster.nodes) each.view()
  }
  settle(cluster)
  cluster.run(1_000)
  assert.equal(cluster.unanswered().length, 0)
  for (const { asked } of puts) assert.ok(writeResultOf(asked).ok, JSON.stringify(asked.reply))
  for (const { reply } of reads) assert.ok(reply?.result.ok, JSON.stringify(reply))
  for (const { key, value } of puts) stored.set(key, value)
  assert.equal(fourth.node.view().layout?.current.roles.length, 4)
  assertFound(cluster, stored)
})

test('a coordinator that is behind is told the layout with the refusal, and its write and read succeed', () => {
  const { cluster, stored } = withData(20)
  const [, behind] = cluster.nodes as [MiniNode, MiniNode]
  // It hears nothing of the cluster’s state, and so stays with the old layout while the others move
  // on.
  cluster.hinder = (_from, to, message) =>
    to === behind && message.type === 'state-sync' ? 'refused' : undefined
  cluster.add()
  cluster.until('the others know a newer layout', () => move(cluster)?.current.version === 4)
  assert.equal(behind.node.view().layout?.current.version, 3)
  cluster.hinder = undefined
  const outcomes = new Set<string>()
  cluster.watch = (_from, to, message) => {
    if (to === behind && 'outcome' in message) outcomes.add(message.outcome)
  }
  const key = keyWhere(cluster, (replicas) => replicas.includes(behind))
  const write = cluster.submit(behind, putRequest(key, 'new'))
  const read = cluster.submit(behind, getRequest('k7'))
  cluster.run(200)
  assert.ok(writeResultOf(write).ok)
  assert.deepEqual(texts(getResultOf(read)), ['v7'])
  assert.ok(outcomes.has('stale-layout'), [...outcomes].join())
  assert.equal(behind.node.view().layout?.current.version, 4)
  settle(cluster)
  stored.set(key, 'new')
  assertFound(cluster, stored)
})

test('a replica that is behind says that it is none, and the write has its quorum from the others', () => {
  const { cluster } = withData(20)
  const fourth = cluster.add()
  cluster.run(300)
  cluster.hinder = (_from, to, message) =>
    to === fourth && message.type === 'state-sync' ? 'refused' : undefined
  const outcomes = new Set<string>()
  cluster.watch = (from, _to, message) => {
    if (from === fourth && 'outcome' in message) outcomes.add(message.outcome)
  }
  cluster.run(3_000)
  const writes = Array.from({ length: 40 }, (_, i) =>
    cluster.submit(cluster.nodes[i % 3]!, putRequest(`n${i}`, 'x')),
  )
  cluster.run(6_000)
  cluster.hinder = undefined
  for (const one of writes) assert.ok(writeResultOf(one).ok, JSON.stringify(one.reply))
  settle(cluster)
  assertFound(cluster, new Map(writes.map((_, i) => [`n${i}`, 'x'])))
})

test('the source of a transfer dies half way: the others have what it had', () => {
  const { cluster, stored } = withData(200)
  const [, source] = cluster.nodes as [MiniNode, MiniNode]
  let chunks = 0
  cluster.watch = (from, _to, message) => {
    if (from === source && message.type === 'transfer-chunk' && ++chunks === 3) cluster.kill(source)
  }
  const fourth = cluster.add()
  cluster.until('the source is dead', () => !source.up)
  cluster.until('the new node has all', () => fourth.node.view().layout?.previous === undefined)
  assert.equal(fourth.node.view().transfers.pending, 0)
  cluster.run(15_000)
  assertFound(cluster, stored)
  cluster.restart(source)
  settle(cluster)
  assertFound(cluster, stored)
})

test('a new owner that dies while it pulls goes on when it is back, and is waited for', () => {
  const { cluster, stored } = withData(200)
  const fourth = cluster.add()
  let chunks = 0
  cluster.watch = (_from, to, message) => {
    if (to === fourth && message.type === 'transfer-chunk' && ++chunks === 5) cluster.kill(fourth)
  }
  cluster.until('it has died', () => !fourth.up)
  cluster.watch = undefined
  assert.ok(move(cluster)?.previous !== undefined)
  const meanwhile = put(cluster, cluster.nodes[0]!, 'k1', 'meanwhile')
  stored.set('k1', 'meanwhile')
  if (!meanwhile.ok) assert.equal(meanwhile.outcome, 'unknown')
  cluster.run(20_000)
  assert.ok(move(cluster)?.previous !== undefined, 'it has not got its share')
  cluster.restart(fourth)
  settle(cluster)
  assert.ok(put(cluster, cluster.nodes[0]!, 'k1', 'meanwhile').ok)
  assertFound(cluster, stored)
})

test('the planner restarts in the middle of the move that it planned', () => {
  const { cluster, stored } = withData(100)
  const [planner] = cluster.nodes as [MiniNode]
  cluster.add()
  cluster.until('it has planned', () => planner.node.view().layout?.previous !== undefined)
  cluster.kill(planner)
  cluster.run(100)
  cluster.restart(planner)
  settle(cluster)
  assert.equal(planner.node.view().layout?.current.roles.length, 4)
  assertFound(cluster, stored)
})

test('everybody restarts in the middle of a move, and it comes to its end', () => {
  const { cluster, stored } = withData(100)
  cluster.add()
  cluster.until('data moves', () => move(cluster)?.previous !== undefined)
  cluster.run(2)
  for (const node of cluster.nodes) cluster.kill(node)
  cluster.run(50)
  for (const node of cluster.nodes) cluster.restart(node)
  settle(cluster)
  assert.equal(move(cluster)?.current.roles.length, 4)
  assertFound(cluster, stored)
})

test('two nodes that join by different members, which hear of them in opposite order, both get their share', () => {
  const { cluster, stored } = withData(40)
  const [first, second] = cluster.nodes as [MiniNode, MiniNode]
  // The way between the two members is slow: each knows its own newcomer long before the other’s.
  cluster.stall(first, second)
  cluster.stall(second, first)
  cluster.add({ seeds: [0] })
  cluster.add({ seeds: [1] })
  cluster.run(400)
  cluster.heal()
  settle(cluster)
  assert.equal(move(cluster)?.current.roles.length, 5)
  assertFound(cluster, stored)
})

test('two layouts of one version, by two planners, end as the one of the greater hash, and nothing is lost', () => {
  for (const rivalFirst of [false, true]) {
    const { cluster, stored } = withData(100)
    const [planner, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
    const before = planner.node.view().layout!
    const fourth = cluster.add()
    cluster.until('the planner has planned', () => move(cluster)?.current.version === 4)
    const planned = move(cluster)!
    const role = { ...planned.current.roles.at(-1)! }
    assert.equal(role.node, fourth.id)
    // Another planner gives the same node another weight, and so plans another table.
    const rivals = Array.from({ length: 24 }, (_, i) => 50 + i).map((weight) => {
      const roles = [...before.current.roles, { ...role, weight }]
      const { partitions, replicas } = before.current
      return planLayout({ previous: before.current, roles, partitions, replicas })
    })
    const rival = rivals.find(({ hash }) => hash > planned.current.hash === rivalFirst)
    assert.ok(rival !== undefined, 'no rival with such a hash')
    const state = beginTransition(before, rival)
    for (const node of [second, third])
      cluster.inject(node, {
        type: 'message',
        from: planner.id,
        message: { type: 'state-sync', answer: false, members: [], layout: state, buckets: [] },
      })
    const greater = Math.max(rival.hash, planned.current.hash)
    cluster.run(3_000)
    const version = move(cluster)!.current.version
    if (version === 4) assert.equal(move(cluster)!.current.hash, greater)
    settle(cluster)
    assert.equal(move(cluster)?.current.roles.length, 4)
    assertFound(cluster, stored)
  }
})

test('a bucket that asks for one acknowledgement makes every old owner a source, and nobody stumbles over that', () => {
  const { cluster, stored } = withData(40)
  assert.ok(configure(cluster, cluster.nodes[0]!, 'loose', { r: 1, w: 1 }).ok)
  cluster.add()
  settle(cluster)
  cluster.add()
  settle(cluster)
  assert.equal(move(cluster)?.current.roles.length, 5)
  assertFound(cluster, stored)
})

test('when a write asks for all replicas, old and new sets must both have it', () => {
  const { cluster } = withData(20)
  const fourth = cluster.add()
  cluster.until('data moves', () => move(cluster)?.previous !== undefined)
  const key = keyWhere(cluster, (replicas) => replicas.includes(fourth))
  const asked = cluster.submit(cluster.nodes[0]!, putRequest(key, 'all', { w: 3 }))
  cluster.run(200)
  assert.ok(writeResultOf(asked).ok)
  settle(cluster)
  for (const replica of replicasOf(cluster, key))
    assert.deepEqual(texts(get(cluster, replica, key, { r: 1 })), ['all'])
})
