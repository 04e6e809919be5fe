import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeNodes, quietWorld } from '../fake-node.ts'
import { stream } from '../seed.ts'
import { World } from '../world.ts'
import type { Fault } from './fault.ts'
import { beginFault } from './fault.ts'
import { directionsOf } from './partition.ts'

const CRASH: Fault = {
  type: 'crash-restart',
  victims: [1, 1],
  betweenMs: [10, 20],
  downMs: [5, 15],
  midStepChance: 0,
  toldChance: 0.5,
}
const SHAPES = ['isolated', 'split', 'mute', 'deaf', 'pair', 'one-way'] as const
const PARTITION: Fault = {
  type: 'partition',
  shapes: SHAPES,
  calmMs: [10, 20],
  lastsMs: [5, 15],
}

function startedWorld(nodes: number, running: number = nodes): World {
  const { create } = fakeNodes(() => undefined)
  const world = new World(quietWorld(nodes, create))
  for (const node of world.nodes.slice(0, running)) node.start()
  return world
}

function up(world: World): number {
  return world.nodes.filter((node) => node.isUp).length
}

function blockedPairs(world: World): number {
  let blocked = 0
  for (const a of world.nodes)
    for (const b of world.nodes) if (world.network.isBlocked(a.index, b.index)) blocked++
  return blocked
}

test('one node at a time is down, then up again, and all are up when the fault ends', () => {
  const world = startedWorld(3)
  const running = beginFault(world, CRASH, stream(1, 'fault'))
  const seen = new Set<number>()
  for (let i = 0; i < 400; i++) {
    world.run(1)
    seen.add(up(world))
  }
  assert.deepEqual(seen, new Set([2, 3]))
  running.end()
  assert.equal(up(world), 3)
  world.run(1_000)
  assert.equal(up(world), 3)
})

test('all nodes can die at the same instant, and come back one by one', () => {
  const world = startedWorld(3)
  const running = beginFault(world, { ...CRASH, victims: [3, 3] }, stream(1, 'fault'))
  const seen = new Set<number>()
  for (let i = 0; i < 400; i++) {
    world.run(1)
    seen.add(up(world))
  }
  assert.deepEqual(seen, new Set([0, 1, 2, 3]))
  running.end()
  assert.equal(up(world), 3)
})

test('a crash that never struck is made up for at the restart', () => {
  const world = startedWorld(2)
  const running = beginFault(world, { ...CRASH, midStepChance: 1 }, stream(1, 'fault'))
  world.run(20_000)
  running.end()
  assert.equal(up(world), 2)
  assert.equal(world.violation, undefined)
})

test('partitions come and go, and none is left when the fault ends', () => {
  const world = startedWorld(4)
  const running = beginFault(world, PARTITION, stream(2, 'fault'))
  const seen = new Set<number>()
  for (let i = 0; i < 2_000; i++) {
    world.run(1)
    seen.add(blockedPairs(world))
  }
  assert.ok(seen.has(0))
  for (const directions of [1, 2, 3, 6]) assert.ok(seen.has(directions), `${directions} blocked`)
  running.end()
  assert.equal(blockedPairs(world), 0)
  world.run(1_000)
  assert.equal(blockedPairs(world), 0)
})

test('each shape blocks what its name says', () => {
  const rng = stream(1, 'shapes')
  const counts = SHAPES.map((shape) => directionsOf(shape, 5, rng).length)
  const [isolated, split, mute, deaf, pair, oneWay] = counts
  assert.deepEqual([isolated, mute, deaf, pair, oneWay], [8, 4, 4, 2, 1])
  assert.ok(split === 8 || split === 12)
  const muted = directionsOf('mute', 5, rng)
  assert.equal(new Set(muted.map(([from]) => from)).size, 1)
  const deafened = directionsOf('deaf', 5, rng)
  assert.equal(new Set(deafened.map(([, to]) => to)).size, 1)
  for (const shape of SHAPES)
    for (const [from, to] of directionsOf(shape, 3, rng)) assert.notEqual(from, to)
})

test('nodes that are not born yet join one after the other', () => {
  const world = startedWorld(4, 2)
  const running = beginFault(world, { type: 'join', betweenMs: [10, 20] }, stream(1, 'fault'))
  world.run(9)
  assert.equal(up(world), 2)
  world.run(12)
  assert.equal(up(world), 3)
  world.run(20)
  assert.equal(up(world), 4)
  world.run(100)
  running.end()
  assert.equal(up(world), 4)
})

test('a join that has ended brings nobody', () => {
  const world = startedWorld(4, 2)
  beginFault(world, { type: 'join', betweenMs: [10, 20] }, stream(1, 'fault')).end()
  world.run(100)
  assert.equal(up(world), 2)
})

test('nodes are asked to leave one after the other, as long as enough stay', () => {
  const asked: string[] = []
  const { create } = fakeNodes((node, event, _now, effects) => {
    if (event.type !== 'request' || event.request.type !== 'leave') return
    asked.push(node.options.self.id)
    const { client } = event
    const message = { outcome: 'rejected', needed: 0, got: 0, message: '' } as const
    const copies = undefined
    const leaving = { phase: 'waiting', waitsFor: undefined, partitions: 0, records: 0 } as const
    // The first is refused, and may be asked again.
    const result =
      asked.length === 1
        ? ({ ok: false, code: 'DND_ERR_NOT_READY', ...message } as const)
        : ({ ok: true, leaving: { ...leaving, copies } } as const)
    effects.push({ type: 'reply', client, reply: { type: 'leave', result } })
    if (result.ok) effects.push({ type: 'note', note: { type: 'left' } })
  })
  const world = new World(quietWorld(5, create))
  for (const node of world.nodes.slice(0, 4)) node.start()
  const leave: Fault = { type: 'leave', betweenMs: [10, 20], stay: 2 }
  const running = beginFault(world, leave, stream(1, 'fault'))
  world.run(300)
  running.end()
  assert.equal(asked.length, 3)
  assert.equal(up(world), 2)
  const gone = world.nodes.filter(({ hasLeft }) => hasLeft).map(({ id }) => id)
  assert.deepEqual(new Set(gone), new Set(asked.slice(1)))
  world.nodes[4]!.start()
  world.run(100)
  assert.equal(up(world), 3, 'a fault that has ended asks nobody')
})
