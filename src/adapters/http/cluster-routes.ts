/**
 * `/cluster` and `/layout`: who belongs to the cluster, and who holds what.
 */
import type { MemberRecord } from '../../core/membership/member.ts'
import type { Layout, LayoutState } from '../../core/placement/layout.ts'
import { formatAddress } from '../../core/std/ids.ts'
import type { NodeId } from '../../core/std/ids.ts'
import { DndError } from '../../core/errors.ts'
import type { Exchange } from './exchange.ts'

export function onCluster(exchange: Exchange): void {
  const view = exchange.site.gateway.view()
  exchange.json(200, {
    cluster: view.cluster,
    self: view.self.info.id,
    members: view.members.map(memberJson),
  })
}

export function onLayout(exchange: Exchange): void {
  const { layout } = exchange.site.gateway.view()
  if (layout === undefined)
    throw new DndError('DND_ERR_NOT_READY', 'this node has not heard of a layout yet')
  exchange.json(200, layoutJson(layout))
}

export interface MemberJson {
  readonly id: string
  readonly name: string
  readonly state: string
  readonly zone: string
  readonly weight: number
  readonly addresses: { readonly cluster: string; readonly http: string }
  readonly generation: number
  readonly incarnation: number
}

function memberJson(member: MemberRecord): MemberJson {
  const { id, name, address, httpAddress, zone, weight } = member.info
  return {
    id,
    name,
    state: member.state,
    zone,
    weight,
    addresses: { cluster: formatAddress(address), http: formatAddress(httpAddress) },
    generation: member.generation,
    incarnation: member.incarnation,
  }
}

export interface LayoutJson {
  readonly version: number
  readonly partitions: number
  readonly replicas: number
  readonly roles: readonly {
    readonly node: NodeId
    readonly zone: string
    readonly weight: number
  }[]
  /** Ordered replica set of each partition. */
  readonly table: readonly (readonly NodeId[])[]
  /** Replicas that each node holds, and its share of all. */
  readonly balance: readonly {
    readonly node: NodeId
    readonly replicas: number
    readonly share: number
  }[]
  /** While data moves from the layout before. */
  readonly moving?: {
    readonly from: number
    readonly synced: readonly NodeId[]
    readonly waiting: readonly NodeId[]
    /** Partitions whose replica set differs. */
    readonly partitions: number
  }
}

export function layoutJson(state: LayoutState): LayoutJson {
  const { current } = state
  const table = nodeTable(current)
  const json = {
    version: current.version,
    partitions: current.partitions,
    replicas: current.replicas,
    roles: current.roles.map(({ node, zone, weight }) => ({ node, zone, weight })),
    table,
    balance: balance(current),
  }
  const moving = movingJson(state, table)
  return moving === undefined ? json : { ...json, moving }
}

function movingJson(
  state: LayoutState,
  table: readonly (readonly NodeId[])[],
): LayoutJson['moving'] | undefined {
  const { current, previous, synced } = state
  if (previous === undefined) return undefined
  const before = nodeTable(previous)
  const differs = (set: readonly NodeId[], partition: number): boolean =>
    set.some((node) => before[partition]?.includes(node) !== true)
  const done = new Set(synced)
  return {
    from: previous.version,
    synced,
    waiting: current.roles.map((role) => role.node).filter((node) => !done.has(node)),
    partitions: table.filter(differs).length,
  }
}

function nodeTable(layout: Layout): NodeId[][] {
  return layout.table.map((set) => set.map((index) => layout.roles[index]!.node))
}

function balance(layout: Layout): LayoutJson['balance'] {
  const held = layout.roles.map(() => 0)
  let all = 0
  for (const set of layout.table)
    for (const index of set) {
      held[index] = held[index]! + 1
      all++
    }
  return layout.roles.map(({ node }, index) => ({
    node,
    replicas: held[index]!,
    share: all === 0 ? 0 : Math.round((held[index]! / all) * 10_000) / 10_000,
  }))
}
