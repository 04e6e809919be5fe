/**
 * Bounds that more than one part of the code must agree on: what a client may send is what a frame
 * must carry and a store must hold. Bounds of one part alone stand beside their declaration.
 */

/** Bucket name, bytes: `[a-z0-9][a-z0-9._-]*`. */
export const BUCKET_NAME_BYTES_MAX: number = 64
/**
 * Partition key and sort key together, bytes, each 0x00 counted twice (it is escaped in the store).
 */
export const KEY_BYTES_MAX: number = 1024
/** One value. A bucket may set less, never more. */
export const VALUE_BYTES_MAX: number = 1024 * 1024
export const CONTENT_TYPE_BYTES_MAX: number = 256
/** User metadata of one value: pairs, and bytes over all names and values. */
export const METADATA_PAIRS_MAX: number = 64
export const METADATA_BYTES_MAX: number = 8 * 1024
/** Concurrent values of one key at which somebody should be told to merge them (V11). */
export const SIBLINGS_WARN: number = 25
/**
 * Concurrent values of one key: a write that would only add to them is refused, repair never is
 * (V11).
 */
export const SIBLINGS_MAX: number = 100
/** Entries of one version vector: replicas of the partition and retired ids. */
export const VERSION_VECTOR_MAX: number = 1024
/** The base of a partition clock as it travels: each entry at its longest. */
export const BASE_BYTES_MAX: number = 8 + VERSION_VECTOR_MAX * 16
/** A decoded causal context, bytes (V3). */
export const CONTEXT_BYTES_MAX: number = 16 * 1024
/** One stored record: all its versions together. A write that would exceed it is refused. */
export const RECORD_BYTES_MAX: number = 16 * 1024 * 1024
/** One message between nodes, with its header. */
export const FRAME_BYTES_MAX: number = RECORD_BYTES_MAX + 64 * 1024
/** One UDP payload (R10). */
export const DATAGRAM_BYTES_MAX: number = 1200
export const NODES_MAX: number = 1024
export const BUCKETS_MAX: number = 1024
/** Keys in one page of a listing. */
export const LIST_LIMIT_MAX: number = 10_000
/** Users and tokens of a cluster, removed ones included. */
export const ACCESS_RECORDS_MAX: number = 1024
/** What is granted to one user or token. */
export const GRANTS_MAX: number = 32
