/**
 * Requests while a node is silent and nobody has called it dead yet: they go round it, and nobody
 * waits for the verdict.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  clusterOf,
  getRequest,
  getResultOf,
  keyWhere,
  listRequest,
  put,
  putRequest,
  replicasOf,
  texts,
  writeResultOf,
} from '../support/mini-client.ts'
import type { Asked, MiniCluster, MiniNode } from '../support/mini-cluster.ts'

/** Far beyond what a suspicion takes: whoever waited for a hedge would be seen. */
const NO_HEDGE = { hedgeAfterMs: 60_000, requestTimeoutMs: 60_000 }

/** Nothing goes to the node or comes from it; its connections stand, as with SIGSTOP. */
function silence(cluster: MiniCluster, node: MiniNode): void {
  for (const other of cluster.nodes) {
    if (other === node) continue
    cluster.stall(node, other)
    cluster.stall(other, node)
  }
}

function stateOf(seenBy: MiniNode, node: MiniNode): string | undefined {
  return seenBy.node.view().members.find(({ info }) => info.id === node.id)?.state
}

function untilSuspect(cluster: MiniCluster, seenBy: MiniNode, node: MiniNode): void {
  cluster.until('it is suspect', () => stateOf(seenBy, node) === 'suspect', 20_000)
}

/** Lets time pass until it is answered, for as long as `node` is not called dead. */
function untilAnswered(cluster: MiniCluster, asked: Asked, node: MiniNode): void {
  cluster.until('it is answered', () => asked.reply !== undefined, 20_000)
  assert.equal(stateOf(asked.mini, node), 'suspect', 'not because it was called dead')
}

test('a write of two out of three does not wait for the silent third, called suspect or not', () => {
  const cluster = clusterOf(3, { config: NO_HEDGE })
  const [first, , third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  silence(cluster, third)
  for (const when of ['before', 'after']) {
    const asked = cluster.submit(first, putRequest(when, 'v'))
    cluster.run(20)
    const result = writeResultOf(asked)
    assert.ok(result.ok && result.acks === 2, JSON.stringify(result))
    if (when === 'before') untilSuspect(cluster, first, third)
  }
})

test('a read that waits for a node asks the next one as soon as the node is suspect', () => {
  const cluster = clusterOf(3, { config: NO_HEDGE })
  const [first] = cluster.nodes as [MiniNode]
  assert.ok(put(cluster, first, 'a', 'v', { w: 3 }).ok)
  const [nearest] = replicasOf(cluster, 'a').filter((node) => node !== first) as [MiniNode]
  silence(cluster, nearest)
  const asked = cluster.submit(first, getRequest('a'))
  cluster.run(20)
  assert.equal(asked.reply, undefined, 'it waits for the one that is silent')
  untilSuspect(cluster, first, nearest)
  cluster.run(5)
  assert.deepEqual(texts(getResultOf(asked)), ['v'])
  assert.ok(first.notes.some(({ type }) => type === 'hedged'))
  const next = cluster.submit(first, getRequest('a'))
  cluster.run(5)
  assert.deepEqual(texts(getResultOf(next)), ['v'], 'a read that begins now does not ask it')
})

test('the suspect’s own answer still counts: with r=3 there is no other', () => {
  const cluster = clusterOf(3, { config: NO_HEDGE })
  const [first, , third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  assert.ok(put(cluster, first, 'a', 'v', { w: 3 }).ok)
  silence(cluster, third)
  const asked = cluster.submit(first, getRequest('a', { r: 3 }))
  untilSuspect(cluster, first, third)
  cluster.heal()
  cluster.run(50)
  assert.deepEqual(texts(getResultOf(asked)), ['v'])
})

test('a listing asks others for the suspect’s part, and the next one leaves it out', () => {
  const cluster = clusterOf(3, { config: NO_HEDGE })
  const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  for (let i = 0; i < 30; i++) assert.ok(put(cluster, first, `k${i}`, 'v', { w: 3 }).ok)
  const heard: MiniNode[] = []
  cluster.watch = (_, to, message) => {
    if (message.type === 'list-request') heard.push(to)
  }
  silence(cluster, second)
  const asked = cluster.submit(first, listRequest())
  cluster.run(20)
  untilSuspect(cluster, first, second)
  cluster.run(10)
  untilAnswered(cluster, asked, second)
  assert.ok(asked.reply?.type === 'list' && asked.reply.result.ok)
  assert.equal(asked.reply.result.keys.length, 30)
  assert.deepEqual(heard, [third])
  const next = cluster.submit(first, listRequest())
  cluster.run(10)
  assert.ok(next.reply?.type === 'list' && next.reply.result.ok)
})

test('a write is forwarded to a replica in good standing, and a forward that was sent stays where it is', () => {
  const cluster = clusterOf(5, { config: NO_HEDGE })
  const outside = cluster.nodes[4]!
  const key = keyWhere(cluster, (replicas) => !replicas.includes(outside))
  const [target, second] = replicasOf(cluster, key) as [MiniNode, MiniNode]
  assert.ok(put(cluster, outside, key, 'before').ok, 'they are connected')
  const forwards: MiniNode[] = []
  cluster.watch = (_, to, message) => {
    if (message.type === 'forward') forwards.push(to)
  }
  silence(cluster, target)
  const stuck = cluster.submit(outside, putRequest(key, 'stuck'))
  untilSuspect(cluster, outside, target)
  cluster.run(50)
  assert.equal(stuck.reply, undefined, 'it may be done: nobody else is asked to do it')
  const next = cluster.submit(outside, putRequest(key, 'next'))
  cluster.run(20)
  assert.ok(writeResultOf(next).ok)
  assert.deepEqual(forwards, [second])
  cluster.heal()
  cluster.run(100)
  assert.ok(writeResultOf(stuck).ok)
  assert.deepEqual(forwards, [second, target])
})
