/** Nodes that come back with the disk that they had, an older one, or none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '../../src/core/std/crc32.ts'
import { actorKey } from '../../src/core/node/storage-keys.ts'
import type { PartitionId } from '../../src/core/std/ids.ts'
import { decodeActor } from '../../src/core/versions/actor.ts'
import {
  clusterOf,
  configure,
  configureRequest,
  get,
  getResult,
  isSettled,
  put,
  putRequest,
  texts,
  writeResultOf,
} from '../support/mini-client.ts'
import type { MiniCluster, MiniNode } from '../support/mini-cluster.ts'

const NO_DISK: ReadonlyMap<string, Uint8Array> = new Map()

/** Vnode ids by partition. */
function vnodes({ store }: MiniNode): (number | undefined)[] {
  return Array.from({ length: 16 }, (_, place) => {
    const bytes = store.get(actorKey(place as PartitionId))
    return bytes instanceof Uint8Array ? decodeActor(bytes, crc32)?.vnode : undefined
  })
}

function comeBack(cluster: MiniCluster, node: MiniNode): void {
  cluster.restart(node)
  cluster.until('it serves again', () => isSettled(cluster))
  cluster.run(500)
}

test('after a crash a node draws under new ids, and has all that was durable', () => {
  const cluster = clusterOf(3)
  const [first, second] = cluster.nodes as [MiniNode, MiniNode]
  assert.ok(put(cluster, second, 'a', '1').ok)
  const before = vnodes(second)
  cluster.kill(second)
  comeBack(cluster, second)
  for (const [place, vnode] of vnodes(second).entries()) assert.notEqual(vnode, before[place])
  assert.deepEqual(texts(get(cluster, second, 'a', { r: 1 })), ['1'])
  assert.ok(put(cluster, second, 'a', '2').ok)
  assert.deepEqual(texts(get(cluster, first, 'a')), ['2'])
})

test('with a new disk and the old name a node is somebody new: other ids, and no acknowledged write is lost', () => {
  const cluster = clusterOf(3)
  assert.ok(configure(cluster, cluster.nodes[0]!, 'carts', { conflicts: 'siblings' }).ok)
  const [first, , third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  const carts = { bucket: 'carts' }
  for (let i = 0; i < 30; i++) {
    assert.ok(put(cluster, third, `k${i}`, `v${i}`).ok)
    assert.ok(put(cluster, third, `k${i}`, `old${i}`, carts).ok)
  }
  const before = vnodes(third)
  cluster.kill(third)
  third.store.restore(NO_DISK)
  comeBack(cluster, third)
  const after = vnodes(third)
  for (const [place, vnode] of after.entries())
    if (vnode !== undefined) assert.notEqual(vnode, before[place])
  for (let i = 0; i < 30; i++) {
    // A blind write by the node that has forgotten: it must not hide what it once wrote itself.
    assert.ok(put(cluster, third, `k${i}`, `new${i}`, carts).ok)
    for (const node of cluster.nodes) {
      assert.deepEqual(texts(get(cluster, node, `k${i}`)), [`v${i}`])
      assert.deepEqual(texts(get(cluster, node, `k${i}`, carts)), [`new${i}`, `old${i}`])
    }
  }
  assert.deepEqual(
    third.node.view().buckets.map(({ name }) => name),
    ['carts'],
  )
  assert.deepEqual(texts(get(cluster, first, 'k0', { r: 3 })), ['v0'])
})

test('a disk restored from a backup is only behind: it draws under other ids, and nothing is lost', () => {
  const cluster = clusterOf(3)
  const [first, second] = cluster.nodes as [MiniNode, MiniNode]
  assert.ok(configure(cluster, first, 'carts', { conflicts: 'siblings' }).ok)
  const carts = { bucket: 'carts' }
  assert.ok(put(cluster, second, 'a', 'x').ok)
  const backup = second.store.backup()
  // More writes than the lease of the backup covers.
  let context = undefined
  for (let i = 0; i < 10_050; i++) {
    const asked = cluster.submit(second, putRequest('a', `${i}`, { ...carts, context, w: 1 }))
    for (let waited = 0; asked.reply === undefined && waited < 10; waited++) cluster.run(1)
    const result = writeResultOf(asked)
    assert.ok(result.ok)
    context = result.context
  }
  cluster.run(1_000)
  const before = vnodes(second)
  cluster.kill(second)
  second.store.restore(backup)
  comeBack(cluster, second)
  assert.deepEqual(texts(get(cluster, second, 'a', carts)), ['10049'], 'its copy is mended by this')
  // Under the id that it had, its next blind write would be taken for an older one.
  assert.ok(put(cluster, second, 'a', 'blind', carts).ok)
  assert.ok(put(cluster, second, 'a', 'blind too', carts).ok)
  cluster.run(500)
  const all = ['10049', 'blind', 'blind too']
  assert.deepEqual(texts(get(cluster, first, 'a', { ...carts, r: 3 })), all)
  assert.notDeepEqual(vnodes(second), before)
})

test('what was not durable is gone after a crash, and was acknowledged to nobody', () => {
  const cluster = clusterOf(3)
  const [first, second] = cluster.nodes as [MiniNode, MiniNode]
  second.hangs = true
  const asked = cluster.submit(second, putRequest('a', 'x'))
  cluster.run(20)
  const early = asked.reply
  assert.equal(early, undefined)
  cluster.kill(second)
  comeBack(cluster, second)
  for (const node of [first, second]) assert.deepEqual(texts(get(cluster, node, 'a', { r: 3 })), [])
})

test('the whole cluster restarts at once and has everything', () => {
  const cluster = clusterOf(3)
  for (let i = 0; i < 20; i++) assert.ok(put(cluster, cluster.nodes[i % 3]!, `k${i}`, `v${i}`).ok)
  assert.ok(configure(cluster, cluster.nodes[0]!, 'loose', { r: 1, w: 1 }).ok)
  for (const node of cluster.nodes) cluster.kill(node)
  cluster.run(60_000)
  for (const node of cluster.nodes) cluster.restart(node)
  cluster.until('all serve', () => isSettled(cluster))
  for (let i = 0; i < 20; i++)
    for (const node of cluster.nodes)
      assert.deepEqual(texts(get(cluster, node, `k${i}`)), [`v${i}`])
  for (const { node } of cluster.nodes)
    assert.deepEqual(
      node.view().buckets.map(({ name }) => name),
      ['loose'],
    )
})

test('a restarted node that serves nothing yet says so, and passes on what it can', () => {
  const cluster = clusterOf(3)
  const [, second] = cluster.nodes as [MiniNode, MiniNode]
  cluster.kill(second)
  cluster.restart(second)
  assert.ok(!second.node.view().ready)
  const early = put(cluster, second, 'a', 'early')
  if (!early.ok) assert.equal(early.outcome, 'rejected')
  cluster.until('it serves', () => isSettled(cluster))
  assert.ok(put(cluster, second, 'a', 'x').ok)
  const joined = cluster.add()
  const refused = getResult(cluster, joined, 'a')
  assert.ok(!refused.ok && refused.code === 'DND_ERR_NOT_READY')
})

test('a clock that steps back over a restart does not make later writes lose', () => {
  const cluster = clusterOf(1)
  const [node] = cluster.nodes as [MiniNode]
  assert.ok(put(cluster, node, 'a', 'first').ok)
  const before = get(cluster, node, 'a').context!.stamp
  cluster.kill(node)
  node.wallOffsetMs = -3_600_000
  comeBack(cluster, node)
  assert.ok(put(cluster, node, 'a', 'second').ok)
  const { context, live } = get(cluster, node, 'a')
  assert.equal(live.length, 1)
  assert.ok(context!.stamp.ms >= before.ms)
})

test('over time the leases are renewed, and a node that writes a lot never runs dry', () => {
  const cluster = clusterOf(1)
  const [node] = cluster.nodes as [MiniNode]
  for (let quarter = 0; quarter < 2; quarter++) {
    cluster.run(900_000)
    assert.ok(put(cluster, node, 'a', `${quarter}`).ok)
  }
  for (let burst = 0; burst < 240; burst++) {
    const asked = Array.from({ length: 50 }, (_, i) =>
      cluster.submit(node, putRequest(`b`, `${burst}/${i}`)),
    )
    cluster.run(5)
    for (const one of asked) assert.ok(writeResultOf(one).ok, JSON.stringify(one.reply))
  }
  assert.deepEqual(texts(get(cluster, node, 'b')), ['239/49'])
})

test('a bucket’s properties are confirmed when they would survive a power failure, not before', () => {
  const cluster = clusterOf(3)
  const [first] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  for (const node of cluster.nodes) node.hangs = true
  const asked = cluster.submit(first, configureRequest('carts', { conflicts: 'siblings' }))
  cluster.run(500)
  const early = asked.reply
  assert.equal(early, undefined)
  for (const node of cluster.nodes) cluster.releaseDisk(node)
  cluster.run(100)
  assert.ok(asked.reply?.type === 'configure-bucket' && asked.reply.result.ok)
  assert.deepEqual(asked.reply.result.pending, [])
  for (const node of cluster.nodes) cluster.kill(node)
  for (const node of cluster.nodes) {
    cluster.restart(node)
    assert.deepEqual(
      node.node.view().buckets.map(({ name }) => name),
      ['carts'],
    )
  }
})
