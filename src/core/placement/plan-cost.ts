/**
 * About how much a plan copies, and how long that may take, by what the node knows that is asked.
 *
 * It knows about how much it holds itself (`repair/partition-size.ts`). What it does not hold is
 * taken to be like the mean of what it does: keys are spread over partitions by a hash.
 *
 * A time needs a rate, and one that nobody has measured is a guess. So it stands on one of these,
 * the first that there is, and says on which:
 *
 * ```
 *   pulled     what this node took over in this life of it, while it did; others are taken to be
 *              like it, and the move takes as long as whoever gains most
 *   sent       what was read from it; all who hold something share the work
 *   allowance  no rate: units of background work that may go here at present, each no more than
 *              one chunk. The move takes at least so long; the network and the disks decide.
 * ```
 * Every partition is read from several of its owners, so what is read is a multiple of what is
 * kept.
 */
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Layout } from './layout.ts'
import type { PlannedLink, PlanSummary } from './plan-summary.ts'

export interface KnownSizes {
  readonly sizes: ReadonlyMap<PartitionId, { readonly bytes: number }>
  /** Of how many old owners a partition that moves is read. */
  readonly copies: number
  /** Bytes a second; undefined: nothing was measured. */
  readonly pulledPerSecond: number | undefined
  readonly sentPerSecond: number | undefined
  readonly unitsPerSecond: number
  /** The most that one unit of background work moves. */
  readonly unitBytes: number
}

export interface PlanTime {
  readonly seconds: number
  /** `allowance`: it takes at least so long. */
  readonly basis: 'pulled' | 'sent' | 'allowance'
}

/** What a replica of a partition takes; undefined: nothing is known of any. */
export function bytesBy({ sizes }: KnownSizes): ((partition: PartitionId) => number) | undefined {
  if (sizes.size === 0) return undefined
  let all = 0
  for (const { bytes } of sizes.values()) all += bytes
  const mean = Math.round(all / sizes.size)
  return (partition) => sizes.get(partition)?.bytes ?? mean
}

/** How many of the partitions that move are not known, and taken to be like the others. */
export function estimatedIn(before: Layout, after: Layout, { sizes }: KnownSizes): number {
  let count = 0
  for (let p = 0 as PartitionId; p < after.partitions; p++) {
    const old = nodesAt(before, p)
    if (!sizes.has(p) && nodesAt(after, p).some((node) => !old.includes(node))) count++
  }
  return count
}

/** undefined: nothing is copied, or nobody knows how much. */
export function timeOf(
  { links, nodes }: Pick<PlanSummary, 'links' | 'nodes'>,
  known: KnownSizes,
): PlanTime | undefined {
  if (links.length === 0 || links.some(({ bytes }) => bytes === undefined)) return undefined
  const { copies, pulledPerSecond: pulled, sentPerSecond: sent, unitsPerSecond } = known
  if (pulled !== undefined && pulled > 0) {
    const bytes = mostGained(links, (link) => link.bytes ?? 0)
    return { seconds: (bytes * copies) / pulled, basis: 'pulled' }
  }
  if (sent !== undefined && sent > 0) {
    const bytes = links.reduce((sum, link) => sum + (link.bytes ?? 0), 0)
    const sources = nodes.filter(({ before }) => before > 0).length
    return { seconds: (bytes * copies) / Math.max(1, sources) / sent, basis: 'sent' }
  }
  const units = mostGained(links, (link) => unitsOf(link, known))
  return { seconds: (units * copies) / unitsPerSecond, basis: 'allowance' }
}

/** Each partition takes one at least. */
function unitsOf({ partitions, bytes = 0 }: PlannedLink, { unitBytes }: KnownSizes): number {
  return Math.max(partitions, Math.ceil(bytes / unitBytes))
}

/** Of all who gain something, who gains most. */
function mostGained(links: readonly PlannedLink[], of: (link: PlannedLink) => number): number {
  const gained = new Map<NodeId, number>()
  for (const link of links) gained.set(link.to, (gained.get(link.to) ?? 0) + of(link))
  return Math.max(...gained.values())
}

function nodesAt({ table, roles }: Layout, partition: PartitionId): NodeId[] {
  return table[partition]!.map((index) => roles[index]!.node)
}
