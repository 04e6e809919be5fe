/**
 * The messages about hints as bytes.
 *
 * ```
 * 40 hint                request varint · layout version varint · target node id · hint
 * 41 hint-reply          request varint · target node id · outcome code
 * 42 hint-handoff        request varint · layout version varint · count varint · (hint)*
 * 43 hint-handoff-reply  request varint · outcome code
 *    hint                partition u16 · key bytes · record bytes · base bytes
 * ```
 */
import type { HintReply } from '../coordinator/messages.ts'
import type { HandedHint, HandoffOutcome } from '../repair/hint-messages.ts'
import { HANDOFF_HINTS_MAX } from '../repair/hint-messages.ts'
import { assert } from '../std/assert.ts'
import type { ByteReader, ByteWriter } from '../std/bytes.ts'
import { BASE_BYTES_MAX, RECORD_BYTES_MAX } from '../std/limits.ts'
import type { Codes } from './fields.ts'
import {
  codes,
  decodeNodeId,
  decodePartition,
  encodeNodeId,
  STORAGE_KEY_BYTES_MAX,
} from './fields.ts'
import type { HintMessage, PeerMessage } from './messages.ts'

const HINT = 0x40
const HINT_REPLY = 0x41
const HANDOFF = 0x42
const HANDOFF_REPLY = 0x43

const HINT_BYTES_MIN = 5

const HINT_OUTCOME: Codes<HintReply['outcome']> = codes<HintReply['outcome']>({
  stored: 1,
  full: 2,
  'stale-layout': 3,
  malformed: 4,
  'store-failed': 5,
})
const HANDOFF_OUTCOME: Codes<HandoffOutcome> = codes<HandoffOutcome>({
  stored: 1,
  'stale-layout': 2,
  'not-replica': 3,
  busy: 4,
  'store-failed': 5,
})

export function isOfHints(message: PeerMessage): message is HintMessage {
  return message.type === 'hint' || message.type.startsWith('hint-')
}

export function encodeHints(writer: ByteWriter, message: HintMessage): void {
  switch (message.type) {
    case 'hint':
      writer.u8(HINT)
      writer.varint(message.request)
      writer.varint(message.layoutVersion)
      encodeNodeId(writer, message.target)
      return encodeHint(writer, message)
    case 'hint-reply':
      writer.u8(HINT_REPLY)
      writer.varint(message.request)
      encodeNodeId(writer, message.target)
      return HINT_OUTCOME.encode(writer, message.outcome)
    case 'hint-handoff': {
      const { request, layoutVersion, hints } = message
      assert(hints.length <= HANDOFF_HINTS_MAX, () => `${hints.length} hints in one message`)
      writer.u8(HANDOFF)
      writer.varint(request)
      writer.varint(layoutVersion)
      writer.varint(hints.length)
      for (const hint of hints) encodeHint(writer, hint)
      return
    }
    case 'hint-handoff-reply':
      writer.u8(HANDOFF_REPLY)
      writer.varint(message.request)
      return HANDOFF_OUTCOME.encode(writer, message.outcome)
  }
}

/** undefined: the type is of another family. */
export function decodeHints(type: number, reader: ByteReader): HintMessage | undefined {
  switch (type) {
    case HINT: {
      const request = reader.varint()
      const layoutVersion = reader.varint()
      const target = decodeNodeId(reader)
      return { type: 'hint', request, layoutVersion, target, ...decodeHint(reader) }
    }
    case HINT_REPLY: {
      const request = reader.varint()
      const target = decodeNodeId(reader)
      return { type: 'hint-reply', request, target, outcome: HINT_OUTCOME.decode(reader) }
    }
    case HANDOFF: {
      const request = reader.varint()
      const layoutVersion = reader.varint()
      const hints: HandedHint[] = []
      const count = reader.count(HANDOFF_HINTS_MAX, HINT_BYTES_MIN)
      for (let i = 0; i < count && reader.ok; i++) hints.push(decodeHint(reader))
      return { type: 'hint-handoff', request, layoutVersion, hints }
    }
    case HANDOFF_REPLY: {
      const request = reader.varint()
      return { type: 'hint-handoff-reply', request, outcome: HANDOFF_OUTCOME.decode(reader) }
    }
    default:
      return undefined
  }
}

function encodeHint(writer: ByteWriter, { partition, key, record, base }: HandedHint): void {
  writer.u16(partition)
  writer.bytes(key)
  writer.bytes(record)
  writer.bytes(base)
}

function decodeHint(reader: ByteReader): HandedHint {
  return {
    partition: decodePartition(reader),
    key: reader.bytes(STORAGE_KEY_BYTES_MAX),
    record: reader.bytes(RECORD_BYTES_MAX),
    base: reader.bytes(BASE_BYTES_MAX),
  }
}
