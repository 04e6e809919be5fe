/**
 * SWIM's packets as bytes, one a datagram:
 *
 * ```
 * packet        DD · form u16 · cluster 16 bytes · kind u8 ·
 *               from 8 bytes · from generation u64 · health u8 · head · gossip
 * head          01 ping          to 8 bytes · sequence varint · digest u32
 *               02 ping-request  target 8 bytes · sequence varint · nack after varint
 *               03 ack           about 8 bytes · sequence varint · generation u64 · digest u32
 *               04 nack          about 8 bytes · sequence varint
 *               05 gossip        nothing
 * gossip        count varint · (member record)*
 * ```
 * All but the member records takes at most 75 bytes; what encryption puts around the packet comes
 * on top (PACKET_HEADER_BYTES_MAX is for both). The cluster stands in every packet, since a
 * datagram has no handshake that could have told foreigners apart.
 */
import { decodeMember, encodeMember } from '../membership/member-codec.ts'
import type { MemberRecord } from '../membership/member.ts'
import type { SwimPacket } from '../membership/messages.ts'
import { LOCAL_HEALTH_MAX, NACK_MS_MAX } from '../membership/messages.ts'
import { unreachable } from '../std/assert.ts'
import type { ByteWriter } from '../std/bytes.ts'
import { ByteReader } from '../std/bytes.ts'
import type { ClusterId, NodeId } from '../std/ids.ts'
import { DATAGRAM_BYTES_MAX } from '../std/limits.ts'
import { decodeClusterId, decodeNodeId, encodeClusterId, encodeNodeId } from './fields.ts'
import { MEMBER_BYTES_MIN } from './records.ts'

/**
 * The version of the protocol from which on packets have this form: the same to all who speak that
 * or a later one, since a packet has no handshake in which a form could be agreed on.
 */
export const PACKET_FORM = 5

const MAGIC = 0xdd
const PING = 0x01
const PING_REQUEST = 0x02
const ACK = 0x03
const NACK = 0x04
const GOSSIP = 0x05

export function encodePacket(writer: ByteWriter, packet: SwimPacket, cluster: ClusterId): void {
  writer.u8(MAGIC)
  writer.u16(PACKET_FORM)
  encodeClusterId(writer, cluster)
  switch (packet.type) {
    case 'ping':
      encodeSender(writer, PING, packet)
      encodeSubject(writer, packet.to, packet.sequence)
      writer.u32(packet.digest)
      break
    case 'ping-request':
      encodeSender(writer, PING_REQUEST, packet)
      encodeSubject(writer, packet.target, packet.sequence)
      writer.varint(packet.nackAfterMs)
      break
    case 'ack':
      encodeSender(writer, ACK, packet)
      encodeSubject(writer, packet.about, packet.sequence)
      writer.u64(packet.aboutGeneration)
      writer.u32(packet.digest)
      break
    case 'nack':
      encodeSender(writer, NACK, packet)
      encodeSubject(writer, packet.about, packet.sequence)
      break
    case 'gossip':
      encodeSender(writer, GOSSIP, packet)
      break
    default:
      return unreachable(packet)
  }
  writer.varint(packet.gossip.length)
  for (const member of packet.gossip) encodeMember(writer, member)
}

function encodeSender(writer: ByteWriter, kind: number, packet: SwimPacket): void {
  writer.u8(kind)
  encodeNodeId(writer, packet.from)
  writer.u64(packet.fromGeneration)
  writer.u8(packet.health)
}

function encodeSubject(writer: ByteWriter, subject: NodeId, sequence: number): void {
  encodeNodeId(writer, subject)
  writer.varint(sequence)
}

/** Why a datagram is not a packet for us. */
export type PacketFault = 'malformed' | 'wrong-cluster' | 'unsupported-protocol'

export function decodePacket(bytes: Uint8Array, cluster: ClusterId): SwimPacket | PacketFault {
  if (bytes.length > DATAGRAM_BYTES_MAX) return 'malformed'
  const reader = new ByteReader(bytes)
  const magic = reader.u8()
  const form = reader.u16()
  const theirs = decodeClusterId(reader)
  if (!reader.ok || magic !== MAGIC) return 'malformed'
  if (form !== PACKET_FORM) return 'unsupported-protocol'
  if (theirs !== cluster) return 'wrong-cluster'
  const packet = decodeBody(reader)
  return packet !== undefined && reader.finished ? packet : 'malformed'
}

function decodeBody(reader: ByteReader): SwimPacket | undefined {
  const kind = reader.u8()
  const from = decodeNodeId(reader)
  const fromGeneration = reader.u64()
  const health = reader.u8()
  if (health > LOCAL_HEALTH_MAX) reader.fail()
  const sender = { from, fromGeneration, health }
  if (kind === GOSSIP) return { type: 'gossip', ...sender, gossip: decodeGossip(reader) }
  const subject = decodeNodeId(reader)
  const sequence = reader.varint()
  switch (kind) {
    case PING: {
      const digest = reader.u32()
      const gossip = decodeGossip(reader)
      return { type: 'ping', ...sender, to: subject, sequence, digest, gossip }
    }
    case PING_REQUEST: {
      const nackAfterMs = reader.varint()
      if (nackAfterMs > NACK_MS_MAX) reader.fail()
      const gossip = decodeGossip(reader)
      return { type: 'ping-request', ...sender, target: subject, sequence, nackAfterMs, gossip }
    }
    case ACK: {
      const aboutGeneration = reader.u64()
      const digest = reader.u32()
      const gossip = decodeGossip(reader)
      return { type: 'ack', ...sender, about: subject, aboutGeneration, sequence, digest, gossip }
    }
    case NACK:
      return { type: 'nack', ...sender, about: subject, sequence, gossip: decodeGossip(reader) }
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
