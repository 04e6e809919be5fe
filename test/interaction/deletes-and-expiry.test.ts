/** Values that expire and deletes, from the client to the last trace on the disks. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DEFAULT_PROPERTIES } from '../../src/core/node/buckets.ts'
import { isRecordKey } from '../../src/core/node/storage-keys.ts'
import type { PartitionId } from '../../src/core/std/ids.ts'
import {
  clusterOf,
  configure,
  del,
  get,
  list,
  put,
  putRequest,
  texts,
} from '../support/mini-client.ts'
import type { MiniCluster, MiniNode } from '../support/mini-cluster.ts'

const PARTITIONS = 16
const SKEW_MS = 500
/** In which every pair of replicas compares each partition once. */
const OFTEN = { config: { antiEntropyIntervalMs: 20_000 } }

function putFor(
  cluster: MiniCluster,
  node: MiniNode,
  key: string,
  ttlMs?: number,
  bucket?: string,
): void {
  const reply = cluster.ask(node, { ...putRequest(key, key, { bucket }), ttlMs })
  assert.ok(reply.type === 'write' && reply.result.ok)
}

/** Records on the disk of a node, deleted ones too. */
function records(node: MiniNode): number {
  const range = { from: Uint8Array.of(1), to: Uint8Array.of(2), reverse: false }
  const entries = node.store.scan({ ...range, limit: 1e6, bytesMax: 1e9 })
  for (const { key } of entries) {
    const place = ((key[1]! << 8) | key[2]!) as PartitionId
    assert.ok(place < PARTITIONS && isRecordKey(key, place))
  }
  return entries.length
}

function untilClean(cluster: MiniCluster): void {
  const isClean = (): boolean => cluster.nodes.every((node) => records(node) === 0)
  for (let seconds = 0; seconds < 120 && !isClean(); seconds++) cluster.run(1_000)
  assert.deepEqual(cluster.nodes.map(records), [0, 0, 0])
}

test('a value is shown up to its deadline, by reads and listings of every node, and not longer', () => {
  const cluster = clusterOf(3)
  const [first] = cluster.nodes as [MiniNode]
  putFor(cluster, first, 'short', 5_000)
  putFor(cluster, first, 'long', 60_000)
  putFor(cluster, first, 'for ever', 0)
  cluster.run(5_000 - SKEW_MS - 1_000)
  for (const node of cluster.nodes) assert.deepEqual(texts(get(cluster, node, 'short')), ['short'])
  assert.equal(list(cluster, first).keys.length, 3)
  cluster.run(1_000 + SKEW_MS)
  for (const node of cluster.nodes) {
    assert.deepEqual(texts(get(cluster, node, 'short')), [])
    assert.equal(list(cluster, node).keys.length, 2)
  }
  cluster.run(60_000)
  for (const node of cluster.nodes) {
    assert.deepEqual(texts(get(cluster, node, 'long')), [])
    assert.deepEqual(texts(get(cluster, node, 'for ever')), ['for ever'])
  }
})

test('a bucket says how long values live whose writer does not, and a writer may say otherwise', () => {
  const cluster = clusterOf(3)
  const [first, second] = cluster.nodes as [MiniNode, MiniNode]
  const properties = { ...DEFAULT_PROPERTIES, ttlMs: 5_000 }
  assert.ok(configure(cluster, first, 'tmp', properties).ok)
  putFor(cluster, second, 'usual', undefined, 'tmp')
  putFor(cluster, second, 'longer', 60_000, 'tmp')
  putFor(cluster, second, 'for ever', 0, 'tmp')
  putFor(cluster, second, 'usual')
  cluster.run(6_000)
  assert.equal(list(cluster, first, { bucket: 'tmp' }).keys.length, 2)
  assert.deepEqual(texts(get(cluster, first, 'usual', { bucket: 'tmp' })), [])
  assert.deepEqual(texts(get(cluster, first, 'usual')), ['usual'], 'of another bucket')
})

test('a write without a deadline replaces one that has one', () => {
  const cluster = clusterOf(3)
  const [first] = cluster.nodes as [MiniNode]
  putFor(cluster, first, 'a', 5_000)
  putFor(cluster, first, 'a')
  cluster.run(10_000)
  assert.deepEqual(texts(get(cluster, first, 'a')), ['a'])
})

test('when a wall clock is set back, what had expired is not shown again', () => {
  const cluster = clusterOf(3)
  const [first] = cluster.nodes as [MiniNode]
  putFor(cluster, first, 'a', 5_000)
  cluster.run(6_000)
  putFor(cluster, first, 'later')
  first.wallOffsetMs -= 3_600_000
  assert.deepEqual(texts(get(cluster, first, 'a')), [])
})

test('after everything was deleted or has expired no disk has anything left of it', () => {
  const cluster = clusterOf(3, OFTEN)
  const [first, second] = cluster.nodes as [MiniNode, MiniNode]
  for (let i = 0; i < 60; i++) putFor(cluster, first, `k${i}`, i % 3 === 0 ? 5_000 : undefined)
  for (let i = 0; i < 60; i++) if (i % 3 !== 0) assert.ok(del(cluster, second, `k${i}`).ok)
  assert.deepEqual(cluster.nodes.map(records), [60, 60, 60])
  untilClean(cluster)
  assert.equal(list(cluster, first).keys.length, 0)
})

test('a replica that slept through the deletes and their end brings nothing back', () => {
  const cluster = clusterOf(3, OFTEN)
  const [first, second, third] = cluster.nodes as [MiniNode, MiniNode, MiniNode]
  for (let i = 0; i < 40; i++) assert.ok(put(cluster, first, `k${i}`, 'v').ok)
  cluster.run(1_000)
  cluster.kill(third)
  cluster.run(20_000)
  for (let i = 0; i < 40; i++) assert.ok(del(cluster, first, `k${i}`).ok)
  const up = [first, second]
  for (let s = 0; s < 120 && up.some((node) => records(node) > 0); s++) cluster.run(1_000)
  assert.deepEqual([records(first), records(second), records(third)], [0, 0, 40])
  cluster.restart(third)
  cluster.run(3_000)
  for (const node of cluster.nodes) {
    assert.equal(list(cluster, node).keys.length, 0)
    assert.deepEqual(texts(get(cluster, node, 'k7')), [])
  }
  untilClean(cluster)
})
