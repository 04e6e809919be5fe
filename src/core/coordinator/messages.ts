/**
 * What nodes say to each other for one client request. `request` is a number that the asking node
 * draws for each message it wants an answer to and that means nothing to anybody else.
 *
 * | message | from → to | answered by |
 * |---|---|---|
 * | replicate | coordinator → replica | replicate-reply, when durable |
 * | read | coordinator → replica | read-reply |
 * | hint | coordinator → a node that stands in for a replica | hint-reply, when durable |
 * | forward | any node → a replica of the partition | forward-reply |
 */
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Context, Value } from '../versions/version.ts'

/** "Merge this into what you hold." Also how read repair mends a stale replica. */
export interface Replicate {
  readonly type: 'replicate'
  readonly request: number
  /**
   * The sender's layout: a replica that knows a newer one refuses, so that no write slips past a
   * transfer.
   */
  readonly layoutVersion: number
  readonly partition: PartitionId
  /** Storage key (`storage-keys.ts`). */
  readonly key: Uint8Array
  /** Encoded container with its checksum, as stored. */
  readonly record: Uint8Array
  /** Of the sender's partition clock, of the moment of the record (`holdings.ts`). */
  readonly base: Uint8Array
}

export interface ReplicateReply {
  readonly type: 'replicate-reply'
  readonly request: number
  readonly outcome: ReplicateOutcome
}

/** `stored`: durable here. All others: nothing was stored. */
export type ReplicateOutcome =
  | 'stored'
  | 'stale-layout'
  | 'not-replica'
  | 'malformed'
  | 'store-failed'

/** A write that a replica does not have, to be brought to it when it can be reached. */
export interface Hinted {
  /** The replica that it is for. */
  readonly target: NodeId
  readonly partition: PartitionId
  readonly key: Uint8Array
  /**
   * As in {@link Replicate}: late as it may come, it says no more than was true when it was made.
   */
  readonly record: Uint8Array
  readonly base: Uint8Array
}

/** "Keep this for another, who cannot be reached." */
export interface Hint extends Hinted {
  readonly type: 'hint'
  readonly request: number
  /**
   * As in {@link Replicate}: it may count as a write, so it must not slip past a transfer either.
   */
  readonly layoutVersion: number
}

export interface HintReply {
  readonly type: 'hint-reply'
  readonly request: number
  readonly target: NodeId
  readonly outcome: HintOutcome
}

/** `stored`: durable here. All others: nothing was stored. */
export type HintOutcome = 'stored' | 'full' | 'stale-layout' | 'malformed' | 'store-failed'

export interface Read {
  readonly type: 'read'
  readonly request: number
  /** Of the sender's placement: a replica that is further on refuses. */
  readonly readVersion: number
  readonly partition: PartitionId
  readonly key: Uint8Array
}

export interface ReadReply {
  readonly type: 'read-reply'
  readonly request: number
  readonly outcome: ReadOutcome
  /** The encoded container when `found`, else empty. */
  readonly record: Uint8Array
  /** When `found` or `absent`: of the replica's partition clock, of the same moment; else empty. */
  readonly base: Uint8Array
}

/** `unreadable`: a record is there, and it fails its checksum (V9); never told as `absent`. */
export type ReadOutcome = 'found' | 'absent' | 'unreadable' | 'stale-layout' | 'not-replica'

/** A put or delete on its way to a replica that may coordinate it. */
export interface WriteOperation {
  readonly bucket: string
  readonly key: Uint8Array
  /** undefined: no sort key. */
  readonly sort: Uint8Array | undefined
  /** undefined: delete. */
  readonly value: Value | undefined
  readonly context: Context | undefined
  /** undefined: as the bucket says. */
  readonly w: number | undefined
  /** What is left of the client's patience, milliseconds. */
  readonly timeoutMs: number
}

/**
 * "Coordinate this for me." A replica answers a repeated `request` of the same sender from memory
 * (V2).
 */
export interface Forward {
  readonly type: 'forward'
  readonly request: number
  readonly layoutVersion: number
  readonly operation: WriteOperation
}

export interface ForwardReply {
  readonly type: 'forward-reply'
  readonly request: number
  readonly result: WriteResult
}

/** Why a request failed; the codes are those of `errors.ts`. */
export interface Failure {
  readonly ok: false
  readonly code: FailureCode
  /**
   * `rejected`: nothing was stored. `unknown`: it may be stored somewhere and may surface later.
   */
  readonly outcome: 'rejected' | 'unknown'
  /** Answers wanted and had; both 0 where no quorum was asked. */
  readonly needed: number
  readonly got: number
  /** A sentence for people: what happened, and what to do. */
  readonly message: string
}

export type FailureCode =
  | 'DND_ERR_QUORUM_UNAVAILABLE'
  | 'DND_ERR_TIMEOUT'
  | 'DND_ERR_OVERLOADED'
  | 'DND_ERR_BAD_QUORUM'
  | 'DND_ERR_TOO_MANY_SIBLINGS'
  | 'DND_ERR_RECORD_TOO_LARGE'
  | 'DND_ERR_VALUE_TOO_LARGE'
  | 'DND_ERR_NOT_READY'
  | 'DND_ERR_STORE_FAILED'
  | 'DND_ERR_BAD_BUCKET'
  | 'DND_ERR_BUCKET_NOT_EMPTY'
  | 'DND_ERR_LAYOUT_CHANGING'
  | 'DND_ERR_CLONED_IDENTITY'
  | 'DND_ERR_LAST_NODE'
  | 'DND_ERR_BAD_PRINCIPAL'
  | 'DND_ERR_PRINCIPAL_EXISTS'
  | 'DND_ERR_PRINCIPAL_UNKNOWN'
  | 'DND_ERR_TOO_MANY_PRINCIPALS'
  | 'DND_ERR_LAST_ADMIN'
  | 'DND_ERR_BAD_CLUSTER_KEY'
  | 'DND_ERR_TOO_MANY_CLUSTER_KEYS'
  | 'DND_ERR_CLUSTER_KEY_UNKNOWN'
  | 'DND_ERR_CLUSTER_KEY_MISSING'
  | 'DND_ERR_CLUSTER_KEY_IN_USE'
  | 'DND_ERR_NOT_ENCRYPTED'
  | 'DND_ERR_BAD_LAYOUT'
  | 'DND_ERR_LAYOUT_MOVING'
  | 'DND_ERR_LAYOUT_CONFLICT'
  | 'DND_ERR_LAYOUT_UNAVAILABLE'
  | 'DND_ERR_NODE_UNKNOWN'
  | 'DND_ERR_NODE_UP'
  | 'DND_ERR_NODE_DOWN'
  | 'DND_ERR_BAD_TOKEN'
  | 'DND_ERR_WATCHER_GONE'
  | 'DND_ERR_WOULD_LOSE_DATA'

export interface WriteSuccess {
  readonly ok: true
  /**
   * Covers the write: hand it back to supersede it. undefined when the key has siblings that the
   * writer has not seen: a version vector cannot cover the new dot without them, so whoever wants
   * to supersede its write must read first.
   */
  readonly context: Context | undefined
  /** Replicas that had it durably when this was said; in a sloppy bucket, or who stands in. */
  readonly acks: number
  /** Live values that the key has with this one, when they are SIBLINGS_WARN or more. */
  readonly siblings?: number
}

export type WriteResult = WriteSuccess | Failure
