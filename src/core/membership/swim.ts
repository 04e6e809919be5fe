/**
 * SWIM: who is in the cluster and who of them is there (Das, Gupta, Motivala, "SWIM", 2002), with
 * Lifeguard (Dadgar, Phillips, Currey, 2018) and what fifteen years of running it have taught.
 *
 * Heartbeats from everybody to everybody cost n² packets, and a missed heartbeat blames whoever a
 * lost packet hits. Instead every node probes one other each interval, at the same cost in any
 * cluster:
 *
 * 1. Ping the next of a shuffled round. No ack within the probe time-out: ask helpers to ping it
 *    for us, and try TCP (`prober.ts`, `probe.ts`).
 * 2. No answer at the end: call it suspect and tell everybody. A few who hear so tell the suspect
 *    itself, and so hear its answer (`direct-probes.ts`).
 * 3. It refutes by raising its incarnation (`own-record.ts`), or is called dead when its time is
 *    up, which is sooner the more nodes accuse it on their own (`suspicion.ts`).
 * 4. News rides on pings and acks and, while there is any, on a few packets of its own, each piece
 *    a limited number of times (`gossip-queue.ts`). Every packet begins with what its receiver must
 *    refute, and the sender's own record. Digests tell where a piece was missed
 *    (`member-digest.ts`).
 *
 * Claims are merged by one total order, a relayed "alive" makes nobody live, and a leave must prove
 * itself (`member-claims.ts`). A node that is slow or stood still mistrusts itself first
 * (`local-health.ts`, `stall-guard.ts`). The dead are remembered; every 10 to 30 seconds somebody
 * tries one of them over TCP, so that the halves of a healed network find each other (R6).
 *
 * A packet whose address is not ours, or whose sender has been replaced by a later generation, is
 * not heard. Such an older generation still gets an ack to its ping, which tells it that it is
 * superseded; one that hears so speaks to its successor, who thus learns that two processes run
 * with one identity (R1).
 *
 * Here is when things happen and what a packet does; what follows from a claim is in
 * `judgement.ts`.
 */
import type { Effects } from '../std/effects.ts'
import type { Address, NodeId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import type { Prng } from '../std/prng.ts'
import { Gossiper } from './gossiper.ts'
import { Judgement } from './judgement.ts'
import { LocalHealth } from './local-health.ts'
import type { MemberRecord } from './member.ts'
import { MemberClaims, REMEMBERED_MS } from './member-claims.ts'
import { sameAddress } from './member-order.ts'
import type { Ack, Ping, SwimPacket } from './messages.ts'
import { OwnRecord } from './own-record.ts'
import { Packets, receiverOf } from './packets.ts'
import type { Probe } from './probe.ts'
import { Prober } from './prober.ts'
import { Reconnects } from './reconnects.ts'
import { StallGuard } from './stall-guard.ts'
import type { Standing } from './standing.ts'
import { Standings } from './standings.ts'
import type { SwimCounts } from './swim-counts.ts'
import { noSwimCounts } from './swim-counts.ts'
import type { SwimEffect, SwimEvent, SwimOptions, SwimTimer } from './swim-events.ts'

export type { SwimEffect, SwimEvent, SwimOptions, SwimTimer } from './swim-events.ts'

const PULSE_MS_MAX = 100
/** Members told of our leaving, or of our return from a standstill, at once. */
const FAREWELLS_MAX = 32
const GREETINGS_MAX = 3

export class Swim {
  readonly counts: SwimCounts = noSwimCounts()
  readonly #options: SwimOptions
  readonly #pulse: Duration
  readonly #interval: Duration
  readonly #rng: Prng
  readonly #own: OwnRecord
  readonly #claims: MemberClaims
  readonly #packets: Packets
  readonly #prober: Prober
  readonly #health = new LocalHealth()
  readonly #judgement: Judgement
  readonly #standings = new Standings()
  readonly #stalls: StallGuard
  readonly #gossiper: Gossiper
  readonly #reconnects: Reconnects
  #isStarted = false
  /** `changes` of the claims when they were last checked. */
  #checked = -1
  #pulseToken = 0
  #nextProbeAt = 0 as Instant
  #nextIntervalAt = 0 as Instant
  /** After a standstill nobody is accused for an interval. */
  #mayAccuseFrom = 0 as Instant

  constructor(options: SwimOptions) {
    const { self, generation, probeIntervalMs, probeTimeoutMs, rng, digest } = options
    this.#options = options
    this.#pulse = duration(Math.max(1, Math.min(PULSE_MS_MAX, Math.floor(probeTimeoutMs / 3))))
    this.#interval = duration(probeIntervalMs)
    this.#rng = rng
    this.#own = new OwnRecord(self, generation)
    this.#claims = new MemberClaims(this.#own.record, {
      digest,
      rememberedMs: options.rememberedMs ?? REMEMBERED_MS,
      forgotten: (id) => this.#onForgotten(id),
    })
    this.#stalls = new StallGuard(probeTimeoutMs)
    const claims = this.#claims
    const health = (): number => this.#health.score
    this.#packets = new Packets({ own: this.#own, claims, health, counts: this.counts, rng })
    this.#gossiper = new Gossiper(claims, this.#packets, rng)
    this.#reconnects = new Reconnects(claims, rng)
    this.#prober = new Prober({
      ...{ self: self.id, claims, packets: this.#packets, rng },
      ...{ interval: this.#interval, timeout: duration(probeTimeoutMs) },
      multiplier: () => this.#health.multiplier,
    })
    this.#judgement = new Judgement({
      ...{ own: this.#own, claims, packets: this.#packets, prober: this.#prober },
      ...{ gossiper: this.#gossiper, standings: this.#standings, health: this.#health },
      ...{ counts: this.counts, rng, probeIntervalMs },
    })
  }

  get self(): MemberRecord {
    return this.#own.record
  }

  /** News waiting to be passed on. */
  get gossipQueue(): number {
    return this.#packets.news.size
  }

  /** 0, all is well, to 7. */
  get localHealth(): number {
    return this.#health.score
  }

  /** What this node stands for; of a member whose life is unproven, nothing or its death. */
  record(id: NodeId): MemberRecord | undefined {
    return this.#claims.shown(id)
  }

  /**
   * What it stands for of all, itself included, in order of id: to count, to show, to tell others.
   */
  records(): readonly MemberRecord[] {
    return this.#claims.shownRecords()
  }

  /**
   * All that it has heard, unproven claims included, in order of id: to persist and to dial by,
   * never to hand on.
   */
  known(): readonly MemberRecord[] {
    return this.#claims.heldRecords()
  }

  /** Where it was last heard to be, proven or not. */
  addressOf(id: NodeId): Address | undefined {
    return this.#claims.held(id)?.info.address
  }

  /** Alive or suspect, or this node, and not stopped for a moment: worth sending to. */
  isUp(id: NodeId): boolean {
    if (id === this.self.info.id) return true
    return this.#claims.isShownLive(id) && !this.#standings.isSilent(id)
  }

  isAlive(id: NodeId): boolean {
    return id === this.self.info.id || this.#claims.shown(id)?.state === 'alive'
  }

  /** Alive, neither in trouble nor draining by its own word, nor coming and going: asked first. */
  isPreferred(id: NodeId): boolean {
    if (id === this.self.info.id) return true
    const shown = this.#claims.shown(id)
    if (shown?.state !== 'alive' || shown.degraded === true || shown.draining === true) return false
    return !this.#standings.isFlapping(id)
  }

  /** Smoothed, milliseconds; undefined until it has answered a probe of ours. */
  roundTripMs(id: NodeId): number | undefined {
    return this.#standings.of(id)?.roundTripMs
  }

  /** Of a member in `records()`. */
  standing(id: NodeId): Standing {
    const isSelf = id === this.self.info.id
    const entry = this.#standings.of(id)
    return {
      since: entry?.since ?? (0 as Instant),
      suspectedBy: this.#judgement.accusers(id),
      roundTripMs: entry?.roundTripMs,
      localHealth: isSelf ? this.#health.score : entry?.localHealth,
      isFlapping: this.#standings.isFlapping(id),
    }
  }

  step(event: SwimEvent, now: Instant, effects: Effects<SwimEffect>): void {
    this.#excuseStall(now, effects)
    switch (event.type) {
      case 'start':
        return this.#onStart(now, effects)
      case 'packet':
        return this.#onPacket(event.packet, event.address, now, effects)
      case 'records':
        for (const record of event.records) this.#judgement.hearState(record, now, effects)
        return
      case 'contact':
        return this.#onContact(event.id, event.generation, now, effects)
      case 'layout':
        return this.#claims.setLayout(event.members)
      case 'timer':
        if (event.timer.token === this.#pulseToken) this.#onPulse(now, effects)
        return
      case 'drain':
        return this.#onDrain(now, effects)
      case 'leave':
        return this.#onLeave(now, effects)
    }
  }

  // Time

  #onStart(now: Instant, effects: Effects<SwimEffect>): void {
    if (this.#isStarted) return
    this.#isStarted = true
    this.#standings.onShown(this.self, undefined, now)
    // Nodes started together must not probe in step.
    this.#nextProbeAt = later(now, duration(this.#rng.fraction() * this.#interval))
    this.#nextIntervalAt = later(now, this.#interval)
    this.#reconnects.start(now)
    this.#armPulse(now, effects)
    for (const record of this.#options.known) this.#judgement.restore(record, now, effects)
  }

  #armPulse(now: Instant, effects: Effects<SwimEffect>): void {
    const timer: SwimTimer = { type: 'pulse', token: ++this.#pulseToken }
    effects.push({ type: 'arm', timer, at: later(now, this.#pulse) })
  }

  /**
   * While we stood still nobody could answer: what is in flight counts neither way, and the accused
   * get the time back. What the others think of us meanwhile is asked of a few at once.
   */
  #excuseStall(now: Instant, effects: Effects<SwimEffect>): void {
    const gap = this.#stalls.gapBefore(now)
    if (gap === 0 || !this.#isStarted || this.#own.isLeaving) return
    this.counts.stalls++
    this.#prober.voidProbe()
    this.#judgement.postpone(gap)
    this.#health.onStall(gap)
    this.#mayAccuseFrom = later(now, this.#interval)
    this.#nextProbeAt = now
    for (const { info } of this.#claims.someLive(GREETINGS_MAX, this.#rng))
      this.#judgement.pingSoon(info.id, 1, effects)
    effects.push({ type: 'stalled', gap })
  }

  #onPulse(now: Instant, effects: Effects<SwimEffect>): void {
    this.#armPulse(now, effects)
    if (this.#own.isLeaving) return this.#gossiper.onPulse(now, effects)
    const ended = this.#prober.takeEnded(now)
    if (ended !== undefined) this.#onProbeEnded(ended, now, effects)
    if (now >= this.#nextProbeAt) this.#beginProbe(now, effects)
    if (this.#prober.onPulse(now, effects)) this.counts.probeTimeouts++
    // Whom we accuse cannot answer while nothing of ours gets out.
    if (!this.#isMute(now)) this.#judgement.onPulse(now, effects)
    if (now >= this.#nextIntervalAt) this.#onInterval(now, effects)
    const unproven = this.#reconnects.onPulse(now, effects)
    if (unproven !== undefined) this.#judgement.pingSoon(unproven, 1, effects)
    this.#gossiper.onPulse(now, effects)
  }

  #onInterval(now: Instant, effects: Effects<SwimEffect>): void {
    this.#nextIntervalAt = later(now, this.#interval)
    this.#packets.news.expire(now)
    this.#claims.forgetOld(now)
    this.#standings.fade(now)
    this.#prober.nextInterval(effects)
    const isDegraded = this.#health.verdict(now, this.#isMute(now))
    if (isDegraded === undefined) return
    this.#own.setDegraded(isDegraded)
    this.#judgement.onOwnWord(now)
    effects.push({ type: 'degraded', isDegraded })
  }

  // Probes and suspicions

  #beginProbe(now: Instant, effects: Effects<SwimEffect>): void {
    this.#nextProbeAt = this.#prober.begin(now, effects)
    if (this.#claims.liveCount > 1) this.counts.probes++
  }

  #onProbeEnded(probe: Probe, now: Instant, effects: Effects<SwimEffect>): void {
    if (probe.answer !== undefined) this.#standings.setSilent(probe.target, false)
    switch (probe.answer) {
      case 'direct':
        return this.#health.onAnswered()
      case 'indirect':
        this.counts.probesIndirect++
        return this.#health.onAnswered()
      case 'heard':
        return this.#onUnanswered(probe)
      case undefined:
        if (this.#standings.isExcused(probe.target, now))
          return this.#standings.setSilent(probe.target, true)
        this.counts.probesFailed++
        this.#onUnanswered(probe)
        if (now >= this.#mayAccuseFrom && !this.#isMute(now))
          this.#judgement.accuse(probe.target, now, effects)
    }
  }

  /** A helper that is itself called suspect by now says nothing of us by its silence. */
  #onUnanswered(probe: Probe): void {
    const dumb = probe.dumbHelpers.filter((helper) => this.isAlive(helper)).length
    this.#health.onUnanswered(probe.nacks + dumb, probe.nacks)
  }

  #isMute(now: Instant): boolean {
    return this.#health.isMute(now, duration(2 * this.#interval * this.#health.multiplier))
  }

  // Packets

  #onPacket(
    packet: SwimPacket,
    address: Address,
    now: Instant,
    effects: Effects<SwimEffect>,
  ): void {
    this.counts.packetsReceived++
    const self = this.self.info.id
    if (packet.from === self) return this.#onOwnId(packet, address, effects)
    if (packet.type === 'ping' && packet.to !== self) return
    const held = this.#claims.held(packet.from)
    if (held !== undefined && packet.fromGeneration < held.generation) {
      if (packet.type === 'ping') this.#onPing(packet, address, effects)
      return
    }
    this.#health.onHeard(now)
    // An ack may have been under way for long.
    if (packet.type !== 'ack') this.#prober.onHeard(packet.from, packet.fromGeneration)
    for (const record of packet.gossip) {
      const isOwnWord =
        record.info.id === packet.from && record.generation === packet.fromGeneration
      this.#judgement.hear(record, isOwnWord, now, effects)
    }
    this.#standings.onHealth(packet.from, packet.health)
    switch (packet.type) {
      case 'ping':
        this.#onPing(packet, address, effects)
        return this.#onDigest(packet, now, effects)
      case 'ping-request':
        return this.#prober.onPingRequest(packet, address, now, effects)
      case 'ack':
        this.#onAck(packet, now, effects)
        return this.#onDigest(packet, now, effects)
      case 'nack':
        return this.#prober.onNack(packet)
      case 'gossip':
    }
  }

  #onPing(ping: Ping, address: Address, effects: Effects<SwimEffect>): void {
    const receiver = { id: ping.from, generation: ping.fromGeneration, address }
    effects.push(this.#packets.ack(receiver, ping.sequence))
  }

  #onAck(ack: Ack, now: Instant, effects: Effects<SwimEffect>): void {
    const { isProof, took } = this.#prober.onAck(ack, now, effects)
    if (took !== undefined) this.#standings.onRoundTrip(ack.about, took)
    if (isProof) this.#judgement.vouch(ack.about, ack.aboutGeneration, now, effects)
  }

  #onDigest({ from, digest }: Ping | Ack, now: Instant, effects: Effects<SwimEffect>): void {
    if (this.#own.isLeaving || !this.#gossiper.isWorthSync(from, digest, now)) return
    this.counts.digestSyncs++
    effects.push({ type: 'sync', id: from })
  }

  /**
   * A packet from our own id. It is our own, come back, where a member's old address is now ours;
   * else another process has sent it.
   */
  #onOwnId(packet: SwimPacket, source: Address, effects: Effects<SwimEffect>): void {
    const { info, generation } = this.self
    const theirs = packet.gossip.find((record) => record.info.id === info.id)
    const address = theirs?.info.address ?? source
    const isEcho = theirs === undefined || theirs.generation === generation
    if (isEcho && sameAddress(address, info.address)) return
    this.#judgement.onClone(address, packet.fromGeneration, effects)
  }

  #onContact(id: NodeId, generation: number, now: Instant, effects: Effects<SwimEffect>): void {
    this.#prober.onContact(id, generation)
    const held = this.#claims.held(id)
    const isKnown = held?.generation === generation
    if (isKnown && this.isAlive(id)) return
    if (this.#judgement.prove(id, generation, now, effects)) return
    // It does not know what is said of it, or it would have refuted.
    if (isKnown && held.state !== 'left') this.#judgement.pingSoon(id, 1, effects)
  }

  #onLeave(now: Instant, effects: Effects<SwimEffect>): void {
    if (this.#own.isLeaving) return
    this.#own.leave(this.#options.leaveSecret)
    this.#prober.voidProbe()
    this.#judgement.onOwnWord(now)
    for (const member of this.#claims.someAlive(FAREWELLS_MAX, this.#rng))
      effects.push(this.#packets.gossip(receiverOf(member)))
  }

  #onDrain(now: Instant, effects: Effects<SwimEffect>): void {
    if (this.#own.isLeaving || this.self.draining === true) return
    this.#own.drain()
    this.#judgement.onOwnWord(now)
    for (const member of this.#claims.someAlive(FAREWELLS_MAX, this.#rng))
      effects.push(this.#packets.gossip(receiverOf(member)))
  }

  #onForgotten(id: NodeId): void {
    this.#prober.onForgotten(id)
    this.#packets.news.forget(id)
    this.#standings.forget(id)
  }

  /** What has not changed needs no second look: the simulator asks after every step. */
  check(): void {
    this.#packets.news.check()
    if (this.#claims.changes === this.#checked) return
    this.#checked = this.#claims.changes
    this.#claims.check()
    this.#prober.check()
    this.#judgement.check()
  }
}
