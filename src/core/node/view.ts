/**
 * What a node shows of itself: read-only, for HTTP, the console, tests and checkers. Taken when
 * asked, never kept.
 */
import type { PartitionId } from '../std/ids.ts'
import type { ClusterId, NodeId } from '../std/ids.ts'
import type { MemberRecord } from '../membership/member.ts'
import type { LayoutState, Placement } from '../placement/layout.ts'
import type { BucketProperties } from './messages.ts'

export interface NodeView {
  readonly cluster: ClusterId
  readonly self: MemberRecord
  /** Itself included, in order of id. */
  readonly members: readonly MemberRecord[]
  /** undefined: not part of a cluster yet. */
  readonly layout: LayoutState | undefined
  /** Configured buckets in order of name; any other has the defaults. */
  readonly buckets: readonly { readonly name: string; readonly properties: BucketProperties }[]
  /** Whether it serves: counters leased, cluster state heard or the wait for it over. */
  readonly ready: boolean
  /** Client requests in flight here. */
  readonly inFlight: number
  /**
   * Partitions, and how many of them have R of their replicas up, and all, as this node sees it.
   * Counted when it is read, since it goes through all of them.
   */
  readonly partitions: PartitionCounts
  /**
   * Partitions that this node still has to pull, and the records pulled since the layout changed.
   */
  readonly transfers: { readonly pending: number; readonly records: number }
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
