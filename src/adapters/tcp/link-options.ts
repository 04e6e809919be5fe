/**
 * What the links of a node are given: who they speak for, and their bounds.
 */
import type { ClusterId, NodeId } from '../../core/std/ids.ts'
import { NODES_MAX } from '../../core/std/limits.ts'
import type { Hello, Refusal } from '../../core/wire/messages.ts'
import type { ProtocolRange } from '../../core/wire/protocol.ts'
import { PROTOCOL_MAX, PROTOCOL_MIN } from '../../core/wire/protocol.ts'

/** Who we are to whom we connect. */
export interface LinkSelf {
  readonly node: NodeId
  readonly generation: number
  readonly cluster: ClusterId
  /** The greatest version of the protocol to speak; undefined: the greatest that we know. */
  readonly protocolMax?: number
}

export interface LinkBounds {
  /** From the connection's beginning until both have said hello. */
  readonly handshakeTimeoutMs: number
  /**
   * Bytes queued for one peer, while dialling or while its socket is backed up; beyond it the link
   * is dropped.
   */
  readonly backlogBytesMax: number
  /** Incoming connections, whether they have said hello or not. */
  readonly incomingMax: number
  /** Peers with an address or a link; beyond it the oldest idle one is forgotten. */
  readonly peersMax: number
  /** Wait after a failed dial: doubles from the first to the second; up to half is taken off. */
  readonly backoffMinMs: number
  readonly backoffMaxMs: number
  /**
   * Between two beats; a link that misses BEATS_MISSED_MAX answers is dropped. Lower notices a
   * silent network sooner.
   */
  readonly beatMs: number
  /** What queued messages get to leave when the links are closed. */
  readonly closeTimeoutMs: number
}

export const DEFAULT_LINK_BOUNDS: LinkBounds = {
  handshakeTimeoutMs: 5_000,
  backlogBytesMax: 64 * 1024 * 1024,
  incomingMax: 4 * NODES_MAX,
  peersMax: 2 * NODES_MAX,
  backoffMinMs: 100,
  backoffMaxMs: 2_000,
  beatMs: 5_000,
  closeTimeoutMs: 1_000,
}

/** Beats without an answer after which a link is held for dead: three for a link of 15 seconds. */
export const BEATS_MISSED_MAX = 3

/** Causes of faults, a closed set, since each becomes a counter. */
export type TcpFault =
  /** We refused a caller, or were refused: see the reasons of a refusal. */
  | `refused-${Refusal['reason']}`
  | `refused-by-peer-${Refusal['reason']}`
  /** The node that answered is not the one we meant to reach. */
  | 'wrong-peer'
  | 'oversize-frame'
  /** A frame that is empty or no message, or a message that has no place there. */
  | 'malformed-frame'
  /** The connection ended in the middle of a frame. */
  | 'truncated-frame'
  | 'handshake-timeout'
  /** A connection over which nothing comes any more. */
  | 'silent'
  /** One of the two encrypts and the other has encryption off. */
  | 'not-encrypted'
  /** The caller's key is not in the listener's ring, or has been removed from it. */
  | 'unknown-key'
  /** The two have different secrets under one id. */
  | 'wrong-key'
  /** Of the node called: not signed by the authority given, or expired. */
  | 'bad-certificate'
  /** One of the two uses certificates and the other the cluster's key. */
  | 'no-common-encryption'
  /** A TLS handshake that was broken off, or was none. */
  | 'tls-failed'
  /** A caller that makes us answer and does not read the answers. */
  | 'slow-reader'
  | 'too-many-connections'
  | 'accept-failed'
  /** A message of ours that is larger than a frame may be; dropped. */
  | 'oversize-message'

/**
 * Whether it is the settings of two nodes that do not fit, and no stranger: people should see it.
 */
export function isAboutSettings(cause: TcpFault): boolean {
  return ABOUT_SETTINGS.has(cause)
}

const ABOUT_SETTINGS: ReadonlySet<TcpFault> = new Set<TcpFault>([
  ...(['refused-wrong-cluster', 'refused-by-peer-wrong-cluster'] as const),
  ...(['refused-unsupported-protocol', 'refused-by-peer-unsupported-protocol'] as const),
  ...(['refused-self', 'refused-by-peer-self'] as const),
  ...(['refused-encryption-required', 'refused-by-peer-encryption-required'] as const),
  ...(['refused-bad-certificate', 'refused-by-peer-bad-certificate'] as const),
  'bad-certificate',
  ...(['not-encrypted', 'unknown-key', 'wrong-key', 'no-common-encryption'] as const),
])

/** What a hello says of the versions that its sender speaks. */
export function protocolsOf({ protocol, protocolMin }: Hello): ProtocolRange {
  return { min: protocolMin, max: protocol }
}

/** For people: `6`, or `5 to 6`. */
export function protocolsText({ min, max }: ProtocolRange): string {
  return min === max ? String(max) : `${min} to ${max}`
}

export function helloOf(self: LinkSelf): Hello {
  return {
    type: 'hello',
    protocol: self.protocolMax ?? PROTOCOL_MAX,
    protocolMin: PROTOCOL_MIN,
    cluster: self.cluster,
    node: self.node,
    generation: self.generation,
  }
}
