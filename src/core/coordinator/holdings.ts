/**
 * What this node holds, as the coordinating machines see it: handed in by the node, which keeps
 * each partition's records together with its clock (`node/holdings.ts`).
 *
 * A record travels as a pair: its bytes as they are stored, and the base of its replica's partition
 * clock of the same moment, without which a stripped record does not say the whole
 * (`versions/record.ts`). No record, with a base, is an answer as well: all that the base covers is
 * superseded, whoever still has it.
 */
import type { PartitionId } from '../std/ids.ts'
import type { StoreOperation, StoreRead } from '../ports.ts'
import type { Container } from '../versions/version.ts'

/** What merges build on: all that was handed to the store, durable or not. */
export interface Held {
  /** Filled; with no versions when there is no record. */
  readonly container: Container
  /** Whether its vector may not be filled: it was mended, and the clock knows more than it. */
  readonly isWhole: boolean
  /** Whether there is a record at all. */
  readonly isStored: boolean
}

/** What others may be shown: durable, and of one moment. */
export interface Shown {
  readonly record: StoreRead
  readonly base: Uint8Array
}

/** A change of one record, for one atomic batch. */
export interface Kept {
  readonly operations: readonly StoreOperation[]
  /** As it is stored from now on; empty: there is no record any more. */
  readonly record: Uint8Array
  readonly base: Uint8Array
}

export interface Merged {
  /** What arrived, filled. */
  readonly container: Container
  /** undefined: all of it is known here, or was. */
  readonly kept: Kept | undefined
  /**
   * The record here cannot be read: it counts as none, and what arrives replaces it (V9). It may
   * have held dots of ours, so whoever is told must draw no more under the old vnode id.
   */
  readonly unreadable: boolean
}

export interface Holdings {
  held(partition: PartitionId, key: Uint8Array): Held | 'unreadable'
  shown(partition: PartitionId, key: Uint8Array): Shown
  /**
   * `after` in the place of `before`. undefined: larger than a record may be, and nothing is
   * changed.
   */
  keep(
    partition: PartitionId,
    key: Uint8Array,
    before: Held | 'unreadable',
    after: Container,
  ): Kept | undefined
  /** `malformed`: it does not decode, or would make a record that is too large. */
  merge(
    partition: PartitionId,
    key: Uint8Array,
    record: Uint8Array,
    base: Uint8Array,
  ): Merged | 'malformed'
}
