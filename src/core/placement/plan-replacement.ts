/**
 * Plans the layout in which new nodes stand where lost ones stood.
 *
 * To a planner a disk that is gone is one node less and another one more; it would balance both
 * anew, and replicas would move that nothing has happened to. Here each newcomer takes the very
 * places of the node that it replaces, so all that moves is what was lost, and what the newcomer
 * weighs or where it stands counts from the next plan on.
 *
 * Where that is no layout, since one of the two holds no data by its weight, the roles are planned
 * as any others.
 */
import { assert } from '../std/assert.ts'
import type { NodeId } from '../std/ids.ts'
import type { Layout, Role } from './layout.ts'
import { planLayout } from './plan-layout.ts'
import { withLost } from './plan-removal.ts'

export interface Replacement {
  /** A node of the layout. */
  readonly lost: NodeId
  /** Of a node that is not in it. */
  readonly role: Role
}

/** At least one replacement; each node is in no more than one of them. */
export function planReplacement(present: Layout, replacements: readonly Replacement[]): Layout {
  const { partitions, replicas } = present
  const replacing = new Map(replacements.map(({ lost, role }) => [lost, role]))
  assert(replacing.size > 0, 'no node to replace')
  assert(replacing.size === replacements.length, 'a node is replaced twice')
  const roleInstead = (role: Role): Role => replacing.get(role.node) ?? role
  const roles = present.roles.map(roleInstead).sort((a, b) => (a.node < b.node ? -1 : 1))
  const indexOf = new Map(roles.map(({ node }, index) => [node, index]))
  assert(indexOf.size === roles.length, 'a node takes a place and has one')
  const keepsPlaces = present.roles.every(
    (role) => role.weight > 0 === roleInstead(role).weight > 0,
  )
  const places = present.roles.map((role) => indexOf.get(roleInstead(role).node)!)
  const table = keepsPlaces
    ? present.table.map((set) => set.map((index) => places[index]!))
    : planLayout({ previous: present, roles, partitions, replicas }).table
  const { version, hash: previousHash } = present
  const content = { version: version + 1, previousHash, partitions, replicas, roles, table }
  return withLost(content, present, [...replacing.keys()])
}
