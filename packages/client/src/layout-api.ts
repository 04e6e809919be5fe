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
  }[]
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
