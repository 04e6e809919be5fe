/** Nodes that leave while the others, and their clients, go on. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { LeaveResult, LeavingView } from '../../src/core/node/leaving.ts'
import { partitionOf, slotOf } from '../../src/core/placement/slot.ts'
import type { Asked, MiniNode } from '../support/mini-cluster.ts'
import type { MiniCluster } from '../support/mini-cluster.ts'
import {
  bytes,
  clusterOf,
  getRequest,
  getResultOf,
  isSettled,
  put,
  putRequest,
  texts,
  writeResultOf,
} from '../support/mini-client.ts'

/** Some nodes with some data. */
function withData(size: number, count = 60): { cluster: MiniCluster; stored: Map<string, string> } {
  const cluster = clusterOf(size)
  const stored = new Map<string, string>()
  const asked: Asked[] = []
  for (let i = 0; i < count; i++) {
    asked.push(cluster.submit(cluster.nodes[i % size]!, putRequest(`k${i}`, `v${i}`)))
    stored.set(`k${i}`, `v${i}`)
  }
  cluster.run(100)
  for (const one of asked) assert.ok(writeResultOf(one).ok)
  return { cluster, stored }
}

function leave(cluster: MiniCluster, node: MiniNode): LeaveResult {
  const reply = cluster.ask(node, { type: 'leave' })
  assert.ok(reply.type === 'leave')
  return reply.result
}

function begin(cluster: MiniCluster, node: MiniNode): LeavingView {
  const result = leave(cluster, node)
  assert.ok(result.ok, JSON.stringify(result))
  return result.leaving
}

const view = ({ node }: MiniNode): LeavingView | undefined => node.view().leaving
const hasLeft = ({ notes }: MiniNode): boolean => notes.some(({ type }) => type === 'left')

/** The process ends when its node has left. */
function untilLeft(cluster: MiniCluster, node: MiniNode, ms = 60_000): void {
  cluster.until(`node ${node.index + 1} has left`, () => hasLeft(node), ms)
  cluster.kill(node)
}

function settle(cluster: MiniCluster, ms = 60_000): void {
  cluster.until('one complete layout everywhere', () => isSettled(cluster), ms)
}

/** Every value is found from every node that is up, and each replica has it on its disk. */
function assertKept(cluster: MiniCluster, stored: ReadonlyMap<string, string>): void {
  const nodes = cluster.nodes.filter(({ up }) => up)
  const reads = [...stored].flatMap(([key, value]) =>
    nodes.map((node) => ({ key, value, asked: cluster.submit(node, getRequest(key)) })),
  )
  cluster.run(1_000)
  for (const { key, value, asked } of reads)
    assert.deepEqual(texts(getResultOf(asked)), [value], `${key} from ${asked.mini.index}`)
  assertWhole(cluster, stored)
}

function assertWhole(cluster: MiniCluster, stored: ReadonlyMap<string, string>): void {
  const nodes = cluster.nodes.filter(({ up }) => up)
  const { current } = nodes[0]!.node.view().layout!
  for (const node of nodes) {
    const own = current.roles.findIndex(({ node: id }) => id === node.id)
    const wanted = [...stored.keys()].filter((key) =>
      current.table[partitionOf(slotOf('default', bytes(key)), current.partitions)]!.includes(own),
    )
    assert.equal(recordsOf(node), wanted.length, `records of node ${node.index + 1}`)
  }
}

/** Records on a node's disk. */
function recordsOf({ store }: MiniNode): number {
  return [...store.records.keys()].filter((key) => key.charCodeAt(0) === 1).length
}

function stateOf(observer: MiniNode, subject: MiniNode): string | undefined {
  return observer.node.view().members.find(({ info }) => info.id === subject.id)?.state
}

function rolesOf({ node }: MiniNode): number {
  return node.view().layout!.current.roles.length
}

test('a node leaves while clients write and read: all is answered, nothing is lost, and every key has all its replicas elsewhere', () => {
  const { cluster, stored } = withData(4)
  const leaver = cluster.nodes[2]!
  const first = begin(cluster, leaver)
  assert.equal(first.phase, 'waiting')
  assert.ok(first.partitions > 0)
  assert.deepEqual(first.copies, { before: 3, after: 3 })
  const puts: { key: string; value: string; asked: Asked }[] = []
  const reads: Asked[] = []
  for (let i = 0; !hasLeft(leaver); i++) {
    assert.ok(i < 5_000, 'it does not leave')
    const node = cluster.nodes[i % 4]!
    const key = `k${i % 90}`
    puts.push({ key, value: `w${i}`, asked: cluster.submit(node, putRequest(key, `w${i}`)) })
    reads.push(cluster.submit(cluster.nodes[(i + 1) % 4]!, getRequest(`k${i % 60}`)))
    cluster.run(3)
  }
  assert.equal(recordsOf(leaver), 0, 'it has dropped what it held')
  cluster.run(100)
  assert.equal(cluster.unanswered().length, 0)
  cluster.kill(leaver)
  for (const { asked } of puts) assert.ok(writeResultOf(asked).ok, JSON.stringify(asked.reply))
  for (const { reply } of reads) assert.ok(reply?.result.ok, JSON.stringify(reply))
  for (const { key, value } of puts) stored.set(key, value)
  settle(cluster)
  assertKept(cluster, stored)
})

test('the others see it as left: never as suspect or dead, and nobody asks it for anything', () => {
  const { cluster } = withData(4, 20)
  const [first, , third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  begin(cluster, third)
  untilLeft(cluster, third)
  const others = cluster.nodes.filter((node) => node !== third)
  for (const other of others) assert.equal(stateOf(other, third), 'left')
  cluster.run(60_000)
  for (const other of others) {
    assert.equal(stateOf(other, third), 'left')
    const states = other.notes.flatMap((note) =>
      note.type === 'member' && note.member.id === third.id ? [note.to] : [],
    )
    assert.ok(!states.includes('suspect') && !states.includes('dead'), states.join())
  }
  assert.equal(rolesOf(first), 3)
})

test('to ask twice is to ask once', () => {
  const { cluster } = withData(4, 20)
  const leaver = cluster.nodes[1]!
  const both = [0, 1].map(() => cluster.submit(leaver, { type: 'leave' }))
  cluster.run(50)
  for (const { reply } of both) assert.ok(reply?.type === 'leave' && reply.result.ok)
  cluster.until('data moves', () => view(leaver)?.phase !== 'waiting')
  assert.notEqual(begin(cluster, leaver).phase, 'waiting')
  untilLeft(cluster, leaver)
  assert.equal(leaver.notes.filter(({ type }) => type === 'left').length, 1)
})

test('the planner itself leaves, and another one plans from then on', () => {
  const { cluster, stored } = withData(4)
  const planner = cluster.nodes[0]!
  begin(cluster, planner)
  untilLeft(cluster, planner)
  const added = cluster.add({ seeds: [1] })
  settle(cluster)
  assert.equal(rolesOf(added), 4)
  assertKept(cluster, stored)
})

test('two nodes that leave at once both leave', () => {
  const { cluster, stored } = withData(5)
  const [, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  begin(cluster, second)
  begin(cluster, third)
  cluster.until('both have left', () => hasLeft(second) && hasLeft(third), 60_000)
  cluster.kill(second)
  cluster.kill(third)
  settle(cluster)
  assert.equal(rolesOf(cluster.nodes[0]!), 3)
  assertKept(cluster, stored)
})

test('one leaves while another joins, and both get what they want', () => {
  const { cluster, stored } = withData(4)
  const leaver = cluster.nodes[3]!
  begin(cluster, leaver)
  const added = cluster.add()
  untilLeft(cluster, leaver)
  settle(cluster)
  assert.equal(rolesOf(added), 4)
  assertKept(cluster, stored)
})

test('with three nodes and three replicas one may leave: there are two copies then, as it is told', () => {
  const { cluster, stored } = withData(3)
  const leaver = cluster.nodes[2]!
  assert.deepEqual(begin(cluster, leaver).copies, { before: 3, after: 2 })
  untilLeft(cluster, leaver)
  settle(cluster)
  assertKept(cluster, stored)
})

test('of two nodes that both want to leave one does, and the other stays as the last', () => {
  const { cluster, stored } = withData(2)
  for (const node of cluster.nodes) begin(cluster, node)
  cluster.until('one has left', () => cluster.nodes.some(hasLeft), 60_000)
  cluster.run(10_000)
  const [gone, last] = cluster.nodes.toSorted((a) => (hasLeft(a) ? -1 : 1)) as [MiniNode, MiniNode]
  assert.ok(!hasLeft(last))
  cluster.kill(gone)
  assert.equal(view(last)?.waitsFor?.reason, 'last')
  assertKept(cluster, stored)
})

test('the last node of a cluster is not let go', () => {
  const { cluster, stored } = withData(1)
  const only = cluster.nodes[0]!
  const result = leave(cluster, only)
  assert.ok(!result.ok && result.code === 'DND_ERR_LAST_NODE')
  cluster.run(5_000)
  assert.equal(view(only), undefined)
  assertKept(cluster, stored)
})

test('a node that does not serve yet cannot be asked to leave', () => {
  const { cluster } = withData(3, 5)
  const node = cluster.nodes[1]!
  cluster.kill(node)
  cluster.separate([node], [cluster.nodes[0]!, cluster.nodes[2]!])
  cluster.restart(node)
  const result = leave(cluster, node)
  assert.ok(!result.ok && result.code === 'DND_ERR_NOT_READY')
})

test('a disk that does not take the wish refuses it, and nothing begins', () => {
  const { cluster } = withData(3, 5)
  const node = cluster.nodes[1]!
  node.takes = () => false
  const result = leave(cluster, node)
  assert.ok(!result.ok && result.code === 'DND_ERR_STORE_FAILED')
  node.takes = () => true
  cluster.run(5_000)
  assert.equal(view(node), undefined)
  assert.equal(rolesOf(cluster.nodes[0]!), 3)
})

test('the wish survives a crash in each phase, and the leave comes to its end', () => {
  for (const phase of ['waiting', 'moving', 'telling', 'left'] as const) {
    const { cluster, stored } = withData(4)
    const leaver = cluster.nodes[2]!
    begin(cluster, leaver)
    cluster.until(phase, () => view(leaver)?.phase === phase)
    cluster.kill(leaver)
    cluster.run(3_000)
    cluster.restart(leaver)
    untilLeft(cluster, leaver)
    settle(cluster)
    for (const other of cluster.nodes.filter(({ up }) => up))
      assert.equal(stateOf(other, leaver), 'left', phase)
    assertKept(cluster, stored)
  }
})

test('while a node that would take over data is down, nobody is let go, writes go on, and it is told whom the leave waits for', () => {
  const { cluster, stored } = withData(4)
  const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  cluster.kill(second)
  cluster.until('it is missed', () => stateOf(third, second) === 'dead', 60_000)
  begin(cluster, third)
  cluster.run(20_000)
  assert.equal(rolesOf(first), 4)
  assert.deepEqual(view(third)?.waitsFor, { reason: 'members', nodes: [second.id] })
  assert.ok(put(cluster, first, 'k1', 'meanwhile').ok)
  stored.set('k1', 'meanwhile')
  cluster.restart(second)
  untilLeft(cluster, third)
  settle(cluster)
  for (const key of stored.keys()) assert.ok(put(cluster, first, key, stored.get(key)!).ok)
  assertKept(cluster, stored)
})

test('a node that dies while it takes over data is waited for, and the leave goes on when it is back', () => {
  const { cluster, stored } = withData(4, 200)
  const [, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  let chunks = 0
  cluster.watch = (_from, to, message) => {
    if (to === second && message.type === 'transfer-chunk' && ++chunks === 2) cluster.kill(second)
  }
  begin(cluster, third)
  cluster.until('it has died', () => !second.up)
  cluster.watch = undefined
  cluster.run(30_000)
  assert.ok(!hasLeft(third))
  const { reason, nodes } = view(third)!.waitsFor!
  assert.deepEqual({ reason, nodes }, { reason: 'move', nodes: [second.id] })
  cluster.restart(second)
  untilLeft(cluster, third)
  settle(cluster)
  assertKept(cluster, stored)
})

test('a node that is cut off from all others cannot leave until it reaches them again', () => {
  for (const phase of ['waiting', 'moving'] as const) {
    const { cluster, stored } = withData(4)
    const leaver = cluster.nodes[2]!
    begin(cluster, leaver)
    const others = cluster.nodes.filter((node) => node !== leaver)
    if (phase === 'waiting') cluster.separate([leaver], others)
    cluster.until(phase, () => view(leaver)?.phase === phase)
    if (phase !== 'waiting') cluster.separate([leaver], others)
    cluster.run(60_000)
    assert.ok(!hasLeft(leaver), phase)
    if (phase === 'waiting') assert.equal(view(leaver)?.waitsFor?.reason, 'majority')
    cluster.heal()
    untilLeft(cluster, leaver, 120_000)
    settle(cluster)
    assertKept(cluster, stored)
  }
})

test('a node that is cut off while it says goodbye tries again, so that it is seen as left', () => {
  const { cluster, stored } = withData(4)
  const leaver = cluster.nodes[2]!
  const others = cluster.nodes.filter((node) => node !== leaver)
  begin(cluster, leaver)
  cluster.until('all know', () => view(leaver)?.phase === 'telling')
  // Packets are lost as well as messages that tell of it.
  cluster.until('goodbye', () => {
    if (view(leaver)?.phase !== 'left') return false
    cluster.separate([leaver], others)
    return true
  })
  cluster.run(5_000)
  assert.ok(!hasLeft(leaver))
  cluster.heal()
  untilLeft(cluster, leaver)
  cluster.run(1_000)
  for (const other of others) assert.equal(stateOf(other, leaver), 'left')
  settle(cluster)
  assertKept(cluster, stored)
})

test('it does not go before everybody who is up knows that the move is over', () => {
  const { cluster, stored } = withData(4)
  const [first, , third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  begin(cluster, third)
  cluster.until('data moves', () => view(third)?.phase === 'moving')
  // It hears no state, and so stays in the move.
  cluster.hinder = (_from, to, message) =>
    to === first && message.type === 'state-sync' ? 'refused' : undefined
  cluster.until('the data is elsewhere', () => view(third)?.phase === 'telling')
  cluster.run(5_000)
  assert.ok(!hasLeft(third))
  assert.deepEqual(view(third)?.waitsFor, { reason: 'news', nodes: [first.id] })
  // Those who know read from the new owners, and do not serve who still asks the old ones.
  const stale = cluster.submit(first, getRequest('k1'))
  cluster.run(6_000)
  const refused = getResultOf(stale)
  assert.ok(!refused.ok && refused.code === 'DND_ERR_QUORUM_UNAVAILABLE', JSON.stringify(refused))
  cluster.hinder = undefined
  const read = cluster.submit(first, getRequest('k1'))
  cluster.run(1_000)
  assert.deepEqual(texts(getResultOf(read)), ['v1'])
  untilLeft(cluster, third)
  settle(cluster)
  assertKept(cluster, stored)
})

test('who has left and joins again with an empty disk is the same member in a later life, and brings nothing back', () => {
  const { cluster, stored } = withData(4)
  const leaver = cluster.nodes[2]!
  begin(cluster, leaver)
  untilLeft(cluster, leaver)
  settle(cluster)
  for (let i = 0; i < 30; i++) {
    assert.ok(put(cluster, cluster.nodes[0]!, `k${i}`, `n${i}`).ok)
    stored.set(`k${i}`, `n${i}`)
  }
  // As the data directory does when it is used to join again.
  leaver.store.records.clear()
  cluster.restart(leaver)
  settle(cluster)
  assert.equal(rolesOf(leaver), 4)
  assert.equal(view(leaver), undefined)
  for (const other of cluster.nodes) assert.equal(stateOf(other, leaver), 'alive')
  assertKept(cluster, stored)
})
