/**
 * SWIM's packets as bytes, one a datagram:
 *
 * ```
 * packet        DD · protocol u16 · cluster 16 bytes · kind u8 ·
 *               from 8 bytes · from generation u64 · head · gossip
 * head          01 ping          to 8 bytes · sequence varint
 *               02 ping-request  target 8 bytes · sequence varint
 *               03 ack           about 8 bytes · about generation u64 · sequence varint
 * gossip        count varint · (member record)*
 * ```
 * All but the member records takes at most 62 bytes, within the PACKET_HEADER_BYTES_MAX that SWIM
 * reckons with. The cluster stands in every packet, since a datagram has no handshake that could
 * have told foreigners apart.
 */
import { decodeMember, encodeMember } from '../membership/member-codec.ts'
import type { MemberRecord } from '../membership/member.ts'
import type { SwimPacket } from '../membership/messages.ts'
import { unreachable } from '../std/assert.ts'
import type { ByteWriter } from '../std/bytes.ts'
import { ByteReader } from '../std/bytes.ts'
import type { ClusterId } from '../std/ids.ts'
import { DATAGRAM_BYTES_MAX } from '../std/limits.ts'
import { PROTOCOL_VERSION } from './codec.ts'
import { decodeClusterId, decodeNodeId, encodeClusterId, encodeNodeId } from './fields.ts'
import { MEMBER_BYTES_MIN } from './records.ts'

const MAGIC = 0xdd
const PING = 0x01
const PING_REQUEST = 0x02
const ACK = 0x03

export function encodePacket(writer: ByteWriter, packet: SwimPacket, cluster: ClusterId): void {
  writer.u8(MAGIC)
  writer.u16(PROTOCOL_VERSION)
  encodeClusterId(writer, cluster)
  switch (packet.type) {
    case 'ping':
      encodeSender(writer, PING, packet)
      encodeNodeId(writer, packet.to)
      break
    case 'ping-request':
      encodeSender(writer, PING_REQUEST, packet)
      encodeNodeId(writer, packet.target)
      break
    case 'ack':
      encodeSender(writer, ACK, packet)
      encodeNodeId(writer, packet.about)
      writer.u64(packet.aboutGeneration)
      break
    default:
      return unreachable(packet)
  }
  writer.varint(packet.sequence)
  writer.varint(packet.gossip.length)
  for (const member of packet.gossip) encodeMember(writer, member)
}

function encodeSender(writer: ByteWriter, kind: number, packet: SwimPacket): void {
  writer.u8(kind)
  encodeNodeId(writer, packet.from)
  writer.u64(packet.fromGeneration)
}

/** Why a datagram is not a packet for us. */
export type PacketFault = 'malformed' | 'wrong-cluster' | 'unsupported-protocol'

export function decodePacket(bytes: Uint8Array, cluster: ClusterId): SwimPacket | PacketFault {
  if (bytes.length > DATAGRAM_BYTES_MAX) return 'malformed'
  const reader = new ByteReader(bytes)
  const magic = reader.u8()
  const protocol = reader.u16()
  const theirs = decodeClusterId(reader)
  if (!reader.ok || magic !== MAGIC) return 'malformed'
  if (protocol !== PROTOCOL_VERSION) return 'unsupported-protocol'
  if (theirs !== cluster) return 'wrong-cluster'
  const packet = decodeBody(reader)
  return packet !== undefined && reader.finished ? packet : 'malformed'
}

function decodeBody(reader: ByteReader): SwimPacket | undefined {
  const kind = reader.u8()
  const from = decodeNodeId(reader)
  const fromGeneration = reader.u64()
  const subject = decodeNodeId(reader)
  const aboutGeneration = kind === ACK ? reader.u64() : 0
  const sequence = reader.varint()
  const gossip = decodeGossip(reader)
  switch (kind) {
    case PING:
      return { type: 'ping', from, fromGeneration, to: subject, sequence, gossip }
    case PING_REQUEST:
      return { type: 'ping-request', from, fromGeneration, target: subject, sequence, gossip }
    case ACK:
      return {
        type: 'ack',
        from,
        fromGeneration,
        about: subject,
        aboutGeneration,
        sequence,
        gossip,
      }
    default:
      return undefined
  }
}

function decodeGossip(reader: ByteReader): readonly MemberRecord[] {
  const gossip: MemberRecord[] = []
  const count = reader.count(DATAGRAM_BYTES_MAX, MEMBER_BYTES_MIN)
  for (let i = 0; i < count && reader.ok; i++) gossip.push(decodeMember(reader))
  return gossip
}
