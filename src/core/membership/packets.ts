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
import type { SwimCounts } from './swim-counts.ts'

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
  readonly #health: () => number
  readonly #counts: SwimCounts
  readonly #rng: Prng
  #sequence: number

  constructor(options: {
    readonly own: OwnRecord
    readonly claims: MemberClaims
    /** Local health score. */
    readonly health: () => number
    readonly counts: SwimCounts
    readonly rng: Prng
  }) {
    this.#own = options.own
    this.#claims = options.claims
    this.#health = options.health
    this.#counts = options.counts
    this.#rng = options.rng
    // An ack to the previous run of this node must not fit a ping of this one.
    this.#sequence = options.rng.u32()
  }

  nextSequence(): number {
    this.#sequence = (this.#sequence + 1) >>> 0
    return this.#sequence
  }

  ping(member: MemberRecord, sequence: number): PacketEffect {
    const receiver = receiverOf(member)
    const { digest } = this.#claims
    const packet = { ...this.#head(receiver), to: receiver.id, sequence, digest }
    return { type: 'packet', to: receiver.address, packet: { ...packet, type: 'ping' } }
  }

  pingRequest(
    helper: MemberRecord,
    target: NodeId,
    sequence: number,
    nackAfterMs: number,
  ): PacketEffect {
    const receiver = receiverOf(helper)
    const packet = { ...this.#head(receiver), target, sequence, nackAfterMs }
    return { type: 'packet', to: receiver.address, packet: { ...packet, type: 'ping-request' } }
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
    const { digest } = this.#claims
    const packet = { ...this.#head(receiver), about, aboutGeneration, sequence, digest }
    return { type: 'packet', to: receiver.address, packet: { ...packet, type: 'ack' } }
  }

  /** "`about` is silent to me, too." */
  nack(receiver: Receiver, about: NodeId, sequence: number): PacketEffect {
    const packet = { ...this.#head(receiver), about, sequence }
    return { type: 'packet', to: receiver.address, packet: { ...packet, type: 'nack' } }
  }

  /** News alone; also what a member must hear of itself, and nothing but our own record. */
  gossip(receiver: Receiver): PacketEffect {
    const packet = { ...this.#head(receiver), type: 'gossip' } as const
    return { type: 'packet', to: receiver.address, packet }
  }

  #head(receiver: Receiver): Pick<SwimPacket, 'from' | 'fromGeneration' | 'health' | 'gossip'> {
    this.#counts.packetsSent++
    const { info, generation } = this.#own.record
    const gossip = this.#gossipFor(receiver)
    return { from: info.id, fromGeneration: generation, health: this.#health(), gossip }
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
    const self = this.#own.record.info.id
    for (const record of this.news.take(receiver.id, self, left, transmits)) gossip.push(record)
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

export function receiverOf({ info }: MemberRecord): Receiver {
  return { id: info.id, generation: undefined, address: info.address }
}
