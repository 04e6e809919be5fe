import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteReader, ByteWriter } from '../std/bytes.ts'
import type { NodeId } from '../std/ids.ts'
import { checkSuccessor } from './layout-check.ts'
import { decodeLayoutState, encodeLayoutState, hashLayout } from './layout-codec.ts'
import { awaited, beginTransition, gainedBy, markAcked, markSynced } from './layout-state.ts'
import { checkStructure } from './layout-structure.ts'
import type { Layout, Role } from './layout.ts'
import { diffLayouts, planLayout } from './plan-layout.ts'
import { planReplacement } from './plan-replacement.ts'

const nodeAt = (index: number): NodeId => (index + 1).toString(16).padStart(16, '0') as NodeId
const role = (index: number, weight = 100): Role => ({ node: nodeAt(index), zone: 'z', weight })
const layoutOf = (nodes: number): Layout =>
  planLayout({
    previous: undefined,
    roles: Array.from({ length: nodes }, (_, i) => role(2 * i + 1)),
    partitions: 64,
    replicas: 3,
  })
const holders = (layout: Layout): NodeId[][] =>
  layout.table.map((set) => set.map((index) => layout.roles[index]!.node))

test('the newcomer stands in the places of the lost node, and nothing else moves', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.nat(8), fc.nat(9), (nodes, gone, between) => {
      const previous = layoutOf(nodes)
      const lost = previous.roles[gone % nodes]!.node
      const newcomer = role(2 * between)
      const next = planReplacement(previous, [{ lost, role: newcomer }])
      assert.equal(checkSuccessor(previous, next), undefined)
      assert.deepEqual(next.lost, [lost])
      assert.deepEqual(
        holders(next),
        holders(previous).map((set) => set.map((node) => (node === lost ? newcomer.node : node))),
      )
      assert.deepEqual([...diffLayouts(previous, next).gained.keys()], [newcomer.node])
    }),
    { seed: 1, numRuns: 100 },
  )
})

test('several lost nodes are replaced at once', () => {
  const previous = layoutOf(5)
  const [a, , c] = previous.roles
  const next = planReplacement(previous, [
    { lost: c!.node, role: role(20) },
    { lost: a!.node, role: role(0, 7) },
  ])
  assert.equal(checkSuccessor(previous, next), undefined)
  assert.deepEqual(next.lost, [a!.node, c!.node])
  assert.deepEqual(next.roles[0], role(0, 7))
  const lost = holders(previous)
    .flat()
    .filter((node) => next.lost?.includes(node) === true)
  assert.equal(diffLayouts(previous, next).moves, lost.length)
})

test('who held no data by its weight is replaced by an ordinary plan', () => {
  const roles = [role(1), role(3), role(5, 0)]
  const previous = planLayout({ previous: undefined, roles, partitions: 16, replicas: 3 })
  const next = planReplacement(previous, [{ lost: nodeAt(5), role: role(7) }])
  assert.equal(checkSuccessor(previous, next), undefined)
  assert.ok(holders(next).every((set) => set.length === 3 && set.includes(nodeAt(7))))
})

test('a layout with lost nodes comes back as it went, and its move ends when the newcomer has all', () => {
  const previous = layoutOf(3)
  const lost = previous.roles[1]!.node
  const next = planReplacement(previous, [{ lost, role: role(0) }])
  const state = beginTransition(beginTransition(undefined, previous), next)
  const writer = new ByteWriter()
  encodeLayoutState(writer, state)
  const reader = new ByteReader(writer.take())
  assert.deepEqual(decodeLayoutState(reader), state)
  assert.ok(reader.finished)
  assert.equal(gainedBy(state, nodeAt(0)).length, 64)
  for (const { node } of next.roles.slice(1)) assert.deepEqual(gainedBy(state, node), [])
  const filled = markSynced(state, nodeAt(0))
  assert.ok(!awaited(filled).includes(lost))
  assert.deepEqual(awaited(awaited(filled).reduce(markAcked, filled)), [])
})

test('who is lost was there before, is there no more, and is named once', () => {
  const previous = layoutOf(3)
  const lost = previous.roles[1]!.node
  const next = planReplacement(previous, [{ lost, role: role(0) }])
  const problemWith = (named: readonly NodeId[]): string | undefined => {
    const content = { ...next, lost: named }
    return checkSuccessor(previous, { ...content, hash: hashLayout(content) })
  }
  assert.equal(problemWith([lost]), undefined)
  assert.match(problemWith([nodeAt(90)]) ?? '', /was not in the layout before/)
  assert.match(problemWith([previous.roles[0]!.node]) ?? '', /is lost and has a role/)
  assert.match(problemWith([lost, lost]) ?? '', /not sorted/)
  assert.match(problemWith([]) ?? '', /0 nodes are lost/)
  assert.match(checkStructure({ ...next, lost: ['nobody' as NodeId] }) ?? '', /no node id/)
})
