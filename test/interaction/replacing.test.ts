/** Nodes whose disks are gone, and those that come in their places. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../../src/core/std/ids.ts'
import type { Asked, MiniCluster, MiniNode } from '../support/mini-cluster.ts'
import {
  clusterOf,
  configure,
  getRequest,
  getResultOf,
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

const members = ({ node }: MiniNode): NodeId[] =>
  node.view().layout?.current.roles.map((role) => role.node) ?? []
const isReady = ({ node }: MiniNode): boolean => node.view().ready
const refusalOf = ({ notes }: MiniNode): string | undefined =>
  notes.flatMap((note) => (note.type === 'replace-refused' ? [note.reason] : []))[0]

/** All who are up know the layout of these nodes, and nothing moves. */
function untilHeldBy(cluster: MiniCluster, nodes: readonly MiniNode[]): void {
  const wanted = nodes.map(({ id }) => id).sort()
  cluster.until(
    'one complete layout everywhere',
    () =>
      cluster.nodes.every((node) => {
        const layout = node.node.view().layout
        return (
          !node.up || (layout?.previous === undefined && members(node).join() === wanted.join())
        )
      }),
    120_000,
  )
}

test('a new node has the places of the lost one and its data, and nothing else moves', () => {
  const { cluster, stored } = withData(5)
  const [first, second, lost, fourth, fifth] = cluster.nodes as MiniNode[]
  const before = first!.node.view().layout!.current
  const placesOf = (id: NodeId): string => {
    const { table, roles } = first!.node.view().layout!.current
    return JSON.stringify(table.map((set) => set.findIndex((index) => roles[index]!.node === id)))
  }
  const places = placesOf(lost!.id)
  cluster.kill(lost!)
  const newcomer = cluster.add({ replaces: 'node3' })
  cluster.run(200)
  assert.ok(!isReady(newcomer), 'nothing is asked of it before it has its places')
  untilHeldBy(cluster, [first!, second!, fourth!, fifth!, newcomer])
  assert.equal(placesOf(newcomer.id), places)
  assert.equal(first!.node.view().layout!.current.version, before.version + 1)
  assert.ok(isReady(newcomer))
  assert.equal(newcomer.node.view().replacing, undefined)
  assertFound(cluster, stored)
  // All that it should hold is on its own disk.
  for (const other of [second!, fourth!, fifth!]) cluster.separate([newcomer], [other])
  cluster.separate([newcomer], [first!])
  const held = [...stored].filter(([key]) => {
    const { reply } = cluster.submit(newcomer, getRequest(key, { r: 1, timeoutMs: 50 }))
    return reply?.type === 'get' && reply.result.ok && reply.result.live.length === 1
  })
  assert.ok(held.length > 20, `${held.length} values on its own disk`)
})

test('while it is filled it takes writes, and neither coordinates nor answers reads', () => {
  const { cluster, stored } = withData(3)
  const [first, second, lost] = cluster.nodes as MiniNode[]
  cluster.kill(lost!)
  cluster.hinder = (_from, _to, message) =>
    message.type === 'transfer-chunk' ? 'refused' : undefined
  const newcomer = cluster.add({ replaces: 'node3' })
  cluster.until('it is being filled', () => newcomer.node.view().replacing?.phase === 'filling')
  let asked = 0
  cluster.watch = (_from, to, message) => {
    if (to === newcomer && message.type === 'read') asked++
  }
  const replicated: string[] = []
  const hinder = cluster.hinder
  cluster.hinder = (from, to, message) => {
    if (message.type === 'replicate') replicated.push(`${from.index}>${to.index}`)
    return hinder(from, to, message)
  }
  for (let i = 0; i < 20; i++) {
    assert.ok(put(cluster, newcomer, `new${i}`, `w${i}`).ok)
    stored.set(`new${i}`, `w${i}`)
  }
  assertFound(cluster, stored)
  assert.equal(asked, 0)
  assert.ok(
    replicated.every((way) => !way.startsWith('3>')),
    'it coordinates nothing',
  )
  assert.ok(replicated.some((way) => way.endsWith('>3')))
  cluster.hinder = undefined
  untilHeldBy(cluster, [first!, second!, newcomer])
  assertFound(cluster, stored)
})

test('what only the lost node was sure to have is not waited for', () => {
  const { cluster, stored } = withData(3)
  const [first, second, lost] = cluster.nodes as MiniNode[]
  assert.ok(configure(cluster, first!, 'loose', { w: 1, r: 1 }).ok)
  cluster.kill(lost!)
  const newcomer = cluster.add({ replaces: lost!.id })
  untilHeldBy(cluster, [first!, second!, newcomer])
  assertFound(cluster, stored)
})

test('of two nodes the one that is left is enough to replace the other', () => {
  const { cluster, stored } = withData(2)
  const [first, lost] = cluster.nodes as MiniNode[]
  cluster.kill(lost!)
  const newcomer = cluster.add({ replaces: 'node2' })
  untilHeldBy(cluster, [first!, newcomer])
  assertFound(cluster, stored)
})

test('killed while it is filled it goes on when it is started again, by the same command', () => {
  const { cluster, stored } = withData(3)
  const [first, second, lost] = cluster.nodes as MiniNode[]
  cluster.kill(lost!)
  const newcomer = cluster.add({ replaces: 'node3' })
  cluster.until('it is being filled', () => newcomer.node.view().replacing?.phase === 'filling')
  cluster.run(5)
  cluster.kill(newcomer)
  cluster.run(2_000)
  cluster.restart(newcomer)
  untilHeldBy(cluster, [first!, second!, newcomer])
  assert.equal(refusalOf(newcomer), undefined)
  assertFound(cluster, stored)
})

test('a node that is alive is not replaced: who wants it is refused, leaves and changes nothing', () => {
  const { cluster, stored } = withData(3)
  const [first] = cluster.nodes as MiniNode[]
  const { version } = first!.node.view().layout!.current
  const newcomer = cluster.add({ replaces: 'node2' })
  cluster.until('it has left', () => newcomer.notes.some(({ type }) => type === 'left'))
  assert.match(refusalOf(newcomer)!, /node2 .* is alive/)
  assert.ok(!newcomer.notes.some(({ type }) => type === 'ready'))
  cluster.kill(newcomer)
  cluster.run(5_000)
  assert.equal(first!.node.view().layout!.current.version, version)
  const seen = first!.node.view().members.find(({ info }) => info.id === newcomer.id)
  assert.equal(seen?.state, 'left')
  assertFound(cluster, stored)
})

test('who was replaced and comes back brings nothing with it, and is a new member (V8)', () => {
  const { cluster, stored } = withData(3)
  const [first, second, lost] = cluster.nodes as MiniNode[]
  cluster.kill(lost!)
  // Written while it is away; what it has of these keys is old.
  for (let i = 0; i < 30; i++) {
    assert.ok(put(cluster, first!, `k${i}`, `new${i}`).ok)
    stored.set(`k${i}`, `new${i}`)
  }
  const newcomer = cluster.add({ replaces: 'node3' })
  untilHeldBy(cluster, [first!, second!, newcomer])
  cluster.restart(lost!)
  untilHeldBy(cluster, [first!, second!, newcomer, lost!])
  assert.ok(
    lost!.notes.some((note) => note.type === 'transferred'),
    'filled like any new member',
  )
  assertFound(cluster, stored)
})

test('who comes back while another is filled in its place serves until that is done, then goes empty', () => {
  const { cluster, stored } = withData(3)
  const [first, second, lost] = cluster.nodes as MiniNode[]
  cluster.kill(lost!)
  cluster.hinder = (_from, _to, message) =>
    message.type === 'transfer-chunk' ? 'refused' : undefined
  const newcomer = cluster.add({ replaces: 'node3' })
  cluster.until('it is being filled', () => newcomer.node.view().replacing?.phase === 'filling')
  cluster.restart(lost!)
  cluster.run(5_000)
  for (let i = 0; i < 30; i++) {
    assert.ok(put(cluster, cluster.nodes[i % 4]!, `k${i}`, `new${i}`).ok)
    stored.set(`k${i}`, `new${i}`)
  }
  assertFound(cluster, stored)
  cluster.hinder = undefined
  untilHeldBy(cluster, [first!, second!, newcomer, lost!])
  assertFound(cluster, stored)
})

test('a node whose disk is gone while another is filled is replaced, too, and both are filled', () => {
  const { cluster, stored } = withData(3)
  const [first, second, third] = cluster.nodes as MiniNode[]
  cluster.kill(third!)
  cluster.hinder = (_from, _to, message) =>
    message.type === 'transfer-chunk' ? 'refused' : undefined
  const one = cluster.add({ replaces: 'node3' })
  cluster.until('it is being filled', () => one.node.view().replacing?.phase === 'filling')
  cluster.run(3_000)
  cluster.kill(second!)
  cluster.hinder = undefined
  cluster.run(10_000)
  assert.notEqual(one.node.view().layout?.previous, undefined, 'it waits for the second')
  const other = cluster.add({ replaces: 'node2' })
  untilHeldBy(cluster, [first!, one, other])
  assertFound(cluster, stored)
})

test('two of three that are lost at once are replaced together', () => {
  const { cluster, stored } = withData(3)
  const [first, second, third] = cluster.nodes as MiniNode[]
  cluster.run(2_000)
  cluster.kill(second!)
  cluster.kill(third!)
  const newcomers = [second!, third!].map(({ id }) => cluster.add({ replaces: id }))
  untilHeldBy(cluster, [first!, ...newcomers])
  assertFound(cluster, stored)
})
