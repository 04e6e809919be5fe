/**
 * The few things the core is given. Everything else reaches it as an event and leaves it as an
 * effect.
 */

/** A stored value, nothing, or a value that the engine has but cannot give back. */
export type StoreRead = Uint8Array | undefined | 'unreadable'

/**
 * Synchronous point reads of the node's store. A batch that was handed over may still be lost, by a
 * disk that refuses it or a process that dies, and what is lost here must not be known elsewhere
 * (`docs/decisions/0012-nothing-undurable-is-shown.md`). So there are two reads: one to build on,
 * one to show. Contract (checked by `test/contracts/store-suite.ts`):
 *
 * - The returned bytes are the caller's to keep and never change under it.
 * - It never throws; an engine's read error is `unreadable`.
 */
export interface StoreReader {
  /**
   * Sees every write handed to the store before it, durable or not: for what this node merges with
   * or builds on, whose own batch comes after.
   */
  get(key: Uint8Array): StoreRead
  /**
   * Sees what a restart after a power failure now would find: for all that clients or other nodes
   * are shown. A batch of which `stored` was said is in it.
   */
  getDurable(key: Uint8Array): StoreRead
}

/**
 * One change of a batch. Batches are atomic and become durable in the order handed over. One that
 * fails takes with it all that are handed over after it, until its failure is told: what was built
 * on it must not outlive it.
 */
export type StoreOperation =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'delete'; readonly key: Uint8Array }
  /** Every key from `from` (inclusive) to `to` (exclusive). */
  | { readonly type: 'clear'; readonly from: Uint8Array; readonly to: Uint8Array }

/**
 * Keys from `from` (inclusive) to `to` (exclusive), in order or in reverse: at most `limit` of
 * them, and none behind the one with which keys and values come to `bytesMax` bytes. So a range
 * that holds something gives something, however large it is.
 */
export interface ScanRange {
  readonly from: Uint8Array
  readonly to: Uint8Array
  readonly limit: number
  /** At least 1. */
  readonly bytesMax: number
  readonly reverse: boolean
}

export interface StoreEntry {
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/**
 * Whether what a scan gave of a range ends at one of its bounds: there may be more behind. If not,
 * it ends where the range does. Nobody should conclude that from the number of entries alone.
 */
export function isCut(range: ScanRange, entries: readonly StoreEntry[]): boolean {
  if (entries.length >= range.limit) return true
  let bytes = 0
  for (const { key, value } of entries) bytes += key.length + value.length
  return bytes >= range.bytesMax
}

/** What a range gives of its entries, which are in the order asked for. */
export function cut(range: ScanRange, entries: readonly StoreEntry[]): StoreEntry[] {
  const given: StoreEntry[] = []
  let bytes = 0
  for (const entry of entries) {
    if (given.length >= range.limit || bytes >= range.bytesMax) break
    given.push(entry)
    bytes += entry.key.length + entry.value.length
  }
  return given
}
