/**
 * A member and the total order of what is said about it.
 */
import { formatAddress } from '../std/ids.ts'
import type { Address, NodeId } from '../std/ids.ts'

/** Ranks ascend: at equal generation and incarnation the later in this list wins (R1). */
export type MemberState = 'alive' | 'suspect' | 'dead' | 'left'

/** What a node says of itself; changes only with its generation or incarnation. */
export interface MemberInfo {
  readonly id: NodeId
  /** For people; at most 64 bytes of UTF-8. */
  readonly name: string
  /** Cluster traffic, UDP and TCP. */
  readonly address: Address
  /** HTTP; the same as `address`, of which one port serves one thing: it serves none. */
  readonly httpAddress: Address
  /** Whether HTTP is spoken there over TLS only. Told together with `protocol`, never without. */
  readonly httpEncrypted?: true
  readonly zone: string
  readonly weight: number
  /** Of the software that it runs, for people; at most 32 bytes of UTF-8. */
  readonly version: string
  /** The greatest version of the protocol that it speaks; undefined: it has not said so. */
  readonly protocol?: number
  /** What the secret must open that proves a leave of this generation (`leave-proof.ts`). */
  readonly leaveLock: string
}

/** Where its HTTP is, as a URL without a path. */
export function httpUrl({
  httpAddress,
  httpEncrypted,
}: Pick<MemberInfo, 'httpAddress' | 'httpEncrypted'>): string {
  return `${httpEncrypted === true ? 'https' : 'http'}://${formatAddress(httpAddress)}`
}

export function servesHttp({
  address,
  httpAddress,
}: Pick<MemberInfo, 'address' | 'httpAddress'>): boolean {
  return address.host !== httpAddress.host || address.port !== httpAddress.port
}

/**
 * One claim about a member, ordered by (generation, incarnation, rank of state): the greatest is
 * the truth (R1).
 */
export interface MemberRecord {
  readonly info: MemberInfo
  /** Persisted, rises at every start of the node: max(persisted + 1, Unix seconds) (R2). */
  readonly generation: number
  /** 0 at start; only the member itself raises it, to refute (R2). */
  readonly incarnation: number
  readonly state: MemberState
  /** It says of itself that it is slow or badly connected: others are asked first (R9). */
  readonly degraded?: boolean
  /**
   * It says of itself that it stops for a moment: others are asked first, and its silence is not
   * held against it for a while.
   */
  readonly draining?: boolean
  /** Of a suspect: who says so. Not part of the order: of equal claims any may stand. */
  readonly accuser?: NodeId
  /** Of one who left: the secret that opens its lock. */
  readonly leaveProof?: string
}
