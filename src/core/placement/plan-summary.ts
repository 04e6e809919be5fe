/**
 * What a plan would do, in figures that an operator decides by: how much is copied and between
 * whom, how even it is afterwards, and whether a partition could do without a node or a zone while
 * it moves.
 */
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Layout, Role } from './layout.ts'

/** Partitions that one node will copy from another; it may come to be another source. */
export interface PlannedLink {
  readonly from: NodeId
  readonly to: NodeId
  readonly partitions: number
  /** Left out when the sizes of partitions are not known. */
  readonly bytes?: number
}

export interface PlannedNode {
  readonly node: NodeId
  /** Replicas held. */
  readonly before: number
  readonly after: number
  /** Replicas that it would hold if weights and zones allowed any fraction: by weight alone. */
  readonly share: number
}

/** A count of partitions at each step: as it is, while both sets take part, and when it is done. */
export interface PlannedRisk {
  readonly before: number
  readonly during: number
  readonly after: number
}

export interface PlanSummary {
  /** Replicas to be copied. */
  readonly moves: number
  /**
   * Fewer are not possible with these loads: what nodes hold more of than before, together.
   */
  readonly leastMoves: number
  /** In order of (from, to). */
  readonly links: readonly PlannedLink[]
  /** Every node of either layout, in order of id. */
  readonly nodes: readonly PlannedNode[]
  /** Partitions that have no majority of a set, old or new, when any one node is lost. */
  readonly nodeRisk: PlannedRisk
  /** The same of any one zone. */
  readonly zoneRisk: PlannedRisk
  /** In how many zones a partition has replicas, of that which has them in the fewest. */
  readonly zones: { readonly before: number; readonly after: number }
}

/** `bytesOf`: what a replica of a partition takes, if that is known. */
export function summarize(
  before: Layout,
  after: Layout,
  bytesOf?: (partition: PartitionId) => number,
): PlanSummary {
  const links = linksBetween(before, after, bytesOf)
  const riskOf = (domainOf: (role: Role) => string): PlannedRisk => ({
    before: atRisk([before], domainOf),
    during: atRisk([before, after], domainOf),
    after: atRisk([after], domainOf),
  })
  const nodes = nodesOfBoth(before, after)
  const gained = nodes.map((each) => Math.max(0, each.after - each.before))
  return {
    moves: links.reduce((sum, { partitions }) => sum + partitions, 0),
    leastMoves: gained.reduce((sum, count) => sum + count, 0),
    links,
    nodes,
    nodeRisk: riskOf(({ node }) => node),
    zoneRisk: riskOf(({ zone }) => zone),
    zones: { before: fewestZones(before), after: fewestZones(after) },
  }
}

function linksBetween(
  before: Layout,
  after: Layout,
  bytesOf: ((partition: PartitionId) => number) | undefined,
): PlannedLink[] {
  const counts = new Map<string, PlannedLink>()
  const lost = new Set(after.lost)
  for (let p = 0 as PartitionId; p < after.partitions; p++) {
    const old = nodesAt(before, p)
    const now = nodesAt(after, p)
    const sources = old.filter((node) => !lost.has(node))
    for (const [i, to] of now.filter((node) => !old.includes(node)).entries()) {
      // Whoever goes hands over first, so that its disk is read once.
      const leaving = sources.filter((node) => !now.includes(node))
      const from = leaving[i % Math.max(1, leaving.length)] ?? sources[i % sources.length]
      if (from === undefined) continue
      const name = `${from} ${to}`
      const { partitions = 0, bytes = 0 } = counts.get(name) ?? {}
      const link = { from, to, partitions: partitions + 1 }
      counts.set(name, bytesOf === undefined ? link : { ...link, bytes: bytes + bytesOf(p) })
    }
  }
  return [...counts].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, link]) => link)
}

function nodesOfBoth(before: Layout, after: Layout): PlannedNode[] {
  const [old, now] = [replicasOf(before), replicasOf(after)]
  const ids = [...new Set([...before.roles, ...after.roles].map(({ node }) => node))].sort()
  const weights = new Map(after.roles.map(({ node, weight }) => [node, weight]))
  const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0)
  const all = [...now.values()].reduce((sum, count) => sum + count, 0)
  return ids.map((node) => ({
    node,
    before: old.get(node) ?? 0,
    after: now.get(node) ?? 0,
    share: total === 0 ? 0 : (all * (weights.get(node) ?? 0)) / total,
  }))
}

function replicasOf(layout: Layout): Map<NodeId, number> {
  const counts = new Map<NodeId, number>()
  for (const set of layout.table)
    for (const index of set) {
      const { node } = layout.roles[index]!
      counts.set(node, (counts.get(node) ?? 0) + 1)
    }
  return counts
}

/** Partitions of which the loss of some node or zone leaves no majority in one of the sets. */
function atRisk(layouts: readonly Layout[], domainOf: (role: Role) => string): number {
  let count = 0
  for (let p = 0; p < layouts[0]!.partitions; p++)
    if (layouts.some((layout) => !standsWithoutAny(domainsAt(layout, p, domainOf)))) count++
  return count
}

function standsWithoutAny(domains: readonly string[]): boolean {
  return domains.every((lost) => {
    const left = domains.filter((domain) => domain !== lost).length
    return left * 2 > domains.length
  })
}

function fewestZones(layout: Layout): number {
  const zonesAt = layout.table.map((_, p) => new Set(domainsAt(layout, p, ({ zone }) => zone)).size)
  return zonesAt.reduce((fewest, count) => Math.min(fewest, count))
}

function domainsAt(
  { table, roles }: Layout,
  partition: number,
  domainOf: (role: Role) => string,
): string[] {
  return table[partition]!.map((index) => domainOf(roles[index]!))
}

function nodesAt({ table, roles }: Layout, partition: PartitionId): NodeId[] {
  return table[partition]!.map((index) => roles[index]!.node)
}
