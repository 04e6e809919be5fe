/**
 * What a node believes of the layout, as a value: the current one and, while the data still moves,
 * the one before.
 *
 * Switching from one layout to the next at once would lose acknowledged writes from sight: the new
 * owners have nothing yet, and while some have heard of the switch, others still read where they
 * read before. So a change has three steps (after Garage's layout transitions):
 *
 * ```
 *   moving   previous = old, current = new    writes need a quorum of the old set and of the new
 *                                             one; reads ask the old one
 *            … each node of the new sets pulls what it newly holds and is then marked `synced` …
 *   filled   all of them are                  writes need both sets as before; reads ask the new
 *            … each node of an old set is marked `acked` when it would know this even after a
 *            crash: from then on it reads from no old set, nor answers who does …
 *   retired  enough of them are: previous = undefined      the new sets alone write and read
 * ```
 * Enough means that those who are left of an old set are too few for a read by it: fewer than the
 * least R of any bucket that promises to see its writes. So one node that is down does not hold up
 * a cluster that is about to replace it.
 *
 * Who will not come back, as the operator says, is marked `lost` and is waited for no more. The
 * next layout is without it; until that is filled it is one more node that is down.
 *
 * Without the second step the first node to hear of the end would write to the new sets alone while
 * another, cut off, still reads a quorum of the old ones, and misses that write.
 *
 * Merging two states is commutative, associative and idempotent, so that gossip may bring them in
 * any order and number. Of different layouts the greater (version, hash) wins whole. A retired
 * transition stays retired: whoever says `previous` is over has seen all the marks
 * ({@link settle}).
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
  if (mine === undefined) return theirs
  const order = compareLayouts(mine.current, theirs.current)
  if (order !== 0) return order > 0 ? mine : theirs
  const lost = union(mine.lost, theirs.lost)
  const isOver = mine.previous === undefined || theirs.previous === undefined
  const synced = isOver ? [] : union(mine.synced, theirs.synced)
  const acked = isOver ? [] : union(mine.acked, theirs.acked)
  if (isOver) {
    const former = formerOf(mine) ?? formerOf(theirs)
    const addsNothing = former === mine.former && lost === mine.lost
    return mine.previous === undefined && addsNothing ? mine : retired(mine.current, former, lost)
  }
  if (synced === mine.synced && acked === mine.acked && lost === mine.lost) return mine
  return { ...mine, synced, acked, lost }
}

/** Adopts `next`. One transition at a time: the one before must be over. */
export function beginTransition(state: LayoutState | undefined, next: Layout): LayoutState {
  if (state === undefined) return retired(next, undefined)
  assert(state.previous === undefined, () => `layout ${state.current.version} is still moving`)
  const problem = checkSuccessor(state.current, next)
  assert(problem === undefined, () => `cannot adopt layout ${next.version}: ${problem}`)
  if (hasSameSets(state.current, next)) return retired(next, state.current)
  return { current: next, previous: state.current, synced: [], acked: [], lost: [] }
}

/** Notes that `node` has pulled everything it gains; with the last such node all is filled. */
export function markSynced(state: LayoutState, node: NodeId): LayoutState {
  if (state.previous === undefined || state.synced.includes(node)) return state
  if (gainedBy(state, node).length === 0) return state
  return { ...state, synced: [...state.synced, node].sort() }
}

/** Notes that `node` reads from the new sets, even after a crash. */
export function markAcked(state: LayoutState, node: NodeId): LayoutState {
  if (!isFilled(state) || state.acked.includes(node)) return state
  if (!isNamed(state, node)) return state
  return { ...state, acked: [...state.acked, node].sort() }
}

export function isMoving(state: LayoutState): boolean {
  return state.previous !== undefined
}

/** Notes that `node`, of either layout, will not come back: it is waited for no more. */
export function markLost(state: LayoutState, node: NodeId): LayoutState {
  if (!isNamed(state, node) || state.lost.includes(node)) return state
  return { ...state, lost: [...state.lost, node].sort() }
}

/**
 * A node that was to take data over and has left the cluster instead: its wish to join was still on
 * its way when it changed its mind. Nobody but itself was to be asked, so nothing is lost with it.
 */
export function gainerGone(
  { current, previous, lost }: LayoutState,
  hasLeft: (node: NodeId) => boolean,
): NodeId | undefined {
  if (previous === undefined) return undefined
  const before = new Set(nodesOf(previous))
  return nodesOf(current).find((node) => !before.has(node) && !lost.includes(node) && hasLeft(node))
}

/** Whether all is where it should be, so that reads ask the new sets; false when nothing moves. */
export function isFilled(state: LayoutState): boolean {
  return state.previous !== undefined && pulling(state).length === 0
}

/**
 * Whom the transition waits for, in order of id: those who pull; when nobody does, those who have
 * not acked, where there are enough of them to read by an old set. `leastR`: see {@link settle}.
 */
export function awaited(state: LayoutState, leastR: number = 1): NodeId[] {
  if (state.previous === undefined) return []
  const gainers = pulling(state)
  return gainers.length > 0 ? gainers : stillReading(state, leastR)
}

/**
 * Retires the old layout when nobody is waited for. `leastR`: the least R of any bucket that
 * promises that a read sees what was written before, at least 1.
 */
export function settle(state: LayoutState, leastR: number): LayoutState {
  if (state.previous === undefined || awaited(state, leastR).length > 0) return state
  return retired(state.current, state.previous, state.lost)
}

/** Whom a change to `next` would wait for to take data over, in order of id. */
export function gainersOf(current: Layout, next: Layout): NodeId[] {
  const state = { current: next, previous: current, synced: [], acked: [], lost: [] }
  return hasSameSets(current, next) ? [] : pulling(state)
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
export function placementOf(
  state: LayoutState,
  partition: PartitionId,
  filled: boolean = isFilled(state),
): Placement {
  const { current, previous } = state
  const now = nodesAt(current, partition)
  const before = previous === undefined ? now : nodesAt(previous, partition)
  const layoutVersion = current.version
  const readVersion = readVersionOf(state, filled)
  const place = { partition, layoutVersion, readVersion }
  if (equalSets(before, now)) return { ...place, writeSets: [now], readSet: now }
  return { ...place, writeSets: [before, now], readSet: filled ? now : before }
}

/** See {@link Placement.readVersion}; also tells states of one version apart that are filled. */
export function readVersionOf(state: LayoutState, filled: boolean = isFilled(state)): number {
  return state.current.version * 2 + (state.previous === undefined || filled ? 1 : 0)
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
    const filled = isFilled(state)
    for (let p = 0; p < state.current.partitions; p++) {
      const placement = placementOf(state, p as PartitionId, filled)
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

/** What the current layout was planned from, whether data still moves or not. */
export function formerOf({ previous, former }: LayoutState): Layout | undefined {
  return previous ?? former
}

function retired(
  current: Layout,
  former: Layout | undefined,
  lost: readonly NodeId[] = [],
): LayoutState {
  const state = { current, previous: undefined, synced: [], acked: [], lost }
  return former === undefined ? state : { ...state, former }
}

/** Whether either layout has the node. */
function isNamed({ current, previous }: LayoutState, node: NodeId): boolean {
  return [current, previous].some((layout) => layout?.roles.some((role) => role.node === node))
}

/** Who has not pulled yet all that it gains. */
function pulling(state: LayoutState): NodeId[] {
  return nodesOf(state.current).filter(
    (node) =>
      !state.synced.includes(node) &&
      !state.lost.includes(node) &&
      gainedBy(state, node).length > 0,
  )
}

/** Who could read by an old set, or answer one who does, and are as many as that takes. */
function stillReading(state: LayoutState, leastR: number): NodeId[] {
  const { current, previous, acked, lost } = state
  const done = new Set([...acked, ...lost, ...(current.lost ?? [])])
  const nodes = new Set<NodeId>()
  for (let p = 0 as PartitionId; previous !== undefined && p < current.partitions; p++) {
    const before = nodesAt(previous, p)
    if (equalSets(before, nodesAt(current, p))) continue
    const rest = before.filter((node) => !done.has(node))
    // A set that is smaller is read from with what there is.
    if (rest.length >= Math.min(leastR, before.length)) for (const node of rest) nodes.add(node)
  }
  return [...nodes].sort()
}

/** Then both layouts are one to all who read and write. */
function hasSameSets(previous: Layout, current: Layout): boolean {
  for (let p = 0 as PartitionId; p < current.partitions; p++)
    if (!equalSets(nodesAt(previous, p), nodesAt(current, p))) return false
  return true
}

/** Sorted; `mine` itself when `theirs` adds nothing. */
function union(mine: readonly NodeId[], theirs: readonly NodeId[]): readonly NodeId[] {
  const news = theirs.filter((node) => !mine.includes(node))
  return news.length === 0 ? mine : [...mine, ...news].sort()
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
