import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_PROPERTIES } from '../../src/core/node/buckets.ts'
import type { ListKeysRequest } from '../../src/core/node/events.ts'
import { clusterOf, configure, del, get, list, put, texts } from '../support/mini-client.ts'
import type { MiniNode } from '../support/mini-cluster.ts'
import { MiniCluster } from '../support/mini-cluster.ts'

test('a single node is a cluster: it stores and finds', () => {
  const cluster = clusterOf(1)
  const [node] = cluster.nodes
  assert.ok(put(cluster, node!, 'a', '1').ok)
  assert.deepEqual(texts(get(cluster, node!, 'a')), ['1'])
})

test('nodes that join get a share, and every node finds what any stored', () => {
  const cluster = clusterOf(3)
  for (const node of cluster.nodes) {
    const view = node.node.view()
    assert.equal(view.layout?.previous, undefined)
    assert.equal(view.layout?.current.roles.length, 3)
    assert.deepEqual(view.partitions, { total: 16, withQuorum: 16, allUp: 16 })
    assert.ok(view.ready)
  }
  for (const node of cluster.nodes) assert.ok(put(cluster, node, `k${node.index}`, 'v').ok)
  for (const node of cluster.nodes)
    for (const other of cluster.nodes)
      assert.deepEqual(texts(get(cluster, node, `k${other.index}`)), ['v'])
})

test('data stored before a join moves to the new node, and writes during the move are not lost', () => {
  const cluster = clusterOf(3)
  const stored = new Map<string, string>()
  for (let i = 0; i < 100; i++) {
    assert.ok(put(cluster, cluster.nodes[i % 3]!, `k${i}`, `v${i}`).ok)
    stored.set(`k${i}`, `v${i}`)
  }
  const fourth = cluster.add()
  for (let i = 100; i < 200; i++) {
    assert.ok(put(cluster, cluster.nodes[i % 3]!, `k${i}`, `v${i}`).ok)
    stored.set(`k${i}`, `v${i}`)
  }
  cluster.run(5_000)
  const view = fourth.node.view()
  assert.equal(view.layout?.current.roles.length, 4)
  assert.equal(view.layout?.previous, undefined, 'the move is complete')
  for (const [key, value] of stored)
    for (const node of cluster.nodes) assert.deepEqual(texts(get(cluster, node, key)), [value], key)
})

test('with one of three killed, writes and reads go on, and it catches up on what it reads', () => {
  const cluster = clusterOf(3)
  const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  assert.ok(put(cluster, first, 'a', 'old').ok)
  cluster.kill(third)
  assert.ok(put(cluster, first, 'a', 'new').ok)
  assert.deepEqual(texts(get(cluster, second, 'a')), ['new'])
  cluster.restart(third)
  cluster.run(3_000)
  assert.deepEqual(texts(get(cluster, third, 'a')), ['new'])
  cluster.run(100)
  assert.deepEqual(texts(get(cluster, third, 'a', { r: 1 })), ['new'])
})

test('with two of three killed, a write is refused and says that nothing was stored', () => {
  const cluster = clusterOf(3)
  const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  cluster.kill(second)
  cluster.kill(third)
  cluster.run(20_000)
  const result = put(cluster, first, 'a', 'x')
  assert.ok(!result.ok)
  assert.deepEqual(
    [result.code, result.outcome, result.needed, result.got],
    ['DND_ERR_QUORUM_UNAVAILABLE', 'rejected', 2, 1],
  )
  assert.ok(put(cluster, first, 'a', 'x', { w: 1 }).ok, 'one replica is enough when asked for so')
})

test('a quorum beyond the replicas is the caller’s mistake', () => {
  const cluster = clusterOf(3)
  const result = put(cluster, cluster.nodes[0]!, 'a', 'x', { w: 4 })
  assert.ok(!result.ok && result.code === 'DND_ERR_BAD_QUORUM')
})

test('concurrent values of a siblings bucket are kept, and a context resolves them', () => {
  const cluster = clusterOf(3)
  const [first, second] = cluster.nodes as [MiniNode, MiniNode]
  const conflicts = 'siblings'
  const properties = { ...DEFAULT_PROPERTIES, conflicts, valueBytesMax: 1000 } as const
  const configured = configure(cluster, first, 'carts', properties)
  assert.deepEqual(configured, { ok: true, properties, pending: [] })
  assert.ok(put(cluster, first, 'c', 'milk', { bucket: 'carts' }).ok)
  const second_put = put(cluster, second, 'c', 'eggs', { bucket: 'carts' })
  assert.ok(second_put.ok && second_put.context === undefined, 'it has not seen the other')
  const both = get(cluster, second, 'c', { bucket: 'carts' })
  assert.deepEqual(texts(both), ['eggs', 'milk'])
  const resolved = put(cluster, first, 'c', 'milk,eggs', { bucket: 'carts', context: both.context })
  assert.ok(resolved.ok && resolved.context !== undefined)
  assert.deepEqual(texts(get(cluster, second, 'c', { bucket: 'carts' })), ['milk,eggs'])
})

test('a deleted key is absent everywhere and can be written again', () => {
  const cluster = clusterOf(3)
  const [first, second] = cluster.nodes as [MiniNode, MiniNode]
  assert.ok(put(cluster, first, 'a', '1').ok)
  assert.ok(del(cluster, second, 'a').ok)
  for (const node of cluster.nodes) assert.deepEqual(texts(get(cluster, node, 'a')), [])
  assert.ok(put(cluster, first, 'a', '2').ok)
  assert.deepEqual(texts(get(cluster, second, 'a')), ['2'])
})

test('a listing gives every live key once, in order, in pages, forwards and backwards', () => {
  const cluster = clusterOf(4)
  const names = Array.from({ length: 150 }, (_, i) => `key-${String(i).padStart(4, '0')}`)
  for (const [i, name] of names.entries())
    assert.ok(put(cluster, cluster.nodes[i % 4]!, name, 'v').ok)
  for (const name of names.slice(10, 60)) assert.ok(del(cluster, cluster.nodes[0]!, name).ok)
  const live = [...names.slice(0, 10), ...names.slice(60)]
  for (const reverse of [false, true]) {
    const seen: string[] = []
    for (let from: Uint8Array | undefined = new Uint8Array(0); from !== undefined;) {
      const bounds: Partial<ListKeysRequest> = reverse ? { to: from } : { from }
      const page = list(cluster, cluster.nodes[1]!, { ...bounds, reverse, limit: 7 })
      assert.ok(page.keys.length === 7 || page.next === undefined)
      seen.push(...page.keys)
      from = page.next
    }
    assert.deepEqual(seen, reverse ? live.toReversed() : live)
  }
})

test('a damaged record is repaired from a replica and never read as absent', () => {
  const cluster = clusterOf(3)
  const [first, second] = cluster.nodes as [MiniNode, MiniNode]
  assert.ok(put(cluster, first, 'a', 'precious').ok)
  cluster.run(100)
  for (const [key, value] of second.store.records)
    if (key.charCodeAt(0) === 1)
      second.store.records.set(
        key,
        value.map((byte, i) => (i === value.length - 1 ? byte ^ 1 : byte)),
      )
  assert.deepEqual(texts(get(cluster, second, 'a', { r: 1 })), ['precious'])
  cluster.run(100)
  assert.ok(second.notes.some(({ type }) => type === 'unreadable'))
  cluster.kill(first)
  cluster.kill(cluster.nodes[2]!)
  cluster.run(20_000)
  assert.deepEqual(
    texts(get(cluster, second, 'a', { r: 1 })),
    ['precious'],
    'its own copy is whole again',
  )
})

test('a bucket with keys keeps its n, an empty one may change it', () => {
  const cluster = clusterOf(3)
  const [first] = cluster.nodes as [MiniNode]
  const properties = { n: 1, r: 1, w: 1, conflicts: 'lww', valueBytesMax: 1000 } as const
  assert.ok(put(cluster, first, 'a', '1', { bucket: 'b' }).ok)
  const refused = configure(cluster, first, 'b', properties)
  assert.ok(!refused.ok && refused.code === 'DND_ERR_BUCKET_NOT_EMPTY')
  assert.ok(del(cluster, first, 'a', { bucket: 'b' }).ok)
  assert.ok(configure(cluster, first, 'b', properties).ok)
})

test('nodes that join at once are planned together', () => {
  const cluster = new MiniCluster()
  cluster.add()
  cluster.run(500)
  for (let i = 0; i < 4; i++) cluster.add()
  cluster.run(10_000)
  const { layout } = cluster.nodes[4]!.node.view()
  assert.equal(layout?.current.roles.length, 5)
  assert.ok(layout.current.version <= 3, `version ${layout.current.version}`)
})
