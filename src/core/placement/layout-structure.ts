/**
 * What makes a layout usable, hash aside: every table entry names as many distinct nodes with
 * weight as it should. A layout that passes cannot send a reader of it out of bounds, so nothing
 * behind this check tests again.
 *
 * Balance and spread over zones are the planner's business and not demanded here: a layout planned
 * by an older or later version of the planner must still be accepted.
 */
import { utf8Encode } from '../std/bytes.ts'
import { nodeId } from '../std/ids.ts'
import { NODES_MAX } from '../std/limits.ts'
import type { Layout, Role } from './layout.ts'

export const PARTITIONS_MAX = 4096
export const REPLICAS_MAX = 7
export const WEIGHT_MAX = 1000
export const ZONE_BYTES_MAX = 64

/** A layout without its last field, which is the hash of the others. */
export type LayoutContent = Omit<Layout, 'hash'>

/** Nodes in each replica set: as many as wanted, or all that hold data when they are fewer. */
export function replicaSetSize(layout: Pick<Layout, 'roles' | 'replicas'>): number {
  let holders = 0
  for (const role of layout.roles) if (role.weight > 0) holders++
  return Math.min(layout.replicas, holders)
}

/**
 * The first thing wrong with a set of roles in any order, as a sentence; undefined when a layout
 * can be planned.
 */
export function checkRoles(roles: readonly Role[]): string | undefined {
  if (roles.length > NODES_MAX)
    return `A layout has at most ${NODES_MAX} nodes; this one has ${roles.length}.`
  const seen = new Set<string>()
  for (const role of roles) {
    if (nodeId(role.node) === undefined) return `"${role.node}" is no node id.`
    if (seen.has(role.node)) return `Node ${role.node} has more than one role.`
    seen.add(role.node)
    if (!isIntegerIn(role.weight, 0, WEIGHT_MAX))
      return `The weight of node ${role.node} is ${role.weight}; it must be 0 to ${WEIGHT_MAX}.`
    if (utf8Encode(role.zone).length > ZONE_BYTES_MAX)
      return `The zone of node ${role.node} is longer than ${ZONE_BYTES_MAX} bytes.`
  }
  if (!roles.some((role) => role.weight > 0))
    return 'No node has a weight above 0, so none would hold data.'
  return undefined
}

/** The first thing wrong with the birth properties of a cluster, as a sentence. */
export function checkDimensions(partitions: number, replicas: number): string | undefined {
  if (!isIntegerIn(partitions, 1, PARTITIONS_MAX) || (partitions & (partitions - 1)) !== 0)
    return `${partitions} partitions: it must be a power of two from 1 to ${PARTITIONS_MAX}.`
  if (!isIntegerIn(replicas, 1, REPLICAS_MAX))
    return `${replicas} replicas: it must be 1 to ${REPLICAS_MAX}.`
  return undefined
}

/**
 * The first thing wrong with a layout but for its hash, as a sentence; undefined when it is usable.
 */
export function checkStructure(layout: LayoutContent): string | undefined {
  if (!isIntegerIn(layout.version, 1, Number.MAX_SAFE_INTEGER))
    return `The version is ${layout.version}; versions count from 1.`
  if (!isIntegerIn(layout.previousHash, 0, 0xffff_ffff))
    return `The previous hash ${layout.previousHash} is not 32 bits.`
  if (layout.version === 1 && layout.previousHash !== 0)
    return 'The first layout names a previous one.'
  return (
    checkDimensions(layout.partitions, layout.replicas) ??
    checkRoles(layout.roles) ??
    checkOrder(layout.roles) ??
    checkTable(layout) ??
    checkLost(layout)
  )
}

/** Why `next` does not follow `previous`, as a sentence; undefined when it does. */
export function checkSuccession(previous: Layout, next: LayoutContent): string | undefined {
  // Not always by one: a layout may be replaced by another one while its data still moves.
  if (next.version <= previous.version)
    return `Layout ${next.version} does not follow layout ${previous.version}.`
  if (next.previousHash !== previous.hash)
    return `Layout ${next.version} was planned from another layout ${previous.version}.`
  if (next.partitions !== previous.partitions)
    return `The partitions would change from ${previous.partitions} to ${next.partitions}.`
  if (next.replicas !== previous.replicas)
    return `The replicas would change from ${previous.replicas} to ${next.replicas}.`
  const stranger = next.lost?.find((node) => !previous.roles.some((role) => role.node === node))
  if (stranger !== undefined) return `Node ${stranger} is lost and was not in the layout before.`
  return undefined
}

function checkOrder(roles: readonly Role[]): string | undefined {
  for (let i = 1; i < roles.length; i++) {
    if (roles[i - 1]!.node > roles[i]!.node)
      return `The roles are not sorted: ${roles[i]!.node} comes after ${roles[i - 1]!.node}.`
  }
  return undefined
}

function checkTable(layout: LayoutContent): string | undefined {
  const { table, roles, partitions } = layout
  if (table.length !== partitions)
    return `The table has ${table.length} entries for ${partitions} partitions.`
  const size = replicaSetSize(layout)
  for (let partition = 0; partition < partitions; partition++) {
    const set = table[partition]!
    if (set.length !== size)
      return `Partition ${partition} has ${set.length} replicas; it must have ${size}.`
    for (let i = 0; i < size; i++) {
      const index = set[i]!
      const role = roles[index]
      if (role === undefined)
        return `Partition ${partition} names node ${index} of ${roles.length}.`
      if (role.weight === 0)
        return `Partition ${partition} is on node ${role.node}, whose weight is 0.`
      if (set.indexOf(index) !== i)
        return `Partition ${partition} has two replicas on node ${role.node}.`
    }
  }
  return undefined
}

function checkLost({ lost, roles }: LayoutContent): string | undefined {
  if (lost === undefined) return undefined
  if (lost.length === 0 || lost.length > NODES_MAX) return `${lost.length} nodes are lost.`
  for (const [i, node] of lost.entries()) {
    if (nodeId(node) === undefined) return `"${node}" is no node id.`
    if (i > 0 && lost[i - 1]! >= node) return `The lost nodes are not sorted: ${node}.`
    if (roles.some((role) => role.node === node)) return `Node ${node} is lost and has a role.`
  }
  return undefined
}

function isIntegerIn(value: number, least: number, most: number): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most
}
