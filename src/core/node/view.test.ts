import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placementOf } from '../placement/layout-state.ts'
import { A, B, C, D, layoutOf } from './fake-host.test.ts'
import { countPartitions } from './view.ts'

const NODES = [A, B, C, D]
const STATE = { current: layoutOf(NODES), previous: undefined, synced: [], acked: [], lost: [] }

function count(down: readonly string[], r = 2): ReturnType<typeof countPartitions> {
  return countPartitions(
    8,
    (partition) => placementOf(STATE, partition),
    (node) => !down.includes(node),
    r,
  )
}

test('with everybody up every partition is whole', () => {
  assert.deepEqual(count([]), { total: 8, withQuorum: 8, allUp: 8 })
})

test('a dead node takes its partitions from those that are whole, and not yet their quorum', () => {
  const { withQuorum, allUp } = count([D])
  assert.equal(withQuorum, 8)
  assert.ok(allUp < 8)
})

test('two dead nodes take the quorum of the partitions that they share', () => {
  const { table, roles } = STATE.current
  const sharing = table.filter((set) => set.every((i) => roles[i]!.node !== A)).length
  const both = table.filter(
    (set) => set.filter((i) => [C, D].includes(roles[i]!.node)).length === 2,
  ).length
  assert.ok(sharing > 0 && both > 0)
  assert.equal(count([C, D]).withQuorum, 8 - both)
  assert.equal(count([C, D], 1).withQuorum, 8)
})

test('a set smaller than R needs all of itself, and what nobody holds is not readable', () => {
  const alone = { current: layoutOf([A]), previous: undefined, synced: [], acked: [], lost: [] }
  const single = countPartitions(
    8,
    (partition) => placementOf(alone, partition),
    () => true,
    2,
  )
  assert.deepEqual(single, { total: 8, withQuorum: 8, allUp: 8 })
  assert.deepEqual(
    countPartitions(
      2,
      () => undefined,
      () => true,
      2,
    ),
    { total: 2, withQuorum: 0, allUp: 0 },
  )
})
