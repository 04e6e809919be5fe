/**
 * What a node shows of itself: read-only, for HTTP, the console, tests and checkers. Taken when
 * asked, never kept.
 */
import type { PartitionId } from '../std/ids.ts'
import type { Address, ClusterId, NodeId } from '../std/ids.ts'
import type { MemberRecord } from '../membership/member.ts'
import type { Swim } from '../membership/swim.ts'
import type { Standing } from '../membership/standing.ts'
import type { SwimCounts } from '../membership/swim-counts.ts'
import type { Instant } from '../std/instant.ts'
import { since } from '../std/instant.ts'
import type { LayoutState, Placement } from '../placement/layout.ts'
import type { PartitionSize } from '../repair/partition-size.ts'
import type { BucketConflicts } from './conflicts.ts'
import type { AntiEntropyView } from './anti-entropy.ts'
import type { BackgroundView } from './background.ts'
import type { HintsView } from './hinting.ts'
import type { LeavingView } from './leaving.ts'
import type { BucketProperties } from './messages.ts'
import type { ReapingView } from './reaping.ts'
import type { ReplacingView } from './replacing.ts'
import type { TransfersView } from './transfers.ts'

export interface NodeView {
  readonly cluster: ClusterId
  readonly self: MemberRecord
  /** Itself included, in order of id. */
  readonly members: readonly MemberRecord[]
  /** What this node knows of each of `members` besides; computed when read. */
  readonly standings: ReadonlyMap<NodeId, MemberStanding>
  readonly swim: SwimView
  /** The greatest version of the protocol that all members speak that are up. */
  readonly protocol: number
  /** undefined: not part of a cluster yet. */
  readonly layout: LayoutState | undefined
  /** Configured buckets in order of name; any other has the defaults. */
  readonly buckets: readonly { readonly name: string; readonly properties: BucketProperties }[]
  /** Whether it serves: counters leased, cluster state heard or the wait for it over. */
  readonly ready: boolean
  /** Where another process with its identity listens: then it refuses all writes (R1). */
  readonly clonedBy: Address | undefined
  /** Client requests in flight here. */
  readonly inFlight: number
  /**
   * Partitions, and how many of them have R of their replicas up, and all, as this node sees it.
   * Counted when it is read, since it goes through all of them.
   */
  readonly partitions: PartitionCounts
  readonly transfers: TransfersView
  /**
   * About how much this node holds of its partitions, of those of which it knows; gathered when it
   * is read.
   */
  readonly sizes: ReadonlyMap<PartitionId, PartitionSize>
  readonly reaping: ReapingView
  /** Kept here for others, and taken here from others in this life; counted when it is read. */
  readonly hints: HintsView & { readonly received: number }
  /**
   * The number of the last write that this node began to coordinate, and up to which all are over:
   * every replica has the write, or somebody keeps a hint for it.
   */
  readonly writes: { readonly begun: number; readonly over: number }
  /** Comparing its partitions with their other replicas; counted when it is read. */
  readonly antiEntropy: AntiEntropyView
  /** How much background work goes, and what requests wait for; counted when it is read. */
  readonly background: BackgroundView
  /** How far this node is on its way out of the cluster; undefined: it does not want to leave. */
  readonly leaving: LeavingView | undefined
  /** In whose place this node is coming; undefined: in nobody's, or it has all of that. */
  readonly replacing: ReplacingView | undefined
  /** What concurrent writes came to since the start, by bucket. */
  readonly conflicts: ReadonlyMap<string, BucketConflicts>
}

/** Of one member, as this node sees it. */
export interface MemberStanding extends Omit<Standing, 'since'> {
  /** When this node came to see it in its present state, milliseconds since 1970. */
  readonly sinceMs: number
}

export interface SwimView {
  readonly counts: Readonly<SwimCounts>
  /** News waiting to be passed on. */
  readonly gossipQueue: number
  /** Of this node, 0 to 7: what its probe interval and time-out are multiplied with, less one. */
  readonly localHealth: number
}

export interface PartitionCounts {
  readonly total: number
  readonly withQuorum: number
  readonly allUp: number
}

/** How many partitions can be read with a quorum of `r`, and how many have every replica. */
export function countPartitions(
  total: number,
  placementOf: (partition: PartitionId) => Placement | undefined,
  isUp: (node: NodeId) => boolean,
  r: number,
): PartitionCounts {
  let withQuorum = 0
  let allUp = 0
  for (let partition = 0; partition < total; partition++) {
    const set = placementOf(partition as PartitionId)?.readSet ?? []
    const up = set.filter(isUp).length
    if (set.length > 0 && up >= Math.min(r, set.length)) withQuorum++
    if (set.length > 0 && up === set.length) allUp++
  }
  return { total, withQuorum, allUp }
}

/** What `swim` knows of all members; `now` and `wallMs` are one moment. */
export function standingsOf(
  swim: Swim,
  now: Instant,
  wallMs: number,
): ReadonlyMap<NodeId, MemberStanding> {
  const standings = new Map<NodeId, MemberStanding>()
  for (const { info } of swim.records()) {
    const { since: instant, ...standing } = swim.standing(info.id)
    standings.set(info.id, { ...standing, sinceMs: wallMs - since(instant, now) })
  }
  return standings
}
