import assert from 'node:assert/strict'
import { test } from 'node:test'
import { planLayout } from '../../core/placement/plan-layout.ts'
import type { KnownSizes } from '../../core/placement/plan-cost.ts'
import type { NodeId, PartitionId } from '../../core/std/ids.ts'
import { planJson } from './layout-routes.ts'

const nodeAt = (n: number): NodeId => (n + 1).toString(16).padStart(16, '0') as NodeId
const roles = [0, 1, 2, 3].map((n) => ({ node: nodeAt(n), zone: '', weight: 100 }))
const dimensions = { partitions: 8, replicas: 3 }
const BEFORE = planLayout({ previous: undefined, roles: roles.slice(0, 3), ...dimensions })
const AFTER = planLayout({ previous: BEFORE, roles, ...dimensions })

function known(partitions: number, more: Partial<KnownSizes> = {}): KnownSizes {
  const sizes = Array.from({ length: partitions }, (_, p) => [p as PartitionId, { bytes: 1_000 }])
  return {
    sizes: new Map(sizes as [PartitionId, { bytes: number }][]),
    ...{ copies: 2, pulledPerSecond: undefined, sentPerSecond: undefined },
    ...{ unitsPerSecond: 50, unitBytes: 262_144 },
    ...more,
  }
}

test('a plan tells how many bytes each link carries, and how many partitions that is guessed of', () => {
  const json = planJson(BEFORE, AFTER, known(8, { pulledPerSecond: 1_000 }))
  const { links = [], moves = 0 } = json
  assert.equal(moves, 6)
  for (const { partitions, bytes } of links) assert.equal(bytes, partitions * 1_000)
  assert.deepEqual(
    [json.bytes, json.estimatedPartitions, json.copies, json.time],
    [6_000, 0, 2, { seconds: 12, basis: 'pulled' }],
  )
  const guessed = planJson(BEFORE, AFTER, known(1))
  assert.equal(guessed.bytes, 6_000)
  assert.ok(guessed.estimatedPartitions! >= 5)
  assert.deepEqual(guessed.time, { seconds: 1, basis: 'allowance' })
})

test('a plan of which the node knows nothing has no bytes and no time', () => {
  const json = planJson(BEFORE, AFTER, known(0, { pulledPerSecond: 1_000 }))
  assert.ok(json.links!.every((link) => !('bytes' in link)))
  for (const name of ['bytes', 'estimatedPartitions', 'copies', 'time'])
    assert.ok(!(name in json), name)
})

test('a plan that changes nothing tells nothing', () => {
  const { version, hash } = BEFORE
  const from = { version, hash: hash.toString(16).padStart(8, '0') }
  assert.deepEqual(planJson(BEFORE, undefined, known(8)), { from })
})
