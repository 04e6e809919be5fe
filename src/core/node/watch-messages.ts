/**
 * What nodes tell each other for those who watch buckets.
 *
 * | message | from → to | when |
 * |---|---|---|
 * | watch-poll | who serves a watcher → all of the layout | when the page before was taken |
 * | watch-page | back | when there is something, or nothing for a while |
 */
import type { PartitionId } from '../std/ids.ts'
import type { FeedChange } from './feed.ts'

/** "What has changed in this bucket since?" */
export interface WatchPoll {
  readonly type: 'watch-poll'
  readonly request: number
  readonly bucket: string
  /** The feed whose numbers are meant; 0: none, from now on. */
  readonly feed: number
  readonly after: number
  /** Whether the answer may wait until there is something to tell. */
  readonly waits: boolean
}

/** What has changed in it on the sender, in the order in which it became durable there. */
export interface WatchPage {
  readonly type: 'watch-page'
  readonly request: number
  /** `refused`: too many buckets or watchers. */
  readonly outcome: 'ok' | 'refused'
  /** The feed from which it is, and the number of its last change, or where the feed stands. */
  readonly feed: number
  readonly last: number
  /** Number of the last change that there was; above `last` there is more behind this page. */
  readonly top: number
  /** All that the sender took before this time of its wall clock is told, ms. */
  readonly untilMs: number
  /** Whether writes may be under way that the sender took before this feed began. */
  readonly young: boolean
  /**
   * Partitions that the sender holds and of which it may have passed over something that was there
   * after what was asked for; ascending, each once.
   */
  readonly holes: readonly PartitionId[]
  /** Bounded by: PAGE_BYTES_MAX, or one change. */
  readonly changes: readonly FeedChange[]
}

export type WatchMessage = WatchPoll | WatchPage

/** Bytes of changes in one page; a single change may have more. */
export const PAGE_BYTES_MAX: number = 256 * 1024
