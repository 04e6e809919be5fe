/**
 * What nodes tell each other about the cluster itself, and how listings travel.
 *
 * | message | from → to | when |
 * |---|---|---|
 * | state-sync | any → any | on contact, after a change, and now and then with a peer at random |
 * | join-request | node without a role → any node of the layout | until the layout has it |
 * | replace-request | node without a role → any node of the layout | until the layout has it |
 * | leave-request | node that wants to leave → one with a role | until the layout is without it |
 * | keys-request | node that is asked about keys → all who are up | answered by keys-reply |
 * | link-probe | prober → a member that is silent over UDP | answered by link-probe-reply |
 * | list-request | coordinator of a listing → replicas | answered by list-reply |
 *
 * "Now and then" is every few seconds; `answer` in a state-sync asks for the other's.
 */
import type { LayoutState, Role } from '../placement/layout.ts'
import type { MemberRecord } from '../membership/member.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Stamp } from '../versions/version.ts'
import type { AccessRecord } from './access.ts'
import type { KeyId, KeyringState } from './cluster-key.ts'

export type ConflictMode = 'lww' | 'siblings'

/** A namespace's properties. */
export interface BucketProperties {
  readonly n: number
  readonly r: number
  readonly w: number
  readonly conflicts: ConflictMode
  /** Largest value accepted, bytes; at most VALUE_BYTES_MAX. */
  readonly valueBytesMax: number
  /**
   * Whether a hint on another node counts towards W in the place of an owner that is away (Dynamo
   * §4.6). If not, hints are kept all the same, and a write that W owners do not have fails.
   */
  readonly sloppy: boolean
  /** Milliseconds that a value lives whose writer did not say; 0: for ever. */
  readonly ttlMs: number
}

/**
 * The newest word on a bucket: by stamp, then by the encoding. `properties` undefined: back to the
 * defaults.
 */
export interface BucketRecord {
  readonly name: string
  readonly stamp: Stamp
  readonly properties: BucketProperties | undefined
}

/**
 * All that a node knows of the cluster. Merging is commutative, associative and idempotent in each
 * part.
 */
export interface StateSync {
  readonly type: 'state-sync'
  /** Whether the receiver should answer with its own. */
  readonly answer: boolean
  /** Bounded by: NODES_MAX. */
  readonly members: readonly MemberRecord[]
  /** undefined before the first layout is known. */
  readonly layout: LayoutState | undefined
  /** Bounded by: BUCKETS_MAX. */
  readonly buckets: readonly BucketRecord[]
  /** Told between nodes only that encrypt all that they say to each other, and refuse the rest. */
  readonly keyring?: KeyringState
  /** Users and tokens; absent: none was ever made. Bounded by: ACCESS_RECORDS_MAX. */
  readonly access?: readonly AccessRecord[]
}

/** "Give me a share." */
export interface JoinRequest {
  readonly type: 'join-request'
  readonly role: Role
}

/** "Give me the places of `lost`": its data is gone, and it will not come back. */
export interface ReplaceRequest {
  readonly type: 'replace-request'
  readonly role: Role
  readonly lost: NodeId
}

/** "Plan without me": the node has a role and wants none. */
export interface LeaveRequest {
  readonly type: 'leave-request'
  readonly node: NodeId
}

/** "Are you there?", over TCP (SWIM's fallback). */
export interface LinkProbe {
  readonly type: 'link-probe'
}

/** "I am here, in this generation." */
export interface LinkProbeReply {
  readonly type: 'link-probe-reply'
  readonly generation: number
}

/** "Which keys of the cluster have you?" */
export interface KeysRequest {
  readonly type: 'keys-request'
  readonly request: number
}

/** What the sender has installed durably. */
export interface KeysReply {
  readonly type: 'keys-reply'
  readonly request: number
  /** In order, each once. Bounded by: KEYS_MAX. */
  readonly keys: readonly KeyId[]
  /** One of them, with which it seals; undefined iff there is none. */
  readonly primary: KeyId | undefined
}

export interface ListRequest {
  readonly type: 'list-request'
  readonly request: number
  /** As in a read. */
  readonly readVersion: number
  readonly bucket: string
  /** Ascending, each once: those that this replica answers for. */
  readonly partitions: readonly PartitionId[]
  /**
   * Bounds on the ordered key (`listingKey` of `storage-keys.ts`): from inclusive, to exclusive.
   * Empty `to`: no upper bound.
   */
  readonly from: Uint8Array
  readonly to: Uint8Array
  readonly reverse: boolean
  /** Most entries wanted, 1 … LIST_LIMIT_MAX + 1. */
  readonly limit: number
}

/**
 * One key as a replica sees it: the record without the values' bytes, enough to tell live from
 * deleted when merged.
 */
export interface ListEntry {
  /** The ordered key: storage key without partition and bucket. */
  readonly key: Uint8Array
  /** Encoded container whose values are empty. */
  readonly summary: Uint8Array
}

export interface ListReply {
  readonly type: 'list-reply'
  readonly request: number
  readonly outcome: 'ok' | 'stale-layout' | 'not-replica' | 'store-failed'
  /** In the order asked for. */
  readonly entries: readonly ListEntry[]
  /** Whether the range holds more beyond the last entry. */
  readonly more: boolean
  /**
   * When `ok`: for each partition asked for, in their order, the base of its clock before it was
   * read. A key that is not among the entries is absent here, and whatever the base covers of it
   * was superseded.
   */
  readonly bases: readonly Uint8Array[]
}
