/**
 * The messages of exchanges as bytes.
 *
 * ```
 * 48 exchange-open     exchange varint · layout version varint · partition u16 · root 8 bytes ·
 *                      leaves varint · from bytes · to bytes · facts
 * 49 exchange-reply    exchange varint · outcome code · [facts]
 *                      facts only of equal and differs
 *    facts             clock bytes · floor bytes · horizon ms varint · wall ms varint
 * 4a exchange-hashes   exchange varint · level u8 · nodes · hashes bytes
 * 4b exchange-differ   exchange varint · level u8 · nodes
 *    nodes             count varint · (gap varint)*
 * 4c exchange-list     exchange varint · from bytes · to bytes · entries bytes
 * 4d exchange-records  exchange varint · side code · more flag · count varint ·
 *                      (key bytes · record bytes)* · base bytes · [missing bytes · up to bytes]
 *                      the last two only of one without more
 * 4e exchange-next     exchange varint · side code
 * 4f exchange-finish   exchange varint · side code · outcome code · found varint
 * ```
 * A gap is how many nodes are left out since the one before, so that only an ascending list can be
 * said.
 */
import type {
  ExchangeDiffer,
  ExchangeFacts,
  ExchangeFinish,
  ExchangeHashes,
  ExchangeList,
  ExchangeMessage,
  ExchangeNext,
  ExchangeOpen,
  ExchangeRecords,
  ExchangeReply,
  ExchangeSide,
} from '../repair/exchange-messages.ts'
import {
  LIST_ENTRIES_MAX,
  NODES_PER_MESSAGE_MAX,
  RECORDS_PER_MESSAGE_MAX,
} from '../repair/exchange-messages.ts'
import { CHILDREN, LEAVES_TOTAL } from '../repair/hash-tree.ts'
import { assert } from '../std/assert.ts'
import type { ByteReader, ByteWriter } from '../std/bytes.ts'
import { HASH_BYTES } from '../std/hash64.ts'
import { BASE_BYTES_MAX, RECORD_BYTES_MAX } from '../std/limits.ts'
import { CLOCK_BYTES_MAX } from '../versions/partition-clock.ts'
import type { Codes } from './fields.ts'
import { codes, decodeFlag, decodePartition, encodeFlag, STORAGE_KEY_BYTES_MAX } from './fields.ts'

const OPEN = 0x48
const REPLY = 0x49
const HASHES = 0x4a
const DIFFER = 0x4b
const LIST = 0x4c
const RECORDS = 0x4d
const NEXT = 0x4e
const FINISH = 0x4f

const RECORD_BYTES_MIN = 2
/** The least key behind the longest one. */
const BOUND_BYTES_MAX: number = STORAGE_KEY_BYTES_MAX + 1
const NODES_MAX = NODES_PER_MESSAGE_MAX * CHILDREN
const NOTHING = new Uint8Array(0)
const NO_FACTS: ExchangeFacts = { clock: NOTHING, floor: NOTHING, horizonMs: 0, wallMs: 0 }

const REPLY_OUTCOME: Codes<ExchangeReply['outcome']> = codes<ExchangeReply['outcome']>({
  equal: 1,
  differs: 2,
  busy: 3,
  'not-replica': 4,
  'stale-layout': 5,
})
const SIDE: Codes<ExchangeSide> = codes<ExchangeSide>({ initiator: 1, responder: 2 })
const FINISH_OUTCOME: Codes<ExchangeFinish['outcome']> = codes<ExchangeFinish['outcome']>({
  whole: 1,
  flawed: 2,
  failed: 3,
})

export function encodeExchange(writer: ByteWriter, message: ExchangeMessage): void {
  switch (message.type) {
    case 'exchange-open':
      writer.u8(OPEN)
      return encodeOpen(writer, message)
    case 'exchange-reply':
      writer.u8(REPLY)
      return encodeReply(writer, message)
    case 'exchange-hashes':
      writer.u8(HASHES)
      return encodeHashes(writer, message)
    case 'exchange-differ':
      writer.u8(DIFFER)
      return encodeDiffer(writer, message)
    case 'exchange-list':
      writer.u8(LIST)
      return encodeList(writer, message)
    case 'exchange-records':
      writer.u8(RECORDS)
      return encodeRecords(writer, message)
    case 'exchange-next':
      writer.u8(NEXT)
      return encodeNext(writer, message)
    case 'exchange-finish':
      writer.u8(FINISH)
      return encodeFinish(writer, message)
  }
}

/** undefined: the type is of another family. */
export function decodeExchange(type: number, reader: ByteReader): ExchangeMessage | undefined {
  switch (type) {
    case OPEN:
      return decodeOpen(reader)
    case REPLY:
      return decodeReply(reader)
    case HASHES:
      return decodeHashes(reader)
    case DIFFER:
      return decodeDiffer(reader)
    case LIST:
      return decodeList(reader)
    case RECORDS:
      return decodeRecords(reader)
    case NEXT:
      return decodeNext(reader)
    case FINISH:
      return decodeFinish(reader)
    default:
      return undefined
  }
}

function encodeOpen(writer: ByteWriter, message: ExchangeOpen): void {
  assert(message.root.length === HASH_BYTES, () => `a root of ${message.root.length} bytes`)
  writer.varint(message.exchange)
  writer.varint(message.layoutVersion)
  writer.u16(message.partition)
  writer.raw(message.root)
  writer.varint(message.leaves)
  writer.bytes(message.from)
  writer.bytes(message.to)
  encodeFacts(writer, message.facts)
}

function decodeOpen(reader: ByteReader): ExchangeOpen {
  return {
    type: 'exchange-open',
    exchange: reader.varint(),
    layoutVersion: reader.varint(),
    partition: decodePartition(reader),
    root: reader.raw(HASH_BYTES),
    leaves: reader.varint(),
    from: reader.bytes(BOUND_BYTES_MAX),
    to: reader.bytes(BOUND_BYTES_MAX),
    facts: decodeFacts(reader),
  }
}

function encodeReply(writer: ByteWriter, message: ExchangeReply): void {
  writer.varint(message.exchange)
  REPLY_OUTCOME.encode(writer, message.outcome)
  if (hasFacts(message.outcome)) encodeFacts(writer, message.facts)
}

function decodeReply(reader: ByteReader): ExchangeReply {
  const exchange = reader.varint()
  const outcome = REPLY_OUTCOME.decode(reader)
  const facts = hasFacts(outcome) ? decodeFacts(reader) : NO_FACTS
  return { type: 'exchange-reply', exchange, outcome, facts }
}

function encodeHashes(writer: ByteWriter, message: ExchangeHashes): void {
  writer.varint(message.exchange)
  writer.u8(message.level)
  encodeNodes(writer, message.nodes, NODES_PER_MESSAGE_MAX)
  writer.bytes(message.hashes)
}

function decodeHashes(reader: ByteReader): ExchangeHashes {
  return {
    type: 'exchange-hashes',
    exchange: reader.varint(),
    level: reader.u8(),
    nodes: decodeNodes(reader, NODES_PER_MESSAGE_MAX),
    hashes: reader.bytes(NODES_MAX * HASH_BYTES),
  }
}

function encodeDiffer(writer: ByteWriter, message: ExchangeDiffer): void {
  writer.varint(message.exchange)
  writer.u8(message.level)
  encodeNodes(writer, message.nodes, NODES_MAX)
}

function decodeDiffer(reader: ByteReader): ExchangeDiffer {
  return {
    type: 'exchange-differ',
    exchange: reader.varint(),
    level: reader.u8(),
    nodes: decodeNodes(reader, NODES_MAX),
  }
}

function encodeList(writer: ByteWriter, message: ExchangeList): void {
  writer.varint(message.exchange)
  writer.bytes(message.from)
  writer.bytes(message.to)
  writer.bytes(message.entries)
}

function decodeList(reader: ByteReader): ExchangeList {
  return {
    type: 'exchange-list',
    exchange: reader.varint(),
    from: reader.bytes(BOUND_BYTES_MAX),
    to: reader.bytes(BOUND_BYTES_MAX),
    entries: reader.bytes(LIST_ENTRIES_MAX * 2 * HASH_BYTES),
  }
}

function encodeRecords(writer: ByteWriter, message: ExchangeRecords): void {
  const { records, more } = message
  const count = records.length
  assert(count <= RECORDS_PER_MESSAGE_MAX, () => `${count} records in a chunk of an exchange`)
  writer.varint(message.exchange)
  SIDE.encode(writer, message.side)
  encodeFlag(writer, more)
  writer.varint(count)
  for (const { key, record } of records) {
    writer.bytes(key)
    writer.bytes(record)
  }
  writer.bytes(message.base)
  if (more) return
  writer.bytes(message.missing)
  writer.bytes(message.upTo)
}

function decodeRecords(reader: ByteReader): ExchangeRecords {
  const exchange = reader.varint()
  const side = SIDE.decode(reader)
  const more = decodeFlag(reader)
  const records: ExchangeRecords['records'][number][] = []
  const count = reader.count(RECORDS_PER_MESSAGE_MAX, RECORD_BYTES_MIN)
  for (let i = 0; i < count && reader.ok; i++) {
    records.push({
      key: reader.bytes(STORAGE_KEY_BYTES_MAX),
      record: reader.bytes(RECORD_BYTES_MAX),
    })
  }
  const base = reader.bytes(BASE_BYTES_MAX)
  const missing = more ? NOTHING : reader.bytes(LIST_ENTRIES_MAX * HASH_BYTES)
  const upTo = more ? NOTHING : reader.bytes(BOUND_BYTES_MAX)
  return { type: 'exchange-records', exchange, side, records, base, more, missing, upTo }
}

function encodeNext(writer: ByteWriter, message: ExchangeNext): void {
  writer.varint(message.exchange)
  SIDE.encode(writer, message.side)
}

function decodeNext(reader: ByteReader): ExchangeNext {
  return { type: 'exchange-next', exchange: reader.varint(), side: SIDE.decode(reader) }
}

function encodeFinish(writer: ByteWriter, message: ExchangeFinish): void {
  writer.varint(message.exchange)
  SIDE.encode(writer, message.side)
  FINISH_OUTCOME.encode(writer, message.outcome)
  writer.varint(message.found)
}

function decodeFinish(reader: ByteReader): ExchangeFinish {
  return {
    type: 'exchange-finish',
    exchange: reader.varint(),
    side: SIDE.decode(reader),
    outcome: FINISH_OUTCOME.decode(reader),
    found: reader.varint(),
  }
}

function hasFacts(outcome: ExchangeReply['outcome']): boolean {
  return outcome === 'equal' || outcome === 'differs'
}

function encodeFacts(writer: ByteWriter, facts: ExchangeFacts): void {
  writer.bytes(facts.clock)
  writer.bytes(facts.floor)
  writer.varint(facts.horizonMs)
  writer.varint(facts.wallMs)
}

function decodeFacts(reader: ByteReader): ExchangeFacts {
  return {
    clock: reader.bytes(CLOCK_BYTES_MAX),
    floor: reader.bytes(BASE_BYTES_MAX),
    horizonMs: reader.varint(),
    wallMs: reader.varint(),
  }
}

function encodeNodes(writer: ByteWriter, nodes: readonly number[], max: number): void {
  assert(nodes.length <= max, () => `${nodes.length} nodes of a hash tree in a message`)
  writer.varint(nodes.length)
  let next = 0
  for (const node of nodes) {
    writer.varint(node - next)
    next = node + 1
  }
}

function decodeNodes(reader: ByteReader, max: number): readonly number[] {
  const nodes: number[] = []
  const count = reader.count(max, 1)
  let next = 0
  for (let i = 0; i < count && reader.ok; i++) {
    const node = next + reader.varint()
    if (node >= LEAVES_TOTAL) reader.fail()
    nodes.push(node)
    next = node + 1
  }
  return nodes
}
