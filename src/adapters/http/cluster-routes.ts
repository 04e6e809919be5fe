/**
 * `/cluster` and `/layout`: who belongs to the cluster, and who holds what.
 */
import { httpUrl, servesHttp } from '../../core/membership/member.ts'
import type { MemberRecord, MemberState } from '../../core/membership/member.ts'
import type { KeyId } from '../../core/node/cluster-key.ts'
import type { LeavePhase } from '../../core/node/leaving.ts'
import type { ReplacingView } from '../../core/node/replacing.ts'
import type { MemberStanding, NodeView } from '../../core/node/view.ts'
import type { Layout, LayoutState } from '../../core/placement/layout.ts'
import { awaited, isFilled } from '../../core/placement/layout-state.ts'
import type { EncryptionMode } from '../../runtime/ports.ts'
import { must } from '../../core/std/assert.ts'
import { formatAddress } from '../../core/std/ids.ts'
import type { NodeId } from '../../core/std/ids.ts'
import { DndError } from '../../core/errors.ts'
import type { Asked } from './exchange.ts'
import type { NodeSite } from './site.ts'

export function onCluster(exchange: Asked): void {
  const { gateway, keyring } = exchange.site
  exchange.json(200, clusterJson(gateway.view(), keyring))
}

export function onLayout(exchange: Asked): void {
  const { layout } = exchange.site.gateway.view()
  if (layout === undefined)
    throw new DndError('DND_ERR_NOT_READY', 'this node has not heard of a layout yet')
  exchange.json(200, layoutJson(layout))
}

export interface ClusterJson {
  readonly cluster: string
  readonly self: string
  /** Where another process with this node's identity listens. */
  readonly clonedBy?: string
  readonly leaving?: LeavePhase
  readonly replacing?: ReplacingView
  readonly encryption: EncryptionJson
  /** The greatest version of the protocol that all members speak that are up. */
  readonly protocol: number
  readonly members: readonly MemberJson[]
}

export interface MemberJson {
  readonly id: string
  readonly name: string
  readonly state: MemberState
  /** ISO 8601, UTC. */
  readonly since: string
  readonly suspectedBy?: readonly string[]
  readonly zone: string
  readonly weight: number
  readonly addresses: { readonly cluster: string; readonly http?: string; readonly url?: string }
  readonly generation: number
  readonly incarnation: number
  readonly version: string
  /** The greatest version of the protocol that it speaks. */
  readonly protocol?: number
  readonly localHealth?: number
  readonly roundTripMs?: number
  readonly degraded?: true
  readonly draining?: true
  readonly flapping?: true
}

export interface EncryptionJson {
  readonly mode: EncryptionMode
  /** Names the primary key and does not tell it. */
  readonly key?: KeyId
}

function clusterJson(view: NodeView, { mode, primary }: NodeSite['keyring']): ClusterJson {
  const { cluster, self, members, standings, clonedBy, leaving, replacing } = view
  const standingOf = (id: NodeId): MemberStanding =>
    must(standings.get(id), () => `the standing of member ${id}`)
  return {
    cluster,
    self: self.info.id,
    ...(clonedBy === undefined ? {} : { clonedBy: formatAddress(clonedBy) }),
    ...(leaving === undefined ? {} : { leaving: leaving.phase }),
    ...(replacing === undefined ? {} : { replacing }),
    encryption: { mode, ...(primary === undefined ? {} : { key: primary.id }) },
    protocol: view.protocol,
    members: members.map((member) => memberJson(member, standingOf(member.info.id))),
  }
}

function memberJson(member: MemberRecord, standing: MemberStanding): MemberJson {
  const { id, name, address, zone, weight, version, protocol } = member.info
  const { sinceMs, suspectedBy, localHealth, roundTripMs, isFlapping } = standing
  return {
    id,
    name,
    state: member.state,
    since: new Date(sinceMs).toISOString(),
    ...(suspectedBy.length === 0 ? {} : { suspectedBy }),
    zone,
    weight,
    addresses: {
      cluster: formatAddress(address),
      ...(servesHttp(member.info)
        ? { http: formatAddress(member.info.httpAddress), url: httpUrl(member.info) }
        : {}),
    },
    generation: member.generation,
    incarnation: member.incarnation,
    version,
    ...(protocol === undefined ? {} : { protocol }),
    ...(localHealth === undefined ? {} : { localHealth }),
    ...(roundTripMs === undefined ? {} : { roundTripMs: Math.round(roundTripMs * 1000) / 1000 }),
    ...(member.degraded === true ? { degraded: true } : {}),
    ...(member.draining === true ? { draining: true } : {}),
    ...(isFlapping ? { flapping: true } : {}),
  }
}

export interface RoleJson {
  readonly node: NodeId
  readonly zone: string
  readonly weight: number
}

export interface LayoutJson {
  readonly version: number
  readonly partitions: number
  readonly replicas: number
  readonly roles: readonly RoleJson[]
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
    /**
     * `filling`: the new owners pull what they gain, and reads ask the old ones. `settling`: they
     * have it and are read from, and everybody confirms to know that.
     */
    readonly phase: 'filling' | 'settling'
    readonly synced: readonly NodeId[]
    readonly acked: readonly NodeId[]
    readonly waiting: readonly NodeId[]
    /** Partitions whose replica set differs, and which they are. */
    readonly partitions: number
    readonly changing: readonly number[]
    readonly previous: { readonly roles: readonly RoleJson[]; readonly table: LayoutJson['table'] }
    /** Nodes of the layout before whose data is gone. */
    readonly lost?: readonly NodeId[]
  }
}

export function layoutJson(state: LayoutState): LayoutJson {
  const { current } = state
  const table = nodeTable(current)
  const json = {
    version: current.version,
    partitions: current.partitions,
    replicas: current.replicas,
    roles: rolesJson(current),
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
  const { current, previous, synced, acked } = state
  if (previous === undefined) return undefined
  const before = nodeTable(previous)
  const changing = table.flatMap((set, partition) =>
    set.some((node) => before[partition]?.includes(node) !== true) ? [partition] : [],
  )
  return {
    from: previous.version,
    phase: isFilled(state) ? 'settling' : 'filling',
    synced,
    acked,
    waiting: awaited(state),
    partitions: changing.length,
    changing,
    previous: { roles: rolesJson(previous), table: before },
    ...(current.lost === undefined ? {} : { lost: current.lost }),
  }
}

function rolesJson({ roles }: Layout): readonly RoleJson[] {
  return roles.map(({ node, zone, weight }) => ({ node, zone, weight }))
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
