/**
 * Users and tokens in a whole cluster: known to all, removed for good, asked for before serving.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FULL_GRANT } from '../../src/core/node/access.ts'
import type { AccessAsk, AccessResult } from '../../src/core/node/access-asks.ts'
import { clusterOf, isSettled } from '../support/mini-client.ts'
import type { MiniCluster, MiniNode } from '../support/mini-cluster.ts'

const ADMIN = { kind: 'user', name: 'anna' } as const
const TOKEN = { kind: 'token', name: 'ci' } as const
const SECRET = Uint8Array.of(1)

function ask(cluster: MiniCluster, node: MiniNode, wish: AccessAsk): AccessResult {
  const reply = cluster.ask(node, { type: 'access', ask: wish })
  assert.ok(reply.type === 'access')
  return reply.result
}

function locked(): MiniCluster {
  const cluster = clusterOf(3)
  for (const name of [ADMIN, TOKEN]) {
    const made = ask(cluster, cluster.nodes[0]!, {
      ...{ what: 'create', ...name, secret: SECRET, grants: [FULL_GRANT] },
    })
    assert.deepEqual(made, { ok: true, grants: [FULL_GRANT], pending: [] })
  }
  return cluster
}

const knows = ({ node }: MiniNode): boolean => node.access.find('token', 'ci') !== undefined

test('when the answer is there, all know; who joins learns it before it serves', () => {
  const cluster = locked()
  assert.ok(cluster.nodes.every(knows))
  const joiner = cluster.add()
  cluster.until('it serves', () => {
    const { ready } = joiner.node.view()
    assert.ok(!ready || knows(joiner))
    return ready
  })
})

test('a node that was away learns of what was removed before it serves, and keeps it', () => {
  const cluster = locked()
  const [first, , third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  cluster.kill(third)
  cluster.run(10_000)
  const removed = ask(cluster, first, { what: 'remove', ...TOKEN })
  assert.ok(removed.ok)
  cluster.restart(third)
  assert.ok(knows(third), 'by its own disk')
  cluster.until('it serves', () => {
    const { ready } = third.node.view()
    assert.ok(!ready || !knows(third))
    return ready
  })
  cluster.until('all is well', () => isSettled(cluster))
  assert.ok(!cluster.nodes.some(knows), 'nor did it bring the removed one back')
  for (const node of cluster.nodes) assert.ok(node.node.access.isLocked)
})

test('a node that reaches nobody waits long before it serves by what it remembers', () => {
  const cluster = locked()
  const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  cluster.kill(third)
  cluster.separate([third], [first, second])
  cluster.restart(third)
  cluster.run(9_000)
  assert.equal(third.node.view().ready, false)
  cluster.run(2_000)
  assert.equal(third.node.view().ready, true)
})

test('who is away is named in the answer', () => {
  const cluster = locked()
  const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  cluster.separate([third], [first, second])
  const removed = ask(cluster, first, { what: 'remove', ...TOKEN })
  assert.ok(removed.ok)
  assert.deepEqual(removed.pending, [third.id])
  assert.ok(!knows(second) && knows(third))
  cluster.heal()
  cluster.until('the third has heard', () => !knows(third))
})
