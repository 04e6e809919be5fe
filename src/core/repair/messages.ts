/**
 * Moving partitions after a layout change. The receiver pulls, so that it sets the pace and a
 * restart goes on from its own cursor:
 *
 * ```
 *   new owner ──transfer-request(partition, after key)──▶ old owner
 *   new owner ◀──transfer-chunk(records …, done?)──────── old owner
 * ```
 * Again and again until `done`, and so from enough old owners.
 */
import type { PartitionId } from '../std/ids.ts'
import type { PartitionSize } from './partition-size.ts'

export interface TransferRequest {
  readonly type: 'transfer-request'
  readonly request: number
  /** The layout for which the data moves: serving it means having adopted that layout first. */
  readonly layoutVersion: number
  readonly partition: PartitionId
  /** Storage key of the last record received, exclusive; empty to begin. */
  readonly after: Uint8Array
}

export interface TransferChunk {
  readonly type: 'transfer-chunk'
  readonly request: number
  readonly outcome: 'ok' | 'not-replica' | 'stale-layout' | 'store-failed'
  /**
   * In order of key. Bounded by: TRANSFER_CHUNK_RECORDS_MAX records and TRANSFER_CHUNK_BYTES_MAX
   * bytes or one record.
   */
  readonly entries: readonly { readonly key: Uint8Array; readonly record: Uint8Array }[]
  /** Of the source's partition clock, not younger than any of the records. */
  readonly base: Uint8Array
  /**
   * In a chunk that begins a partition: the source's whole partition clock of that moment. Empty in
   * all others, and when nobody may take it over.
   */
  readonly clock: Uint8Array
  readonly done: boolean
  /** In a chunk that begins a partition: about how much that is, if the source knows. */
  readonly size?: PartitionSize
  /**
   * In a chunk that begins or ends a partition: the root of its hash tree, if there is one that
   * says something of the stream (`transfer-proof.ts`). HASH_BYTES.
   */
  readonly root?: Uint8Array
}

export const TRANSFER_CHUNK_RECORDS_MAX: number = 1024
export const TRANSFER_CHUNK_BYTES_MAX: number = 256 * 1024
