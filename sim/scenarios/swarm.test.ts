import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isReshaping } from '../faults/fault.ts'
import { runScenario } from './run.ts'
import { FAULT_NAMES, LOSES, MOVES } from './swarm-faults.ts'
import { swarmScenario } from './swarm.ts'

const SEEDS = Array.from({ length: 400 }, (_, index) => index + 1)
const LOSING: readonly string[] = LOSES
const MOVING: readonly string[] = MOVES

test('a seed draws the same scenario again, and another seed another', () => {
  assert.deepEqual(swarmScenario(7), swarmScenario(7))
  assert.equal(new Set(SEEDS.map((seed) => swarmScenario(seed).about)).size, SEEDS.length)
})

test('five nodes, or six where some are taken away, and a minute of faults, unless told otherwise', () => {
  for (const seed of SEEDS) {
    const { nodes, loadMs, about, faults } = swarmScenario(seed)
    const isReshaped = faults.some(({ type }) => isReshaping(type))
    assert.deepEqual([nodes, loadMs], [isReshaped ? 6 : 5, 60_000])
    assert.match(about, /^[56] nodes.*, 60 s; faults: .*; buckets: /)
  }
  const other = swarmScenario(3, { nodes: 7, faultMs: 5_000 })
  assert.deepEqual([other.nodes, other.loadMs], [7, 5_000])
})

test('every kind of fault is drawn, alone and with others, and sometimes none', () => {
  const counts = new Map<number, number>()
  const kinds = new Set<string>()
  for (const seed of SEEDS) {
    const { faults } = swarmScenario(seed)
    counts.set(faults.length, (counts.get(faults.length) ?? 0) + 1)
    for (const { type } of faults) kinds.add(type)
  }
  // Power loss is a crash of all nodes.
  assert.equal(kinds.size, FAULT_NAMES.length - 1)
  for (const count of [0, 1, 2, 3, 4, 5, 7]) assert.ok(counts.has(count), `${count} kinds`)
})

test('where a disk may lose something or a layout change, nobody asks for too little', () => {
  for (const seed of SEEDS) {
    const { faults, workload, born, replicas } = swarmScenario(seed)
    const loses = faults.some(({ type }) => LOSING.includes(type))
    const moves = faults.some(({ type }) => MOVING.includes(type))
    assert.ok(born >= 1 && replicas <= born)
    assert.equal(workload.weakensQuorums, !loses && !moves)
    for (const { n = replicas, r, w } of workload.buckets) {
      assert.ok(r >= 1 && r <= n && w >= 1 && w <= n && n <= replicas)
      if (loses) assert.ok(w >= 2, `seed ${seed}: w=${w}`)
      if (moves && r + w > n) assert.ok(r >= 2, `seed ${seed}: r=${r}`)
    }
  }
})

test('a scenario of the swarm runs, with the number of nodes asked for', () => {
  for (const nodes of [3, 4]) {
    const { world } = runScenario(swarmScenario(5, { nodes, faultMs: 2_000 }), 5)
    assert.equal(world.nodes.length, nodes)
    assert.ok(world.history.operations.length > 10)
  }
})
