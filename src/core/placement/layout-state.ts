/**
 * What a node believes of the layout, as a value: the current one and, while the data still moves,
 * the one before.
 *
 * Switching from one layout to the next at once would lose acknowledged writes from sight: the new
 * owners have nothing yet. So a change has two ends (after Garage's layout transitions):
 *
 * ```
 *   begin: previous = old, current = new    writes need a quorum of the old set and of the new one;
 *                                           reads ask the old one
 *   … each node of the new sets pulls what it newly holds and is then marked `synced`;
 *     the marks spread by gossip …
 *   end:   previous = undefined             the last mark retires the old layout: from now on the
 *                                           new sets alone write and read
 * ```
 * Merging two states is commutative, associative and idempotent, so that gossip may bring them in
 * any order and number. Of different layouts the greater (version, hash) wins whole; two nodes that
 * plan the same version at once thus end with one of the plans. A retired transition stays retired:
 * whoever says `previous` is over has seen all the marks.
 *
 * Places matter: a bucket with fewer copies than the cluster's replicas lives on the first of each
 * set. So a set differs from another when its order does, and a node pulls a partition in which it
 * comes closer to the front.
 */
import { assert } from '../std/assert.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Layout, LayoutState, Placement } from './layout.ts'
import { checkSuccessor } from './layout-check.ts'

/** What both know together: `mine` itself when `theirs` adds nothing. */
export function mergeLayoutStates(mine: LayoutState | undefined, theirs: LayoutState): LayoutState {
  if (mine === undefined) return retireWhenSynced(theirs)
  const order = compareLayouts(mine.current, theirs.current)
  if (order !== 0) return order > 0 ? mine : retireWhenSynced(theirs)
  if (mine.previous === undefined) return mine
  if (theirs.previous === undefined) return retired(theirs.current)
  const news = theirs.synced.filter((node) => !mine.synced.includes(node))
  if (news.length === 0) return mine
  return retireWhenSynced({ ...mine, synced: [...mine.synced, ...news].sort() })
}

/** Adopts `next`. One transition at a time: the one before must be over. */
export function beginTransition(state: LayoutState | undefined, next: Layout): LayoutState {
  if (state === undefined) return retired(next)
  assert(state.previous === undefined, () => `layout ${state.current.version} is still moving`)
  const problem = checkSuccessor(state.current, next)
  assert(problem === undefined, () => `cannot adopt layout ${next.version}: ${problem}`)
  return retireWhenSynced({ current: next, previous: state.current, synced: [] })
}

/**
 * Goes on with a transition towards `next` instead. Only for a node that gains in it and has not
 * said to be done: without its word nobody can have retired the old layout, and now it never gives
 * it. Who has pulled all that it gains has that under `next` as well, where it has the same places.
 */
export function redirectTransition(state: LayoutState, next: Layout): LayoutState {
  const { previous, synced } = state
  assert(previous !== undefined, () => `layout ${state.current.version} is not moving`)
  assert(next.version > state.current.version, () => `layout ${next.version} is not newer`)
  const problem = checkSuccessor(previous, next)
  assert(problem === undefined, () => `cannot adopt layout ${next.version}: ${problem}`)
  const nodes = nodesOf(next)
  return retireWhenSynced({
    current: next,
    previous,
    synced: synced.filter((node) => nodes.includes(node)),
  })
}

/** Notes that `node` has pulled everything it gains; the last such node ends the transition. */
export function markSynced(state: LayoutState, node: NodeId): LayoutState {
  if (state.previous === undefined || state.synced.includes(node)) return state
  if (gainedBy(state, node).length === 0) return state
  return retireWhenSynced({ ...state, synced: [...state.synced, node].sort() })
}

export function isMoving(state: LayoutState): boolean {
  return state.previous !== undefined
}

/** Every node with a role, in order of id; those of weight 0 too. */
export function nodesOf(layout: Layout): NodeId[] {
  return layout.roles.map((role) => role.node)
}

/**
 * The partitions that `node` must pull before the transition can end, ascending: those it newly
 * holds or moves forward in, and those whose set has shrunk, as the nodes that are left must then
 * hold together what all held together.
 */
export function gainedBy(state: LayoutState, node: NodeId): PartitionId[] {
  const { current, previous } = state
  const gained: PartitionId[] = []
  if (previous === undefined) return gained
  const now = current.roles.findIndex((role) => role.node === node)
  const before = previous.roles.findIndex((role) => role.node === node)
  if (now < 0) return gained
  for (let p = 0; p < current.partitions; p++) {
    if (mustPull(previous.table[p]!, before, current.table[p]!, now)) gained.push(p as PartitionId)
  }
  return gained
}

/**
 * Where a request on a partition goes. A partition that does not exist is nowhere: nobody holds it.
 */
export function placementOf(state: LayoutState, partition: PartitionId): Placement {
  const { current, previous } = state
  const now = nodesAt(current, partition)
  const before = previous === undefined ? now : nodesAt(previous, partition)
  const layoutVersion = current.version
  if (equalSets(before, now)) return { partition, layoutVersion, writeSets: [now], readSet: now }
  return { partition, layoutVersion, writeSets: [before, now], readSet: before }
}

/** All placements of one state: made once for each state, asked with every request. */
export class PlacementTable {
  readonly state: LayoutState
  // Bounded by: the partitions.
  readonly #placements: Placement[] = []
  // Bounded by: the nodes of both layouts.
  readonly #held = new Map<NodeId, PartitionId[]>()

  constructor(state: LayoutState) {
    this.state = state
    for (let p = 0; p < state.current.partitions; p++) {
      const placement = placementOf(state, p as PartitionId)
      this.#placements.push(placement)
      for (const node of new Set(placement.writeSets.flat())) {
        const held = this.#held.get(node)
        if (held === undefined) this.#held.set(node, [placement.partition])
        else held.push(placement.partition)
      }
    }
  }

  of(partition: PartitionId): Placement {
    return this.#placements[partition] ?? placementOf(this.state, partition)
  }

  /** The partitions of which `node` is in a write set, ascending. */
  replicasOf(node: NodeId): PartitionId[] {
    return [...(this.#held.get(node) ?? [])]
  }
}

function retired(current: Layout): LayoutState {
  return { current, previous: undefined, synced: [] }
}

function retireWhenSynced(state: LayoutState): LayoutState {
  if (state.previous === undefined) return state
  for (const node of nodesOf(state.current)) {
    if (!state.synced.includes(node) && gainedBy(state, node).length > 0) return state
  }
  return retired(state.current)
}

function compareLayouts(a: Layout, b: Layout): number {
  return a.version - b.version || a.hash - b.hash
}

function mustPull(
  before: readonly number[],
  placeBefore: number,
  now: readonly number[],
  placeNow: number,
): boolean {
  const place = now.indexOf(placeNow)
  if (place < 0) return false
  if (now.length < before.length) return true
  const old = before.indexOf(placeBefore)
  return old < 0 || place < old
}

function nodesAt(layout: Layout, partition: PartitionId): NodeId[] {
  return (layout.table[partition] ?? []).map((index) => layout.roles[index]!.node)
}

function equalSets(a: readonly NodeId[], b: readonly NodeId[]): boolean {
  return a.length === b.length && a.every((node, place) => node === b[place])
}
