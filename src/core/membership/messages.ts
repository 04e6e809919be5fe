/**
 * The packets of SWIM, each at most DATAGRAM_BYTES_MAX bytes, and who sends them when.
 *
 * ```
 *   every probe interval, round robin:
 *     prober ──ping──▶ target ──ack──▶ prober
 *   when the ack stays away:
 *     prober ──ping-request──▶ helper ──ping──▶ target ──ack──▶ helper ──ack──▶ prober
 *                              helper ──nack──▶ prober    when the target is silent to it, too
 *   while there is news, a few times a second:
 *     anybody ──gossip──▶ a few at random
 * ```
 * Every packet carries gossip: records about members, as many as fit.
 */
import type { NodeId } from '../std/ids.ts'
import type { MemberRecord } from './member.ts'

interface Packet {
  readonly from: NodeId
  readonly fromGeneration: number
  /** Local health multiplier of the sender, 0 (best) to LOCAL_HEALTH_MAX. */
  readonly health: number
  /** Bounded by: what fits a datagram. */
  readonly gossip: readonly MemberRecord[]
}

/** "Are you there?" Answered with an ack of the same sequence by the node `to`, by no other. */
export interface Ping extends Packet {
  readonly type: 'ping'
  readonly to: NodeId
  readonly sequence: number
  /** Of the sender's live members (`member-digest.ts`). */
  readonly digest: number
}

/** "Ask `target` for me": the helper pings with a sequence of its own and relays the ack. */
export interface PingRequest extends Packet {
  readonly type: 'ping-request'
  readonly target: NodeId
  readonly sequence: number
  /** After so many milliseconds without an ack the helper says so, with a nack. */
  readonly nackAfterMs: number
}

/**
 * "I am here", or, relayed by a helper, "`about` is there": sequence as in the ping or ping-request
 * answered.
 */
export interface Ack extends Packet {
  readonly type: 'ack'
  readonly about: NodeId
  readonly aboutGeneration: number
  readonly sequence: number
  readonly digest: number
}

/** "`about` is silent to me, too": the helper lives and hears, whoever else may not. */
export interface Nack extends Packet {
  readonly type: 'nack'
  readonly about: NodeId
  readonly sequence: number
}

/** News alone; no answer. */
export interface Gossip extends Packet {
  readonly type: 'gossip'
}

export type SwimPacket = Ping | PingRequest | Ack | Nack | Gossip

/** S of Lifeguard §IV-A, less one. */
export const LOCAL_HEALTH_MAX = 7
/** Longest time that a helper is asked to wait. */
export const NACK_MS_MAX = 60_000
