import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClusterJson, HintsJson, LayoutJson, MemberJson } from '../../../client/src/api.ts'
import { happenings } from './happenings.ts'
import { healthOf, hintsOf, movesOf, nodeRows, partitionCounts, repairsOf } from './cluster.ts'
import type { NodeLook } from './cluster.ts'
import { figuresOf } from './metrics.ts'
import { Palette } from './palette.ts'

function member(index: number, state: MemberJson['state'] = 'alive'): MemberJson {
  return {
    ...{ id: `n${index}`, name: `node${index}`, state, zone: 'default', weight: 100 },
    ...{ since: '2026-11-23T00:00:00.000Z', generation: 1, incarnation: 0, version: '1.0.0' },
    addresses: { cluster: `10.0.0.${index}:5001`, http: `10.0.0.${index}:6001` },
  }
}

function clusterOf(...members: MemberJson[]): ClusterJson {
  return { cluster: 'c', self: 'n1', encryption: { mode: 'off' }, members }
}

function layoutOf(table: readonly (readonly string[])[], version = 2): LayoutJson {
  const nodes = [...new Set(table.flat())]
  const held = (node: string): number => table.filter((set) => set.includes(node)).length
  return {
    ...{ version, partitions: table.length, replicas: 3, table },
    roles: nodes.map((node) => ({ node, zone: 'default', weight: 100 })),
    balance: nodes.map((node) => ({ node, replicas: held(node), share: 0.25 })),
  }
}

const ALL = ['n1', 'n2', 'n3']
const LAYOUT = layoutOf([ALL, ['n2', 'n3', 'n1']])

function movingTo(table: readonly (readonly string[])[], synced: readonly string[]): LayoutJson {
  const changing = [0]
  return {
    ...layoutOf(table, 3),
    moving: {
      ...{ from: 2, phase: 'filling', synced, acked: [], waiting: ['n4'], partitions: 1, changing },
      previous: { roles: LAYOUT.roles, table: LAYOUT.table },
    },
  }
}

test('one sentence says how the cluster is, the most urgent first', () => {
  const titles = [
    healthOf(clusterOf(member(1)), undefined),
    healthOf(clusterOf(member(1), member(2), member(3)), LAYOUT),
    healthOf(clusterOf(member(1), member(2), member(3, 'suspect')), LAYOUT),
    healthOf(clusterOf(member(1), member(2), member(3, 'dead')), LAYOUT),
    healthOf(clusterOf(member(1), member(2, 'dead'), member(3, 'dead')), LAYOUT),
    healthOf({ ...clusterOf(member(1), member(2)), clonedBy: '10.0.0.9:5001' }, LAYOUT),
    healthOf(clusterOf(member(1)), layoutOf([['n1']])),
    healthOf(
      clusterOf(member(1), member(2), member(3), member(4)),
      movingTo([['n4', 'n2', 'n3'], ALL], []),
    ),
  ].map(({ level, title }) => `${level}: ${title}`)
  assert.deepEqual(titles, [
    'busy: This node is joining its cluster',
    'good: All 3 nodes are up',
    'warn: node3 does not answer',
    'warn: node3 is down',
    'bad: Some keys cannot be read or written',
    'bad: Two processes have the identity of this node',
    'good: This node is up, alone',
    'busy: 1 partition is moving',
  ])
})

test('a partition that moves needs the quorum of its old and of its new replicas', () => {
  const layout = movingTo([['n4', 'n5', 'n1'], ALL], [])
  const five = [member(1), member(2), member(3), member(4, 'dead'), member(5, 'dead')]
  assert.deepEqual(partitionCounts(clusterOf(...five), layout), {
    total: 2,
    whole: 1,
    withQuorum: 1,
  })
})

test('nodes are in order of their names, with what each tells of itself while it is up', () => {
  const looks = new Map<string, NodeLook>([
    ['n1', { figures: figuresOf('') }],
    ['n3', { figures: figuresOf('') }],
  ])
  const cluster = clusterOf(member(10), member(3, 'dead'), member(1), member(2), member(4, 'left'))
  const rows = nodeRows(cluster, LAYOUT, looks, () => ({ reads: 1, writes: 0, cpu: 0 }))
  assert.deepEqual(
    rows.map(({ member: m, replicas, first, isSelf, look }) => [
      m.name,
      replicas,
      first,
      isSelf,
      look.figures !== undefined,
    ]),
    [
      ['node1', 2, 1, true, true],
      ['node2', 2, 1, false, false],
      ['node3', 2, 0, false, false],
      ['node10', 0, 0, false, false],
    ],
  )
  assert.equal(rows[2]!.rate, undefined, 'a dead node does nothing')
})

test('a move tells who pulls how much, and how much has come', () => {
  const table = [
    ['n4', 'n2', 'n3'],
    ['n2', 'n4', 'n1'],
  ]
  const looks = new Map([['n4', { figures: { ...figuresOf(''), transfersPending: 1 } }]])
  const cluster = clusterOf(member(1), member(4))
  const name = (node: string): string => node
  const move = { node: 'n4', gains: 2, done: false, isUp: true, pending: 1 }
  assert.deepEqual(movesOf(cluster, movingTo(table, []), looks, name), [move])
  assert.deepEqual(movesOf(cluster, movingTo(table, ['n4']), looks, name), [
    { ...move, done: true, pending: 0 },
  ])
  const down = clusterOf(member(1), member(4, 'dead'))
  assert.deepEqual(movesOf(down, movingTo(table, []), looks, name), [
    { ...move, isUp: false, pending: undefined },
  ])
  assert.deepEqual(movesOf(cluster, LAYOUT, looks, name), [])
})

test('hints for one node are added up over all who keep some', () => {
  const hints = (name: string, count: number, oldest: string): NodeLook => ({
    hints: {
      ...{ node: name, name, bytes: 0, bytesMax: 0, counted: true, kept: 0, delivered: 0 },
      ...{ refused: 0, dropped: 0, received: 0, writes: { begun: 0, over: 0 } },
      targets: [{ node: 'n3', name: 'node3', count, bytes: 10 * count, oldest, first: 1, last: 2 }],
    } satisfies HintsJson,
  })
  const looks = new Map([
    ['n1', hints('node1', 2, '2026-11-23T00:00:05.000Z')],
    ['n2', hints('node2', 3, '2026-11-23T00:00:01.000Z')],
    ['n4', hints('node4', 0, '2026-11-22T00:00:00.000Z')],
  ])
  assert.deepEqual(hintsOf(looks), [
    {
      ...{ node: 'n3', name: 'node3', count: 5, bytes: 50, on: ['node1', 'node2'] },
      oldest: '2026-11-23T00:00:01.000Z',
    },
  ])
  assert.deepEqual(hintsOf(new Map()), [])
})

test('repairs that are under way are told with who makes them', () => {
  const run = {
    ...{ run: 1, startedAt: '', partitions: 4, comparisons: 8, done: 3, failed: 0 },
    ...{ unreachable: [], found: 1, foundByOthers: 2, received: 0, sent: 0 },
  }
  const repair = {
    ...{ node: 'n1', name: 'node1', runs: [{ ...run, finishedAt: 'x' }, run] },
    ...{ active: 1, treesMissing: 2, doubtful: 0, recordsChecked: 9, recordsBroken: 0 },
  }
  const found = repairsOf(
    new Map([
      ['n1', { repair }],
      ['n2', {}],
    ]),
  )
  assert.deepEqual(found.runs, [{ ...run, name: 'node1' }])
  assert.deepEqual([found.active, found.treesMissing, found.checked], [1, 2, 9])
})

test('what happens is told once, in words', () => {
  const cluster = clusterOf(member(1), member(2))
  const texts = (before: ClusterJson, after: ClusterJson, from = LAYOUT, to = LAYOUT): string[] =>
    happenings({ cluster: before, layout: from }, { cluster: after, layout: to }, 5).map(
      ({ text }) => text,
    )
  assert.deepEqual(texts(cluster, cluster), [])
  assert.deepEqual(texts(cluster, clusterOf(member(1), member(2, 'suspect'))), [
    'node2 does not answer',
  ])
  assert.deepEqual(texts(clusterOf(member(2, 'suspect')), clusterOf(member(2))), [
    'node2 answers again',
  ])
  assert.deepEqual(texts(clusterOf(member(2, 'suspect')), clusterOf(member(2, 'dead'))), [
    'node2 is down',
  ])
  assert.deepEqual(texts(clusterOf(member(2, 'dead')), clusterOf(member(2))), ['node2 is back'])
  assert.deepEqual(texts(cluster, clusterOf(...cluster.members, member(3))), ['node3 has joined'])
  const moving = movingTo([['n4', 'n2', 'n3'], ALL], [])
  assert.deepEqual(texts(cluster, cluster, LAYOUT, moving), [
    'Layout 3 is in force: 1 partition moves',
  ])
  const { moving: _, ...done } = moving
  assert.deepEqual(texts(cluster, cluster, moving, done), ['All data is where it belongs'])
})

test('a node keeps its colour, whoever comes', () => {
  const palette = new Palette()
  palette.meet([member(2), member(1)])
  const hues = [palette.hueOf('n1'), palette.hueOf('n2')]
  palette.meet(Array.from({ length: 20 }, (_, i) => member(i)))
  assert.deepEqual([palette.hueOf('n1'), palette.hueOf('n2')], hues)
  const all = Array.from({ length: 20 }, (_, i) => palette.hueOf(`n${i}`))
  assert.equal(new Set(all).size, 20)
})
