/**
 * Comparing a partition with another replica of it and mending what differs: anti-entropy.
 *
 * The problem: replicas drift. Copying everything is out of the question, and so is "what you have
 * and I have not, give me": it brings deleted keys back. And a comparison that ends must leave
 * something behind, or the holes in the partition clocks never close and no tombstone ever goes.
 *
 * ```
 *   1  both say their clock and the root of their hash tree; equal roots: done   (`hash-tree.ts`)
 *   2  down the trees to the leaves that differ: hashes of children one way, those that differ back
 *   3  both walk over their records of these leaves, in order of key, page by page: the initiator
 *      lists (key hash, entry hash); the responder sends its records of keys that differ or are
 *      not listed, and the hashes of those that it lacks
 *   4  whoever receives a record merges it, with the sender's base, and where what it then holds is
 *      something else, sends that back: newer versions, or "nothing, and this is my base"
 *   5  both take over the other's clock, as it was in step 1
 * ```
 * So the messages grow with the differences and the depth of the tree, not with the keys. The scan
 * of step 3 reads the partition once on each side and decodes only the leaves that differ.
 *
 * Step 4 is the fence (V7). A key that only one side has is either new to the other or was deleted
 * and forgotten there; the other's clock knows, and no copying happens without asking it.
 *
 * Why step 5 may be done (V5; Gonçalves et al., DAIS 2015, §4.3). A clock in which a dot stands
 * claims: what I hold of that key reflects that write. Let d stand in the clock that B told, which
 * was durable on B. Trees speak of all that was handed to the store, scans and records of what is
 * durable; both are read later than the clock, so B's state of the key reflects d in each. Either A
 * was found to hold the same versions, or it merged B's state, filled with a base of the same
 * moment. So A's state reflects d. A's clock is stored by a batch behind all these, and a batch
 * that is lost takes those behind it along: no barrier is needed. But an exchange ends with nothing
 * when a batch is lost while it runs.
 *
 * One thing could undo it: a version whose delete B has seen and forgotten, brought to A by a late
 * hint after the key was compared (nothing here, nothing there) and before A has the clock that
 * would keep it out. So what arrives at either side meanwhile, and which the other's clock covers,
 * is shown to the other before the exchange is finished (`Talk.takeLate`).
 *
 * It does not hold when something could not be read or taken, or only a range was compared: then
 * all is mended that could be, and no clock is taken over by the side that missed something.
 *
 * Invariants: at most INITIATED_MAX and ANSWERED_MAX exchanges; one message, scan or merge at a
 * time for each; no message of 64 KiB, but for one record that is larger.
 */
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Checksum } from '../std/crc32.ts'
import type { Instant } from '../std/instant.ts'
import type { ScanRange, StoreEntry, StoreRead } from '../ports.ts'
import type { ExchangeFacts, ExchangeMessage, ExchangeOpen } from './exchange-messages.ts'
import type { Version } from '../versions/version.ts'
import type { HashTree } from './hash-tree.ts'

export type ExchangeEvent =
  /** Compare; `exchange` is a number never given twice, not even after a restart. */
  | {
      readonly type: 'start'
      readonly exchange: number
      readonly peer: NodeId
      readonly partition: PartitionId
      readonly layoutVersion: number
      /** Storage keys: only what lies in [from, to) is mended. Both empty: the whole partition. */
      readonly from: Uint8Array
      readonly to: Uint8Array
      readonly facts: ExchangeFacts
    }
  /** A peer wants to compare. `facts`: our side's, or why not. */
  | {
      readonly type: 'open'
      readonly from: NodeId
      readonly message: ExchangeOpen
      readonly facts: ExchangeFacts | 'busy' | 'not-replica' | 'stale-layout'
    }
  | {
      readonly type: 'message'
      readonly from: NodeId
      readonly message: Exclude<ExchangeMessage, ExchangeOpen>
    }
  | { readonly type: 'scanned'; readonly token: number; readonly entries: readonly StoreEntry[] }
  | { readonly type: 'scan-failed'; readonly token: number }
  /** All records of a `merge` are durable; `refused` of them were malformed or too large. */
  | {
      readonly type: 'merged'
      readonly token: number
      readonly changed: number
      readonly refused: number
    }
  | { readonly type: 'merge-failed'; readonly token: number }
  /**
   * A record is another from now on, told before its batch is handed to the store. `token`: of the
   * `merge` whose doing it is.
   */
  | {
      readonly type: 'changed'
      readonly partition: PartitionId
      readonly key: Uint8Array
      readonly before: readonly Version[] | 'unreadable'
      readonly after: readonly Version[]
      readonly token: number | undefined
    }
  | { readonly type: 'peer-lost'; readonly peer: NodeId }
  /** Batches were lost: what was compared may not be here any more. */
  | { readonly type: 'batch-lost' }
  /** We hold the partition no more. */
  | { readonly type: 'dropped'; readonly partition: PartitionId }
  | { readonly type: 'timer'; readonly timer: ExchangeTimer }

/**
 * To be executed in order, after the step. `scan` is answered by `scanned` or `scan-failed`;
 * `merge` by `merged` or `merge-failed`.
 */
export type ExchangeEffect =
  | { readonly type: 'send'; readonly to: NodeId; readonly message: ExchangeMessage }
  | { readonly type: 'scan'; readonly token: number; readonly range: ScanRange }
  /** Merge each with what is held, in one batch that ends with the clock. No record: absent. */
  | {
      readonly type: 'merge'
      readonly token: number
      readonly partition: PartitionId
      readonly records: readonly { readonly key: Uint8Array; readonly record: Uint8Array }[]
      readonly base: Uint8Array
    }
  | { readonly type: 'arm'; readonly timer: ExchangeTimer; readonly at: Instant }
  /** A record of ours does not read as it was written. */
  | { readonly type: 'unreadable'; readonly key: Uint8Array }
  /** Over; for each `start`, and for each `open` that was not refused. */
  | ExchangeDone

export interface ExchangeDone {
  readonly type: 'done'
  readonly exchange: number
  readonly peer: NodeId
  readonly partition: PartitionId
  readonly isInitiator: boolean
  /**
   * `complete`: all that the peer held at the beginning is here, handed to the store: its clock may
   * be merged by the next batch, if it is neither doubtful nor incomplete. `partial`: mended, but
   * only a range, or not all could be shown or taken. `busy`, `refused`: not begun.
   */
  readonly outcome: 'complete' | 'partial' | 'busy' | 'refused' | 'failed'
  /** The peer's, as at the beginning; undefined when it did not say. */
  readonly theirs: ExchangeFacts | undefined
  /** Whether all that this side held was shown to the peer. */
  readonly shown: boolean
  /** Keys that differed. */
  readonly found: number
  readonly sent: number
  readonly received: number
}

/** One for each exchange under way. */
export interface ExchangeTimer {
  readonly session: number
}

export interface ExchangesOptions {
  readonly checksum: Checksum
  /** Where a partition's records begin and end in the store. */
  readonly rangeOf: (partition: PartitionId) => {
    readonly from: Uint8Array
    readonly to: Uint8Array
  }
  /** undefined: it is being made. */
  readonly treeOf: (partition: PartitionId) => HashTree | undefined
  /** What is durable of a key, with the base of the same moment. */
  readonly shown: (
    partition: PartitionId,
    key: Uint8Array,
  ) => { readonly record: StoreRead; readonly base: Uint8Array }
}
