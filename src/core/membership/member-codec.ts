/**
 * A member record as bytes, the same on the wire and on disk:
 *
 * ```
 * id 8 · rank u8 · generation varint · incarnation varint · name text · zone text · weight u16
 *   · host text · port u16 · HTTP host text · HTTP port u16
 * ```
 * The version of this form is that of the packet, message or stored record around it.
 */
import { assert, must } from '../std/assert.ts'
import type { ByteReader } from '../std/bytes.ts'
import { ByteWriter, fromHex, toHex } from '../std/bytes.ts'
import type { Address, NodeId } from '../std/ids.ts'
import { formatAddress, nodeId, parseAddress } from '../std/ids.ts'
import type { MemberRecord } from './member.ts'
import { INCARNATION_MAX, rankOf, stateOf } from './member-order.ts'

const NODE_ID_BYTES = 8
const NAME_BYTES_MAX = 64
const ZONE_BYTES_MAX = 64
const HOST_BYTES_MAX = 253
const WEIGHT_MAX = 1000
/** Of one address: the host with its length, and the port. */
const ADDRESS_BYTES_MAX = 2 + HOST_BYTES_MAX + 2
/** Longest encoding of a record; one of them always fits a datagram. */
const MEMBER_BYTES_MAX =
  NODE_ID_BYTES + 1 + 8 + 5 + 1 + NAME_BYTES_MAX + 1 + ZONE_BYTES_MAX + 2 + 2 * ADDRESS_BYTES_MAX

export function encodeMember(writer: ByteWriter, record: MemberRecord): void {
  const { info } = record
  writer.raw(must(fromHex(info.id), () => `bytes of node id ${info.id}`))
  writer.u8(rankOf(record.state))
  writer.varint(record.generation)
  writer.varint(record.incarnation)
  writer.text(info.name)
  writer.text(info.zone)
  writer.u16(info.weight)
  encodeAddress(writer, info.address)
  encodeAddress(writer, info.httpAddress)
}

/** Fails the reader, and returns something meaningless, when the bytes are no valid record. */
export function decodeMember(reader: ByteReader): MemberRecord {
  const id = nodeId(toHex(reader.raw(NODE_ID_BYTES)))
  const state = stateOf(reader.u8())
  const generation = reader.varint()
  const incarnation = reader.varint()
  const name = reader.text(NAME_BYTES_MAX)
  const zone = reader.text(ZONE_BYTES_MAX)
  const weight = reader.u16()
  const address = decodeAddress(reader)
  const httpAddress = decodeAddress(reader)
  if (id === undefined || state === undefined) reader.fail()
  if (incarnation > INCARNATION_MAX || weight > WEIGHT_MAX) reader.fail()
  const info = { id: id ?? ('' as NodeId), name, address, httpAddress, zone, weight }
  return { info, generation, incarnation, state: state ?? 'dead' }
}

/** Exact length of the encoding. */
export function memberBytes(record: MemberRecord): number {
  const writer = new ByteWriter()
  encodeMember(writer, record)
  assert(writer.length <= MEMBER_BYTES_MAX, () => `a member record of ${writer.length} bytes`)
  return writer.length
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
