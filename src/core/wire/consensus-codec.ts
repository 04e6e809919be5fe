/**
 * The messages of registers as bytes.
 *
 * ```
 * 58 register-prepare   request varint · key text · layout version varint · ballot
 * 59 register-promise   request varint · ballot · outcome code
 *                       · ok: accepted ballot · value bytes · requests   · conflict: greater ballot
 * 5a register-accept    request varint · key text · layout version varint · ballot · value bytes
 *                       · requests
 * 5b register-accepted  request varint · ballot · outcome code           · conflict: greater ballot
 *    ballot, requests   as on disk                              (`consensus/record-codec.ts`)
 * ```
 */
import { NO_BALLOT } from '../consensus/ballot.ts'
import type { Ballot } from '../consensus/ballot.ts'
import type {
  RegisterAccept,
  RegisterAccepted,
  RegisterMessage,
  RegisterOutcome,
  RegisterPrepare,
  RegisterPromise,
} from '../consensus/messages.ts'
import { REGISTER_KEY_BYTES_MAX, REGISTER_VALUE_BYTES_MAX } from '../consensus/messages.ts'
import {
  decodeBallot,
  decodeRequests,
  encodeBallot,
  encodeRequests,
} from '../consensus/record-codec.ts'
import type { ByteReader, ByteWriter } from '../std/bytes.ts'
import type { Codes } from './fields.ts'
import { codes } from './fields.ts'
import type { PeerMessage } from './messages.ts'

const PREPARE = 0x58
const PROMISE = 0x59
const ACCEPT = 0x5a
const ACCEPTED = 0x5b

const NOTHING = new Uint8Array(0)

const OUTCOME: Codes<RegisterOutcome> = codes<RegisterOutcome>({
  ok: 1,
  conflict: 2,
  behind: 3,
  ahead: 4,
  refused: 5,
  'store-failed': 6,
})

export function isOfRegister(message: PeerMessage): message is RegisterMessage {
  return message.type.startsWith('register-')
}

export function encodeRegister(writer: ByteWriter, message: RegisterMessage): void {
  switch (message.type) {
    case 'register-prepare':
      writer.u8(PREPARE)
      return encodeQuestion(writer, message)
    case 'register-promise':
      writer.u8(PROMISE)
      encodeAnswer(writer, message)
      if (message.outcome !== 'ok') return
      encodeBallot(writer, message.accepted)
      writer.bytes(message.value)
      return encodeRequests(writer, message.requests)
    case 'register-accept':
      writer.u8(ACCEPT)
      encodeQuestion(writer, message)
      writer.bytes(message.value)
      return encodeRequests(writer, message.requests)
    case 'register-accepted':
      writer.u8(ACCEPTED)
      return encodeAnswer(writer, message)
  }
}

/** undefined: the type is of another family. */
export function decodeRegister(type: number, reader: ByteReader): RegisterMessage | undefined {
  switch (type) {
    case PREPARE:
      return { type: 'register-prepare', ...decodeQuestion(reader) }
    case PROMISE: {
      const answer = { type: 'register-promise', ...decodeAnswer(reader) } as const
      if (answer.outcome !== 'ok')
        return { ...answer, accepted: NO_BALLOT, value: NOTHING, requests: [] }
      const accepted = decodeBallot(reader)
      const value = reader.bytes(REGISTER_VALUE_BYTES_MAX)
      return { ...answer, accepted, value, requests: decodeRequests(reader) }
    }
    case ACCEPT: {
      const question = decodeQuestion(reader)
      const value = reader.bytes(REGISTER_VALUE_BYTES_MAX)
      return { type: 'register-accept', ...question, value, requests: decodeRequests(reader) }
    }
    case ACCEPTED:
      return { type: 'register-accepted', ...decodeAnswer(reader) }
    default:
      return undefined
  }
}

function encodeQuestion(writer: ByteWriter, message: RegisterPrepare | RegisterAccept): void {
  writer.varint(message.request)
  writer.text(message.key)
  writer.varint(message.layoutVersion)
  encodeBallot(writer, message.ballot)
}

function decodeQuestion(reader: ByteReader): Omit<RegisterPrepare, 'type'> {
  return {
    request: reader.varint(),
    key: reader.text(REGISTER_KEY_BYTES_MAX),
    layoutVersion: reader.varint(),
    ballot: decodeBallot(reader),
  }
}

function encodeAnswer(writer: ByteWriter, message: RegisterPromise | RegisterAccepted): void {
  writer.varint(message.request)
  encodeBallot(writer, message.ballot)
  OUTCOME.encode(writer, message.outcome)
  if (message.outcome === 'conflict') encodeBallot(writer, message.greater)
}

function decodeAnswer(reader: ByteReader): {
  readonly request: number
  readonly ballot: Ballot
  readonly outcome: RegisterOutcome
  readonly greater: Ballot
} {
  const request = reader.varint()
  const ballot = decodeBallot(reader)
  const outcome = OUTCOME.decode(reader)
  return {
    request,
    ballot,
    outcome,
    greater: outcome === 'conflict' ? decodeBallot(reader) : NO_BALLOT,
  }
}
