/** What the receiver of a transfer is told, asks for, and stands on. */
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import type { Prng } from '../std/prng.ts'
import type { StoreOperation, StoreReader } from '../ports.ts'
import type { Version } from '../versions/version.ts'
import type { TransferChunk, TransferRequest } from './messages.ts'
import type { TransferCursor } from './transfer-cursor.ts'
import type { PartitionTransfer } from './transfer-work.ts'

export type TransferReceiverEvent =
  /**
   * Replaces the work in hand. Ignored when the layout is older, or the same with the same
   * partitions and needs.
   */
  | {
      readonly type: 'begin'
      readonly layoutVersion: number
      readonly partitions: readonly PartitionTransfer[]
    }
  | { readonly type: 'chunk'; readonly from: NodeId; readonly message: TransferChunk }
  | { readonly type: 'stored'; readonly token: number }
  | { readonly type: 'store-failed'; readonly token: number }
  /** The disk did not take a batch of this node, whoever's; all handed over since is lost too. */
  | { readonly type: 'batch-lost' }
  | { readonly type: 'peer-lost'; readonly peer: NodeId }
  | { readonly type: 'peer-up'; readonly peer: NodeId }
  | { readonly type: 'timer'; readonly timer: TransferTimer }

/** `transferred` and `complete` come only when all that they tell of is durable. */
export type TransferReceiverEffect =
  | { readonly type: 'send'; readonly to: NodeId; readonly message: TransferRequest }
  | {
      readonly type: 'store'
      readonly token: number
      readonly operations: readonly StoreOperation[]
    }
  /** To be stored behind all batches handed over before; nobody waits for it. */
  | { readonly type: 'keep'; readonly operation: StoreOperation }
  | { readonly type: 'arm'; readonly timer: TransferTimer; readonly at: Instant }
  /**
   * All that `clock`, a source's, tells of is here: it may be taken over, after the batches handed
   * over before.
   */
  | { readonly type: 'absorb'; readonly partition: PartitionId; readonly clock: Uint8Array }
  /** `records`: how many of the partition were new here. */
  | { readonly type: 'transferred'; readonly partition: PartitionId; readonly records: number }
  /** Everything of the layout is here; said once for each `begin` that was not ignored. */
  | { readonly type: 'complete'; readonly layoutVersion: number }
  /** What this node held under the key cannot be read. */
  | { readonly type: 'unreadable'; readonly key: Uint8Array }
  /**
   * What came from the source was not what it says to hold. `again`: it is read once more; else it
   * differed then too, and counts, without the source's clock.
   */
  | {
      readonly type: 'transfer-differs'
      readonly partition: PartitionId
      readonly source: NodeId
      readonly again: boolean
    }

export type TransferTimer =
  | { readonly reason: 'silence'; readonly request: number }
  | { readonly reason: 'rested'; readonly source: NodeId; readonly rest: number }

export interface TransferReceiverOptions {
  /** What is handed over counts: what arrives is merged with it. */
  readonly store: Pick<StoreReader, 'get'>
  /**
   * What is to be stored once `record` with its `base` is known as well; undefined when that is
   * nothing, `malformed` when `record` is corrupt.
   */
  readonly merge: (
    partition: PartitionId,
    key: Uint8Array,
    record: Uint8Array,
    base: Uint8Array,
  ) => readonly StoreOperation[] | 'malformed' | undefined
  /** The versions in a record; undefined: it cannot be read. */
  readonly versionsIn: (record: Uint8Array) => readonly Version[] | undefined
  /** What ends a batch of such changes: the partition's clock. */
  readonly seal: (partition: PartitionId) => StoreOperation
  /** Where a stream stood in an earlier life, durably, when it was for the layout in hand. */
  readonly cursorOf: (partition: PartitionId, source: NodeId) => TransferCursor | undefined
  readonly keepCursor: (
    partition: PartitionId,
    source: NodeId,
    cursor: TransferCursor,
  ) => StoreOperation
  /** Where a partition's records begin and end in the store. */
  readonly rangeOf: (partition: PartitionId) => {
    readonly from: Uint8Array
    readonly to: Uint8Array
  }
  readonly rng: Prng
}
