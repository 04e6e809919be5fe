/**
 * The packets of SWIM, each at most DATAGRAM_BYTES_MAX bytes, and who sends them when.
 *
 * ```
 *   every probe interval, round robin:
 *     prober ──ping──▶ target ──ack──▶ prober
 *   when the ack stays away:
 *     prober ──ping-req──▶ helper ──ping──▶ target ──ack──▶ helper ──ack──▶ prober
 * ```
 * Every packet carries gossip: records about members, as many as fit, the freshest first.
 */
import type { NodeId } from '../std/ids.ts'
import type { MemberRecord } from './member.ts'

interface Packet {
  readonly from: NodeId
  readonly fromGeneration: number
  /** Bounded by: what fits a datagram. */
  readonly gossip: readonly MemberRecord[]
}

/** "Are you there?" Answered with an ack of the same sequence by the node `to`, by no other. */
export interface Ping extends Packet {
  readonly type: 'ping'
  readonly to: NodeId
  readonly sequence: number
}

/** "Ask `target` for me": the helper pings with a sequence of its own and relays the ack. */
export interface PingRequest extends Packet {
  readonly type: 'ping-request'
  readonly target: NodeId
  readonly sequence: number
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
}

export type SwimPacket = Ping | PingRequest | Ack
