import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId, PartitionId } from '../std/ids.ts'
import { bytesBy, estimatedIn, timeOf } from './plan-cost.ts'
import type { KnownSizes } from './plan-cost.ts'
import { planLayout } from './plan-layout.ts'
import { summarize } from './plan-summary.ts'

const nodeAt = (n: number): NodeId => (n + 1).toString(16).padStart(16, '0') as NodeId
const roles = [0, 1, 2, 3].map((n) => ({ node: nodeAt(n), zone: '', weight: 100 }))
const dimensions = { partitions: 8, replicas: 3 }
const BEFORE = planLayout({ previous: undefined, roles: roles.slice(0, 3), ...dimensions })
const AFTER = planLayout({ previous: BEFORE, roles, ...dimensions })

function known(partitions: number, more: Partial<KnownSizes> = {}): KnownSizes {
  const sizes = Array.from({ length: partitions }, (_, p) => [p, { bytes: 100 + p }] as const)
  return {
    sizes: new Map(sizes.map(([p, size]) => [p as PartitionId, size])),
    ...{ copies: 2, pulledPerSecond: undefined, sentPerSecond: undefined },
    ...{ unitsPerSecond: 10, unitBytes: 50 },
    ...more,
  }
}

test('a partition that is not known is taken for the mean of those that are', () => {
  const bytesOf = bytesBy(known(3))!
  assert.deepEqual(
    [0, 2, 7].map((p) => bytesOf(p as PartitionId)),
    [100, 102, 101],
  )
  assert.equal(bytesBy(known(0)), undefined)
  assert.equal(estimatedIn(BEFORE, AFTER, known(8)), 0)
  assert.equal(estimatedIn(BEFORE, AFTER, known(0)), summarize(BEFORE, AFTER).moves)
})

test('the time stands on what this node has pulled, else on what was read from it', () => {
  const all = known(8)
  const summary = summarize(BEFORE, AFTER, bytesBy(all))
  const bytes = summary.links.reduce((sum, link) => sum + link.bytes!, 0)
  const pulled = { ...all, pulledPerSecond: 200, sentPerSecond: 7 }
  assert.deepEqual(timeOf(summary, pulled), { seconds: (bytes * 2) / 200, basis: 'pulled' })
  const sent = { ...all, sentPerSecond: 100 }
  assert.deepEqual(timeOf(summary, sent), { seconds: (bytes * 2) / 3 / 100, basis: 'sent' })
})

test('without a rate it takes at least the units of work that may go', () => {
  const links = [
    { from: nodeAt(0), to: nodeAt(3), partitions: 4, bytes: 1_000 },
    { from: nodeAt(1), to: nodeAt(3), partitions: 6, bytes: 0 },
    { from: nodeAt(1), to: nodeAt(2), partitions: 1, bytes: 10 },
  ]
  assert.deepEqual(timeOf({ links, nodes: [] }, known(8)), {
    seconds: (26 * 2) / 10,
    basis: 'allowance',
  })
})

test('nothing is said of a time when nobody knows how much it is, or nothing moves', () => {
  const summary = summarize(BEFORE, AFTER)
  const rated = known(8, { pulledPerSecond: 1 })
  assert.equal(timeOf(summary, rated), undefined)
  assert.equal(timeOf({ ...summary, links: [] }, rated), undefined)
})
