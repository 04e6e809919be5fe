/**
 * Messages between nodes as bytes, and back. A message is one type byte and a body; the link puts a
 * length before it (`adapters/tcp`). Bodies are written by the codec of their family, each with its
 * grammar at its top:
 *
 * ```
 * 01 hello            protocol u16 · cluster 16 bytes · node 8 bytes · generation u64 ·
 *                     least protocol u16                 a later one may go on behind it
 * 02 refusal          reason code · message text         both fixed for all protocols to come
 * 10 replicate        11 replicate-reply   12 read       13 read-reply  `coordinator-codec.ts`
 * 14 forward          15 forward-reply
 * 20 state-sync       21 join-request                                   `state-codec.ts`
 * 22 list-request     23 list-reply                                     `list-codec.ts`
 * 24 leave-request    25 link-probe (empty)   26 link-probe-reply        `state-codec.ts`
 * 27 keys-request     28 keys-reply                                     `keys-codec.ts`
 * 29 replace-request                                                    `state-codec.ts`
 * 50 explain-request  51 explain-reply                                  `explain-codec.ts`
 * 30 transfer-request 31 transfer-chunk                                 `transfer-codec.ts`
 * 40 to 43            hints                                              `hints-codec.ts`
 * 48 to 4f            exchanges                                          `exchange-codec.ts`
 * 54 watch-poll       55 watch-page                                     `watch-codec.ts`
 * 58 to 5b            registers of consensus                             `consensus-codec.ts`
 * ```
 *
 * Decoding is total: whatever a peer sends gives a message within all limits or undefined, never an
 * exception, and every message has exactly one encoding. Decoded byte strings are views into the
 * input, which must therefore not be reused; whoever keeps one for long copies it, or it keeps the
 * whole input alive.
 *
 * A change of any format takes a new version of the protocol (`protocol.ts`), below which the old
 * one is written; the golden bytes in `golden.test.ts` make that a deliberate act.
 */
import type { RegisterMessage } from '../consensus/messages.ts'
import type { ExchangeMessage } from '../repair/exchange-messages.ts'
import type { WatchMessage } from '../node/watch-messages.ts'
import type { ByteWriter } from '../std/bytes.ts'
import { ByteReader } from '../std/bytes.ts'
import type { ClusterId } from '../std/ids.ts'
import {
  decodeForward,
  decodeForwardReply,
  decodeRead,
  decodeReadReply,
  decodeReplicate,
  decodeReplicateReply,
  encodeForward,
  encodeForwardReply,
  encodeRead,
  encodeReadReply,
  encodeReplicate,
  encodeReplicateReply,
} from './coordinator-codec.ts'
import {
  decodeExplainReply,
  decodeExplainRequest,
  encodeExplainReply,
  encodeExplainRequest,
} from './explain-codec.ts'
import { decodeExchange, encodeExchange } from './exchange-codec.ts'
import type { Codes } from './fields.ts'
import {
  codes,
  decodeClusterId,
  decodeNodeId,
  encodeClusterId,
  encodeNodeId,
  encodeSentence,
} from './fields.ts'
import { decodeHints, encodeHints, isOfHints } from './hints-codec.ts'
import { decodeRegister, encodeRegister, isOfRegister } from './consensus-codec.ts'
import { decodeKeysReply, encodeKeysReply } from './keys-codec.ts'
import {
  decodeListReply,
  decodeListRequest,
  encodeListReply,
  encodeListRequest,
} from './list-codec.ts'
import type { Hello, HintMessage, LinkMessage, PeerMessage, Refusal } from './messages.ts'
import { decodeWatch, encodeWatch, isOfWatch } from './watch-codec.ts'
import { LAYOUT_REGISTERS_SINCE, PROTOCOL_MAX, WATCHING_SINCE } from './protocol.ts'
import {
  decodeJoinRequest,
  decodeReplaceRequest,
  decodeStateSync,
  encodeJoinRequest,
  encodeReplaceRequest,
  encodeStateSync,
} from './state-codec.ts'
import {
  decodeTransferChunk,
  decodeTransferRequest,
  encodeTransferChunk,
  encodeTransferRequest,
} from './transfer-codec.ts'

/** What a hello says for "I belong to no cluster yet". */
export const NO_CLUSTER: ClusterId = '0'.repeat(32) as ClusterId
/**
 * Longest hello or refusal: what an unknown caller may make us read, with room for later protocols.
 */
export const LINK_MESSAGE_BYTES_MAX: number = 512

const REFUSAL_MESSAGE_BYTES_MAX = 256

/** The first version whose hellos say the least one, too. */
const RANGES_SINCE = 5

const HELLO = 0x01
const REFUSAL = 0x02
const REPLICATE = 0x10
const REPLICATE_REPLY = 0x11
const READ = 0x12
const READ_REPLY = 0x13
const FORWARD = 0x14
const FORWARD_REPLY = 0x15
const STATE_SYNC = 0x20
const JOIN_REQUEST = 0x21
const LIST_REQUEST = 0x22
const LIST_REPLY = 0x23
const LEAVE_REQUEST = 0x24
const LINK_PROBE = 0x25
const LINK_PROBE_REPLY = 0x26
const KEYS_REQUEST = 0x27
const KEYS_REPLY = 0x28
const REPLACE_REQUEST = 0x29
const TRANSFER_REQUEST = 0x30
const TRANSFER_CHUNK = 0x31
const EXPLAIN_REQUEST = 0x50
const EXPLAIN_REPLY = 0x51

const REFUSAL_REASON: Codes<Refusal['reason']> = codes<Refusal['reason']>({
  'wrong-cluster': 1,
  'unsupported-protocol': 2,
  self: 3,
  malformed: 4,
  'encryption-required': 5,
  'bad-certificate': 6,
})

/** Whether whoever speaks `protocol` understands messages of this kind. */
export function isSpoken(message: PeerMessage, protocol: number): boolean {
  switch (message.type) {
    case 'register-prepare':
    case 'register-promise':
    case 'register-accept':
    case 'register-accepted':
      return protocol >= LAYOUT_REGISTERS_SINCE
    case 'watch-poll':
    case 'watch-page':
      return protocol >= WATCHING_SINCE
    default:
      return true
  }
}

/** In the form of `protocol`, in which it must be spoken. */
export function encodeMessage(
  writer: ByteWriter,
  message: PeerMessage,
  protocol: number = PROTOCOL_MAX,
): void {
  switch (message.type) {
    case 'replicate':
      writer.u8(REPLICATE)
      return encodeReplicate(writer, message)
    case 'replicate-reply':
      writer.u8(REPLICATE_REPLY)
      return encodeReplicateReply(writer, message)
    case 'read':
      writer.u8(READ)
      return encodeRead(writer, message)
    case 'read-reply':
      writer.u8(READ_REPLY)
      return encodeReadReply(writer, message)
    case 'forward':
      writer.u8(FORWARD)
      return encodeForward(writer, message)
    case 'forward-reply':
      writer.u8(FORWARD_REPLY)
      return encodeForwardReply(writer, message)
    case 'state-sync':
      writer.u8(STATE_SYNC)
      return encodeStateSync(writer, message, protocol)
    case 'join-request':
      writer.u8(JOIN_REQUEST)
      return encodeJoinRequest(writer, message)
    case 'leave-request':
      writer.u8(LEAVE_REQUEST)
      return encodeNodeId(writer, message.node)
    case 'replace-request':
      writer.u8(REPLACE_REQUEST)
      return encodeReplaceRequest(writer, message)
    case 'link-probe':
      return writer.u8(LINK_PROBE)
    case 'link-probe-reply':
      writer.u8(LINK_PROBE_REPLY)
      return writer.u64(message.generation)
    case 'keys-request':
      writer.u8(KEYS_REQUEST)
      return writer.varint(message.request)
    case 'keys-reply':
      writer.u8(KEYS_REPLY)
      return encodeKeysReply(writer, message)
    case 'list-request':
      writer.u8(LIST_REQUEST)
      return encodeListRequest(writer, message)
    case 'list-reply':
      writer.u8(LIST_REPLY)
      return encodeListReply(writer, message)
    case 'transfer-request':
      writer.u8(TRANSFER_REQUEST)
      return encodeTransferRequest(writer, message)
    case 'transfer-chunk':
      writer.u8(TRANSFER_CHUNK)
      return encodeTransferChunk(writer, message, protocol)
    case 'explain-request':
      writer.u8(EXPLAIN_REQUEST)
      return encodeExplainRequest(writer, message)
    case 'explain-reply':
      writer.u8(EXPLAIN_REPLY)
      return encodeExplainReply(writer, message)
    default:
      return encodeFamily(writer, message)
  }
}

/** Of those that write their type themselves. */
function encodeFamily(
  writer: ByteWriter,
  message: HintMessage | RegisterMessage | ExchangeMessage | WatchMessage,
): void {
  if (isOfWatch(message)) return encodeWatch(writer, message)
  if (isOfRegister(message)) return encodeRegister(writer, message)
  if (isOfHints(message)) return encodeHints(writer, message)
  encodeExchange(writer, message)
}

/**
 * undefined: malformed, over a limit, or followed by something. Byte strings are views into
 * `bytes`.
 */
export function decodeMessage(bytes: Uint8Array): PeerMessage | undefined {
  const reader = new ByteReader(bytes)
  const message = decodeBody(reader.u8(), reader)
  return reader.finished ? message : undefined
}

function decodeBody(type: number, reader: ByteReader): PeerMessage | undefined {
  switch (type) {
    case REPLICATE:
      return decodeReplicate(reader)
    case REPLICATE_REPLY:
      return decodeReplicateReply(reader)
    case READ:
      return decodeRead(reader)
    case READ_REPLY:
      return decodeReadReply(reader)
    case FORWARD:
      return decodeForward(reader)
    case FORWARD_REPLY:
      return decodeForwardReply(reader)
    case STATE_SYNC:
      return decodeStateSync(reader)
    case JOIN_REQUEST:
      return decodeJoinRequest(reader)
    case LEAVE_REQUEST:
      return { type: 'leave-request', node: decodeNodeId(reader) }
    case REPLACE_REQUEST:
      return decodeReplaceRequest(reader)
    case LINK_PROBE:
      return { type: 'link-probe' }
    case LINK_PROBE_REPLY:
      return { type: 'link-probe-reply', generation: reader.u64() }
    case KEYS_REQUEST:
      return { type: 'keys-request', request: reader.varint() }
    case KEYS_REPLY:
      return decodeKeysReply(reader)
    case LIST_REQUEST:
      return decodeListRequest(reader)
    case LIST_REPLY:
      return decodeListReply(reader)
    case TRANSFER_REQUEST:
      return decodeTransferRequest(reader)
    case TRANSFER_CHUNK:
      return decodeTransferChunk(reader)
    case EXPLAIN_REQUEST:
      return decodeExplainRequest(reader)
    case EXPLAIN_REPLY:
      return decodeExplainReply(reader)
    default:
      return (
        decodeHints(type, reader) ??
        decodeRegister(type, reader) ??
        decodeWatch(type, reader) ??
        decodeExchange(type, reader)
      )
  }
}

export function encodeLink(writer: ByteWriter, message: LinkMessage): void {
  if (message.type === 'hello') {
    writer.u8(HELLO)
    writer.u16(message.protocol)
    encodeClusterId(writer, message.cluster)
    encodeNodeId(writer, message.node)
    writer.u64(message.generation)
    if (message.protocol >= RANGES_SINCE) writer.u16(message.protocolMin)
  } else {
    writer.u8(REFUSAL)
    REFUSAL_REASON.encode(writer, message.reason)
    encodeSentence(writer, message.message, REFUSAL_MESSAGE_BYTES_MAX)
  }
}

export function decodeLink(bytes: Uint8Array): LinkMessage | undefined {
  const reader = new ByteReader(bytes)
  const type = reader.u8()
  if (type === HELLO) return decodeHello(reader)
  if (type !== REFUSAL) return undefined
  const reason = REFUSAL_REASON.decode(reader)
  const message = reader.text(REFUSAL_MESSAGE_BYTES_MAX)
  return reader.finished ? { type: 'refusal', reason, message } : undefined
}

/**
 * A hello of a later protocol may go on behind the fields that all share. One of a version before
 * ranges were said ends before the last of them, and is read so far to be refused by name.
 */
function decodeHello(reader: ByteReader): Hello | undefined {
  const protocol = reader.u16()
  const cluster = decodeClusterId(reader)
  const node = decodeNodeId(reader)
  const generation = reader.u64()
  const protocolMin = protocol < RANGES_SINCE ? protocol : reader.u16()
  const whole = protocol <= PROTOCOL_MAX ? reader.finished : reader.ok
  if (!whole || protocolMin > protocol) return undefined
  return { type: 'hello', protocol, protocolMin, cluster, node, generation }
}
