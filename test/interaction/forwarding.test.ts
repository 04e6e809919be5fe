/** Writes through nodes that hold no replica of the key. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  clusterOf,
  configure,
  del,
  get,
  keyWhere,
  put,
  putRequest,
  replicasOf,
  texts,
  writeResultOf,
} from '../support/mini-client.ts'
import type { MiniCluster, MiniNode } from '../support/mini-cluster.ts'

/** Five nodes, one of them without a replica of the key, and the replicas in order. */
function fiveNodes(): {
  cluster: MiniCluster
  outside: MiniNode
  key: string
  replicas: MiniNode[]
} {
  const cluster = clusterOf(5)
  const outside = cluster.nodes[4]!
  const key = keyWhere(cluster, (replicas) => !replicas.includes(outside))
  return { cluster, outside, key, replicas: replicasOf(cluster, key) }
}

/** The messages of one type that arrived, as "from>to" by index. */
function watched(cluster: MiniCluster, type: string): string[] {
  const seen: string[] = []
  cluster.watch = (from, to, message) => {
    if (message.type === type) seen.push(`${from.index}>${to.index}`)
  }
  return seen
}

test('a write is passed on to a replica, and found by everybody', () => {
  const { cluster, outside, key, replicas } = fiveNodes()
  const forwards = watched(cluster, 'forward')
  assert.ok(put(cluster, outside, key, 'v').ok)
  assert.deepEqual(forwards, [`${outside.index}>${replicas[0]!.index}`])
  for (const node of cluster.nodes) assert.deepEqual(texts(get(cluster, node, key)), ['v'])
  assert.ok(del(cluster, outside, key).ok)
  for (const node of cluster.nodes) assert.deepEqual(texts(get(cluster, node, key)), [])
})

test('the context of a forwarded write supersedes it, through any node', () => {
  const { cluster, outside, key, replicas } = fiveNodes()
  assert.ok(configure(cluster, outside, 'carts', { conflicts: 'siblings' }).ok)
  const bucket = 'carts'
  const first = put(cluster, outside, key, 'one', { bucket })
  assert.ok(first.ok && first.context !== undefined)
  assert.ok(put(cluster, replicas[1]!, key, 'two', { bucket, context: first.context }).ok)
  assert.deepEqual(texts(get(cluster, outside, key, { bucket })), ['two'])
})

test('a target that is gone before it was connected costs nothing: the next replica takes the write', () => {
  const { cluster, outside, key, replicas } = fiveNodes()
  cluster.kill(replicas[0]!)
  cluster.run(5)
  assert.ok(
    outside.node.view().members.every(({ state }) => state === 'alive'),
    'nobody knows yet',
  )
  const forwards = watched(cluster, 'forward')
  assert.ok(put(cluster, outside, key, 'v').ok)
  assert.deepEqual(forwards, [`${outside.index}>${replicas[1]!.index}`])
})

test('a target that dies with the write in its hands leaves the outcome unknown, and the value where it was stored', () => {
  const { cluster, outside, key, replicas } = fiveNodes()
  const [target] = replicas as [MiniNode]
  cluster.hinder = (from, _to, message) => {
    if (from !== target || message.type !== 'replicate') return undefined
    if (target.up) cluster.kill(target)
    return 'lost'
  }
  const result = put(cluster, outside, key, 'v')
  assert.ok(!result.ok && result.outcome === 'unknown')
  cluster.hinder = undefined
  cluster.run(20_000)
  assert.deepEqual(texts(get(cluster, outside, key)), [], 'the others have not got it')
  cluster.restart(target)
  cluster.run(3_000)
  assert.deepEqual(texts(get(cluster, target, key)), ['v'], 'it surfaces later, as was said')
})

test('a repeated forward is answered from memory: one write, one dot', () => {
  const { cluster, outside, key } = fiveNodes()
  assert.ok(configure(cluster, outside, 'carts', { conflicts: 'siblings' }).ok)
  const bucket = 'carts'
  let repeats = 0
  cluster.watch = (from, to, message) => {
    if (message.type !== 'forward' || repeats >= 3) return
    repeats++
    cluster.inject(to, { type: 'message', from: from.id, message })
  }
  for (const node of cluster.nodes) {
    const result = put(cluster, node, key, `from ${node.index}`, { bucket })
    assert.ok(result.ok)
  }
  assert.ok(repeats > 0, 'some node had to forward')
  cluster.run(100)
  const { live } = get(cluster, outside, key, { bucket })
  assert.equal(live.length, cluster.nodes.length)
  const dots = new Set(live.map(({ dot }) => `${dot.vnode}:${dot.counter}`))
  assert.equal(dots.size, cluster.nodes.length)
})

test('a replica that cannot coordinate yet refuses, and another takes the write', () => {
  const { cluster, outside, key, replicas } = fiveNodes()
  const [target, second] = replicas as [MiniNode, MiniNode]
  cluster.kill(target)
  cluster.run(50)
  cluster.restart(target)
  target.hangs = true
  cluster.until('it is known to be back', () =>
    outside.node
      .view()
      .members.some(
        ({ info, state, generation }) =>
          info.id === target.id && state === 'alive' && generation === target.generation,
      ),
  )
  assert.ok(!target.node.view().ready, 'its leases are not durable')
  const forwards = watched(cluster, 'forward')
  assert.ok(put(cluster, outside, key, 'v').ok)
  assert.deepEqual(forwards, [
    `${outside.index}>${target.index}`,
    `${outside.index}>${second.index}`,
  ])
  cluster.releaseDisk(target)
  cluster.run(2_000)
  assert.deepEqual(texts(get(cluster, target, key)), ['v'])
})

test('a forward that waits for a connection is not tried elsewhere because its target is said to be dead', () => {
  const { cluster, outside, key, replicas } = fiveNodes()
  const [target] = replicas as [MiniNode]
  cluster.kill(target)
  cluster.run(5)
  cluster.restart(target)
  cluster.run(3_000)
  // Everything towards the target waits on the way, and nothing comes back: as in a network that
  // swallows packets.
  cluster.stall(outside, target)
  const asked = cluster.submit(outside, putRequest(key, 'v', { timeoutMs: 60_000 }))
  cluster.separate(
    [target],
    cluster.nodes.filter((node) => node !== target && node !== outside),
  )
  cluster.cut.add(`${target.id}>${outside.id}`)
  cluster.until('the target is said to be dead', () =>
    outside.node
      .view()
      .members.some(({ info, state }) => info.id === target.id && state === 'dead'),
  )
  cluster.heal()
  cluster.run(61_000)
  const result = writeResultOf(asked)
  assert.ok(result.ok || result.outcome === 'unknown', JSON.stringify(result))
  const { container } = get(cluster, outside, key)
  assert.ok(container.versions.length <= 1)
  assert.ok(container.vector.length <= 1, 'nobody coordinated it a second time')
})

test('when no replica can be reached the write is rejected, and nothing of it is ever seen', () => {
  const { cluster, outside, key, replicas } = fiveNodes()
  for (const replica of replicas) cluster.kill(replica)
  cluster.run(5)
  const result = put(cluster, outside, key, 'v')
  assert.ok(!result.ok)
  assert.deepEqual([result.code, result.outcome], ['DND_ERR_QUORUM_UNAVAILABLE', 'rejected'])
  for (const replica of replicas) cluster.restart(replica)
  cluster.run(5_000)
  for (const node of cluster.nodes) assert.deepEqual(texts(get(cluster, node, key)), [])
})

test('the patience of the client goes with the write: the target does not outlive it', () => {
  const { cluster, outside, key, replicas } = fiveNodes()
  for (const replica of replicas.slice(1)) cluster.stall(replicas[0]!, replica)
  const asked = cluster.submit(outside, putRequest(key, 'v', { timeoutMs: 300 }))
  cluster.run(310)
  const result = writeResultOf(asked)
  assert.ok(!result.ok)
  assert.deepEqual([result.code, result.outcome], ['DND_ERR_TIMEOUT', 'unknown'])
  assert.equal(replicas[0]!.node.view().inFlight, 0)
})
