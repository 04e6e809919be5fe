/**
 * What there is to say about one key: where it belongs, what each replica holds of it, and what is
 * still to happen to it. Asked by people when something looks wrong, so it tells what is there and
 * mends nothing.
 */
import type { Failure } from '../coordinator/messages.ts'
import type { NodeId, PartitionId, VnodeId } from '../std/ids.ts'
import type { Dot, Stamp, VersionVector } from '../versions/version.ts'
import type { BucketProperties } from './messages.ts'

/** Versions of one copy that are told one by one; siblings are refused long before. */
export const EXPLAINED_VERSIONS_MAX = 256
/** Other nodes named in one report: replicas of both layouts, and targets of hints. */
export const EXPLAINED_NODES_MAX = 32

/** "What do you hold of this key, and what do you know of its partition?" */
export interface ExplainRequest {
  readonly type: 'explain-request'
  readonly request: number
  readonly partition: PartitionId
  /** Storage key (`storage-keys.ts`). */
  readonly key: Uint8Array
}

export interface ExplainReply {
  readonly type: 'explain-reply'
  readonly request: number
  readonly report: CopyReport
}

/** What one node has of the key, all of it durable. */
export interface CopyReport {
  /** `unreadable`: a record is there, or was, and nobody can tell what is in it (V9). */
  readonly outcome: 'found' | 'absent' | 'unreadable'
  /** Of the record as it is stored; 0 when there is none. */
  readonly bytes: number
  /** In order of dot. Bounded by: EXPLAINED_VERSIONS_MAX. */
  readonly versions: readonly VersionReport[]
  /** Versions beyond those. */
  readonly more: number
  /** What this copy reflects: the record's vector, filled from the partition clock. */
  readonly vector: VersionVector
  /**
   * Of the partition here. `doubtful`: nobody takes it over. `incomplete`: nobody reads from it.
   */
  readonly clock: 'whole' | 'doubtful' | 'incomplete'
  /** Under which this node draws its dots in the partition at present; undefined: it draws none. */
  readonly vnode: VnodeId | undefined
  /** What a delete or an expired value waits for here; undefined: there is nothing to reap. */
  readonly wait: ReapWait | undefined
  /** The other replicas of the partition. Bounded by: EXPLAINED_NODES_MAX. */
  readonly compared: readonly Comparison[]
  /** By target. Bounded by: EXPLAINED_NODES_MAX. */
  readonly hints: readonly HintsWaiting[]
}

/** One version without its value. */
export interface VersionReport {
  readonly dot: Dot
  readonly stamp: Stamp
  /** undefined: a delete. */
  readonly value:
    | { readonly bytes: number; readonly contentType: string; readonly expiresAtMs: number }
    | undefined
}

/**
 * Before it may be reaped. `moving`: the partition is on its way to other nodes. `doubt`: what this
 * replica has seen is not certain. `floor`: not all replicas that are up are known to have it.
 * `horizon`: the deadline has not passed on all of them. `base`: the own partition clock has gaps
 * below the record's vector. `turn`: nothing hinders; the reaper comes by.
 */
export type ReapWait = 'moving' | 'doubt' | 'floor' | 'horizon' | 'base' | 'turn'

export interface Comparison {
  readonly peer: NodeId
  /** When both were last found or made equal, milliseconds since 1970; 0: not in this life. */
  readonly atMs: number
  /** Keys that differed then. */
  readonly differences: number
}

/** Hints that a node keeps for another. */
export interface HintsWaiting {
  readonly target: NodeId
  readonly count: number
  readonly bytes: number
  /** When the oldest was kept, milliseconds since 1970. */
  readonly oldestMs: number
}

/** What is told of a replica that did not answer. */
export type NoReport = 'down' | 'silent'

export interface ExplainedReplica {
  readonly node: NodeId
  /**
   * `reads`: takes writes and answers reads. `writes`: takes writes, and answers reads when the
   * layout has changed. `keeps`: has a copy all the same, since whole partitions are compared.
   */
  readonly serves: 'reads' | 'writes' | 'keeps'
  readonly report: CopyReport | NoReport
}

export interface Explanation {
  readonly ok: true
  readonly slot: number
  readonly partition: PartitionId
  readonly layoutVersion: number
  /** Whether the partition is moving from one layout to the next. */
  readonly isMoving: boolean
  readonly properties: BucketProperties
  /** In order of preference. */
  readonly replicas: readonly ExplainedReplica[]
  /** Of nodes that hold no replica; only those that keep hints for one that does. */
  readonly others: readonly { readonly node: NodeId; readonly report: CopyReport }[]
}

export type ExplainResult = Explanation | Failure
