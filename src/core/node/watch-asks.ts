/** What a client may ask of a watcher, and what is answered. */
import type { Failure, FailureCode } from '../coordinator/messages.ts'
import type { Container, Context, Version } from '../versions/version.ts'

export type WatchAsk =
  /** `token`: where another watcher stood; without it from now on. `prefix`: of the listing key. */
  | {
      readonly what: 'open'
      readonly bucket: string
      readonly prefix: Uint8Array
      readonly token: Uint8Array | undefined
    }
  /**
   * Answered when there is something, or with nothing after a while. One at a time. `read`: what
   * the last answer wanted to be read, and was told.
   */
  | { readonly what: 'next'; readonly watcher: number; readonly read: WatchRead }
  | { readonly what: 'close'; readonly watcher: number }

export interface WatchRead {
  /** As read, in order. Bounded by: the stale changes of an answer. */
  readonly keys: readonly (Name & { readonly container: Container })[]
  /** Of all that was read because of a gap, the greatest stamp; undefined: there was no gap. */
  readonly bucketMs: number | undefined
}

export const NOTHING_READ: WatchRead = { keys: [], bucketMs: undefined }

interface Name {
  readonly key: Uint8Array
  readonly sort: Uint8Array | undefined
}

export interface WatchedKey {
  readonly key: Uint8Array
  readonly sort: Uint8Array | undefined
  /** As of a get; none: it is deleted, or has expired. */
  readonly live: readonly Version[]
  readonly context: Context
  /** What is here may have been overwritten: read the key. */
  readonly isStale: boolean
}

export type WatchResult =
  | { readonly ok: true; readonly what: 'opened'; readonly watcher: number }
  | {
      readonly ok: true
      readonly what: 'next'
      /** Something may have been passed over: read the bucket, then go on with `changes`. */
      readonly gap: boolean
      readonly changes: readonly WatchedKey[]
      /** To open another watcher that goes on after this. */
      readonly token: Uint8Array
    }
  | { readonly ok: true; readonly what: 'closed' }
  | Failure

export function watchFailure(code: FailureCode, message: string): Failure {
  return { ok: false, code, outcome: 'rejected', needed: 0, got: 0, message }
}
