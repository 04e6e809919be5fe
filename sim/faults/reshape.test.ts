import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Node } from '../../src/core/node/node.ts'
import type { NodeId } from '../../src/core/std/ids.ts'
import { quietWorld } from '../fake-node.ts'
import { stream } from '../seed.ts'
import { World } from '../world.ts'
import type { Fault, RunningFault } from './fault.ts'
import { beginFault } from './fault.ts'

const isWhole = (world: World): boolean => world.whatIsMissing() === undefined

/** A cluster that serves, of real nodes. */
function cluster(nodes: number): World {
  const world = new World(quietWorld(nodes, (options) => new Node(options)))
  for (const node of world.nodes) node.start()
  assert.ok(
    world.run(60_000, () => isWhole(world), 50),
    world.whatIsMissing(),
  )
  return world
}

function begin(world: World, fault: Fault): RunningFault {
  return beginFault(world, fault, stream(1, 'fault'))
}

function rolesOf(world: World): readonly NodeId[] {
  return world.views()[0]!.layout!.current.roles.map(({ node }) => node)
}

function versionOf(world: World): number {
  return world.views()[0]!.layout!.current.version
}

test('a dead node is removed and its machine joins as a new one, again and again', () => {
  const world = cluster(4)
  const before = rolesOf(world)
  const fault = { type: 'remove', calmMs: [100, 200], afterMs: [0, 50], downMs: [0, 50] } as const
  const running = begin(world, { ...fault, returnChance: 0 })
  world.run(90_000)
  running.end()
  assert.ok(
    world.run(90_000, () => isWhole(world), 50),
    world.whatIsMissing(),
  )
  const removed = before.filter((id) => !rolesOf(world).includes(id))
  assert.ok(removed.length >= 2, `${removed.length} were removed`)
  assert.equal(world.violation, undefined)
})

test('a node that was removed comes back with its disk, and is one that joins', () => {
  const world = cluster(4)
  const before = rolesOf(world)
  const fault = { type: 'remove', calmMs: [100, 200], afterMs: [0, 50], downMs: [0, 50] } as const
  const running = begin(world, { ...fault, returnChance: 1 })
  const isRemoved = (): boolean => rolesOf(world).length < before.length
  assert.ok(world.run(60_000, isRemoved, 50))
  assert.ok(
    world.run(60_000, () => isWhole(world), 50),
    world.whatIsMissing(),
  )
  running.end()
  assert.deepEqual(rolesOf(world), before)
  assert.equal(world.violation, undefined)
})

test('nobody is removed where a partition would have fewer replicas than it should', () => {
  const world = cluster(3)
  const fault = { type: 'remove', calmMs: [10, 20], afterMs: [0, 50], downMs: [0, 50] } as const
  begin(world, { ...fault, returnChance: 0 })
  world.run(5_000)
  assert.ok(world.nodes.every(({ isUp, starts }) => isUp && starts === 1))
})

test('nodes get other weights and zones, and the share that this means', () => {
  const world = cluster(4)
  const before = versionOf(world)
  const running = begin(world, {
    ...{ type: 'reweigh', betweenMs: [2_000, 4_000], downMs: [0, 50] },
    ...{ weights: [2, 3], zones: ['east', 'west'] },
  })
  world.run(40_000)
  running.end()
  assert.ok(
    world.run(60_000, () => isWhole(world), 50),
    world.whatIsMissing(),
  )
  assert.ok(versionOf(world) > before)
  assert.ok(world.nodes.some(({ weight, zone }) => weight > 1 && zone !== 'default'))
  assert.equal(world.violation, undefined)
})

test('of the layouts of several operators one is chosen, and in the end each node has its role', () => {
  const world = cluster(4)
  const before = versionOf(world)
  const running = begin(world, {
    ...{ type: 'operators', betweenMs: [500, 1_500], count: [2, 3], looksMs: [0, 10] },
    weights: [2, 3],
  })
  world.run(30_000)
  assert.equal(world.atlas.mayDamage(world.nodes[0]!), false, 'a move may yet come')
  running.end()
  assert.ok(
    world.run(60_000, () => isWhole(world), 50),
    world.whatIsMissing(),
  )
  assert.ok(versionOf(world) > before + 3)
  assert.equal(world.violation, undefined)
})
