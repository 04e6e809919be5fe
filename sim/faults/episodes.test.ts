import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeNodes, quietWorld } from '../fake-node.ts'
import { stream } from '../seed.ts'
import { World } from '../world.ts'
import type { Fault } from './fault.ts'
import { beginFault } from './fault.ts'

const NODES = 4
const SHAPES = ['isolated', 'pair', 'one-way'] as const

function startedWorld(): World {
  const { create } = fakeNodes((node, event, _now, effects) => {
    if (event.type === 'request' && event.request.type === 'put')
      effects.push({ type: 'store', batch: node.told.length, operations: [put()] })
  })
  const world = new World(quietWorld(NODES, create))
  for (const node of world.nodes) node.start()
  return world
}

function put(): { type: 'put'; key: Uint8Array; value: Uint8Array } {
  return { type: 'put', key: Uint8Array.of(1), value: Uint8Array.of(2) }
}

/** What `look` saw at any time while the fault went on, and at any time after its end. */
function watch<T>(world: World, fault: Fault, look: () => T): { during: Set<T>; after: Set<T> } {
  const running = beginFault(world, fault, stream(1, 'fault'))
  const during = new Set<T>()
  const after = new Set<T>()
  for (let i = 0; i < 1_000; i++) {
    world.run(1)
    during.add(look())
  }
  running.end()
  after.add(look())
  for (let i = 0; i < 200; i++) {
    world.run(1)
    after.add(look())
  }
  assert.equal(world.violation, undefined)
  return { during, after }
}

function directions(test: (from: number, to: number) => boolean): number {
  let count = 0
  for (let from = 0; from < NODES; from++)
    for (let to = 0; to < NODES; to++) if (test(from, to)) count++
  return count
}

test('processes stand still, some at a time, and all go on when the fault ends', () => {
  const world = startedWorld()
  const fault: Fault = { type: 'pause', victims: [1, 2], calmMs: [10, 20], lastsMs: [5, 15] }
  const paused = (): number => world.nodes.filter((node) => node.isPaused).length
  const { during, after } = watch(world, fault, paused)
  assert.deepEqual(during, new Set([0, 1, 2]))
  assert.deepEqual(after, new Set([0]))
})

test('links are cut one by one, opened in another order, and all open at the end', () => {
  const world = startedWorld()
  const fault: Fault = {
    type: 'swizzle',
    victims: [1, 2],
    calmMs: [10, 20],
    stepMs: [2, 4],
    holdMs: [5, 9],
  }
  const { during, after } = watch(world, fault, () =>
    directions((from, to) => world.network.isBlocked(from, to)),
  )
  // All links of one node, or of two: every number up to that, one direction after the other.
  for (let count = 0; count <= 6; count++) assert.ok(during.has(count), `${count} cut`)
  assert.ok(Math.max(...during) === 10)
  assert.deepEqual(after, new Set([0]))
})

test('links clog as a partition would have them, and are free again', () => {
  const world = startedWorld()
  const fault: Fault = {
    type: 'clog',
    shapes: SHAPES,
    calmMs: [10, 20],
    lastsMs: [5, 15],
    delayMs: [10, 20],
    bytesPerMs: [1, 2],
  }
  const { during, after } = watch(world, fault, () =>
    directions((from, to) => world.network.isClogged(from, to)),
  )
  assert.deepEqual(during, new Set([0, 1, 2, 6]))
  assert.deepEqual(after, new Set([0]))
})

test('wall clocks are stepped both ways and put right, monotonic ones never', () => {
  const { create, made } = fakeNodes((node, event, now) => {
    if (event.type === 'request') seen.push([node.options.self.name, now.wallMs, now.instant])
  })
  const seen: [name: string, wallMs: number, instant: number][] = []
  const world = new World(quietWorld(1, create))
  world.nodes[0]!.start()
  const fault: Fault = {
    type: 'clock-jump',
    calmMs: [10, 20],
    lastsMs: [5, 15],
    byMs: [500, 500],
  }
  const running = beginFault(world, fault, stream(1, 'fault'))
  const ask = (): void =>
    world.nodes[0]!.request(
      { type: 'configure-bucket', bucket: 'b', properties: undefined },
      () => undefined,
    )
  for (let i = 0; i < 400; i++) {
    ask()
    world.run(1)
  }
  running.end()
  ask()
  assert.equal(made.length, 1)
  const [, firstWall, firstInstant] = seen[0]!
  const wrong = seen.map(([, wallMs, instant]) => wallMs - firstWall - (instant - firstInstant))
  assert.deepEqual(new Set(wrong), new Set([0, 500, -500]))
  assert.equal(wrong.at(-1), 0)
  for (const [index, [, , instant]] of seen.entries())
    if (index > 0) assert.ok(instant >= seen[index - 1]![2])
})

test('disks are full, and have room again', () => {
  const world = startedWorld()
  const fault: Fault = { type: 'full-disk', victims: [1, 2], calmMs: [10, 20], lastsMs: [5, 15] }
  const { during, after } = watch(
    world,
    fault,
    () => world.nodes.filter((node) => node.disk.isFull).length,
  )
  assert.deepEqual(during, new Set([0, 1, 2]))
  assert.deepEqual(after, new Set([0]))
})

test('one disk at a time is slow, and as fast as before in the end', () => {
  const world = startedWorld()
  const fault: Fault = { type: 'slow-disk', times: [5, 9], calmMs: [10, 20], lastsMs: [5, 15] }
  const { during, after } = watch(
    world,
    fault,
    () => world.nodes.filter((node) => node.disk.slowness > 1).length,
  )
  assert.deepEqual(during, new Set([0, 1]))
  assert.deepEqual(after, new Set([0]))
})
