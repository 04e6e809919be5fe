/**
 * The one union of everything that travels between two nodes over TCP, gathered from the machines
 * that own the parts.
 */
import type {
  Forward,
  ForwardReply,
  Hint,
  HintReply,
  Read,
  ReadReply,
  Replicate,
  ReplicateReply,
} from '../coordinator/messages.ts'
import type { RegisterMessage } from '../consensus/messages.ts'
import type { ExplainReply, ExplainRequest } from '../node/explanation.ts'
import type {
  JoinRequest,
  KeysReply,
  KeysRequest,
  LeaveRequest,
  LinkProbe,
  LinkProbeReply,
  ListReply,
  ListRequest,
  ReplaceRequest,
  StateSync,
} from '../node/messages.ts'
import type { WatchMessage } from '../node/watch-messages.ts'
import type { ExchangeMessage } from '../repair/exchange-messages.ts'
import type { HintHandoff, HintHandoffReply } from '../repair/hint-messages.ts'
import type { TransferChunk, TransferRequest } from '../repair/messages.ts'
import type { ClusterId, NodeId } from '../std/ids.ts'

export type PeerMessage =
  | Replicate
  | ReplicateReply
  | Read
  | ReadReply
  | Forward
  | ForwardReply
  | StateSync
  | JoinRequest
  | KeysRequest
  | KeysReply
  | LeaveRequest
  | ReplaceRequest
  | LinkProbe
  | LinkProbeReply
  | ExplainRequest
  | ExplainReply
  | ListRequest
  | ListReply
  | TransferRequest
  | TransferChunk
  | HintMessage
  | ExchangeMessage
  | RegisterMessage
  | WatchMessage

/** About writes that a replica has missed. */
export type HintMessage = Hint | HintReply | HintHandoff | HintHandoffReply

/** First frame of a connection, in both directions: who is there. */
export interface Hello {
  readonly type: 'hello'
  /** The greatest version that the sender speaks, and the least (`protocol.ts`). */
  readonly protocol: number
  readonly protocolMin: number
  /** All zeros: "I belong to no cluster yet, tell me yours" (only a joining node asks so). */
  readonly cluster: ClusterId
  readonly node: NodeId
  readonly generation: number
}

/** Said instead of hello before closing: why the connection is refused. */
export interface Refusal {
  readonly type: 'refusal'
  readonly reason:
    | 'wrong-cluster'
    | 'unsupported-protocol'
    | 'self'
    | 'malformed'
    | 'encryption-required'
    | 'bad-certificate'
  /** A sentence for the log of the one refused; at most 256 bytes. */
  readonly message: string
}

export type LinkMessage = Hello | Refusal
