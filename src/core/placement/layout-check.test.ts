import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../std/ids.ts'
import { NODES_MAX } from '../std/limits.ts'
import type { Layout, Role } from './layout.ts'
import { checkLayout, checkSuccessor } from './layout-check.ts'
import { hashLayout } from './layout-codec.ts'
import { checkDimensions, checkRoles } from './layout-structure.ts'
import { planLayout } from './plan-layout.ts'

const node = (n: number): NodeId => n.toString(16).padStart(16, '0') as NodeId
const role = (n: number, weight = 1, zone = ''): Role => ({ node: node(n), zone, weight })
const roles = (count: number): Role[] => Array.from({ length: count }, (_, n) => role(n))

const LAYOUT = planLayout({ previous: undefined, roles: roles(4), partitions: 8, replicas: 3 })

/** The layout with some fields changed and, unless one is given, the hash that goes with them. */
function altered(changes: Partial<Layout>): Layout {
  const layout = { ...LAYOUT, ...changes }
  if (changes.hash !== undefined) return layout
  return { ...layout, hash: safeHash(layout) }
}

/** What cannot be encoded has no hash; the check must say what is wrong before it asks for one. */
function safeHash(layout: Layout): number {
  try {
    return hashLayout(layout)
  } catch {
    return 0
  }
}

function withSet(partition: number, set: readonly number[]): Layout {
  return altered({ table: LAYOUT.table.map((old, p) => (p === partition ? set : old)) })
}

test('a planned layout is sound', () => {
  assert.equal(checkLayout(LAYOUT), undefined)
  assert.equal(checkLayout(altered({})), undefined)
})

test('a layout whose hash is not that of its content is refused', () => {
  assert.match(checkLayout(altered({ hash: LAYOUT.hash ^ 1 })) ?? '', /hash/)
})

test('versions count from 1 and only the first has no predecessor', () => {
  assert.match(checkLayout(altered({ version: 0 })) ?? '', /version is 0/)
  assert.match(checkLayout(altered({ version: 1.5 })) ?? '', /version is 1.5/)
  assert.match(checkLayout(altered({ previousHash: 7 })) ?? '', /names a previous one/)
  assert.match(checkLayout(altered({ version: 2, previousHash: -1 })) ?? '', /32 bits/)
  assert.match(checkLayout(altered({ version: 2, previousHash: 2 ** 32 })) ?? '', /32 bits/)
  assert.equal(checkLayout(altered({ version: 2, previousHash: 7 })), undefined)
})

test('the number of partitions is a power of two up to 4096', () => {
  for (const partitions of [0, -2, 3, 6, 255, 8192, 1.5, Number.NaN])
    assert.match(checkDimensions(partitions, 3) ?? '', /power of two/, String(partitions))
  for (const partitions of [1, 2, 256, 4096])
    assert.equal(checkDimensions(partitions, 3), undefined, String(partitions))
})

test('there are 1 to 7 replicas', () => {
  for (const replicas of [0, 8, 2.5]) assert.match(checkDimensions(8, replicas) ?? '', /1 to 7/)
  for (const replicas of [1, 7]) assert.equal(checkDimensions(8, replicas), undefined)
})

test('a table has an entry for each partition', () => {
  assert.match(checkLayout(altered({ table: LAYOUT.table.slice(1) })) ?? '', /7 entries for 8/)
  assert.match(checkLayout(altered({ table: [...LAYOUT.table, [0, 1, 2]] })) ?? '', /9 entries/)
})

test('a replica set has as many nodes as wanted, or all with weight when they are fewer', () => {
  assert.match(checkLayout(withSet(3, [0, 1])) ?? '', /Partition 3 has 2 replicas; it must have 3/)
  assert.match(checkLayout(withSet(3, [0, 1, 2, 3])) ?? '', /has 4 replicas/)
  assert.match(checkLayout(altered({ replicas: 2 })) ?? '', /it must have 2/)
  const few = planLayout({ previous: undefined, roles: roles(2), partitions: 8, replicas: 3 })
  assert.equal(checkLayout(few), undefined)
})

test('a replica set names distinct nodes of the layout that have weight', () => {
  assert.match(checkLayout(withSet(3, [0, 1, 0])) ?? '', /two replicas on node 0000000000000000/)
  assert.match(checkLayout(withSet(3, [0, 1, 4])) ?? '', /names node 4 of 4/)
  assert.match(checkLayout(withSet(3, [0, 1, -1])) ?? '', /names node -1/)
  assert.match(checkLayout(withSet(3, [0, 1, 0.5])) ?? '', /names node 0.5/)
  const drained = LAYOUT.roles.map((old, i) => (i === 0 ? { ...old, weight: 0 } : old))
  assert.match(checkLayout(altered({ roles: drained })) ?? '', /whose weight is 0/)
})

test('roles are sorted by node', () => {
  assert.match(checkLayout(altered({ roles: [...LAYOUT.roles].reverse() })) ?? '', /not sorted/)
})

test('roles name each node once, with a possible id, weight and zone', () => {
  assert.equal(checkRoles([role(2), role(1)]), undefined)
  assert.match(checkRoles([role(1), role(1, 2)]) ?? '', /more than one role/)
  assert.match(checkRoles([{ ...role(1), node: 'x' as NodeId }]) ?? '', /"x" is no node id/)
  for (const weight of [-1, 1001, 0.5])
    assert.match(checkRoles([role(1, weight)]) ?? '', /weight of node/, String(weight))
  assert.equal(checkRoles([role(1, 1000, 'z'.repeat(64))]), undefined)
  assert.match(checkRoles([role(1, 1, 'z'.repeat(65))]) ?? '', /zone of node/)
  assert.match(checkRoles([role(1, 1, 'é'.repeat(33))]) ?? '', /zone of node/)
})

test('somebody must hold the data', () => {
  assert.match(checkRoles([]) ?? '', /No node has a weight/)
  assert.match(checkRoles([role(1, 0)]) ?? '', /No node has a weight/)
  assert.equal(checkRoles([role(1, 0), role(2, 1)]), undefined)
})

test('there are no more nodes than a layout may have', () => {
  assert.equal(checkRoles(roles(NODES_MAX)), undefined)
  assert.match(checkRoles(roles(NODES_MAX + 1)) ?? '', /at most 1024/)
})

test('the wrong layout never makes the check itself fail', () => {
  const broken: Layout[] = [
    altered({ roles: [] }),
    altered({ table: [] }),
    altered({ partitions: 3 }),
    altered({ replicas: 0 }),
    altered({ version: Number.NaN }),
  ]
  for (const layout of broken) assert.equal(typeof checkLayout(layout), 'string')
})

test('a successor has a later version, the hash of the one before and the same dimensions', () => {
  const next = planLayout({ previous: LAYOUT, roles: roles(5), partitions: 8, replicas: 3 })
  assert.equal(checkSuccessor(LAYOUT, next), undefined)
  const rehashed = (changes: Partial<Layout>): Layout => {
    const layout = { ...next, ...changes }
    return { ...layout, hash: hashLayout(layout) }
  }
  // As after one that was given up while its data moved.
  assert.equal(checkSuccessor(LAYOUT, rehashed({ version: 3 })), undefined)
  assert.match(checkSuccessor(LAYOUT, rehashed({ version: 1, previousHash: 0 })) ?? '', /follow/)
  assert.match(checkSuccessor(LAYOUT, rehashed({ previousHash: 1 })) ?? '', /another layout 1/)
  const wider = planLayout({ previous: undefined, roles: roles(4), partitions: 16, replicas: 3 })
  const fewer = planLayout({ previous: undefined, roles: roles(4), partitions: 8, replicas: 2 })
  const second = { version: 2, previousHash: LAYOUT.hash }
  const more = rehashed({ ...wider, ...second })
  assert.match(checkSuccessor(LAYOUT, more) ?? '', /partitions would change from 8 to 16/)
  const less = rehashed({ ...fewer, ...second })
  assert.match(checkSuccessor(LAYOUT, less) ?? '', /replicas would change from 3 to 2/)
})

test('a successor must be sound itself', () => {
  const next = planLayout({ previous: LAYOUT, roles: roles(5), partitions: 8, replicas: 3 })
  assert.match(checkSuccessor(LAYOUT, { ...next, hash: next.hash ^ 1 }) ?? '', /hash/)
})
