/**
 * That no plan moves more than it must: against every table there is on small rings, and against
 * the lower bound on large ones. And that a change that is undone leaves no trace.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { NodeId } from '../std/ids.ts'
import type { Layout, Role } from './layout.ts'
import { checkLayout } from './layout-check.ts'
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

interface Ring {
  readonly q: number
  readonly replicas: number
}

const USUAL: Ring = { q: 256, replicas: 3 }

function plan(
  previous: Layout | undefined,
  roles: readonly Role[],
  { q, replicas }: Ring = USUAL,
  former?: Layout,
): Layout {
  const layout = planLayout({ previous, roles, partitions: q, replicas, former })
  assert.equal(checkLayout(layout), undefined)
  return layout
}

const namesOf = (layout: Layout): NodeId[][] =>
  layout.table.map((set) => set.map((index) => layout.roles[index]!.node))

/** Replicas of each node, or in how many sets it comes first. */
function loadsOf(layout: Layout, places: number = layout.replicas): Map<NodeId, number> {
  const loads = new Map(layout.roles.map((role) => [role.node, 0]))
  for (const set of namesOf(layout))
    for (const id of set.slice(0, places)) loads.set(id, loads.get(id)! + 1)
  return loads
}

/** No plan to the loads of `after` can move fewer: who holds more now must have been given it. */
function movesAtLeast(before: Layout, after: Layout): number {
  const old = loadsOf(before)
  let sum = 0
  for (const [id, load] of loadsOf(after)) sum += Math.max(0, load - (old.get(id) ?? 0))
  return sum
}

function assertFirstsWithinOne(layout: Layout): void {
  const firsts = loadsOf(layout, 1)
  const size = layout.table[0]!.length
  for (const [id, load] of loadsOf(layout)) {
    const first = firsts.get(id)!
    assert.ok(Math.abs(first - load / size) < 1, `${id} first in ${first} of ${load}`)
  }
}

test('growth from 3 to 50 nodes over three zones moves the lower bound and stays even', () => {
  let layout = plan(undefined, cluster(3, 3))
  let moves = 0
  let least = 0
  for (let count = 4; count <= 50; count++) {
    const next = plan(layout, cluster(count, 3))
    moves += diffLayouts(layout, next).moves
    least += movesAtLeast(layout, next)
    layout = next
    assertFirstsWithinOne(layout)
    for (const set of layout.table) {
      const zones = set.map((index) => layout.roles[index]!.zone)
      assert.equal(new Set(zones).size, 3)
    }
  }
  assert.equal(moves, least)
  const most = Math.max(...loadsOf(layout).values())
  assert.ok(most / ((3 * 256) / 50) <= 1.05, `${most} replicas on one node`)
})

test('one after another, 30 nodes come without a move too many and first as often as they should', () => {
  let layout = plan(undefined, cluster(3))
  for (let count = 4; count <= 30; count++) {
    const next = plan(layout, cluster(count))
    assert.equal(diffLayouts(layout, next).moves, movesAtLeast(layout, next))
    assertFirstsWithinOne(next)
    layout = next
  }
})

test('one after another, 30 nodes go without a move too many', () => {
  for (const zones of [1, 3]) {
    let layout = plan(undefined, cluster(30, zones))
    for (let count = 29; count >= 4; count--) {
      const next = plan(layout, cluster(count, zones))
      assert.equal(diffLayouts(layout, next).moves, movesAtLeast(layout, next))
      layout = next
    }
  }
})

test('a node that comes and goes leaves no trace, in sets or in order', () => {
  for (const zones of [1, 3]) {
    let grown = plan(undefined, cluster(3, zones))
    for (let count = 3; count < 25; count++) {
      for (const before of [grown, plan(undefined, cluster(count, zones))]) {
        const during = plan(before, cluster(count + 1, zones))
        const after = plan(during, cluster(count, zones), USUAL, before)
        assert.deepEqual(namesOf(after), namesOf(before), `${count} nodes`)
      }
      grown = plan(grown, cluster(count + 1, zones))
    }
  }
})

test('a change of weight that is undone leaves no trace', () => {
  for (const weight of [0, 1, 3, 4, 7]) {
    const before = plan(
      undefined,
      cluster(12, 3, () => 2),
    )
    const changed = cluster(12, 3, (n) => (n === 5 ? weight : 2))
    const during = plan(before, changed)
    const after = plan(during, before.roles, USUAL, before)
    assert.deepEqual(loadsOf(after), loadsOf(before))
    assert.equal(diffLayouts(before, after).moves, 0)
  }
})

const someRoles = (nodes: number): fc.Arbitrary<Role[]> =>
  fc
    .array(
      fc.record({
        zone: fc.constantFrom('a', 'b', 'c'),
        weight: fc.constantFrom(0, 1, 1, 1, 2, 5),
        present: fc.boolean(),
      }),
      { minLength: nodes, maxLength: nodes },
    )
    .map((items) =>
      items
        .map(({ zone, weight, present }, n) => ({ role: { node: node(n), zone, weight }, present }))
        .filter(({ present }) => present)
        .map(({ role }) => role),
    )
    .filter((roles) => roles.some(({ weight }) => weight > 0))

const anyRing = fc
  .record({ q: fc.constantFrom(1, 2, 8, 32), replicas: fc.nat({ max: 3 }) })
  .map(({ q, replicas }): Ring => ({ q, replicas: replicas + 1 }))

test('whatever came before, what only newcomers gained goes back to who had it', () => {
  let trips = 0
  fc.assert(
    fc.property(
      fc.array(someRoles(8), { minLength: 1, maxLength: 3 }),
      fc.constantFrom('a', 'b', 'c', 'd'),
      fc.integer({ min: 1, max: 5 }),
      anyRing,
      (history, zone, weight, ring) => {
        let before: Layout | undefined
        for (const roles of history) before = plan(before, roles, ring)
        const roles = before!.roles
        const during = plan(before, [...roles, { node: node(99), zone, weight }], ring)
        const { gained } = diffLayouts(before!, during)
        if ([...gained.keys()].some((id) => id !== node(99))) return
        const after = plan(during, roles, ring, before)
        assert.equal(diffLayouts(before!, after).moves, 0)
        assert.deepEqual(loadsOf(after), loadsOf(before!))
        trips++
      },
    ),
    { seed: 41, numRuns: 600 },
  )
  assert.ok(trips > 300, `${trips} trips`)
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

/**
 * The fewest moves of any table in which node n holds `quotas[n]`, trying every one; Infinity when
 * there is none.
 */
function fewestMoves(
  choices: readonly (readonly number[])[],
  before: readonly (readonly number[])[],
  quotas: readonly number[],
): number {
  const left = [...quotas]
  const descend = (p: number): number => {
    const owners = before[p]
    if (owners === undefined) return left.every((count) => count === 0) ? 0 : Infinity
    let fewest = Infinity
    for (const set of choices) {
      if (set.some((n) => left[n] === 0)) continue
      for (const n of set) left[n]!--
      const moved = set.filter((n) => !owners.includes(n)).length
      fewest = Math.min(fewest, moved + descend(p + 1))
      for (const n of set) left[n]!++
    }
    return fewest
  }
  return descend(0)
}

test('no table of the same quotas and zones moves less, among all there are', () => {
  const tinyRing = fc.record({ q: fc.constantFrom(1, 2, 4), replicas: fc.constantFrom(1, 2, 3) })
  let forced = 0
  fc.assert(
    fc.property(
      fc.array(someRoles(6), { minLength: 2, maxLength: 3 }),
      tinyRing,
      (history, ring) => {
        let previous = plan(undefined, history[0]!, ring)
        for (const roles of history.slice(1)) {
          const next = plan(previous, roles, ring)
          const index = (id: NodeId): number => next.roles.findIndex((role) => role.node === id)
          const fewest = fewestMoves(
            possibleSets(next.roles, next.table[0]!.length),
            namesOf(previous).map((set) => set.map(index)),
            [...loadsOf(next).values()],
          )
          const { moves } = diffLayouts(previous, next)
          assert.equal(moves, fewest)
          if (moves > movesAtLeast(previous, next)) forced++
          previous = next
        }
      },
    ),
    { seed: 42, numRuns: 1500 },
  )
  assert.ok(forced > 5, `zones forced more moves than the quotas alone only ${forced} times`)
})

test('the largest usual cluster is planned without a move too many', () => {
  const ring = { q: 1024, replicas: 3 }
  const before = plan(undefined, cluster(100, 3), ring)
  const after = plan(before, cluster(101, 3), ring)
  assert.equal(diffLayouts(before, after).moves, movesAtLeast(before, after))
})
