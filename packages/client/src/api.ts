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

export const CONTEXT_HEADER = 'x-dnd-context'
export const METADATA_HEADER_PREFIX = 'x-dnd-meta-'

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
  readonly siblings?: readonly SiblingJson[]
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
  readonly zone: string
  readonly weight: number
  /** `host:port` each: traffic between nodes, and HTTP. */
  readonly addresses: { readonly cluster: string; readonly http: string }
  readonly generation: number
  readonly incarnation: number
}

/** `GET /cluster`: the members as the answering node, `self`, sees them. */
export interface ClusterJson {
  readonly cluster: string
  readonly self: string
  readonly members: readonly MemberJson[]
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
    readonly synced: readonly string[]
    readonly waiting: readonly string[]
    readonly partitions: number
  }
}

/**
 * `GET /health`: 200 when every partition has its quorum and one was read, 503 otherwise; this body
 * in both cases. `healthy`: every replica is up and has its data. `degraded`: some are not.
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
  readonly transfers: { readonly pending: number; readonly records: number }
}
