/**
 * A member record as bytes, the same on the wire and on disk:
 *
 * ```
 * id 8 · state u8 · generation varint · incarnation varint · name text · zone text · weight u16
 *   · version text · leave lock 16 · host text · port u16 · HTTP host text · HTTP port u16
 *   · [protocol varint] · [accuser 8, of a suspect] · [leave proof 16, of one who left]
 * state: the rank, 0x10 for a member that calls itself degraded, 0x20 where a protocol follows,
 *   0x40 for one that says that it is draining (since protocol 7)
 * protocol: the number, 0x8000 for a member whose HTTP is encrypted
 * ```
 * To nodes from before that bit, it is a protocol of a great number: they pass it on as it came.
 * An accuser, or a proof, of zeros is none.
 * The version of this form is that of the packet, message or stored record around it.
 */
import { assert, must } from '../std/assert.ts'
import type { ByteReader } from '../std/bytes.ts'
import { ByteWriter, fromHex, toHex } from '../std/bytes.ts'
import type { Address, NodeId } from '../std/ids.ts'
import { formatAddress, nodeId, parseAddress } from '../std/ids.ts'
import type { MemberInfo, MemberRecord } from './member.ts'
import { LEAVE_PROOF_BYTES } from './leave-proof.ts'
import { INCARNATION_MAX, rankOf, stateOf } from './member-order.ts'

const NODE_ID_BYTES = 8
const DEGRADED = 0x10
const HAS_PROTOCOL = 0x20
const DRAINING = 0x40
const NO_ACCUSER = '0'.repeat(2 * NODE_ID_BYTES)
const NO_PROOF = '0'.repeat(2 * LEAVE_PROOF_BYTES)
const NAME_BYTES_MAX = 64
const VERSION_BYTES_MAX = 32
const ZONE_BYTES_MAX = 64
const HOST_BYTES_MAX = 253
const WEIGHT_MAX = 1000
const PROTOCOL_MAX = 0x7fff
const HTTP_ENCRYPTED = 0x8000
const PROTOCOL_BYTES_MAX = 3
/** Of one address: the host with its length, and the port. */
const ADDRESS_BYTES_MAX = 2 + HOST_BYTES_MAX + 2
/** Longest encoding of a record; one of them always fits a datagram. */
const MEMBER_BYTES_MAX =
  NODE_ID_BYTES +
  (1 + 8 + 5) +
  (1 + NAME_BYTES_MAX) +
  (1 + ZONE_BYTES_MAX) +
  2 +
  (1 + VERSION_BYTES_MAX) +
  LEAVE_PROOF_BYTES +
  2 * ADDRESS_BYTES_MAX +
  PROTOCOL_BYTES_MAX +
  Math.max(NODE_ID_BYTES, LEAVE_PROOF_BYTES)

export function encodeMember(writer: ByteWriter, record: MemberRecord): void {
  const { info } = record
  encodeHex(writer, info.id, NODE_ID_BYTES)
  const { protocol } = info
  const flags =
    (record.degraded === true ? DEGRADED : 0) |
    (record.draining === true ? DRAINING : 0) |
    (protocol === undefined ? 0 : HAS_PROTOCOL)
  writer.u8(rankOf(record.state) | flags)
  writer.varint(record.generation)
  writer.varint(record.incarnation)
  writer.text(info.name)
  writer.text(info.zone)
  writer.u16(info.weight)
  writer.text(info.version)
  encodeHex(writer, info.leaveLock, LEAVE_PROOF_BYTES)
  encodeAddress(writer, info.address)
  encodeAddress(writer, info.httpAddress)
  if (protocol !== undefined)
    writer.varint(protocol | (info.httpEncrypted === true ? HTTP_ENCRYPTED : 0))
  if (record.state === 'suspect') encodeHex(writer, record.accuser ?? NO_ACCUSER, NODE_ID_BYTES)
  if (record.state === 'left') encodeHex(writer, record.leaveProof ?? NO_PROOF, LEAVE_PROOF_BYTES)
}

/** Fails the reader, and returns something meaningless, when the bytes are no valid record. */
export function decodeMember(reader: ByteReader): MemberRecord {
  const id = nodeId(toHex(reader.raw(NODE_ID_BYTES)))
  const code = reader.u8()
  const state = stateOf(code & ~(DEGRADED | HAS_PROTOCOL | DRAINING))
  const generation = reader.varint()
  const incarnation = reader.varint()
  const name = reader.text(NAME_BYTES_MAX)
  const zone = reader.text(ZONE_BYTES_MAX)
  const weight = reader.u16()
  const version = reader.text(VERSION_BYTES_MAX)
  const leaveLock = toHex(reader.raw(LEAVE_PROOF_BYTES))
  const address = decodeAddress(reader)
  const httpAddress = decodeAddress(reader)
  const told = (code & HAS_PROTOCOL) === 0 ? undefined : reader.varint()
  if ((told ?? 0) > (PROTOCOL_MAX | HTTP_ENCRYPTED)) reader.fail()
  if (id === undefined || state === undefined) reader.fail()
  if (incarnation > INCARNATION_MAX || weight > WEIGHT_MAX) reader.fail()
  const who = { id: id ?? ('' as NodeId), name, zone, weight, version, leaveLock }
  const info = { ...who, address, httpAddress, ...abilities(told) }
  const accuser = state === 'suspect' ? toHex(reader.raw(NODE_ID_BYTES)) : NO_ACCUSER
  const proof = state === 'left' ? toHex(reader.raw(LEAVE_PROOF_BYTES)) : NO_PROOF
  return {
    ...{ info, generation, incarnation, state: state ?? 'dead' },
    ...((code & DEGRADED) !== 0 && { degraded: true }),
    ...((code & DRAINING) !== 0 && { draining: true }),
    ...(accuser !== NO_ACCUSER && { accuser: accuser as NodeId }),
    ...(proof !== NO_PROOF && { leaveProof: proof }),
  }
}

/** The protocol that a member speaks, and whether its HTTP is encrypted. */
function abilities(told: number | undefined): Pick<MemberInfo, 'protocol' | 'httpEncrypted'> {
  if (told === undefined) return {}
  const protocol = told & PROTOCOL_MAX
  return (told & HTTP_ENCRYPTED) === 0 ? { protocol } : { protocol, httpEncrypted: true }
}

/** Records do not change: each is measured once. */
const LENGTHS = new WeakMap<MemberRecord, number>()

/** Exact length of the encoding. */
export function memberBytes(record: MemberRecord): number {
  const known = LENGTHS.get(record)
  if (known !== undefined) return known
  const writer = new ByteWriter()
  encodeMember(writer, record)
  assert(writer.length <= MEMBER_BYTES_MAX, () => `a member record of ${writer.length} bytes`)
  LENGTHS.set(record, writer.length)
  return writer.length
}

function encodeHex(writer: ByteWriter, hex: string, bytes: number): void {
  const raw = must(fromHex(hex), () => `hexadecimal digits: ${hex}`)
  assert(raw.length === bytes, () => `${raw.length} bytes where ${bytes} belong`)
  writer.raw(raw)
}

function encodeAddress(writer: ByteWriter, address: Address): void {
  writer.text(address.host)
  writer.u16(address.port)
}

/**
 * Refuses port 0, and hosts that no operator could have written: empty, with spaces or brackets.
 */
function decodeAddress(reader: ByteReader): Address {
  const address = { host: reader.text(HOST_BYTES_MAX), port: reader.u16() }
  if (parseAddress(formatAddress(address))?.host !== address.host) reader.fail()
  return address
}
