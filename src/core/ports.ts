/**
 * The few things the core is given. Everything else reaches it as an event and leaves it as an effect.
 */

/** A stored value, nothing, or a value that the engine has but cannot give back. */
export type StoreRead = Uint8Array | undefined | 'unreadable'

/**
 * Synchronous point reads of the node's store. Contract (checked by `test/contracts/store-suite.ts`):
 *
 * - A read sees every write handed to the store before it, durable or not.
 * - The returned bytes are the caller's to keep and never change under it.
 * - It never throws; an engine's read error is `unreadable`.
 */
export interface StoreReader {
  get(key: Uint8Array): StoreRead
}

/** One change of a batch. Batches are atomic and become durable in the order handed over. */
export type StoreOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly key: Uint8Array }
  /** Every key from `from` (inclusive) to `to` (exclusive). */
  | { readonly type: 'clear'; readonly from: Uint8Array; readonly to: Uint8Array }

/** Keys from `from` (inclusive) to `to` (exclusive), in order or in reverse, at most `limit` of them. */
export interface ScanRange {
  readonly from: Uint8Array
  readonly to: Uint8Array
  readonly limit: number
  readonly reverse: boolean
}

export interface StoreEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}
