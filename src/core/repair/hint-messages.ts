/**
 * Bringing hints to those for whom they were kept (hinted handoff: Dynamo §4.6). One message at a
 * time and target:
 *
 * ```
 *   keeper ──hint-handoff(hints …)──▶ target
 *   keeper ◀──hint-handoff-reply───── target     when they are durable there
 * ```
 * So the target sets the pace: it takes the next ones when its disk has the last ones and its
 * clients leave it room.
 */
import type { PartitionId } from '../std/ids.ts'

export interface HintHandoff {
  readonly type: 'hint-handoff'
  readonly request: number
  readonly layoutVersion: number
  /**
   * In the order in which they were kept. Bounded by: HANDOFF_HINTS_MAX hints, and
   * HANDOFF_BYTES_MAX bytes or one hint.
   */
  readonly hints: readonly HandedHint[]
}

export interface HandedHint {
  readonly partition: PartitionId
  readonly key: Uint8Array
  readonly record: Uint8Array
  readonly base: Uint8Array
}

export interface HintHandoffReply {
  readonly type: 'hint-handoff-reply'
  readonly request: number
  readonly outcome: HandoffOutcome
}

/**
 * `stored`: all of them are durable here, or superseded. All others: ask again later.
 * `not-replica`: one of them is of a partition that the target does not hold, by the layout that it
 * knows.
 */
export type HandoffOutcome = 'stored' | 'stale-layout' | 'not-replica' | 'busy' | 'store-failed'

export const HANDOFF_HINTS_MAX: number = 128
export const HANDOFF_BYTES_MAX: number = 64 * 1024
