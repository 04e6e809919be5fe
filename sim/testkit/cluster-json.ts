/** What a node shows of itself, in the form that clients know. */
import { DndError } from '../../src/core/errors.ts'
import { httpUrl, servesHttp } from '../../src/core/membership/member.ts'
import type { MemberRecord } from '../../src/core/membership/member.ts'
import { DEFAULT_PROPERTIES } from '../../src/core/node/buckets.ts'
import type { MemberStanding, NodeView } from '../../src/core/node/view.ts'
import type { Layout, LayoutState } from '../../src/core/placement/layout.ts'
import { awaited, isFilled } from '../../src/core/placement/layout-state.ts'
import { must } from '../../src/core/std/assert.ts'
import type { NodeId } from '../../src/core/std/ids.ts'
import { formatAddress } from '../../src/core/std/ids.ts'
import type {
  BucketJson,
  BucketsJson,
  ClusterJson,
  LayoutJson,
  MemberJson,
} from '../../packages/client/src/api.ts'
import { checkBucket } from './requests.ts'

export function bucketsJson(view: NodeView): BucketsJson {
  const buckets = view.buckets.map(({ name, properties }) => ({
    name,
    configured: true,
    properties,
  }))
  return { buckets, defaults: DEFAULT_PROPERTIES }
}

export function bucketJson(view: NodeView, name: string): BucketJson {
  checkBucket(name)
  const found = view.buckets.find((bucket) => bucket.name === name)
  const configured = found !== undefined
  return { name, configured, properties: found?.properties ?? DEFAULT_PROPERTIES }
}

export function clusterJson(view: NodeView): ClusterJson {
  const { cluster, self, clonedBy, leaving, members, standings } = view
  return {
    cluster,
    self: self.info.id,
    ...(clonedBy === undefined ? {} : { clonedBy: formatAddress(clonedBy) }),
    ...(leaving === undefined ? {} : { leaving: leaving.phase }),
    encryption: { mode: 'off' },
    protocol: view.protocol,
    members: members.map((member) =>
      memberJson(member, must(standings.get(member.info.id), 'the standing of a member')),
    ),
  }
}

export function layoutJson({ layout }: NodeView): LayoutJson {
  if (layout === undefined)
    throw new DndError('DND_ERR_NOT_READY', 'this node has not heard of a layout yet')
  const { version, partitions, replicas, roles } = layout.current
  const table = nodeTable(layout.current)
  const json = { version, partitions, replicas, roles, table, balance: balanceOf(layout.current) }
  const moving = movingJson(layout, table)
  return moving === undefined ? json : { ...json, moving }
}

function memberJson(member: MemberRecord, standing: MemberStanding): MemberJson {
  const { info, state, generation, incarnation, degraded, draining } = member
  const { id, name, zone, weight, version, protocol } = info
  const { suspectedBy, localHealth, roundTripMs, isFlapping } = standing
  const addresses = {
    cluster: formatAddress(info.address),
    ...(servesHttp(info) && { http: formatAddress(info.httpAddress), url: httpUrl(info) }),
  }
  return {
    ...{ id, name, state, since: new Date(standing.sinceMs).toISOString() },
    ...(suspectedBy.length > 0 && { suspectedBy }),
    ...{ zone, weight, addresses, generation, incarnation, version },
    ...(protocol !== undefined && { protocol }),
    ...(localHealth !== undefined && { localHealth }),
    ...(roundTripMs !== undefined && { roundTripMs: Number(roundTripMs.toFixed(3)) }),
    ...(degraded === true && { degraded }),
    ...(draining === true && { draining }),
    ...(isFlapping && { flapping: true }),
  }
}

function movingJson(
  state: LayoutState,
  table: readonly (readonly NodeId[])[],
): LayoutJson['moving'] {
  const { previous, synced, acked } = state
  if (previous === undefined) return undefined
  const before = nodeTable(previous)
  const changing = table.flatMap((set, partition) =>
    set.some((node) => before[partition]?.includes(node) !== true) ? [partition] : [],
  )
  return {
    from: previous.version,
    phase: isFilled(state) ? 'settling' : 'filling',
    ...{ synced, acked, waiting: awaited(state), partitions: changing.length, changing },
    previous: { roles: previous.roles, table: before },
  }
}

function nodeTable(layout: Layout): NodeId[][] {
  return layout.table.map((set) => set.map((index) => layout.roles[index]!.node))
}

function balanceOf(layout: Layout): LayoutJson['balance'] {
  const held = layout.roles.map(() => 0)
  for (const index of layout.table.flat()) held[index]!++
  const all = layout.table.flat().length
  return layout.roles.map(({ node }, index) => ({
    node,
    replicas: held[index]!,
    share: all === 0 ? 0 : Math.round((held[index]! / all) * 10_000) / 10_000,
  }))
}
