/**
 * What a storage engine must do to serve behind {@link GroupCommit}: read a key at once, write one
 * group atomically and durably, and give the entries of a range page by page. Everything that
 * engines have in common is kept out of them.
 */
import type { StoreEntry, StoreRead } from '../../core/ports.ts'

/** A key's new value, or its removal. */
export interface EngineWrite {
  readonly key: Uint8Array
  readonly value: Uint8Array | undefined
}

/** What one read may give back; at least one entry if there is any. */
export interface EnginePageRequest {
  readonly from: Uint8Array
  readonly to: Uint8Array
  readonly reverse: boolean
  readonly entriesMax: number
  /** The page ends with the entry that reaches it. */
  readonly bytesMax: number
  /** Without values, those of the entries are empty. */
  readonly values: boolean
}

export interface EnginePage {
  /** In the order asked for. */
  readonly entries: readonly StoreEntry[]
  /** Whether the range holds no more. */
  readonly complete: boolean
}

export interface Engine {
  /** Never throws. The bytes are a copy that nobody else holds. */
  get(key: Uint8Array): StoreRead
  /**
   * Makes all of `writes` durable, or none of them. `done` is called exactly once and never before
   * this returns, with the reason of a failure in words for an operator. Not called again before
   * `done`. No key occurs twice.
   */
  write(writes: readonly EngineWrite[], done: (failure: string | undefined) => void): void
  /**
   * One page, as of a moment between the call and the answer. Throws or rejects when the engine
   * cannot read.
   */
  read(request: EnginePageRequest): EnginePage | Promise<EnginePage>
  /** Called once, with no write and no read under way. */
  close(): Promise<void>
}
