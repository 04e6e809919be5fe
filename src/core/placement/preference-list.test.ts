import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { LayoutState, Role } from './layout.ts'
import { placementOf } from './layout-state.ts'
import { planLayout } from './plan-layout.ts'
import { preferenceList } from './preference-list.ts'

const NODES = Array.from({ length: 6 }, (_, i) => String(i + 1).repeat(16) as NodeId)
const roles: readonly Role[] = NODES.map((node, i) => ({
  node,
  zone: `z${i}`,
  weight: i === 5 ? 0 : 100,
}))
const current = planLayout({ previous: undefined, roles, partitions: 16, replicas: 3 })
const state: LayoutState = { current, previous: undefined, synced: [], acked: [], lost: [] }

test('the replicas come first, then every other node with a weight, each once', () => {
  for (let p = 0; p < 16; p++) {
    const list = preferenceList(state, p as PartitionId)
    const { readSet } = placementOf(state, p as PartitionId)
    assert.deepEqual(list.slice(0, 3), readSet)
    assert.deepEqual(list.toSorted(), NODES.slice(0, 5))
  }
})

test('each node is the first fallback of some partition', () => {
  const firsts = new Set<NodeId>()
  for (let p = 0; p < 16; p++) firsts.add(preferenceList(state, p as PartitionId)[3]!)
  assert.deepEqual([...firsts].toSorted(), NODES.slice(0, 5))
})

test('who comes with a layout change stands behind those who are read from, and is no fallback', () => {
  const fewer = planLayout({
    ...{ previous: undefined, roles: roles.slice(0, 3) },
    ...{ partitions: 16, replicas: 3 },
  })
  const next = planLayout({ previous: fewer, roles, partitions: 16, replicas: 3 })
  const moving: LayoutState = { current: next, previous: fewer, synced: [], acked: [], lost: [] }
  for (let p = 0; p < 16; p++) {
    const { readSet, writeSets } = placementOf(moving, p as PartitionId)
    const owners = new Set(writeSets.flat())
    const list = preferenceList(moving, p as PartitionId)
    assert.deepEqual(list.slice(0, readSet.length), readSet)
    assert.deepEqual(new Set(list.slice(0, owners.size)), owners)
  }
})
