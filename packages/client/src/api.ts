/**
 * The HTTP API as types: what a node answers and accepts, in one place for the client, the command
 * line and whoever writes another client. The node's own side (`src/adapters/http`) is kept equal
 * to it by tests.
 *
 * Conventions: keys, sort keys and bucket names are UTF-8 text, percent-encoded in paths and
 * queries and plain in JSON. Bytes that are not UTF-8 travel as base64 (RFC 4648 §4, padded).
 * Causal contexts are opaque base64url text. Names of metadata are lower-case header names; in an
 * `X-Dnd-Meta-*` header its text is percent-encoded where it is not printable ASCII, in JSON it is
 * plain.
 */
import type { StoredJson, TransfersJson } from './transfer-api.ts'

export const CONTEXT_HEADER = 'x-dnd-context'
export const METADATA_HEADER_PREFIX = 'x-dnd-meta-'
export const WARNING_HEADER = 'x-dnd-warning'
/** With a put: how long the value lives, such as `30s` or `7d`; 0: for ever. */
export const TTL_HEADER = 'x-dnd-ttl'
/** With a put or a get: until when, ISO 8601 in UTC. */
export const EXPIRES_HEADER = 'x-dnd-expires-at'
/** With every answer: the version of the layout in force; `7;moving` while its data moves. */
export const LAYOUT_HEADER = 'x-dnd-layout'
/** With every answer of a node that is about to stop: ask another one next time. */
export const DRAINING_HEADER = 'x-dnd-draining'

/** `rejected`: nothing was stored, try again freely. `unknown`: it may be stored. */
export type Outcome = 'rejected' | 'unknown'

export type ConflictMode = 'lww' | 'siblings'

/** Body of every answer of 400 and above: `application/problem+json` (RFC 9457). */
export interface ProblemJson {
  readonly type: string
  readonly title: string
  readonly status: number
  /** For people: what is wrong with this request and what to do. */
  readonly detail?: string
  /** Stable, for programs. */
  readonly code: string
  readonly outcome?: Outcome
  /** Replicas that had to answer, and that did. */
  readonly needed?: number
  readonly got?: number
}

/**
 * A value in JSON: as text when its bytes are UTF-8, as base64 otherwise. Exactly one of the two is
 * there.
 */
export interface ValueJson {
  readonly value?: string
  readonly valueBase64?: string
  readonly contentType: string
  /** Absent when there is none. */
  readonly metadata?: Readonly<Record<string, string>>
  /** When it reads as absent, ISO 8601 in UTC; absent: never. */
  readonly expiresAt?: string
}

/** One of several concurrent values; `dot` is the identity of its write. */
export interface SiblingJson extends ValueJson {
  readonly dot: string
}

/** `GET /kv/…` with 300: all concurrent values. A put with this context supersedes them all. */
export interface SiblingsJson {
  readonly context: string
  readonly siblings: readonly SiblingJson[]
}

/** `GET /watch/{bucket}`: the data of a `change` event, one key as it is now. */
export interface ChangeJson extends KeyJson {
  /** None: it is deleted. Several: they are concurrent. */
  readonly values: readonly SiblingJson[]
  /** To hand back with the next write. */
  readonly context?: string
}

export interface KeyJson {
  readonly key: string
  readonly sort?: string
}

/** `GET /buckets/{bucket}/keys`. `next` goes back as `start`, with the same other parameters. */
export interface KeysPageJson {
  readonly keys: readonly KeyJson[]
  readonly next?: string
}

interface BatchKeyJson extends KeyJson {
  /** `default` when absent. */
  readonly bucket?: string
}

export interface BatchGetJson extends BatchKeyJson {
  readonly type: 'get'
  readonly r?: number
}

export interface BatchPutJson extends BatchKeyJson {
  readonly type: 'put'
  /** Exactly one of `value` and `valueBase64`. */
  readonly value?: string
  readonly valueBase64?: string
  /**
   * Default: `text/plain; charset=utf-8` for `value`, `application/octet-stream` for `valueBase64`.
   */
  readonly contentType?: string
  readonly metadata?: Readonly<Record<string, string>>
  /** How long it lives; 0: for ever. Default: until `expiresAt`, or as the bucket says. */
  readonly ttlMs?: number
  /** ISO 8601 in UTC. */
  readonly expiresAt?: string
  readonly context?: string
  readonly w?: number
}

export interface BatchDeleteJson extends BatchKeyJson {
  readonly type: 'delete'
  readonly context?: string
  readonly w?: number
}

export type BatchOperationJson = BatchGetJson | BatchPutJson | BatchDeleteJson

/** `POST /batch`. Not a transaction: each operation has its own result, in the order asked. */
export interface BatchRequestJson {
  readonly operations: readonly BatchOperationJson[]
}

/**
 * What the same request would have been answered on its own: 200 with a value (get) or without
 * (put), 204 (delete), 300 with `siblings`; and for a status of 400 and above the fields of its
 * problem.
 */
export interface BatchResultJson extends Partial<Omit<ProblemJson, 'status'>> {
  readonly status: number
  readonly context?: string
  readonly value?: string
  readonly valueBase64?: string
  readonly contentType?: string
  readonly metadata?: Readonly<Record<string, string>>
  readonly expiresAt?: string
  readonly siblings?: readonly SiblingJson[]
  /** As in X-Dnd-Warning. */
  readonly warning?: string
}

/** What one batch may hold; beyond it the node refuses the whole. */
export const BATCH_OPERATIONS_MAX = 1000
export const BATCH_BYTES_MAX: number = 8 * 1024 * 1024

export interface BatchResponseJson {
  readonly results: readonly BatchResultJson[]
}

export interface BucketPropertiesJson {
  readonly n: number
  readonly r: number
  readonly w: number
  readonly conflicts: ConflictMode
  /** Largest value accepted, bytes. */
  readonly valueBytesMax: number
  /** Whether a hint counts towards W in the place of a replica that is away. */
  readonly sloppy: boolean
  /** How long a value lives whose writer did not say, milliseconds; 0: for ever. */
  readonly ttlMs: number
}

/**
 * `GET /buckets/{bucket}`; also the answer to `PUT` (whose body has properties) and `DELETE` there.
 */
export interface BucketJson {
  readonly name: string
  /** Whether somebody set its properties; otherwise they are the defaults. */
  readonly configured: boolean
  readonly properties: BucketPropertiesJson
  /** After a change: node ids of the members that have not confirmed it yet. */
  readonly pending?: readonly string[]
}

/** `GET /buckets`: the configured ones, in order of name, and what all others have. */
export interface BucketsJson {
  readonly buckets: readonly BucketJson[]
  readonly defaults: BucketPropertiesJson
}

export type MemberStateJson = 'alive' | 'suspect' | 'dead' | 'left'

export interface MemberJson {
  readonly id: string
  readonly name: string
  readonly state: MemberStateJson
  /**
   * When the answering node came to see it in this state, by that node's clock: ISO 8601 in UTC.
   */
  readonly since: string
  /** Of a suspect: node ids of those who say so, as far as has been heard. Absent when none. */
  readonly suspectedBy?: readonly string[]
  readonly zone: string
  readonly weight: number
  /**
   * `host:port` each: traffic between nodes, and HTTP, unless it serves none. `url`: HTTP with its
   * scheme; absent from nodes of an older version, whose HTTP is plain.
   */
  readonly addresses: { readonly cluster: string; readonly http?: string; readonly url?: string }
  readonly generation: number
  readonly incarnation: number
  /** Of the software that it runs. */
  readonly version: string
  /** The greatest version of the protocol between nodes that it speaks. Absent when unknown. */
  readonly protocol?: number
  /**
   * Local health as it said last: 0 is best; at 7 it gives others eight times as long before it
   * doubts them. Absent when unknown.
   */
  readonly localHealth?: number
  /**
   * Smoothed, of the answering node's probes, milliseconds. Absent when unknown, and of the
   * answering node itself.
   */
  readonly roundTripMs?: number
  /** It says that it is slow or badly connected: others are asked first. Absent when not. */
  readonly degraded?: true
  /** It says that it stops for a moment: others are asked first. Absent when not. */
  readonly draining?: true
  /** It comes and goes so often that others are asked first. Absent when not. */
  readonly flapping?: true
}

/** `waiting` for a layout without it, `moving` its data, `telling` all who must know, `left`. */
export type LeavePhaseJson = 'waiting' | 'moving' | 'telling' | 'left'

/**
 * `POST /leave` (202: the wish is durable) and `GET /leave`: how far the answering node is on its
 * way out of the cluster.
 */
export interface LeaveJson {
  readonly node: string
  readonly name: string
  /** `staying`: it was not asked to leave. */
  readonly phase: 'staying' | LeavePhaseJson
  /** What the leave waits for, for people. */
  readonly waitsFor?: string
  /** Partitions held there that are not yet with all of their new owners. */
  readonly partitions: number
  /** Records sent to new owners since its process started. */
  readonly records: number
  /** What will be worse without the node. */
  readonly warning?: string
  /** Where it keeps its data, on its own machine; absent when it keeps nothing on disk. */
  readonly directory?: string
}

/** `POST /repair` (202: it has begun): one repair by the answering node. */
export interface RepairRunJson {
  /** Counted from 1 in each life of the node. */
  readonly run: number
  /** Absent: every bucket. */
  readonly bucket?: string
  /** Absent: every key. */
  readonly prefix?: string
  /** ISO 8601 in UTC, by the clock of the node. */
  readonly startedAt: string
  /** Absent: it is under way. */
  readonly finishedAt?: string
  /** Compared with other replicas. */
  readonly partitions: number
  /** Of a partition with another replica: to be made, and made. */
  readonly comparisons: number
  readonly done: number
  /** Comparisons given up: the other side was not up, or did not take part. */
  readonly failed: number
  /** Ids of nodes that were not up. */
  readonly unreachable: readonly string[]
  /** Keys that differed, in exchanges that this node began. */
  readonly found: number
  /** Keys that differed, in exchanges that others began. */
  readonly foundByOthers: number
  /** Records that were news to this node. */
  readonly received: number
  /** Records sent to other replicas. */
  readonly sent: number
}

/** `GET /repair`: the last repairs by the answering node, and what its anti-entropy does. */
export interface RepairJson {
  readonly node: string
  readonly name: string
  /** The last ones, in order. */
  readonly runs: readonly RepairRunJson[]
  /** Comparisons under way, for whatever reason. */
  readonly active: number
  /** Partitions whose hash tree is still being made of their records. */
  readonly treesMissing: number
  /** Partitions in which something broke, and that were not compared with all replicas since. */
  readonly doubtful: number
  /** Records read and checked since the node was started, and those of them that were broken. */
  readonly recordsChecked: number
  readonly recordsBroken: number
}

/** `GET /hints`: the writes that the answering node keeps for others that are away. */
export interface HintsJson {
  readonly node: string
  readonly name: string
  readonly targets: readonly HintTargetJson[]
  /** Of all of them, and how many may be kept. */
  readonly bytes: number
  readonly bytesMax: number
  /** Whether those of before the process was started are counted; it does so in the background. */
  readonly counted: boolean
  /** Since the process was started. */
  readonly kept: number
  readonly delivered: number
  /** Not kept, since there was no room. */
  readonly refused: number
  /** Too old, or damaged. */
  readonly dropped: number
  /** Brought to the node by others. */
  readonly received: number
  /**
   * Writes that the node coordinated, by number: up to `over` every replica has them, or somebody
   * keeps a hint.
   */
  readonly writes: { readonly begun: number; readonly over: number }
}

export interface HintTargetJson {
  readonly node: string
  readonly name: string
  readonly count: number
  readonly bytes: number
  /** When the oldest was kept: ISO 8601 in UTC, by the clock of who keeps it. */
  readonly oldest: string
  /**
   * Numbers rise in the order in which hints were kept, and outlive the process: all that were kept
   * before some moment are delivered when `first` is above the `last` of then.
   */
  readonly first: number
  readonly last: number
}

/** Plain (`off`), changing over (`accept`, then `prefer`), or encrypted (`required`). */
export type EncryptionModeJson = 'off' | 'accept' | 'prefer' | 'required'

export interface EncryptionJson {
  readonly mode: EncryptionModeJson
  /** Id of the primary key; absent when there is none. */
  readonly key?: string
}

/**
 * `looking` for the node that is meant, waiting for the others to hold it dead (`dying`) or to plan
 * a layout with this node in its place (`planning`), `filling` itself from the other replicas.
 */
export interface ReplacingJson {
  readonly phase: 'looking' | 'dying' | 'planning' | 'filling'
  /** The node that is replaced: its id, or the name that was given until it is found. */
  readonly lost: string
}

/** `GET /cluster`: the members as the answering node, `self`, sees them. */
export interface ClusterJson {
  readonly cluster: string
  readonly self: string
  /**
   * Where another process with the identity of the answering node listens: then both refuse all
   * writes. Absent when there is none.
   */
  readonly clonedBy?: string
  /** How far the answering node's leave has come; absent when it stays. */
  readonly leaving?: LeavePhaseJson
  /** In whose place the answering node is coming; absent: in nobody's. */
  readonly replacing?: ReplacingJson
  /** Of the traffic between nodes, as the answering node does it. */
  readonly encryption: EncryptionJson
  /**
   * The greatest version of the protocol between nodes that all members speak that are up; while an
   * upgrade is not over, less than that of some.
   */
  readonly protocol?: number
  readonly members: readonly MemberJson[]
}

/** One of the keys that encrypt the traffic between nodes; `members`: node ids of who has it. */
export interface ClusterKeyJson {
  readonly id: string
  readonly primary: boolean
  readonly members: readonly string[]
}

export interface MemberKeysJson {
  readonly id: string
  readonly name: string
  /** Ids of its keys; absent when it did not answer. */
  readonly keys?: readonly string[]
  /** What it seals with; absent when it did not answer or has no key. */
  readonly primary?: string
}

/** `GET /keys`: who has which key. Ids only; nobody is told a key. */
export interface ClusterKeysJson {
  /** Of the answering node. */
  readonly primary: string
  readonly keys: readonly ClusterKeyJson[]
  /** All who are up or hold data. */
  readonly members: readonly MemberKeysJson[]
}

/** The answer to `POST /keys`, `PUT /keys/primary` and `DELETE /keys/{id}`. */
export interface KeyChangeJson {
  /** The key that the change was about. */
  readonly id: string
  /** Of the answering node, after the change. */
  readonly primary: string
  readonly keys: readonly string[]
  /** Node ids of the members that are up and have not confirmed it yet. */
  readonly pending: readonly string[]
}

export interface RoleJson {
  readonly node: string
  readonly zone: string
  readonly weight: number
}

/** `GET /layout`: who holds what. */
export interface LayoutJson {
  readonly version: number
  readonly partitions: number
  readonly replicas: number
  readonly roles: readonly RoleJson[]
  /** Node ids of each partition's replicas, in order of preference. */
  readonly table: readonly (readonly string[])[]
  /** Replicas that each node holds, and its share of all. */
  readonly balance: readonly {
    readonly node: string
    readonly replicas: number
    readonly share: number
  }[]
  /** While data moves from the layout before. */
  readonly moving?: {
    readonly from: number
    /**
     * `filling`: the new owners pull what they gain, and reads ask the old ones. `settling`: they
     * have it and are read from, and everybody confirms to know that.
     */
    readonly phase: 'filling' | 'settling'
    readonly synced: readonly string[]
    readonly acked: readonly string[]
    /** Whom the present phase waits for. */
    readonly waiting: readonly string[]
    /** How many partitions get a new owner, and which. */
    readonly partitions: number
    readonly changing: readonly number[]
    readonly previous: {
      readonly roles: readonly RoleJson[]
      readonly table: readonly (readonly string[])[]
    }
    /** Nodes that are replaced, since their data is gone; absent: none. */
    readonly lost?: readonly string[]
  }
}

/**
 * `GET /health`: 200 when every partition has its quorum and one was read, 503 otherwise; this body
 * in both cases. `healthy`: every replica is up and has its data. `degraded`: some are not, or the
 * answering node is slow or badly connected. `unavailable` also while it refuses all writes because
 * another process has its identity.
 */
export interface HealthJson {
  readonly status: 'healthy' | 'degraded' | 'unavailable'
  /** Whether the answering node serves. */
  readonly ready: boolean
  readonly read:
    | { readonly ok: true; readonly answers: number }
    | {
        readonly ok: false
        readonly code: string
        readonly detail: string
        readonly needed: number
        readonly got: number
      }
  readonly partitions: {
    readonly total: number
    readonly withQuorum: number
    readonly allUp: number
  }
  readonly transfers: TransfersJson
  /** About how much the answering node holds, in the partitions that it has counted. */
  readonly stored?: StoredJson
  /** The answering node is slow or badly connected, as it finds itself; absent when not. */
  readonly degraded?: true
  /** As in `GET /cluster`. */
  readonly clonedBy?: string
}
