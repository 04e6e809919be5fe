/**
 * What one key holds. The words are those of the dotted version vector papers (Preguiça, Baquero,
 * Almeida, Fonte and Gonçalves, "Brief announcement: efficient causality tracking in distributed
 * storage systems with dotted version vectors", PODC 2012; Gonçalves, Almeida, Baquero and Fonte,
 * "Concise server-wide causality management", 2015).
 */
import type { VnodeId } from '../std/ids.ts'

/**
 * The identity of one write: the `counter`-th write that the replica `vnode` coordinated. Never
 * drawn twice.
 */
export interface Dot {
  readonly vnode: VnodeId
  /** 1 … 2^53 − 1. */
  readonly counter: number
}

/**
 * A hybrid logical clock's reading: breaks ties between concurrent writes, never orders causally
 * related ones.
 */
export interface Stamp {
  /** Milliseconds since 1970, 48 bits. */
  readonly ms: number
  /** Order within the millisecond, 16 bits. */
  readonly counter: number
}

/**
 * Per vnode the highest counter seen, sorted by vnode id, no id twice. Bounded by:
 * VERSION_VECTOR_MAX.
 */
export type VersionVector = readonly Dot[]

/** A client's bytes and what it said of them. */
export interface Value {
  readonly bytes: Uint8Array
  /** A media type, at most CONTENT_TYPE_BYTES_MAX bytes. */
  readonly contentType: string
  /**
   * User metadata: lower-case names, in order of name. Bounded by: METADATA_PAIRS_MAX,
   * METADATA_BYTES_MAX.
   */
  readonly metadata: readonly (readonly [name: string, value: string])[]
  /** Absolute deadline in milliseconds since 1970; 0 for none. */
  readonly expiresAtMs: number
}

/** One write that no other known write supersedes. */
export interface Version {
  readonly dot: Dot
  readonly stamp: Stamp
  /** undefined: a delete that competes by its stamp (last-write-wins buckets). */
  readonly value: Value | undefined
}

/**
 * All that a replica knows of one key: the concurrent versions, sorted by dot, and the vector of
 * every write that is either among them or superseded. Invariant: each version's dot is covered by
 * the vector. No versions and a vector that is not empty: a tombstone. Neither: the key was never
 * written.
 */
export interface Container {
  readonly versions: readonly Version[]
  readonly vector: VersionVector
}

/**
 * What a client has seen of a key: hand it back with a write, and that write supersedes just this.
 */
export interface Context {
  readonly vector: VersionVector
  /** The greatest stamp among the versions seen: a successor's stamp is drawn above it. */
  readonly stamp: Stamp
}
