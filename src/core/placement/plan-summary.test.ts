import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { NodeId } from '../std/ids.ts'
import type { Layout } from './layout.ts'
import { diffLayouts, planLayout } from './plan-layout.ts'
import { planWithout } from './plan-removal.ts'
import { summarize } from './plan-summary.ts'

const nodeAt = (n: number): NodeId => (n + 1).toString(16).padStart(16, '0') as NodeId
const dimensions = { partitions: 64, replicas: 3 }

function grown(zones: readonly string[], previous?: Layout): Layout {
  const roles = zones.map((zone, n) => ({ node: nodeAt(n), zone, weight: 100 }))
  return planLayout({ previous, roles, ...dimensions })
}

test('a fourth node gets its share from all others, and no more moves than it must', () => {
  const before = grown(['', '', ''])
  const after = grown(['', '', '', ''], before)
  const { moves, leastMoves, links, nodes } = summarize(before, after)
  assert.deepEqual([moves, leastMoves], [48, 48])
  assert.equal(moves, diffLayouts(before, after).moves)
  assert.deepEqual(
    links.map(({ from, to }) => [from, to]),
    [0, 1, 2].map((n) => [nodeAt(n), nodeAt(3)]),
  )
  assert.equal(
    links.reduce((sum, { partitions }) => sum + partitions, 0),
    48,
  )
  assert.deepEqual(nodes[3], { node: nodeAt(3), before: 0, after: 48, share: 48 })
})

test('nothing is copied from who is lost, nor to who leaves', () => {
  const before = grown(['', '', '', ''])
  const roles = before.roles.slice(0, 3)
  const after = planWithout({ previous: before, roles, ...dimensions }, [nodeAt(3)])
  const { links, nodes } = summarize(before, after)
  assert.ok(links.every(({ from, to }) => from !== nodeAt(3) && to !== nodeAt(3)))
  assert.deepEqual(nodes[3], { node: nodeAt(3), before: 48, after: 0, share: 0 })
})

test('with three zones every partition stands without any one; with two none does', () => {
  const one = grown(['a', 'a', 'a'])
  const three = grown(['a', 'b', 'c'])
  assert.deepEqual(summarize(three, three).zoneRisk, { before: 0, during: 0, after: 0 })
  const after = grown(['a', 'b', 'c'], one)
  assert.deepEqual(summarize(one, after).zoneRisk, { before: 64, during: 64, after: 0 })
})

test('bytes are counted where each partition goes, and only if they are known', () => {
  const before = grown(['', '', ''])
  const after = grown(['', '', '', ''], before)
  const { links } = summarize(before, after, (partition) => 1 + partition)
  const moved = [...diffLayouts(before, after).gained.values()].flat()
  assert.equal(
    links.reduce((sum, { bytes = 0 }) => sum + bytes, 0),
    moved.reduce((sum, partition) => sum + 1 + partition, 0),
  )
  assert.ok(summarize(before, after).links.every(({ bytes }) => bytes === undefined))
})

test('with one replica or two no partition stands without a node, with three every one does', () => {
  const two = planLayout({
    previous: undefined,
    roles: [0, 1].map((n) => ({ node: nodeAt(n), zone: '', weight: 100 })),
    ...dimensions,
  })
  const three = grown(['', '', ''], two)
  assert.deepEqual(summarize(two, three).nodeRisk, { before: 64, during: 64, after: 0 })
})

test('the zones are those of the partition that has the fewest', () => {
  const one = grown(['a', 'a', 'a'])
  assert.deepEqual(summarize(one, grown(['a', 'b', 'c'], one)).zones, { before: 1, after: 3 })
})
