/**
 * The packets of this node, and what gossip each carries. First what its receiver should know about
 * itself: that it is called suspect, dead or gone, that a later generation of it was seen, that
 * another node claims its identity. Then this node's own record: a refutation or a restart is heard
 * by everybody we speak to. Then news, as much as fits.
 *
 * Both heads fit together unless names and hosts are at their limits; then each has its turn by the
 * toss of a coin, for either one alone, always first, would starve the other.
 */
import type { Address, NodeId } from '../std/ids.ts'
import type { Prng } from '../std/prng.ts'
import { GOSSIP_BYTES_MAX, GossipQueue, transmitsMax } from './gossip-queue.ts'
import type { MemberRecord } from './member.ts'
import type { MemberClaims } from './member-claims.ts'
import { memberBytes } from './member-codec.ts'
import type { SwimPacket } from './messages.ts'
import type { OwnRecord } from './own-record.ts'

export interface PacketEffect {
  readonly type: 'packet'
  readonly to: Address
  readonly packet: SwimPacket
}

/** Whom a packet is for; `generation`: as it has just said, undefined when it has not. */
export interface Receiver {
  readonly id: NodeId
  readonly generation: number | undefined
  readonly address: Address
}

export class Packets {
  readonly news: GossipQueue = new GossipQueue()
  readonly #own: OwnRecord
  readonly #claims: MemberClaims
  readonly #rng: Prng
  #sequence: number

  constructor(own: OwnRecord, claims: MemberClaims, rng: Prng) {
    this.#own = own
    this.#claims = claims
    this.#rng = rng
    // An ack to the previous run of this node must not fit a ping of this one.
    this.#sequence = rng.u32()
  }

  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0
    return this.#sequence
  }

  ping(member: MemberRecord, sequence: number): PacketEffect {
    const { id: to, address } = member.info
    const packet = { ...this.#head({ id: to, generation: undefined, address }), to, sequence }
    return { type: 'packet', to: address, packet: { ...packet, type: 'ping' } }
  }

  pingRequest(helper: MemberRecord, target: NodeId, sequence: number): PacketEffect {
    const { id, address } = helper.info
    const packet = { ...this.#head({ id, generation: undefined, address }), target, sequence }
    return { type: 'packet', to: address, packet: { ...packet, type: 'ping-request' } }
  }

  /** "I am here." */
  ack(receiver: Receiver, sequence: number): PacketEffect {
    const { info, generation } = this.#own.record
    return this.relayedAck(receiver, info.id, generation, sequence)
  }

  /** "(`about`, `aboutGeneration`) is there." */
  relayedAck(
    receiver: Receiver,
    about: NodeId,
    aboutGeneration: number,
    sequence: number,
  ): PacketEffect {
    const packet = { ...this.#head(receiver), about, aboutGeneration, sequence }
    return { type: 'packet', to: receiver.address, packet: { ...packet, type: 'ack' } }
  }

  #head(receiver: Receiver): Pick<SwimPacket, 'from' | 'fromGeneration' | 'gossip'> {
    const { info, generation } = this.#own.record
    return { from: info.id, fromGeneration: generation, gossip: this.#gossipFor(receiver) }
  }

  #gossipFor(receiver: Receiver): MemberRecord[] {
    const heads = this.#concerning(receiver)
    heads.push(this.#own.record)
    const needed = heads.reduce((sum, record) => sum + memberBytes(record), 0)
    if (needed > GOSSIP_BYTES_MAX && this.#rng.chance(0.5)) heads.reverse()
    const gossip: MemberRecord[] = []
    let left = GOSSIP_BYTES_MAX
    for (const record of heads) {
      const bytes = memberBytes(record)
      if (bytes > left) continue
      gossip.push(record)
      left -= bytes
    }
    const transmits = transmitsMax(this.#claims.liveCount)
    gossip.push(...this.news.take(receiver.id, left, transmits))
    return gossip
  }

  #concerning(receiver: Receiver): MemberRecord[] {
    const concerning: MemberRecord[] = []
    const held = this.#claims.held(receiver.id)
    if (held === undefined) return concerning
    const isSuperseded = (receiver.generation ?? held.generation) < held.generation
    if (held.state !== 'alive' || isSuperseded) concerning.push(held)
    const contested = this.#claims.takeContested(receiver.id)
    if (contested !== undefined) concerning.push(contested)
    return concerning
  }
}
