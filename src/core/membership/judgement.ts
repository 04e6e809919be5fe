/**
 * What follows from a claim, wherever it comes from: gossip, a full state, a probe of our own that
 * was not answered, a suspicion whose time is up. One place, so that a member's state, its turn in
 * the round of probes, the suspicion of it, the news about it and what the node is told can never
 * disagree.
 *
 * Of ourselves: what is wrong is refuted, and a claim that only another process with our identity
 * can have made is told to the parent and to that process (rule R1).
 */
import { assert, must } from '../std/assert.ts'
import type { Effects } from '../std/effects.ts'
import type { Address, NodeId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import type { Prng } from '../std/prng.ts'
import type { Gossiper } from './gossiper.ts'
import type { LocalHealth } from './local-health.ts'
import type { MemberRecord } from './member.ts'
import type { Hearing, MemberClaims } from './member-claims.ts'
import { compareRecords, isLive, sameInfo } from './member-order.ts'
import type { OwnRecord } from './own-record.ts'
import type { Packets } from './packets.ts'
import type { Prober } from './prober.ts'
import type { Standings } from './standings.ts'
import { Suspicions } from './suspicion.ts'
import type { SwimCounts } from './swim-counts.ts'
import type { SwimEffect } from './swim-events.ts'

/** How many nodes, about, ping a suspect besides the round. */
const BUDDIES = 8
/** Pings to a member of whom there is only hearsay: more than one, for packets are lost. */
const VERIFY_ATTEMPTS = 3

export interface JudgementParts {
  readonly own: OwnRecord
  readonly claims: MemberClaims
  readonly packets: Packets
  readonly prober: Prober
  readonly gossiper: Gossiper
  readonly standings: Standings
  readonly health: LocalHealth
  readonly counts: SwimCounts
  readonly rng: Prng
  readonly probeIntervalMs: number
}

export class Judgement {
  readonly #parts: JudgementParts
  readonly #self: NodeId
  readonly #suspicions: Suspicions

  constructor(parts: JudgementParts) {
    this.#parts = parts
    this.#self = parts.own.record.info.id
    this.#suspicions = new Suspicions(parts.probeIntervalMs)
  }

  /** Of a suspect. */
  accusers(id: NodeId): readonly NodeId[] {
    return this.#suspicions.accusers(id)
  }

  /** What the last run of this node knew. */
  restore(record: MemberRecord, now: Instant, effects: Effects<SwimEffect>): void {
    const { id } = record.info
    if (id !== this.#self)
      this.#follow(this.#parts.claims.restore(record, now), record, undefined, now, effects)
  }

  /** `isOwnWord`: the member said it itself. */
  hear(claim: MemberRecord, isOwnWord: boolean, now: Instant, effects: Effects<SwimEffect>): void {
    const { claims } = this.#parts
    const { id } = claim.info
    if (id === this.#self) return this.#hearOfSelf(claim, now, effects)
    const before = claims.shown(id)
    this.#follow(claims.hear(claim, isOwnWord, now), claim, before, now, effects)
  }

  #follow(
    hearing: Hearing,
    claim: MemberRecord,
    before: MemberRecord | undefined,
    now: Instant,
    effects: Effects<SwimEffect>,
  ): void {
    const { id } = claim.info
    switch (hearing) {
      case 'ignored':
        return this.#onAccusation(claim, now)
      case 'refused':
        this.#parts.counts.claimsRefused++
        return
      case 'shown':
        return this.#onShown(id, before, now, effects)
      case 'unproven':
        return this.pingSoon(id, VERIFY_ATTEMPTS, effects)
      case 'doubtful':
        return this.pingSoon(id, 1, effects)
    }
  }

  /**
   * Of a full state. Whoever it was first, it has reached us by another way than gossip: an
   * accusation in it counts as ours. A death in it may be hours old, and is one.
   */
  hearState(record: MemberRecord, now: Instant, effects: Effects<SwimEffect>): void {
    const { info, state } = record
    const isDeath = state === 'dead' && this.#parts.claims.isShownLive(info.id)
    const isAccusation = isDeath || state === 'suspect'
    const claim: MemberRecord = isAccusation
      ? { ...record, state: 'suspect', accuser: this.#self }
      : record
    this.hear(claim, false, now, effects)
  }

  /** (id, generation) has answered a ping of ours. */
  vouch(id: NodeId, generation: number, now: Instant, effects: Effects<SwimEffect>): void {
    const { claims } = this.#parts
    const before = claims.shown(id)
    if (claims.vouch(id, generation, now)) this.#onShown(id, before, now, effects)
  }

  /** The same over TCP. Whether that made it shown. */
  prove(id: NodeId, generation: number, now: Instant, effects: Effects<SwimEffect>): boolean {
    const { claims } = this.#parts
    const before = claims.shown(id)
    if (!claims.prove(id, generation, now)) return false
    this.#onShown(id, before, now, effects)
    return true
  }

  /** The target of our probe has not answered. */
  accuse(id: NodeId, now: Instant, effects: Effects<SwimEffect>): void {
    const { claims, counts } = this.#parts
    const shown = must(claims.shown(id), () => `record of ${id}`)
    assert(isLive(shown), () => `accusation of ${id}, who is ${shown.state}`)
    const claim: MemberRecord = { ...shown, state: 'suspect', accuser: this.#self }
    if (shown.state === 'suspect') return this.#onAccusation(claim, now)
    counts.suspicionsRaised++
    this.hear(claim, false, now, effects)
  }

  /** Calls dead whose time to refute is over. */
  onPulse(now: Instant, effects: Effects<SwimEffect>): void {
    for (const id of this.#suspicions.due(now)) {
      const suspect = must(this.#parts.claims.shown(id), () => `record of ${id}`)
      assert(suspect.state === 'suspect', () => `suspicion of ${id}, who is ${suspect.state}`)
      const { accuser: _accuser, ...rest } = suspect
      this.hear({ ...rest, state: 'dead' }, false, now, effects)
    }
  }

  /** Time in which we stood still is not time in which the accused were silent. */
  postpone(gap: Duration): void {
    this.#suspicions.postpone(gap)
  }

  /** Our own record is another one. */
  onOwnWord(now: Instant): void {
    const { claims, gossiper, own, standings } = this.#parts
    standings.onShown(own.record, claims.shown(this.#self), now)
    claims.setSelf(own.record)
    gossiper.tell(own.record, now)
  }

  /** Another process has our identity and listens there. */
  onClone(address: Address, generation: number, effects: Effects<SwimEffect>): void {
    if (this.#parts.own.isNewClone(address, generation))
      effects.push({ type: 'cloned-identity', address, generation })
  }

  /** Pings `id` outside the round. */
  pingSoon(id: NodeId, attempts: number, effects: Effects<SwimEffect>): void {
    const { own, prober } = this.#parts
    if (!own.isLeaving) prober.pingSoon(id, attempts, effects)
  }

  #hearOfSelf(claim: MemberRecord, now: Instant, effects: Effects<SwimEffect>): void {
    const { counts, health, own, packets } = this.#parts
    if (own.revealsClone(claim)) {
      const { id, address } = claim.info
      // So that it knows of us as we know of it.
      effects.push(packets.gossip({ id, generation: undefined, address }))
      this.onClone(address, claim.generation, effects)
    }
    if (!own.refute(claim)) return
    counts.refutations++
    if (claim.state !== 'alive') health.onSuspected()
    this.onOwnWord(now)
    effects.push({ type: 'refuted', incarnation: own.record.incarnation })
  }

  /** A further word on who is suspect already: news as long as it shortens the time. */
  #onAccusation(claim: MemberRecord, now: Instant): void {
    const { claims, gossiper } = this.#parts
    const { id } = claim.info
    const shown = claims.shown(id)
    if (claim.accuser === undefined || shown?.state !== 'suspect') return
    if (compareRecords(claim, shown) !== 0) return
    const { accuser } = claim
    if (this.#suspicions.confirm(id, accuser)) gossiper.tell({ ...shown, accuser }, now)
  }

  /** What this node stands for about `id` has changed: everything that follows follows here. */
  #onShown(
    id: NodeId,
    before: MemberRecord | undefined,
    now: Instant,
    effects: Effects<SwimEffect>,
  ): void {
    const { claims, gossiper, prober, standings } = this.#parts
    const record = must(claims.shown(id), () => `record of ${id}`)
    prober.onShown(record, before)
    standings.onShown(record, before, now)
    this.#count(record, before)
    if (record.state === 'suspect') this.#onSuspect(record, now, effects)
    else this.#suspicions.end(id)
    // Whoever has use for a death or a leave knew the member; to hand on others would revive what
    // some have forgotten.
    if (before !== undefined || isLive(record)) gossiper.tell(record, now)
    if (before?.state === record.state && before.generation === record.generation) {
      if (sameInfo(before.info, record.info)) return
    }
    effects.push({ type: 'changed', record, from: before?.state ?? 'unknown' })
  }

  #onSuspect({ info, accuser }: MemberRecord, now: Instant, effects: Effects<SwimEffect>): void {
    const { claims, rng } = this.#parts
    const { id } = info
    const members = claims.liveCount
    this.#suspicions.start(id, accuser ?? this.#self, members, now)
    // A thousand pings at once would not help one who is slow.
    if (accuser !== this.#self && !rng.chance(Math.min(1, BUDDIES / members))) return
    if (this.#parts.own.isLeaving) return
    this.pingSoon(id, Number.POSITIVE_INFINITY, effects)
    effects.push({ type: 'sync', id })
  }

  #count(record: MemberRecord, before: MemberRecord | undefined): void {
    const { counts } = this.#parts
    if (record.state !== 'alive' || before?.generation !== record.generation) return
    if (before.state === 'suspect') counts.suspicionsRefuted++
    if (before.state === 'dead') counts.falseDeaths++
  }

  check(): void {
    const { claims, own, packets } = this.#parts
    assert(claims.shown(this.#self) === own.record, 'own record shown as it is')
    let suspects = 0
    for (const { info, state } of claims.shownRecords()) {
      if (state !== 'suspect') continue
      suspects++
      assert(this.#suspicions.has(info.id), () => `${info.id} suspect for ever`)
    }
    const { size } = this.#suspicions
    assert(size === suspects, () => `${size} suspicions of ${suspects}`)
    for (const record of packets.news.records()) {
      const shown = must(claims.shown(record.info.id), () => `record of ${record.info.id}`)
      assert(compareRecords(shown, record) === 0, () => `news of ${record.info.id} is old`)
    }
  }
}
