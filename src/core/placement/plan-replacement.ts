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
import { hashLayout } from './layout-codec.ts'
import type { LayoutContent } from './layout-structure.ts'
import { planLayout } from './plan-layout.ts'

export interface Replacement {
  /** A node of the layout. */
  readonly lost: NodeId
  /** Of a node that is not in it. */
  readonly role: Role
}

/**
 * Takes the place of `present`, in which data may still be moving from `origin`: then the new one
 * is where it moves to. At least one replacement; each node is in no more than one of them.
 */
export function planReplacement(
  present: Layout,
  replacements: readonly Replacement[],
  origin: Layout = present,
): Layout {
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
  const content: LayoutContent = {
    version: present.version + 1,
    previousHash: origin.hash,
    ...{ partitions, replicas, roles, table },
    ...lostOf(origin, [...replacing.keys(), ...(origin === present ? [] : (present.lost ?? []))]),
  }
  return { ...content, hash: hashLayout(content) }
}

/** Who came with the layout that is replaced, and is lost already, had nothing that is missed. */
function lostOf(origin: Layout, nodes: readonly NodeId[]): Pick<Layout, 'lost'> {
  const lost = nodes.filter((node) => origin.roles.some((role) => role.node === node)).sort()
  return lost.length === 0 ? {} : { lost }
}
