import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { NodeId } from '../std/ids.ts'
import { Prng } from '../std/prng.ts'
import type { Layout, Role } from './layout.ts'
import { checkLayout, checkSuccessor } from './layout-check.ts'
import { beginTransition, gainedBy } from './layout-state.ts'
import { diffLayouts, planLayout } from './plan-layout.ts'
import { spreadOverZones } from './quotas.ts'

/** Ids in an order that has nothing to do with `n`, as in life. */
const node = (n: number): NodeId =>
  (Math.imul(n + 1, 0x9e37_79b1) >>> 0).toString(16).padStart(16, '0') as NodeId

const cluster = (count: number, zones = 1, weight = (_n: number): number => 1): Role[] =>
  Array.from({ length: count }, (_, n) => ({
    node: node(n),
    zone: `zone${n % zones}`,
    weight: weight(n),
  }))

function plan(previous: Layout | undefined, roles: readonly Role[], q = 64, n = 3): Layout {
  const layout = planLayout({ previous, roles, partitions: q, replicas: n })
  const problem = previous === undefined ? checkLayout(layout) : checkSuccessor(previous, layout)
  assert.equal(problem, undefined)
  return layout
}

const setOf = (layout: Layout, p: number): NodeId[] =>
  layout.table[p]!.map((index) => layout.roles[index]!.node)

/** Replicas, or first places, of each role. */
function loadsOf(layout: Layout, only: 'all' | 'firsts' = 'all'): number[] {
  const loads = layout.roles.map(() => 0)
  for (const set of layout.table)
    for (const index of only === 'all' ? set : set.slice(0, 1)) loads[index] = loads[index]! + 1
  return loads
}

/** No plan to the loads of `after` can move fewer: who holds more now must have been given it. */
function movesAtLeast(before: Layout, after: Layout): number {
  const old = new Map(before.roles.map((role, i) => [role.node, loadsOf(before)[i]!]))
  return after.roles.reduce(
    (sum, role, i) => sum + Math.max(0, loadsOf(after)[i]! - (old.get(role.node) ?? 0)),
    0,
  )
}

function assertSpread(layout: Layout): void {
  const zones = spreadOverZones(layout.roles, layout.table[0]!.length)
  layout.table.forEach((set, p) => {
    for (const zone of zones) {
      const count = set.filter((index) => zone.nodes.includes(index)).length
      assert.ok(count >= zone.least, `partition ${p}: ${count} in ${zone.name}`)
      assert.ok(count <= zone.most, `partition ${p}: ${count} in ${zone.name}`)
    }
  })
}

function assertEven(loads: readonly number[]): void {
  assert.ok(Math.max(...loads) - Math.min(...loads) <= 1, `loads ${loads.join(' ')}`)
}

test('the first layout of one node puts everything on it', () => {
  const layout = plan(undefined, cluster(1))
  assert.equal(layout.version, 1)
  assert.equal(layout.previousHash, 0)
  assert.ok(layout.table.every((set) => set.length === 1 && set[0] === 0))
})

test('three nodes hold everything together and coordinate a third each', () => {
  const layout = plan(undefined, cluster(3), 256)
  assert.ok(layout.table.every((set) => set.length === 3))
  assertEven(loadsOf(layout, 'firsts'))
})

test('the next layout names the one it was planned from', () => {
  const first = plan(undefined, cluster(3))
  const second = plan(first, cluster(4))
  assert.equal(second.version, 2)
  assert.equal(second.previousHash, first.hash)
})

test('the same roles again move nothing, not even in order', () => {
  for (const zones of [1, 2, 3, 5]) {
    const first = plan(
      undefined,
      cluster(11, zones, (n) => 1 + (n % 3)),
    )
    assert.deepEqual(
      plan(
        first,
        cluster(11, zones, (n) => 1 + (n % 3)),
      ).table,
      first.table,
    )
  }
})

test('growth from 1 to 20 nodes stays even and moves no more than it must', () => {
  let layout = plan(undefined, cluster(1), 256)
  let moved = 0
  for (let count = 2; count <= 20; count++) {
    const next = plan(layout, cluster(count), 256)
    const { moves, gained } = diffLayouts(layout, next)
    assertEven(loadsOf(next))
    assertEven(loadsOf(next, 'firsts'))
    assert.equal(moves, movesAtLeast(layout, next))
    if (count > 3) assert.ok(moves <= Math.ceil((3 * 256) / count), `${moves} at ${count} nodes`)
    assert.deepEqual([...gained.keys()], [node(count - 1)], 'only the new node gains')
    moved += moves
    layout = next
  }
  assert.ok(moved > 1700 && moved < 2000, `${moved} moves`)
})

test('growth over zones keeps them apart and moves no more than it must', () => {
  for (const zones of [2, 3, 4, 5]) {
    let layout = plan(undefined, cluster(1, zones), 256)
    let moves = 0
    let least = 0
    for (let count = 2; count <= 20; count++) {
      const next = plan(layout, cluster(count, zones), 256)
      assertSpread(next)
      moves += diffLayouts(layout, next).moves
      least += movesAtLeast(layout, next)
      layout = next
    }
    assert.equal(moves, least, `${zones} zones`)
  }
})

test('a node that leaves hands its share to the others and nothing else moves', () => {
  for (const [count, zones] of [
    [4, 1],
    [12, 1],
    [12, 4],
    [30, 3],
  ] as const) {
    const before = plan(undefined, cluster(count, zones), 256)
    const rest = cluster(count, zones).filter((_, n) => n !== 2)
    const after = plan(before, rest, 256)
    const { moves } = diffLayouts(before, after)
    const share = loadsOf(before)[before.roles.findIndex((role) => role.node === node(2))]!
    assert.ok(moves >= share && moves <= share * 1.1, `${moves} moves for ${share}`)
    assertSpread(after)
  }
})

test('a node of weight 0 is drained and keeps its role', () => {
  const before = plan(undefined, cluster(5))
  const drained = cluster(5, 1, (n) => (n === 3 ? 0 : 1))
  const after = plan(before, drained)
  assert.equal(loadsOf(after)[after.roles.findIndex((role) => role.node === node(3))], 0)
  assert.equal(after.roles.length, 5)
  assertEven(loadsOf(after).filter((load) => load > 0))
})

test('fewer nodes than replicas hold everything each, and sets grow as nodes come', () => {
  let layout = plan(undefined, cluster(1), 16, 5)
  for (let count = 2; count <= 5; count++) {
    const next = plan(layout, cluster(count), 16, 5)
    assert.ok(next.table.every((set) => set.length === count))
    assert.equal(diffLayouts(layout, next).moves, 16)
    layout = next
  }
})

test('sets shrink when too few nodes are left', () => {
  const before = plan(undefined, cluster(4))
  const after = plan(before, cluster(2))
  assert.ok(after.table.every((set) => set.length === 2))
  const back = plan(after, cluster(4))
  assert.ok(back.table.every((set) => set.length === 3))
  assertEven(loadsOf(back))
})

test('who stays in a set keeps its place, who comes takes the place of who goes', () => {
  const before = plan(undefined, cluster(9), 256)
  const after = plan(before, cluster(10), 256)
  let changed = 0
  let kept = 0
  for (let p = 0; p < 256; p++) {
    const old = setOf(before, p)
    const now = setOf(after, p)
    if (now.every((id) => old.includes(id))) {
      assert.deepEqual(now, old)
      continue
    }
    changed++
    const stayed = now.filter((id) => old.includes(id))
    if (stayed.every((id) => old.indexOf(id) === now.indexOf(id))) kept++
    const inOldOrder = [...stayed].sort((a, b) => old.indexOf(a) - old.indexOf(b))
    assert.deepEqual(stayed, inOldOrder)
  }
  assert.ok(changed > 50 && kept >= changed * 0.95, `${kept} of ${changed} kept their places`)
})

test('nodes share partitions with many others, so that many help when one is lost', () => {
  const layout = plan(undefined, cluster(12), 256)
  const partners = layout.roles.map(() => new Set<number>())
  for (const set of layout.table)
    for (const a of set) for (const b of set) if (a !== b) partners[a]!.add(b)
  for (const met of partners) assert.ok(met.size >= 9, `${met.size} partners`)
})

test('weights are met to rounding and first places go with them', () => {
  const layout = plan(
    undefined,
    cluster(6, 1, (n) => n + 1),
    256,
  )
  layout.roles.forEach((role, i) => {
    const share = (3 * 256 * role.weight) / 21
    assert.ok(Math.abs(loadsOf(layout)[i]! - share) < 1)
    assert.ok(Math.abs(loadsOf(layout, 'firsts')[i]! - share / 3) < 2)
  })
})

test('a change of weight moves what it says', () => {
  const before = plan(undefined, cluster(8), 256)
  const after = plan(
    before,
    cluster(8, 1, (n) => (n === 0 ? 2 : 1)),
    256,
  )
  assert.equal(diffLayouts(before, after).moves, movesAtLeast(before, after))
})

test('a third zone takes over one replica of every set', () => {
  const two = cluster(6, 2)
  const before = plan(undefined, two, 64)
  const added = [6, 7, 8].map((n) => ({ node: node(n), zone: 'third', weight: 1 }))
  const after = plan(before, [...two, ...added], 64)
  assertSpread(after)
  const { moves } = diffLayouts(before, after)
  assert.ok(moves >= 64 && moves <= 66, `${moves} moves`)
})

test('nodes that all change their zone are spread anew', () => {
  const before = plan(undefined, cluster(9, 1))
  const after = plan(before, cluster(9, 3))
  assertSpread(after)
  assertEven(loadsOf(after))
})

const anyRoles = (min: number): fc.Arbitrary<Role[]> =>
  fc
    .array(
      fc.record({
        zone: fc.constantFrom('a', 'b', 'c', 'd'),
        weight: fc.oneof(fc.constant(1), fc.integer({ min: 0, max: 9 }), fc.constant(1000)),
        present: fc.boolean(),
      }),
      { minLength: min, maxLength: 14 },
    )
    .map((items) =>
      items
        .map(({ zone, weight, present }, n) => ({ node: node(n), zone, weight, present }))
        .filter(({ present }) => present)
        .map(({ zone, weight, node: id }) => ({ node: id, zone, weight })),
    )
    .filter((roles) => roles.some(({ weight }) => weight > 0))

const dimensions = fc.record({
  bits: fc.integer({ min: 0, max: 6 }),
  replicas: fc.integer({ min: 1, max: 7 }),
})

function assertFirstsEven(layout: Layout): void {
  const firsts = loadsOf(layout, 'firsts')
  const size = layout.table[0]!.length
  loadsOf(layout).forEach((load, i) => {
    assert.ok(firsts[i]! >= Math.floor(load / size))
    assert.ok(firsts[i]! <= Math.ceil(load / size))
  })
}

test('each layout of any history is sound, spread and near the fewest moves', () => {
  let moves = 0
  let least = 0
  fc.assert(
    fc.property(
      fc.array(anyRoles(1), { minLength: 2, maxLength: 5 }),
      dimensions,
      (history, { bits, replicas }) => {
        let layout: Layout | undefined
        for (const roles of history) {
          const next = plan(layout, roles, 1 << bits, replicas)
          assertSpread(next)
          if (layout === undefined) assertFirstsEven(next)
          if (layout !== undefined) {
            moves += diffLayouts(layout, next).moves
            least += movesAtLeast(layout, next)
          }
          layout = next
        }
      },
    ),
    { seed: 31, numRuns: 300 },
  )
  assert.ok(moves <= least * 1.1, `${moves} moves for ${least}`)
})

test('who is there already pulls nothing when others join: nobody waits for one who may be away', () => {
  const grown = fc.record({
    nodes: fc.integer({ min: 1, max: 9 }),
    joining: fc.integer({ min: 1, max: 4 }),
    replicas: fc.integer({ min: 1, max: 4 }),
  })
  fc.assert(
    fc.property(grown, ({ nodes, joining, replicas }) => {
      const partitions = 32
      const roles = cluster(nodes)
      const previous = planLayout({ previous: undefined, roles, partitions, replicas })
      const next = planLayout({
        previous,
        roles: cluster(nodes + joining),
        partitions,
        replicas,
      })
      assert.equal(checkSuccessor(previous, next), undefined)
      const state = beginTransition(
        { current: previous, previous: undefined, synced: [], acked: [], lost: [] },
        next,
      )
      const pulling = roles.filter(({ node }) => gainedBy(state, node).length > 0)
      assert.deepEqual(pulling, [])
    }),
    { seed: 5, numRuns: 500 },
  )
})

test('the order in which roles are named does not matter', () => {
  fc.assert(
    fc.property(anyRoles(2), anyRoles(2), dimensions, fc.nat(), (one, two, dim, seed) => {
      const rng = new Prng(seed)
      const q = 1 << dim.bits
      const straight = plan(plan(undefined, one, q, dim.replicas), two, q, dim.replicas)
      const first = plan(undefined, rng.shuffle([...one]), q, dim.replicas)
      const shuffled = plan(first, rng.shuffle([...two]), q, dim.replicas)
      assert.deepEqual(shuffled, straight)
    }),
    { seed: 32, numRuns: 200 },
  )
})

test('the same roles again change nothing but the version, whatever they are', () => {
  fc.assert(
    fc.property(anyRoles(1), anyRoles(1), dimensions, (one, two, { bits, replicas }) => {
      const second = plan(plan(undefined, one, 1 << bits, replicas), two, 1 << bits, replicas)
      const third = plan(second, two, 1 << bits, replicas)
      assert.deepEqual(third.table, second.table)
    }),
    { seed: 33, numRuns: 300 },
  )
})

/** Every replica set that spreads over the zones as it should. */
function possibleSets(roles: readonly Role[], size: number): number[][] {
  const zones = spreadOverZones(roles, size)
  const sets: number[][] = []
  for (let bits = 0; bits < 1 << roles.length; bits++) {
    const set = roles.map((_, n) => n).filter((n) => ((bits >> n) & 1) === 1)
    const spread = zones.every(({ nodes, least, most }) => {
      const count = set.filter((n) => nodes.includes(n)).length
      return count >= least && count <= most
    })
    if (set.length === size && spread && set.every((n) => roles[n]!.weight > 0)) sets.push(set)
  }
  return sets
}

/** Calls `visit` with the loads and the cost of every possible table. */
function everyTable(
  choices: readonly (readonly number[])[],
  costs: readonly ((set: readonly number[]) => number)[],
  nodes: number,
  visit: (loads: readonly number[], cost: number) => void,
): void {
  const loads = new Array<number>(nodes).fill(0)
  const descend = (p: number, cost: number): void => {
    if (p === costs.length) return visit(loads, cost)
    for (const set of choices) {
      for (const n of set) loads[n] = loads[n]! + 1
      descend(p + 1, cost + costs[p]!(set))
      for (const n of set) loads[n] = loads[n]! - 1
    }
  }
  descend(0, 0)
}

const tiny = fc.record({
  zones: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: 2, maxLength: 5 }),
  before: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  replicas: fc.integer({ min: 1, max: 3 }),
  bits: fc.integer({ min: 1, max: 2 }),
})

test('no table of a tiny cluster is more even, and none as even moves less', () => {
  fc.assert(
    fc.property(tiny, ({ zones, before, replicas, bits }) => {
      const roles = zones
        .map((zone, n) => ({ node: node(n), zone, weight: 1 }))
        .sort((a, b) => (a.node < b.node ? -1 : 1))
      const q = 1 << bits
      const old = roles.filter((_, n) => before[n])
      const previous = plan(undefined, old.length > 0 ? old : roles, q, replicas)
      const next = plan(previous, roles, q, replicas)
      const loads = loadsOf(next)
      const squares = (of: readonly number[]): number => of.reduce((sum, n) => sum + n * n, 0)
      const costs = Array.from({ length: q }, (_, p) => {
        const owners = setOf(previous, p)
        return (set: readonly number[]) =>
          set.filter((n) => !owners.includes(roles[n]!.node)).length
      })
      let leastSquares = Number.POSITIVE_INFINITY
      let leastMoves = Number.POSITIVE_INFINITY
      const choices = possibleSets(roles, next.table[0]!.length)
      everyTable(choices, costs, roles.length, (other, cost) => {
        leastSquares = Math.min(leastSquares, squares(other))
        if (loads.every((load, n) => load === other[n])) leastMoves = Math.min(leastMoves, cost)
      })
      assert.equal(squares(loads), leastSquares)
      assert.equal(diffLayouts(previous, next).moves, leastMoves)
    }),
    { seed: 34, numRuns: 300 },
  )
})

test('a large cluster is planned in a moment', () => {
  const before = plan(
    undefined,
    cluster(64, 5, (n) => 1 + (n % 7)),
    4096,
  )
  const after = plan(
    before,
    cluster(65, 5, (n) => 1 + (n % 7)),
    4096,
  )
  assertSpread(after)
  assert.ok(diffLayouts(before, after).moves <= movesAtLeast(before, after) * 1.05)
})

test('a difference lists what each node gains, in order', () => {
  const before = plan(undefined, cluster(3), 8, 2)
  const after = plan(before, cluster(5), 8, 2)
  const { moves, gained } = diffLayouts(before, after)
  let listed = 0
  for (const [id, partitions] of gained) {
    assert.deepEqual(
      partitions,
      [...partitions].sort((a, b) => a - b),
    )
    for (const p of partitions) {
      assert.ok(setOf(after, p).includes(id))
      assert.ok(!setOf(before, p).includes(id))
    }
    listed += partitions.length
  }
  assert.equal(listed, moves)
  assert.deepEqual([...gained.keys()], [...gained.keys()].sort())
  assert.deepEqual(diffLayouts(after, after), { moves: 0, gained: new Map() })
})

test('only plain roles end up in a layout', () => {
  const role = { ...cluster(1)[0]!, secret: 'x' }
  assert.deepEqual(Object.keys(plan(undefined, [role]).roles[0]!), ['node', 'zone', 'weight'])
})

test('to plan from bad roles or for other dimensions is our bug', () => {
  const first = plan(undefined, cluster(3))
  const twice = [...cluster(1), ...cluster(1)]
  assert.throws(() => plan(undefined, twice), /more than one role/)
  assert.throws(() => plan(undefined, []), /No node has a weight/)
  assert.throws(() => plan(undefined, cluster(3), 7), /power of two/)
  assert.throws(() => plan(first, cluster(3), 128), /128 partitions/)
  assert.throws(() => plan(first, cluster(3), 64, 2), /2 replicas/)
})
