import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { balanceFirsts } from './replica-order.ts'

const anybody = (): boolean => true
const copy = (sets: readonly number[][]): number[][] => sets.map((set) => [...set])
const firstsOf = (sets: readonly number[][], node: number): number =>
  sets.filter((set) => set[0] === node).length

test('each node comes first for its share of what it holds', () => {
  const sets = Array.from({ length: 6 }, () => [0, 1, 2])
  balanceFirsts(sets, 3, anybody)
  assert.deepEqual(
    [0, 1, 2].map((node) => firstsOf(sets, node)),
    [2, 2, 2],
  )
})

test('an order that is balanced stays as it is', () => {
  const sets = [
    [2, 1, 0],
    [0, 2, 1],
    [1, 0, 2],
  ]
  const before = copy(sets)
  balanceFirsts(sets, 3, anybody)
  assert.deepEqual(sets, before)
})

test('a node with a third of the replicas in one set cannot be first less than it must', () => {
  const sets = [[0], [0], [1], [0]]
  balanceFirsts(sets, 2, anybody)
  assert.deepEqual(sets, [[0], [0], [1], [0]])
})

test('the first place passes along a chain when giver and taker share no partition', () => {
  // 0 is first three times and shares only with 1; 2 is never first and shares only with 1.
  const sets = [
    [0, 1],
    [0, 1],
    [1, 2],
    [1, 2],
  ]
  balanceFirsts(sets, 3, anybody)
  assert.deepEqual(
    [0, 1, 2].map((node) => firstsOf(sets, node)),
    [1, 2, 1],
  )
})

test('those who stay behind the first keep their order', () => {
  const sets = Array.from({ length: 3 }, () => [0, 1, 2])
  balanceFirsts(sets, 3, anybody)
  for (const set of sets) {
    const others = set.slice(1)
    assert.deepEqual(
      others,
      [...others].sort((a, b) => a - b),
    )
  }
})

test('every way of holding partitions can be balanced to rounding, and twice is once', () => {
  const problem = fc
    .tuple(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 1, max: 12 }))
    .filter(([nodes]) => nodes >= 1)
    .chain(([nodes, partitions]) =>
      fc.integer({ min: 1, max: nodes }).chain((size) =>
        fc.record({
          nodes: fc.constant(nodes),
          sets: fc.array(
            fc.shuffledSubarray([...new Array<number>(nodes).keys()], {
              minLength: size,
              maxLength: size,
            }),
            { minLength: partitions, maxLength: partitions },
          ),
        }),
      ),
    )
  fc.assert(
    fc.property(problem, ({ nodes, sets }) => {
      const size = sets[0]!.length
      const before = copy(sets)
      const after = copy(sets)
      balanceFirsts(after, nodes, anybody)
      after.forEach((set, p) => assert.deepEqual([...set].sort(), [...before[p]!].sort()))
      for (let node = 0; node < nodes; node++) {
        const held = before.filter((set) => set.includes(node)).length
        const firsts = firstsOf(after, node)
        assert.ok(firsts >= Math.floor(held / size) && firsts <= Math.ceil(held / size))
      }
      const again = copy(after)
      balanceFirsts(again, nodes, anybody)
      assert.deepEqual(again, after)
    }),
    { seed: 21, numRuns: 1000 },
  )
})

test('only those who may come first do, and the others share what is left', () => {
  const sets = Array.from({ length: 6 }, () => [0, 1, 2])
  balanceFirsts(sets, 3, (_, node) => node !== 2)
  assert.equal(firstsOf(sets, 2), 0)
  assert.equal(firstsOf(sets, 1), 2)
})

test('a chain does not lead through one who may not come first there', () => {
  const sets = [
    [0, 1],
    [0, 1],
    [1, 2],
    [1, 2],
  ]
  const before = copy(sets)
  balanceFirsts(sets, 3, (p) => p >= 2)
  assert.deepEqual(sets.slice(0, 2), before.slice(0, 2))
})
