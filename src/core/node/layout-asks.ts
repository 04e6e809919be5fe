/** What an operator may ask about the layout, and what is answered. */
import type { Failure, FailureCode } from '../coordinator/messages.ts'
import type { Layout, Role } from '../placement/layout.ts'
import type { NodeId } from '../std/ids.ts'

/** What an operator may ask. */
export type LayoutAsk =
  /**
   * The layout that would follow if those roles were given. Without roles: if every member that is
   * up had the role that it wants, and the others kept theirs.
   */
  | { readonly what: 'plan'; readonly roles: readonly Role[] | undefined }
  /**
   * Choose the layout that was planned so. Refused unless the plan, made again, is the very same:
   * `version` and `hash` as they were told.
   */
  | {
      readonly what: 'apply'
      readonly roles: readonly Role[] | undefined
      readonly version: number
      readonly hash: number
    }
  /**
   * `node` will not come back. `partitions`: of how many partitions the operator knows that their
   * last replica is lost by that.
   */
  | { readonly what: 'remove'; readonly node: NodeId; readonly partitions: number }
  | { readonly what: 'history' }

export interface LayoutHistoryEntry {
  readonly version: number
  readonly hash: number
  /** When this node adopted it, milliseconds since 1970. */
  readonly atMs: number
  readonly roles: readonly Role[]
  /** Replicas that had to be copied for it. */
  readonly moves: number
}

export type LayoutResult =
  | {
      readonly ok: true
      readonly what: 'plan'
      readonly before: Layout
      /** undefined: nothing would change. */
      readonly after: Layout | undefined
    }
  /** It was chosen, and is adopted here. */
  | { readonly ok: true; readonly what: 'applied'; readonly version: number }
  /** It is said: the next layout is without it, as soon as nothing moves. */
  | { readonly ok: true; readonly what: 'removed'; readonly node: NodeId }
  /** The latest last. Bounded by: HISTORY_MAX. */
  | { readonly ok: true; readonly what: 'history'; readonly entries: readonly LayoutHistoryEntry[] }
  | Failure

export function layoutFailure(
  code: FailureCode,
  message: string,
  outcome: Failure['outcome'] = 'rejected',
): Failure {
  return { ok: false, code, outcome, needed: 0, got: 0, message }
}
