import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../std/ids.ts'
import type { LayoutState, Role } from '../placement/layout.ts'
import { planLayout } from '../placement/plan-layout.ts'
import { A, B, C, D } from './fake-host.test.ts'
import { Nearness } from './nearness.ts'

interface Facts {
  zones?: Record<NodeId, string>
  roundTrips?: Record<NodeId, number>
  layout?: LayoutState | undefined
}

function stateOf(zones: Record<NodeId, string>): LayoutState {
  const roles = Object.entries(zones).map(([node, zone]): Role => ({
    node: node as NodeId,
    zone,
    weight: 100,
  }))
  const current = planLayout({ previous: undefined, roles, partitions: 4, replicas: 2 })
  return { current, previous: undefined, synced: [], acked: [], lost: [] }
}

/** Of A's, the others in the order in which it would ask them. */
function order(facts: Facts, nodes: readonly NodeId[] = [B, C, D]): NodeId[] {
  const { zones = {}, roundTrips = {} } = facts
  const nearness = new Nearness({
    self: A,
    zoneOf: (node) => zones[node],
    roundTripMs: (node) => roundTrips[node],
    layout: () => facts.layout,
  })
  return [...nodes].sort((a, b) => nearness.distance(a) - nearness.distance(b))
}

test('who is in our zone is nearer than anybody who is not, however quick', () => {
  const zones = { [A]: 'x', [B]: 'y', [C]: 'x', [D]: 'z' }
  const roundTrips = { [B]: 0.2, [C]: 5_000, [D]: 0.1 }
  assert.deepEqual(order({ zones, roundTrips }), [C, B, D])
})

test('of those in other zones who answers sooner is nearer', () => {
  const zones = { [A]: 'x', [B]: 'y', [C]: 'z', [D]: 'x' }
  assert.deepEqual(order({ zones, roundTrips: { [B]: 80, [C]: 9, [D]: 1 } }), [D, C, B])
})

test('small differences, and what has not been measured, leave the order of the replica set', () => {
  const zones = { [A]: 'x', [B]: 'x', [C]: 'x', [D]: 'x' }
  assert.deepEqual(order({ zones, roundTrips: { [B]: 1.9, [C]: 0.1 } }), [B, C, D])
  const roundTrips = { [B]: 30, [C]: 9, [D]: 7 }
  assert.deepEqual(order({ zones, roundTrips }), [C, D, B])
})

test('the layout’s word on a zone goes before the node’s own', () => {
  const zones = { [A]: 'x', [B]: 'x', [C]: 'y' }
  const layout = stateOf({ [A]: 'x', [B]: 'y', [C]: 'x' })
  assert.deepEqual(order({ zones }, [B, C]), [B, C])
  assert.deepEqual(order({ zones, layout }, [B, C]), [C, B])
})

test('a layout that changes is looked at again', () => {
  const facts: { layout: LayoutState | undefined } = { layout: undefined }
  const nearness = new Nearness({
    ...{ self: A, zoneOf: () => undefined, roundTripMs: () => undefined },
    layout: () => facts.layout,
  })
  const unknown = nearness.distance(B)
  facts.layout = stateOf({ [A]: 'x', [B]: 'x' })
  assert.ok(nearness.distance(B) < unknown, 'whose zone nobody knows is in none of ours')
  facts.layout = stateOf({ [A]: 'x', [B]: 'y' })
  assert.equal(nearness.distance(B), unknown)
})

test('nobody is nearer than ourselves', () => {
  const facts = { self: A, zoneOf: () => 'x', roundTripMs: () => 1, layout: () => undefined }
  assert.equal(new Nearness(facts).distance(A), 0)
})
