/**
 * Plans the next layout: which node holds which partition, and in which order.
 *
 * Hashing nodes onto a ring (Dynamo's strategy 1) leaves the load to chance and derives replicas
 * from adjacency, which cost riak_core years of claim bugs. Here a partition is assigned a replica
 * set, and the table is planned from the previous one:
 *
 * 1. quotas (`quotas.ts`): how many replicas each node is to hold, by weight, with zones spread;
 * 2. assignment (`assignment.ts`): from the sets as they are to sets that meet the quotas, by the
 *    fewest moves;
 * 3. order (`replica-order.ts`): each node first for its share of what it holds, as far as those
 *    who come to a set anyway can see to it.
 *
 * One node plans, all others check and store (`layout-check.ts`). The plan depends on the previous
 * layouts and the set of roles alone, by integer arithmetic. The same roles again give the same
 * table.
 *
 * Moves: as few as any table of these quotas and zones needs. Where zones force nobody to move,
 * that is what nodes hold more of than before, together: adding one node to n equal ones moves no
 * more than its quota, `size` × Q / (n + 1).
 */
import { assert } from '../std/assert.ts'
import { utf8Encode } from '../std/bytes.ts'
import { crc32 } from '../std/crc32.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import { assign, VACANT } from './assignment.ts'
import type { Layout, Role } from './layout.ts'
import { hashLayout } from './layout-codec.ts'
import type { LayoutContent } from './layout-structure.ts'
import { checkDimensions, checkRoles, replicaSetSize } from './layout-structure.ts'
import { quotasOf, spreadOverZones } from './quotas.ts'
import { balanceFirsts } from './replica-order.ts'

export interface LayoutRequest {
  /** undefined: the cluster's first layout. */
  readonly previous: Layout | undefined
  /** In any order; must pass `checkRoles`. */
  readonly roles: readonly Role[]
  /** Q and N as at the cluster's birth; must be those of `previous`. */
  readonly partitions: number
  readonly replicas: number
  /**
   * The layout before `previous`, if it is known. What costs as many moves either way goes back to
   * how it was: a node that joins and leaves again leaves no trace.
   */
  readonly former?: Layout | undefined
}

export interface LayoutDifference {
  /** Replicas that have to be copied: pairs of partition and node that are new. */
  readonly moves: number
  /**
   * What each node newly holds, in order of node id and of partition; nodes that gain nothing are
   * not in it.
   */
  readonly gained: Map<NodeId, PartitionId[]>
}

export function planLayout(request: LayoutRequest): Layout {
  const { previous, partitions, replicas } = request
  const problem = checkDimensions(partitions, replicas) ?? checkRoles(request.roles)
  assert(problem === undefined, () => `cannot plan a layout: ${problem}`)
  assert((previous?.partitions ?? partitions) === partitions, () => `${partitions} partitions`)
  assert((previous?.replicas ?? replicas) === replicas, () => `${replicas} replicas`)
  const formerly = request.former?.partitions ?? partitions
  assert(formerly === partitions, () => `${partitions} partitions after ${formerly}`)
  const roles = request.roles
    .map(({ node, zone, weight }) => ({ node, zone, weight }))
    .sort((a, b) => (a.node < b.node ? -1 : 1))
  const size = replicaSetSize({ roles, replicas })
  const content: LayoutContent = {
    version: (previous?.version ?? 0) + 1,
    previousHash: previous?.hash ?? 0,
    partitions,
    replicas,
    roles,
    table: planTable(request, roles, size),
  }
  return { ...content, hash: hashLayout(content) }
}

export function diffLayouts(before: Layout, after: Layout): LayoutDifference {
  assert(
    before.partitions === after.partitions,
    () => `${before.partitions} and ${after.partitions}`,
  )
  const gains = after.roles.map((): PartitionId[] => [])
  let moves = 0
  for (let p = 0; p < after.partitions; p++) {
    const owners = before.table[p]!.map((index) => before.roles[index]!.node)
    for (const index of after.table[p]!) {
      if (owners.includes(after.roles[index]!.node)) continue
      gains[index]!.push(p as PartitionId)
      moves++
    }
  }
  const gained = new Map<NodeId, PartitionId[]>()
  after.roles.forEach((role, index) => {
    if (gains[index]!.length > 0) gained.set(role.node, gains[index]!)
  })
  return { moves, gained }
}

function planTable(request: LayoutRequest, roles: readonly Role[], size: number): number[][] {
  const { previous, partitions } = request
  const start = heldUnder(previous, roles, partitions)
  const former = heldUnder(request.former, roles, partitions)
  const zones = spreadOverZones(roles, size)
  const held = [start, former].map((sets) => replicasOf(sets, roles.length))
  const quotas = quotasOf(roles, zones, size, partitions, held)
  const salts = roles.map((role) => crc32(utf8Encode(role.node)))
  const assigned = assign({ partitions, size, zones, quotas, salts, former }, start)
  const sets = inFormerOrder(assigned, start, former)
  const isAsItWas = (p: number): boolean => sets[p] === former[p]
  balanceFirsts(sets, roles.length, (p, node) => !isAsItWas(p) && !start[p]!.includes(node))
  return sets
}

/**
 * Sets that are back to the nodes that they had are back to their order too, unless somebody would
 * move forward in one who need not wait for anything in the whole change otherwise.
 */
function inFormerOrder(
  sets: readonly number[][],
  start: readonly (readonly number[])[],
  former: readonly number[][],
): number[][] {
  const pulling = new Set<number>()
  sets.forEach((set, p) => {
    for (const node of set) if (!start[p]!.includes(node)) pulling.add(node)
  })
  return sets.map((set, p) => {
    const order = former[p]!
    const isSameSet = order.length === set.length && set.every((node) => order.includes(node))
    const mayMove = (node: number, place: number): boolean =>
      pulling.has(node) || place >= start[p]!.indexOf(node)
    return isSameSet && order.every(mayMove) ? order : set
  })
}

function replicasOf(sets: readonly (readonly number[])[], nodes: number): number[] {
  const held = new Array<number>(nodes).fill(0)
  for (const set of sets) for (const node of set) if (node !== VACANT) held[node] = held[node]! + 1
  return held
}

/**
 * The replica sets of `previous` by the indices of the new roles; the places of those who hold
 * nothing any more are vacant.
 */
function heldUnder(
  previous: Layout | undefined,
  roles: readonly Role[],
  partitions: number,
): number[][] {
  if (previous === undefined) return Array.from({ length: partitions }, () => [])
  const indexOf = new Map<NodeId, number>()
  roles.forEach((role, index) => {
    if (role.weight > 0) indexOf.set(role.node, index)
  })
  const translated = previous.roles.map((role) => indexOf.get(role.node) ?? VACANT)
  return previous.table.map((set) => set.map((index) => translated[index]!))
}
