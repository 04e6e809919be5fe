/** What the HTTP API says about layouts to come, and about those that were. */
import type { RoleJson } from './api.ts'

/** `GET /layout/plan` and `POST /layout/plan`: what would follow. */
export interface LayoutPlanJson {
  /** The layout in force. */
  readonly from: { readonly version: number; readonly hash: string }
  /** Absent when there is nothing to change; then the rest is absent too. */
  readonly plan?: {
    readonly version: number
    readonly hash: string
    readonly roles: readonly RoleJson[]
    /** Node ids of those whose data is gone; absent: none. */
    readonly lost?: readonly string[]
  }
  /** Replicas to be copied, and how few it could be. */
  readonly moves?: number
  readonly leastMoves?: number
  /** Partitions that a node copies from another. */
  readonly links?: readonly {
    readonly from: string
    readonly to: string
    readonly partitions: number
    /** About as many; absent when nothing is known of how much there is. */
    readonly bytes?: number
  }[]
  /** About how much is copied; absent when nothing is known, and then the next three are too. */
  readonly bytes?: number
  /** Of how many partitions that move the node knows nothing: they are taken for the mean. */
  readonly estimatedPartitions?: number
  /** From how many of its owners each partition is read. */
  readonly copies?: number
  /**
   * About how long that takes, by what the answering node has pulled or sent in this life of it;
   * `allowance`: at least so long, by what background work may do there at present.
   */
  readonly time?: {
    readonly seconds: number
    readonly basis: 'pulled' | 'sent' | 'allowance'
  }
  /** Replicas held by each node, and what it would hold by weight alone. */
  readonly nodes?: readonly {
    readonly node: string
    readonly before: number
    readonly after: number
    readonly share: number
  }[]
  /** Partitions that have no majority of a replica set when some node is lost. */
  readonly nodeRisk?: { readonly before: number; readonly during: number; readonly after: number }
  /** The same of some zone. */
  readonly zoneRisk?: { readonly before: number; readonly during: number; readonly after: number }
  /** In how many zones the partition has replicas that has them in the fewest. */
  readonly zones?: { readonly before: number; readonly after: number }
}

/** `GET /layout/history`: what the answering node has seen, the latest last. */
export interface LayoutHistoryJson {
  readonly layouts: readonly {
    readonly version: number
    readonly hash: string
    /** When the node adopted it, ISO 8601. */
    readonly at: string
    readonly moves: number
    readonly roles: readonly RoleJson[]
  }[]
}
