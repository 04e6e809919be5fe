import assert from 'node:assert/strict'
import { test } from 'node:test'
import { utf8Encode } from '../../src/core/std/bytes.ts'
import type { ClientRequest } from '../../src/core/node/events.ts'
import { parseRecordKey } from '../../src/core/node/storage-keys.ts'
import { fakeNodes, quietWorld } from '../fake-node.ts'
import { heldBy } from '../held.ts'
import { beginFault } from './fault.ts'
import { scenarioNamed } from '../scenarios/all.ts'
import { runScenario } from '../scenarios/run.ts'
import { createWorld } from '../scenarios/setting.ts'
import { STANDARD } from '../scenarios/standard.ts'
import type { SimNode } from '../sim-node.ts'
import { stream } from '../seed.ts'
import { Trace } from '../trace.ts'
import { World } from '../world.ts'

const VALUE = { bytes: utf8Encode('v'), contentType: 'text/plain', metadata: [], expiresAtMs: 0 }

/** Real nodes that have become a cluster, with a few keys on all replicas. */
function realWorld(nodes: number, born = nodes): World {
  const scenario = { ...STANDARD, name: 'atlas', about: '', nodes, born, faults: [] }
  const variant = { mutant: undefined, create: undefined }
  const world = createWorld(scenario, 1, new Trace(), variant)
  for (const node of world.nodes.slice(0, born)) node.start()
  assert.ok(world.run(30_000, () => world.whatIsMissing() === undefined, 50))
  for (const key of ['a', 'b', 'c', 'd']) assert.equal(put(world, key), true)
  world.run(1_000)
  return world
}

function put(world: World, key: string): boolean {
  const names = { bucket: 'b', key: utf8Encode(key), sort: undefined, timeoutMs: 2_000 }
  const request: ClientRequest = { type: 'put', ...names, context: undefined, value: VALUE, w: 2 }
  const reply = world.ask(world.nodes[0]!, request, 3_000)
  return reply !== 'lost' && reply.result.ok
}

function recordsOf(node: SimNode): readonly Uint8Array[] {
  return node.disk
    .durableEntries()
    .flatMap(({ key }) => (parseRecordKey(key) === undefined ? [] : [key]))
}

function spoil(world: World, node: SimNode): void {
  world.atlas.strike(node, 'rot', () => {
    for (const key of recordsOf(node)) node.disk.rot(key, 7, 1)
  })
}

test('one disk at a time: the next waits until reads have mended the last', () => {
  const world = realWorld(3)
  const [first, second] = world.nodes
  assert.equal(world.atlas.mayDamage(first!), true)
  spoil(world, first!)
  assert.equal(world.atlas.mayDamage(second!), false)
  // The same disk can lose the same again.
  assert.equal(world.atlas.mayDamage(first!), true)
  assert.equal(world.atlas.mayMove(), false)
  assert.match(world.atlas.whatIsDamaged() ?? '', /^n1 \(rot\), 4 records/)
  assert.ok(world.run(20_000, () => world.atlas.whatIsDamaged() === undefined))
  assert.equal(world.atlas.mayDamage(second!), true)
  assert.equal(world.atlas.mayMove(), true)
  const [damage] = world.atlas.damages
  assert.ok(damage !== undefined && damage.until < Infinity)
})

test('what is mended is what was there', () => {
  const world = realWorld(3)
  const [node, other] = world.nodes
  spoil(world, node!)
  assert.ok(world.run(20_000, () => world.atlas.whatIsDamaged() === undefined))
  const held = ({ disk }: SimNode, key: Uint8Array): unknown => {
    const container = heldBy((at) => disk.getDurable(at), key)
    return container === 'corrupt' ? container : container.versions
  }
  for (const key of recordsOf(other!)) assert.deepEqual(held(node!, key), held(other!, key))
})

test('no disk is damaged while somebody is down or on its way into the layout', () => {
  const world = realWorld(4, 3)
  const [first, second, , late] = world.nodes
  second!.crash()
  assert.equal(world.atlas.mayDamage(first!), false)
  second!.start()
  assert.ok(world.run(20_000, () => world.whatIsMissing() === undefined, 50))
  assert.equal(world.atlas.mayDamage(first!), true)
  late!.start()
  assert.equal(world.atlas.mayDamage(first!), false)
  assert.ok(world.run(30_000, () => world.whatIsMissing() === undefined, 50))
  assert.equal(world.atlas.mayDamage(first!), true)
})

test('of three replicas with w = 2 one disk is wiped in a run, and no more', () => {
  const world = realWorld(3)
  const [first, second] = world.nodes
  assert.equal(world.atlas.mayWipe(second!), true)
  const { id } = second!
  world.atlas.strike(second!, 'wipe', () => second!.wipe())
  assert.notEqual(second!.id, id)
  assert.deepEqual(second!.formerIds, [id])
  assert.equal(recordsOf(second!).length, 0)
  second!.start([first!.address])
  const isWhole = (): boolean => world.whatIsMissing() === undefined
  assert.ok(world.run(60_000, () => isWhole() && world.atlas.whatIsDamaged() === undefined, 50))
  assert.equal(world.atlas.mayWipe(first!), false)
})

test('a node that is rolled back is who it was, with what it had', () => {
  const world = realWorld(3)
  const [node] = world.nodes
  const backup = node!.backup()
  assert.equal(put(world, 'e'), true)
  world.run(1_000)
  assert.equal(recordsOf(node!).length, 5)
  node!.rollBack(backup)
  assert.equal(recordsOf(node!).length, 4)
  assert.equal(node!.id, backup.id)
})

test('the fault rolls nodes back, one at a time and only over one layout', () => {
  const world = realWorld(3)
  const fault = { type: 'backup', calmMs: [50, 90], ageMs: [100, 900], downMs: [0, 90] } as const
  const running = beginFault(world, fault, stream(1, 'fault'))
  for (let i = 0; i < 30; i++) {
    if (world.nodes[0]!.isUp) put(world, `k${i}`)
    world.run(400)
  }
  running.end()
  const isMended = (): boolean => world.atlas.whatIsDamaged() === undefined
  assert.ok(world.run(60_000, () => world.whatIsMissing() === undefined && isMended(), 50))
  const { damages } = world.atlas
  assert.ok(damages.length > 2)
  for (const { kind, node, at } of damages) {
    assert.equal(kind, 'backup')
    for (const other of damages)
      if (other.node !== node) assert.ok(other.at >= at || other.until <= at)
  }
})

test('where nobody knows of a layout no disk is damaged', () => {
  const world = new World(quietWorld(3, fakeNodes(() => undefined).create))
  for (const node of world.nodes) node.start()
  assert.equal(world.atlas.mayDamage(world.nodes[0]!), false)
})

test('each fault that loses something strikes, and is survived', () => {
  for (const [name, kind] of [
    ['bit-rot', 'rot'],
    ['wipe', 'wipe'],
  ] as const) {
    const scenario = { ...scenarioNamed(name)!, loadMs: 8_000 }
    const { world, violation } = runScenario(scenario, 1)
    assert.equal(violation, undefined)
    assert.ok(world.atlas.damages.some((damage) => damage.kind === kind))
    assert.ok(world.atlas.damages.every(({ until }) => until < Infinity))
  }
})
