/**
 * All that a node is told and all that it asks for. Read this file first: with the messages of the
 * machines it is the whole of what happens between a node and its world.
 */
import type { FailureCode, Failure, WriteResult } from '../coordinator/messages.ts'
import type { MemberInfo, MemberState } from '../membership/member.ts'
import type { SwimPacket } from '../membership/messages.ts'
import type { ScanRange, StoreEntry, StoreOperation } from '../ports.ts'
import type { Address, NodeId } from '../std/ids.ts'
import type { Duration } from '../std/instant.ts'
import type { Container, Context, Value, Version } from '../versions/version.ts'
import type { PeerMessage } from '../wire/messages.ts'
import type { KeyId, KeyringState } from './cluster-key.ts'
import type { ExplainResult } from './explanation.ts'
import type { AccessAsk, AccessResult } from './access-asks.ts'
import type { KeysAsk, KeysResult } from './key-asks.ts'
import type { LayoutAsk, LayoutResult } from './layout-asks.ts'
import type { LeavePhase, LeaveResult } from './leaving.ts'
import type { BucketProperties } from './messages.ts'
import type { WatchAsk, WatchResult } from './watch-asks.ts'
import type { RepairRunView, RepairScope } from './repair-runs.ts'

/** Told to the node. */
export type NodeEvent =
  /** Once, first: the store is open and the sockets are bound. `seeds`: addresses to join by. */
  | { readonly type: 'start'; readonly seeds: readonly Address[] }
  /** A client asks. Answered by exactly one `reply` with the same `client`. */
  | { readonly type: 'request'; readonly client: number; readonly request: ClientRequest }
  | { readonly type: 'message'; readonly from: NodeId; readonly message: PeerMessage }
  | { readonly type: 'packet'; readonly packet: SwimPacket; readonly address: Address }
  /**
   * A connection to `peer` stands, or the last one is gone with all that was not answered on it.
   */
  | { readonly type: 'link-up'; readonly peer: NodeId }
  | { readonly type: 'link-down'; readonly peer: NodeId; readonly reason: string }
  /** A `dial` ended: the node that answered, or why none did. */
  | { readonly type: 'dialed'; readonly address: Address; readonly peer: NodeId }
  | { readonly type: 'dial-failed'; readonly address: Address; readonly reason: string }
  /** The batch is durable; or it is not, and nothing of it is stored. */
  | { readonly type: 'stored'; readonly batch: number }
  | { readonly type: 'store-failed'; readonly batch: number; readonly reason: string }
  /** One list of entries for each range of the scan. */
  | {
      readonly type: 'scanned'
      readonly scan: number
      readonly ranges: readonly (readonly StoreEntry[])[]
    }
  | { readonly type: 'scan-failed'; readonly scan: number; readonly reason: string }
  /** The keys are durable and in effect; or they are not, and those before them still are. */
  | { readonly type: 'keyring-stored'; readonly revision: number }
  | { readonly type: 'keyring-failed'; readonly revision: number; readonly reason: string }
  /** This process is about to be stopped for a moment: the others are told, and it goes on. */
  | { readonly type: 'drain' }
  /** `nextDeadline()` has come. */
  | { readonly type: 'tick' }

/**
 * Asked of the driver, to be executed in order. One order matters more than the rest and is kept by
 * the node, not by the driver: whatever promises durability is emitted only in the step that is
 * told `stored`.
 */
export type NodeEffect =
  /**
   * Over TCP; dialled by the address book when no connection stands; lost with `link-down` when
   * none can be had.
   */
  | { readonly type: 'send'; readonly to: NodeId; readonly message: PeerMessage }
  /** Over UDP; may be lost. */
  | { readonly type: 'packet'; readonly to: Address; readonly packet: SwimPacket }
  /** Address book: where `peer` is from now on. */
  | { readonly type: 'address'; readonly peer: NodeId; readonly address: Address }
  /** Connect to whoever listens there; answered by `dialed` or `dial-failed`. */
  | { readonly type: 'dial'; readonly address: Address }
  /**
   * Answered by `stored` or `store-failed`. No operations: a barrier, durable when all before it
   * are.
   */
  | {
      readonly type: 'store'
      readonly batch: number
      readonly operations: readonly StoreOperation[]
    }
  | { readonly type: 'scan'; readonly scan: number; readonly ranges: readonly ScanRange[] }
  /** Keep these keys and use them; answered by `keyring-stored` or `keyring-failed`. */
  | { readonly type: 'keyring'; readonly revision: number; readonly state: KeyringState }
  | { readonly type: 'reply'; readonly client: number; readonly reply: ClientReply }
  /** Something worth a log line or a counter. */
  | { readonly type: 'note'; readonly note: Note }

/**
 * What a client may ask. Sizes and forms are checked at the edge that parsed it; quorums and
 * buckets are checked here.
 */
export type ClientRequest =
  | PutRequest
  | GetRequest
  | DeleteRequest
  | ListKeysRequest
  | {
      readonly type: 'configure-bucket'
      readonly bucket: string
      readonly properties: BucketProperties | undefined
    }
  /** Leave the cluster: answered when the wish is durable, long before it has left. */
  | { readonly type: 'leave' }
  /** Compare what is held here with all other replicas now: answered when it has begun. */
  | { readonly type: 'repair'; readonly scope: RepairScope }
  | { readonly type: 'cluster-keys'; readonly ask: KeysAsk }
  | { readonly type: 'access'; readonly ask: AccessAsk }
  | { readonly type: 'layout'; readonly ask: LayoutAsk }
  | { readonly type: 'watch'; readonly ask: WatchAsk }
  | ExplainKeyRequest

interface KeyRequest {
  readonly bucket: string
  readonly key: Uint8Array
  readonly sort: Uint8Array | undefined
  /** undefined: the node's default (`NodeConfig.requestTimeoutMs`). */
  readonly timeoutMs: number | undefined
}

export interface PutRequest extends KeyRequest {
  readonly type: 'put'
  readonly value: Value
  /**
   * How long it lives from now on, milliseconds; 0: for ever. undefined: until the value's own
   * deadline, and if it has none as long as the bucket says.
   */
  readonly ttlMs?: number | undefined
  readonly context: Context | undefined
  readonly w: number | undefined
}

export interface DeleteRequest extends KeyRequest {
  readonly type: 'delete'
  readonly context: Context | undefined
  readonly w: number | undefined
}

export interface GetRequest extends KeyRequest {
  readonly type: 'get'
  readonly r: number | undefined
}

/** What all who hold the key, or may keep hints of it, have. */
export interface ExplainKeyRequest extends KeyRequest {
  readonly type: 'explain'
}

/** Keys of a bucket in order of (key, sort), bytewise. */
export interface ListKeysRequest {
  readonly type: 'list'
  readonly bucket: string
  /**
   * Bounds on the ordered key (`listingKey`): from inclusive, to exclusive, empty `to` for none.
   */
  readonly from: Uint8Array
  readonly to: Uint8Array
  readonly reverse: boolean
  /** 1 … LIST_LIMIT_MAX. */
  readonly limit: number
  readonly timeoutMs: number | undefined
}

export type ClientReply =
  | { readonly type: 'write'; readonly result: WriteResult }
  | { readonly type: 'get'; readonly result: GetResult }
  | { readonly type: 'list'; readonly result: ListResult }
  | { readonly type: 'configure-bucket'; readonly result: ConfigureResult }
  | { readonly type: 'leave'; readonly result: LeaveResult }
  | { readonly type: 'repair'; readonly result: RepairResult }
  | { readonly type: 'cluster-keys'; readonly result: KeysResult }
  | { readonly type: 'access'; readonly result: AccessResult }
  | { readonly type: 'layout'; readonly result: LayoutResult }
  | { readonly type: 'explain'; readonly result: ExplainResult }
  | { readonly type: 'watch'; readonly result: WatchResult }

export interface GetSuccess {
  readonly ok: true
  /** The merged answers of R replicas. */
  readonly container: Container
  /**
   * What to show: the winner of an `lww` bucket, all live siblings of a `siblings` one; none when
   * absent or deleted.
   */
  readonly live: readonly Version[]
  /** To hand back with the next write; undefined when the key was never written. */
  readonly context: Context | undefined
  readonly answers: number
}
export type GetResult = GetSuccess | Failure

export interface ListSuccess {
  readonly ok: true
  /** Ordered keys, live ones only. */
  readonly keys: readonly { readonly key: Uint8Array; readonly sort: Uint8Array | undefined }[]
  /** Where to go on (`from` when ascending, exclusive `to` when reverse); undefined at the end. */
  readonly next: Uint8Array | undefined
}
export type ListResult = ListSuccess | Failure

export type RepairResult = { readonly ok: true; readonly repair: RepairRunView } | Failure

export type ConfigureResult =
  /** `pending`: members that have not confirmed yet; they learn of it when they are reached. */
  | {
      readonly ok: true
      readonly properties: BucketProperties
      readonly pending: readonly NodeId[]
    }
  | Failure

/** For logs and counters; the driver turns each into one line and one number. */
export type Note =
  | {
      readonly type: 'member'
      readonly member: MemberInfo
      readonly from: MemberState | 'unknown'
      readonly to: MemberState
    }
  | { readonly type: 'refuted'; readonly incarnation: number }
  /** Another process with our id listens there; our next life must begin above its generation. */
  | {
      readonly type: 'cloned-identity'
      readonly address: Address
      readonly generation: number
    }
  /** This node stood still. */
  | { readonly type: 'stalled'; readonly gap: Duration }
  /** It asks the others to ask somebody else first, or no longer. */
  | { readonly type: 'degraded'; readonly isDegraded: boolean }
  | { readonly type: 'layout'; readonly version: number; readonly phase: 'moving' | 'complete' }
  | { readonly type: 'transferred'; readonly partition: number; readonly records: number }
  /**
   * What was read out of a partition is not what its source says to hold. `again`: it is read once
   * more.
   */
  | {
      readonly type: 'transfer-differs'
      readonly partition: number
      readonly source: NodeId
      readonly again: boolean
    }
  | { readonly type: 'ready' }
  /** On its way out of the cluster. */
  | { readonly type: 'leaving'; readonly phase: LeavePhase }
  /** It cannot have the places that it came for; it leaves. */
  | { readonly type: 'replace-refused'; readonly reason: string }
  /** Its data is elsewhere and the others know it: the process may end. */
  | { readonly type: 'left' }
  /** This node has other keys than before, or another primary. */
  | { readonly type: 'cluster-keys'; readonly keys: readonly KeyId[]; readonly primary: KeyId }
  | { readonly type: 'read-repair'; readonly replicas: number }
  | { readonly type: 'unreadable'; readonly key: Uint8Array }
  /** Writes that a replica had missed are there now; `target` has no more of them here. */
  | { readonly type: 'hints-delivered'; readonly target: NodeId; readonly hints: number }
  /** Anti-entropy has to find what they would have brought. */
  | {
      readonly type: 'hints-dropped'
      readonly target: NodeId
      readonly reason: 'age' | 'broken'
      readonly hints: number
    }
  /** A hint was not kept: those there are take all the room that they may. */
  | { readonly type: 'hints-full'; readonly target: NodeId }
  /** Versions that were deleted, or had expired, are gone from this replica for good. */
  | { readonly type: 'reaped'; readonly partition: number; readonly versions: number }
  | { readonly type: 'amnesia'; readonly partition: number }
  /** What was seen of the partition cannot be read: it is filled from the others anew. */
  | { readonly type: 'clock-lost'; readonly partition: number }
  | { readonly type: 'store-failed'; readonly reason: string }
  | { readonly type: 'clock-skew'; readonly peer: NodeId | undefined; readonly aheadMs: number }
  | { readonly type: 'request-failed'; readonly code: FailureCode }
  | { readonly type: 'hedged' }
  /** A key has so many live siblings that somebody should merge them (V11). */
  | { readonly type: 'many-siblings'; readonly bucket: string; readonly siblings: number }
  | { readonly type: 'forwarded' }
  /** A peer said what it must not; dropped. */
  | { readonly type: 'peer-misbehaved'; readonly peer: NodeId; readonly what: string }
