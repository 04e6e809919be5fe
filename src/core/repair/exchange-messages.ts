/**
 * What two replicas of a partition say to each other when they compare it. `exchange.ts` says why.
 *
 * ```
 *   initiator                                   responder
 *   exchange-open(root, clock, …)        ─▶
 *                                        ◀─     exchange-reply(equal | differs | …, clock, …)
 *   exchange-hashes(children of nodes)   ─▶                                      down the trees,
 *                                        ◀─     exchange-differ(nodes)           level by level
 *   exchange-list(key and entry hashes)  ─▶                                      page by page
 *                                        ◀─     exchange-records(…, missing)
 *   exchange-records(…)                  ─▶
 *                                        ◀─     exchange-records(…)
 *   exchange-finish                      ─▶
 *                                        ◀─     exchange-finish
 * ```
 * Records travel in chunks; each but the last of a row is answered by `exchange-next` when it is
 * durable. Either side ends an exchange at any time by a finish that says `failed`.
 *
 * Hashes stand one after the other, HASH_BYTES each.
 */
import type { PartitionId } from '../std/ids.ts'

/** How far one side is with the partition. All of it is durable, and of one moment. */
export interface ExchangeFacts {
  /** Its partition clock as encoded, with its flags. */
  readonly clock: Uint8Array
  /** As `encodeBase` writes it: what all replicas are known to have, as far as this one knows. */
  readonly floor: Uint8Array
  /** The least wall clock known of all replicas, less the allowed skew; 0: not known. */
  readonly horizonMs: number
  readonly wallMs: number
}

export interface ExchangeOpen {
  readonly type: 'exchange-open'
  /** The initiator's number for it, never given twice. */
  readonly exchange: number
  readonly layoutVersion: number
  readonly partition: PartitionId
  /** Of the initiator's tree; it has the same number of leaves on both sides. */
  readonly root: Uint8Array
  readonly leaves: number
  /** Storage keys: only what lies in [from, to) is mended. Both empty: the whole partition. */
  readonly from: Uint8Array
  readonly to: Uint8Array
  readonly facts: ExchangeFacts
}

export interface ExchangeReply {
  readonly type: 'exchange-reply'
  readonly exchange: number
  /** `equal`: that was the whole exchange. Only `equal` and `differs` have facts. */
  readonly outcome: 'equal' | 'differs' | 'busy' | 'not-replica' | 'stale-layout'
  readonly facts: ExchangeFacts
}

/** The hashes of all children of some nodes. */
export interface ExchangeHashes {
  readonly type: 'exchange-hashes'
  readonly exchange: number
  /** Of the nodes; 0 is the root's. */
  readonly level: number
  /** Ascending. Bounded by: NODES_PER_MESSAGE_MAX. */
  readonly nodes: readonly number[]
  readonly hashes: Uint8Array
}

/** Those of the children that differ here; at the leaves the responder remembers them. */
export interface ExchangeDiffer {
  readonly type: 'exchange-differ'
  readonly exchange: number
  /** Of these nodes: one more than that of the hashes which it answers. */
  readonly level: number
  /** Ascending. Bounded by: CHILDREN times NODES_PER_MESSAGE_MAX. */
  readonly nodes: readonly number[]
}

/** What the initiator holds between two keys, of the leaves that differ. */
export interface ExchangeList {
  readonly type: 'exchange-list'
  readonly exchange: number
  /** Storage keys [from, to); an empty `to`: to the end. */
  readonly from: Uint8Array
  readonly to: Uint8Array
  /**
   * For each key the hash of the key and that of the entry, two times HASH_BYTES. An entry of
   * zeros: it cannot be read. Bounded by: LIST_ENTRIES_MAX.
   */
  readonly entries: Uint8Array
}

export interface ExchangeRecords {
  readonly type: 'exchange-records'
  readonly exchange: number
  readonly side: ExchangeSide
  /** No record: nothing is held under the key. Bounded by: RECORDS_PER_MESSAGE_MAX. */
  readonly records: readonly { readonly key: Uint8Array; readonly record: Uint8Array }[]
  /** Of the sender's durable clock, of the same moment as the records. */
  readonly base: Uint8Array
  /** Whether more of the row follows, when this is durable. */
  readonly more: boolean
  /**
   * In the last of the row that answers a list: hashes of listed keys of which nothing is held
   * here. Bounded by: LIST_ENTRIES_MAX.
   */
  readonly missing: Uint8Array
  /** There too: only keys below it were compared; empty: all of the list. */
  readonly upTo: Uint8Array
}

export interface ExchangeNext {
  readonly type: 'exchange-next'
  readonly exchange: number
  readonly side: ExchangeSide
}

export interface ExchangeFinish {
  readonly type: 'exchange-finish'
  readonly exchange: number
  readonly side: ExchangeSide
  /**
   * `whole`: all that the sender held was shown. `flawed`: something could not be read, so its
   * clock may not be taken over. `failed`: the exchange is over.
   */
  readonly outcome: 'whole' | 'flawed' | 'failed'
  /** Keys that differed: the initiator tells, the responder says 0. */
  readonly found: number
}

/** Who says it. */
export type ExchangeSide = 'initiator' | 'responder'

export type ExchangeMessage =
  | ExchangeOpen
  | ExchangeReply
  | ExchangeHashes
  | ExchangeDiffer
  | ExchangeList
  | ExchangeRecords
  | ExchangeNext
  | ExchangeFinish

/** With hashes of eight bytes for sixteen children each it stays below 64 KiB. */
export const NODES_PER_MESSAGE_MAX = 448
export const LIST_ENTRIES_MAX = 2048
export const RECORDS_PER_MESSAGE_MAX = 256
/** Keys and records of one chunk, bytes, unless it is a single record. */
export const EXCHANGE_CHUNK_BYTES_MAX: number = 40 * 1024
