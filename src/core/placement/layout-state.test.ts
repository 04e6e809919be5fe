import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { NodeId, PartitionId } from '../std/ids.ts'
import { Prng } from '../std/prng.ts'
import type { Layout, LayoutState, Role } from './layout.ts'
import { hashLayout } from './layout-codec.ts'
import {
  awaited,
  beginTransition,
  formerOf,
  gainedBy,
  isFilled,
  isMoving,
  markAcked,
  markSynced,
  mergeLayoutStates,
  nodesOf,
  placementOf,
  PlacementTable,
  settle,
} from './layout-state.ts'
import { planLayout } from './plan-layout.ts'

const node = (n: number): NodeId => n.toString(16).padStart(16, '0') as NodeId
const partition = (n: number): PartitionId => n as PartitionId
const A = node(0xa)
const B = node(0xb)
const C = node(0xc)
const D = node(0xd)
const E = node(0xe)
const BY_LETTER = new Map(Object.entries({ A, B, C, D, E }))

const cluster = (count: number): Role[] =>
  Array.from({ length: count }, (_, n) => ({ node: node(n), zone: '', weight: 1 }))

const plan = (previous: Layout | undefined, count: number): Layout =>
  planLayout({ previous, roles: cluster(count), partitions: 16, replicas: 3 })

/** A layout from a picture of its replica sets, one word for each partition: 'ABC ABD'. */
function layoutOf(picture: string, previous?: Layout): Layout {
  const sets = picture.split(' ').map((word) => [...word].map((letter) => BY_LETTER.get(letter)!))
  const nodes = [...new Set(sets.flat())].sort()
  const content = {
    version: (previous?.version ?? 0) + 1,
    previousHash: previous?.hash ?? 0,
    partitions: sets.length,
    replicas: previous?.replicas ?? sets[0]!.length,
    roles: nodes.map((id) => ({ node: id, zone: '', weight: 1 })),
    table: sets.map((set) => set.map((id) => nodes.indexOf(id))),
  }
  return { ...content, hash: hashLayout(content) }
}

/** All who have to be are acked: what is filled is over. */
function ended(state: LayoutState): LayoutState {
  return settle(awaited(state).reduce(markAcked, state), 1)
}

/** The transition from one picture to another. */
function moving(before: string, after: string): LayoutState {
  const first = layoutOf(before)
  return beginTransition(beginTransition(undefined, first), layoutOf(after, first))
}

test('the first layout has no transition: nobody holds anything yet', () => {
  const layout = plan(undefined, 3)
  const state = beginTransition(undefined, layout)
  assert.deepEqual(state, { current: layout, previous: undefined, synced: [], acked: [], lost: [] })
  assert.equal(isMoving(state), false)
})

test('a layout that gives somebody something keeps the one before until it is pulled', () => {
  const first = plan(undefined, 3)
  const second = plan(first, 4)
  const state = beginTransition(beginTransition(undefined, first), second)
  assert.deepEqual(state, { current: second, previous: first, synced: [], acked: [], lost: [] })
  assert.equal(isMoving(state), true)
})

test('a layout that gives nobody anything is complete at once', () => {
  const first = plan(undefined, 3)
  const state = beginTransition(beginTransition(undefined, first), plan(first, 3))
  assert.equal(state.current.version, 2)
  assert.equal(isMoving(state), false)
})

test('there is one transition at a time, to a successor', () => {
  const first = plan(undefined, 3)
  const second = plan(first, 4)
  const state = beginTransition(beginTransition(undefined, first), second)
  assert.throws(() => beginTransition(state, plan(second, 5)), /layout 2 is still moving/)
  const settled = beginTransition(undefined, first)
  assert.throws(() => beginTransition(settled, first), /cannot adopt layout 1/)
  assert.throws(() => beginTransition(settled, plan(plan(undefined, 2), 3)), /another layout 1/)
})

test('a node pulls what it newly holds', () => {
  const state = moving('ABC ABC CBA ACB', 'ABD ABC DBA ACB')
  assert.deepEqual(gainedBy(state, D), [0, 2])
  for (const other of [A, B, C, E]) assert.deepEqual(gainedBy(state, other), [])
})

test('a node that moves forward in a set pulls it, one that moves back does not', () => {
  const state = moving('ABC', 'BAC')
  assert.deepEqual(gainedBy(state, B), [0])
  assert.deepEqual(gainedBy(state, A), [])
  assert.deepEqual(gainedBy(state, C), [])
  assert.equal(isMoving(state), true)
})

test('when a set shrinks, all that are left pull from all that were', () => {
  const state = moving('ABC CAB', 'A A')
  assert.deepEqual(gainedBy(state, A), [0, 1])
  assert.equal(isMoving(state), true)
  assert.equal(isFilled(markSynced(state, A)), true)
  assert.equal(isMoving(ended(markSynced(state, A))), false)
})

test('a settled state asks nobody to pull', () => {
  const state = beginTransition(undefined, plan(undefined, 3))
  assert.deepEqual(gainedBy(state, node(0)), [])
})

test('when every node that gains something is synced, reads ask the new sets, and writes both', () => {
  const state = moving('AB AB', 'AD AC')
  const one = markSynced(state, D)
  assert.deepEqual(one.synced, [D])
  assert.deepEqual(awaited(one), [C])
  assert.equal(isFilled(one), false)
  assert.deepEqual(placementOf(one, partition(0)).readSet, [A, B])
  const both = markSynced(one, C)
  assert.equal(isFilled(both), true)
  const { writeSets, readSet } = placementOf(both, partition(0))
  assert.deepEqual(readSet, [A, D])
  assert.deepEqual(writeSets, [
    [A, B],
    [A, D],
  ])
})

test('the transition ends when every node that could read by an old set is acked', () => {
  const state = [D, C].reduce(markSynced, moving('AB AB', 'AD AC'))
  assert.deepEqual(awaited(state), [A, B])
  const one = [D, A].reduce(markAcked, state)
  assert.deepEqual([one.acked, awaited(one)], [[A, D], [B]])
  assert.equal(settle(one, 1), one)
  const all = settle(markAcked(one, B), 1)
  assert.deepEqual(all, {
    current: state.current,
    previous: undefined,
    former: state.previous,
    synced: [],
    acked: [],
    lost: [],
  })
})

test('who has not heard of the layout before the last learns it from who has', () => {
  const state = moving('AB AB', 'AC AD')
  const over = settle([C, D, A, B].reduce(markAcked, [C, D].reduce(markSynced, state)), 1)
  assert.deepEqual(formerOf(over), state.previous)
  const { former: _, ...ignorant } = over
  for (const merged of [merge(ignorant, over), merge(over, ignorant), merge(state, ignorant)])
    assert.deepEqual(merged, over)
})

test('nobody acks what is not filled, nor who holds nothing', () => {
  const state = moving('AB AB', 'AC AD')
  assert.equal(markAcked(state, A), state)
  const filled = [C, D].reduce(markSynced, state)
  assert.equal(markAcked(filled, E), filled)
  const one = markAcked(filled, B)
  assert.equal(markAcked(one, B), one)
})

test('those who are too few to read by an old set are not waited for', () => {
  const state = [D, E].reduce(markSynced, moving('ABC ABC', 'ABD AEC'))
  assert.deepEqual(awaited(state, 2), [A, B, C])
  const one = markAcked(state, A)
  assert.deepEqual(awaited(one, 2), [B, C], 'two of three are enough to read')
  const two = markAcked(one, B)
  assert.deepEqual(awaited(two, 2), [], 'C is one')
  assert.deepEqual(awaited(two, 1), [C])
  assert.equal(isMoving(settle(two, 2)), false)
  const pair = markSynced(moving('A B', 'C B'), C)
  assert.deepEqual(awaited(pair, 2), [A], 'a set of one is read from with one')
})

test('a node that is lost is not waited for', () => {
  const first = layoutOf('AB')
  const { hash: _, ...content } = layoutOf('AC', first)
  const lost = { ...content, lost: [B] }
  const next = { ...lost, hash: hashLayout(lost) }
  const state = markSynced(beginTransition(beginTransition(undefined, first), next), C)
  assert.deepEqual(awaited(state), [A])
  assert.equal(isMoving(settle(markAcked(state, A), 1)), false)
})

test('marks are kept in order of node, whatever the order in which they come', () => {
  const state = moving('AB AB', 'CD EB')
  const half = [D, C].reduce(markSynced, state)
  assert.deepEqual(half.synced, [C, D])
  const other = [E, C].reduce(markSynced, state)
  assert.deepEqual(other.synced, [C, E])
})

test('a mark that says nothing new changes nothing', () => {
  const state = moving('AB AB', 'AC AD')
  const marked = markSynced(state, C)
  assert.equal(markSynced(marked, C), marked)
  assert.equal(markSynced(state, A), state, 'A gains nothing')
  assert.equal(markSynced(state, node(9)), state, 'a stranger')
  const settled = beginTransition(undefined, state.current)
  assert.equal(markSynced(settled, C), settled)
})

test('a partition that does not move is written and read where it is', () => {
  const state = moving('ABC ABC', 'ABC ABD')
  assert.deepEqual(placementOf(state, partition(0)), {
    partition: 0,
    layoutVersion: 2,
    readVersion: 4,
    writeSets: [[A, B, C]],
    readSet: [A, B, C],
  })
})

test('a partition that moves is written to both sets and read from the old one', () => {
  const state = moving('ABC', 'DBC')
  assert.deepEqual(placementOf(state, partition(0)), {
    partition: 0,
    layoutVersion: 2,
    readVersion: 4,
    writeSets: [
      [A, B, C],
      [D, B, C],
    ],
    readSet: [A, B, C],
  })
})

test('a set in another order is another set', () => {
  const state = moving('ABC', 'BAC')
  const { writeSets, readSet } = placementOf(state, partition(0))
  assert.deepEqual(writeSets, [
    [A, B, C],
    [B, A, C],
  ])
  assert.deepEqual(readSet, [A, B, C])
})

test('when the transition is over the new set alone counts', () => {
  const state = ended(markSynced(moving('ABC', 'DBC'), D))
  const { writeSets, readSet, layoutVersion } = placementOf(state, partition(0))
  assert.deepEqual(writeSets, [[D, B, C]])
  assert.deepEqual(readSet, [D, B, C])
  assert.equal(layoutVersion, 2)
})

test('the read set is always one of the write sets', () => {
  for (const state of [moving('AB', 'BC'), markSynced(moving('AB', 'AC'), C)]) {
    const { writeSets, readSet } = placementOf(state, partition(0))
    assert.ok(writeSets.includes(readSet))
  }
})

test('a placement table answers as placementOf does, with the same object each time', () => {
  const first = plan(undefined, 5)
  const state = beginTransition(beginTransition(undefined, first), plan(first, 6))
  const table = new PlacementTable(state)
  assert.equal(table.state, state)
  for (let p = 0; p < 16; p++) {
    assert.deepEqual(table.of(partition(p)), placementOf(state, partition(p)))
    assert.equal(table.of(partition(p)), table.of(partition(p)))
  }
})

test('a partition that does not exist is held by nobody', () => {
  const state = beginTransition(undefined, plan(undefined, 3))
  for (const p of [16, 65_535, -1]) {
    const { writeSets, readSet } = new PlacementTable(state).of(partition(p))
    assert.deepEqual(writeSets.flat(), [])
    assert.deepEqual(readSet, [])
  }
})

test('a node holds a partition as long as either layout says so', () => {
  const table = new PlacementTable(moving('AB AC', 'AD CA'))
  assert.deepEqual(table.replicasOf(A), [0, 1])
  assert.deepEqual(table.replicasOf(B), [0])
  assert.deepEqual(table.replicasOf(C), [1])
  assert.deepEqual(table.replicasOf(D), [0])
  assert.deepEqual(table.replicasOf(E), [])
})

test('nodes of a layout are all that have a role', () => {
  const roles = cluster(3).map((role, n) => ({ ...role, weight: n }))
  const layout = planLayout({ previous: undefined, roles, partitions: 4, replicas: 3 })
  assert.deepEqual(nodesOf(layout), [node(0), node(1), node(2)])
})

test('who knows nothing takes what it is told', () => {
  const state = moving('AB', 'AC')
  assert.equal(mergeLayoutStates(undefined, state), state)
})

test('the greater version wins whole', () => {
  const first = layoutOf('AB')
  const old = beginTransition(undefined, first)
  const newer = beginTransition(old, layoutOf('AC', first))
  assert.equal(mergeLayoutStates(old, newer), newer)
  assert.equal(mergeLayoutStates(newer, old), newer)
})

test('of two layouts of one version the greater hash wins whole', () => {
  const first = layoutOf('AB')
  const base = beginTransition(undefined, first)
  const one = beginTransition(base, layoutOf('AC', first))
  const other = ended(markSynced(beginTransition(base, layoutOf('AD', first)), D))
  const winner = one.current.hash > other.current.hash ? one : other
  assert.equal(mergeLayoutStates(one, other), winner)
  assert.equal(mergeLayoutStates(other, one), winner)
})

test('marks of both are joined, and the last of them ends the transition', () => {
  const state = moving('AB AB AB AB', 'AC AD AE AB')
  const merged = mergeLayoutStates(markSynced(state, D), markSynced(state, C))
  assert.deepEqual(merged.synced, [C, D])
  assert.equal(isMoving(merged), true)
  const filled = mergeLayoutStates(merged, markSynced(state, E))
  assert.deepEqual([isFilled(filled), filled.synced], [true, [C, D, E]])
  const some = mergeLayoutStates([B, C].reduce(markAcked, filled), markAcked(filled, A))
  assert.deepEqual(some.acked, [A, B, C])
  const over = settle(some, 1)
  assert.deepEqual([isMoving(over), over.synced, over.acked], [false, [], []])
})

test('who says that the transition is over is believed and never contradicted', () => {
  const state = moving('AB', 'AC')
  const over = ended(markSynced(state, C))
  assert.deepEqual(mergeLayoutStates(state, over), over)
  assert.equal(mergeLayoutStates(over, state), over)
})

test('a merge that brings nothing new gives back the very state', () => {
  const state = markSynced(moving('AB AB', 'AC AD'), C)
  const twin = structuredClone(state)
  assert.equal(mergeLayoutStates(state, twin), state)
  const less = moving('AB AB', 'AC AD')
  assert.equal(mergeLayoutStates(state, less), state)
})

/**
 * States as they come about in one cluster: rival plans at every version, and marks of some nodes.
 */
function someStates(seed: number): LayoutState[] {
  const rng = new Prng(seed)
  const states: LayoutState[] = []
  let tips = [beginTransition(undefined, plan(undefined, 2 + rng.below(3)))]
  for (let version = 2; version <= 3; version++) {
    const next: LayoutState[] = []
    for (const tip of tips) {
      for (const count of [2 + rng.below(3), 3 + rng.below(4)]) {
        let state = beginTransition(tip, plan(tip.current, count))
        states.push(state)
        for (const id of rng.shuffle(nodesOf(state.current))) {
          state = markSynced(state, id)
          states.push(state)
        }
        for (const id of rng.shuffle(awaited(state))) {
          state = markAcked(state, id)
          states.push(state)
        }
        state = settle(state, 1)
        states.push(state)
        if (!isMoving(state)) next.push(state)
      }
    }
    tips = next
  }
  return states
}

const merge = (a: LayoutState, b: LayoutState): LayoutState => mergeLayoutStates(a, b)

test('merging is commutative, associative and idempotent', () => {
  const pick = fc.nat(10_000)
  const histories = Array.from({ length: 20 }, (_, seed) => someStates(seed))
  fc.assert(
    fc.property(fc.nat(19), pick, pick, pick, (history, i, j, k) => {
      const states = histories[history]!
      const [a, b, c] = [i, j, k].map((n) => states[n % states.length]!) as [
        LayoutState,
        LayoutState,
        LayoutState,
      ]
      assert.deepEqual(merge(a, b), merge(b, a))
      assert.deepEqual(merge(merge(a, b), c), merge(a, merge(b, c)))
      assert.equal(merge(a, a), a)
      const ab = merge(a, b)
      assert.equal(merge(ab, a), ab)
      assert.equal(merge(ab, b), ab)
    }),
    { seed: 41, numRuns: 400 },
  )
})

test('during a whole growth every placement keeps its promises', () => {
  let state = beginTransition(undefined, plan(undefined, 1))
  for (let count = 2; count <= 7; count++) {
    const old = state
    state = beginTransition(state, plan(state.current, count))
    for (let p = 0; p < 16; p++) {
      const { writeSets, readSet } = placementOf(state, partition(p))
      assert.deepEqual(readSet, placementOf(old, partition(p)).readSet, 'reads stay with the old')
      assert.ok(writeSets.every((set) => new Set(set).size === set.length))
    }
    for (const id of nodesOf(state.current)) state = markSynced(state, id)
    for (let p = 0; p < 16; p++) {
      const { readSet } = placementOf(state, partition(p))
      const after = beginTransition(undefined, state.current)
      assert.deepEqual(readSet, placementOf(after, partition(p)).readSet, 'reads ask the new')
    }
    state = ended(state)
    assert.equal(isMoving(state), false)
  }
})
