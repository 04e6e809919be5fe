/** Three zones with two nodes each: whom reads ask, and a zone that dies. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { MiniNode } from '../support/mini-cluster.ts'
import { MiniCluster } from '../support/mini-cluster.ts'
import { get, getResult, isSettled, list, put, replicasOf, texts } from '../support/mini-client.ts'

const ZONES = ['north', 'east', 'west']
const KEYS = Array.from({ length: 30 }, (_, i) => `k${i}`)

function zoned(): MiniCluster {
  const cluster = new MiniCluster()
  for (let i = 0; i < 6; i++) cluster.add({ zone: ZONES[i % 3]! })
  cluster.until('all hold their share', () => isSettled(cluster), 60_000)
  return cluster
}

const zoneOf = ({ options }: MiniNode): string => options.zone!

test('each key has a replica in every zone', () => {
  const cluster = zoned()
  for (const key of KEYS)
    assert.deepEqual(replicasOf(cluster, key).map(zoneOf).sort(), [...ZONES].sort(), key)
})

test('a read that wants one answer does not leave its zone', () => {
  const cluster = zoned()
  for (const key of KEYS) put(cluster, cluster.nodes[0]!, key, 'v')
  cluster.run(1_000)
  const crossings: string[] = []
  cluster.watch = (from, to, message) => {
    if (message.type === 'read' && zoneOf(from) !== zoneOf(to))
      crossings.push(`${zoneOf(from)} → ${zoneOf(to)}`)
  }
  for (const node of cluster.nodes)
    for (const key of KEYS) assert.deepEqual(texts(get(cluster, node, key, { r: 1 })), ['v'])
  assert.deepEqual(crossings, [])
})

test('a write whose node holds no replica goes to the one in its zone', () => {
  const cluster = zoned()
  const [node] = cluster.nodes
  const ways: string[] = []
  cluster.watch = (from, to, message) => {
    if (message.type === 'forward') ways.push(`${zoneOf(from)} → ${zoneOf(to)}`)
  }
  for (const key of KEYS) assert.ok(put(cluster, node!, key, 'v').ok)
  assert.ok(ways.length > 0, 'else choose other keys')
  assert.deepEqual(new Set(ways), new Set(['north → north']))
})

test('a whole zone dies: everything is read and written with two of three, and listed', () => {
  const cluster = zoned()
  for (const key of KEYS) assert.ok(put(cluster, cluster.nodes[0]!, key, 'before').ok)
  const dead = cluster.nodes.filter((node) => zoneOf(node) === 'east')
  for (const node of dead) cluster.kill(node)
  const alive = cluster.nodes.filter((node) => !dead.includes(node))
  const [first] = alive
  assert.ok(
    KEYS.every((key) => getResult(cluster, first!, key).ok),
    'before anybody noticed, too',
  )
  cluster.until(
    'the dead are known as dead',
    () => alive.every(({ node }) => node.view().partitions.allUp === 0),
    60_000,
  )
  for (const node of alive)
    assert.equal(node.node.view().partitions.withQuorum, node.node.view().partitions.total)
  for (const [i, key] of KEYS.entries()) {
    const node = alive[i % alive.length]!
    assert.deepEqual(texts(get(cluster, node, key)), ['before'])
    assert.ok(put(cluster, node, key, 'since').ok)
  }
  assert.equal(list(cluster, first!).keys.length, KEYS.length)
})
