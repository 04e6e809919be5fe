/**
 * When news travels: on pings and acks, which go anyway, and while there is any, on packets of its
 * own, a few times a second to a few members at random. With pings alone a piece of news would need
 * seconds for every step of its way; alone, such packets would cost an idle cluster as much as a
 * busy one. So they stop when the queue is empty.
 *
 * Gossip ends before it has surely reached everybody. What was missed shows in the digests of pings
 * and acks: where nothing has happened for a while and two nodes still differ, they exchange all
 * they know over TCP (rule R11), seldom, for some differences are no mistake.
 */
import type { Effects } from '../std/effects.ts'
import type { NodeId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { duration, later, since } from '../std/instant.ts'
import type { Prng } from '../std/prng.ts'
import type { MemberRecord } from './member.ts'
import type { MemberClaims } from './member-claims.ts'
import type { PacketEffect, Packets } from './packets.ts'
import { receiverOf } from './packets.ts'

/** Between two rounds of packets that carry news alone, and to how many each goes. */
const GOSSIP: Duration = duration(200)
const FANOUT = 3
/** How long a dead member still gets news, its own death above all (R5). */
const GOSSIP_TO_DEAD_MS = 30_000
/** Between two exchanges for a differing digest, and how long nothing may have changed before. */
const DIGEST_SYNC: Duration = duration(10_000)
const DIGEST_CALM: Duration = duration(3_000)

export class Gossiper {
  readonly #claims: MemberClaims
  readonly #packets: Packets
  readonly #rng: Prng
  #nextRoundAt = 0 as Instant
  #nextDigestSyncAt = 0 as Instant
  #changedAt = 0 as Instant

  constructor(claims: MemberClaims, packets: Packets, rng: Prng) {
    this.#claims = claims
    this.#packets = packets
    this.#rng = rng
  }

  /** News, and something has changed. */
  tell(record: MemberRecord, now: Instant): void {
    this.#changedAt = now
    this.#packets.news.push(record, now)
  }

  onPulse(now: Instant, effects: Effects<PacketEffect>): void {
    if (now < this.#nextRoundAt || this.#packets.news.size === 0) return
    this.#nextRoundAt = later(now, GOSSIP)
    for (const target of this.#targets(now)) {
      // Two nodes alone have much to say about each other, and nobody to say it to.
      const isOfUse = target.state !== 'alive' || this.#packets.news.isForOthersThan(target.info.id)
      if (isOfUse) effects.push(this.#packets.gossip(receiverOf(target)))
    }
  }

  /** Whether `from`, who has told its digest, should be asked for all that it knows. */
  isWorthSync(from: NodeId, digest: number, now: Instant): boolean {
    if (digest === this.#claims.digest || this.#packets.news.size > 0) return false
    if (now < this.#nextDigestSyncAt || since(this.#changedAt, now) < DIGEST_CALM) return false
    if (!this.#claims.isShownLive(from)) return false
    this.#nextDigestSyncAt = later(now, DIGEST_SYNC)
    return true
  }

  /** The recently dead get their share of the packets: they may only seem so. */
  #targets(now: Instant): MemberRecord[] {
    const targets = this.#claims.someLive(FANOUT, this.#rng)
    const dead = this.#claims.deadSince(later(now, duration(-GOSSIP_TO_DEAD_MS)))
    if (dead.length === 0) return targets
    const all = this.#claims.liveCount - 1 + dead.length
    if (!this.#rng.chance((FANOUT * dead.length) / all)) return targets
    if (targets.length === FANOUT) targets.pop()
    targets.push(this.#rng.pick(dead))
    return targets
  }
}
