/**
 * SWIM: who is in the cluster and who of them is there (Das, Gupta, Motivala, "SWIM", 2002; Dadgar,
 * Phillips, Currey, "Lifeguard", 2018).
 *
 * Heartbeats from everybody to everybody cost n² packets, and a missed heartbeat blames whoever a
 * lost packet hits. Instead every node probes one other each interval, at the same cost in any
 * cluster:
 *
 * 1. Ping the next of a shuffled round. No ack within the probe timeout: ask helpers to ping it for
 *    us (`probe.ts`).
 * 2. No ack at the end of the interval: call it suspect and tell everybody. Whoever hears so tells
 *    the suspect itself, and so hears its answer (`direct-probes.ts`).
 * 3. It refutes by raising its incarnation (`own-record.ts`), or is called dead when its time is up
 *    (`suspicion.ts`).
 * 4. News rides on pings and acks, each piece a limited number of times (`gossip-queue.ts`). Every
 *    packet begins with what its receiver must refute, and the sender's own record: a refutation or
 *    a restart is known wherever the node speaks.
 *
 * Claims are merged by one total order, and a relayed "alive" makes nobody live
 * (`member-claims.ts`). The dead are remembered; every 10 to 30 seconds one of them is tried over
 * TCP, so that the halves of a healed network find each other (R6). A node that stood still accuses
 * nobody of the silence (`stall-guard.ts`).
 *
 * A packet whose address is not ours, whose sender is us, or whose sender has been replaced by a
 * later generation is not heard. Such an older generation still gets an ack to its ping, which
 * tells it that it is superseded.
 *
 * A dead claim in a full state is heard as a suspicion: it may be hours old, and the halves of a
 * healed network would otherwise declare each other dead. The accused has the time of a suspicion
 * to refute, and is told at once.
 */
import { assert, must } from '../std/assert.ts'
import type { Effects } from '../std/effects.ts'
import type { Address, NodeId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import { duration, later, NEVER } from '../std/instant.ts'
import type { Prng } from '../std/prng.ts'
import type { MemberInfo, MemberRecord, MemberState } from './member.ts'
import { MemberClaims } from './member-claims.ts'
import { isLive, sameInfo } from './member-order.ts'
import type { Ack, Ping, SwimPacket } from './messages.ts'
import { OwnRecord } from './own-record.ts'
import { Packets } from './packets.ts'
import type { AckTimeout } from './prober.ts'
import { Prober } from './prober.ts'
import { StallGuard } from './stall-guard.ts'
import { Suspicions, suspicionTimeout } from './suspicion.ts'

/** A timer that fires after what it was for has changed carries an old token and does nothing. */
export type SwimTimer =
  /** The next probe interval begins. */
  | { readonly type: 'interval'; readonly token: number }
  | AckTimeout
  /** The earliest suspicion may be due. */
  | { readonly type: 'suspicion'; readonly token: number }
  | { readonly type: 'reconnect'; readonly token: number }

/** Told to the machine. `start` comes first, once. */
export type SwimEvent =
  | { readonly type: 'start' }
  /** `address`: where it came from, which is where the answer goes. */
  | { readonly type: 'packet'; readonly packet: SwimPacket; readonly address: Address }
  /** A full state heard over TCP: hearsay, also about whoever sent it. */
  | { readonly type: 'records'; readonly records: readonly MemberRecord[] }
  /** (id, generation) has just answered us directly (TCP handshake or message): proof of life. */
  | { readonly type: 'contact'; readonly id: NodeId; readonly generation: number }
  | { readonly type: 'timer'; readonly timer: SwimTimer }
  /** Say goodbye, as well as one can over UDP; afterwards only pings are answered. */
  | { readonly type: 'leave' }

/** Asked of the parent, in order; no order matters. */
export type SwimEffect =
  | { readonly type: 'packet'; readonly to: Address; readonly packet: SwimPacket }
  | { readonly type: 'arm'; readonly timer: SwimTimer; readonly at: Instant }
  /** State, info or generation of another member is another than before; `unknown`: it is new. */
  | {
      readonly type: 'changed'
      readonly record: MemberRecord
      readonly from: MemberState | 'unknown'
    }
  /** This node overruled a claim about itself. */
  | { readonly type: 'refuted'; readonly incarnation: number }
  /** Another node, listening there, has our id and our generation or a later one (R1). */
  | { readonly type: 'cloned-identity'; readonly address: Address }
  /** Try a TCP state exchange with this dead member (R6). */
  | { readonly type: 'reconnect'; readonly id: NodeId }

export interface SwimOptions {
  readonly self: MemberInfo
  readonly generation: number
  /** Between two probes of the round, milliseconds. */
  readonly probeIntervalMs: number
  /** Wait for the direct ack, milliseconds; less than the interval. */
  readonly probeTimeoutMs: number
  readonly rng: Prng
  /** Persisted in the last run: hearsay. */
  readonly known: readonly MemberRecord[]
}

/** Pings to a member of whom there is only hearsay: more than one, for packets are lost. */
const VERIFY_ATTEMPTS = 3
/** Members told of our leaving, at most. */
const FAREWELLS_MAX = 32
const RECONNECT_MS_MIN = 10_000
const RECONNECT_MS_MAX = 30_000

export class Swim {
  readonly #probeIntervalMs: number
  readonly #rng: Prng
  readonly #own: OwnRecord
  readonly #claims: MemberClaims
  readonly #packets: Packets
  readonly #prober: Prober
  readonly #suspicions = new Suspicions()
  readonly #stalls: StallGuard
  #isStarted = false
  #intervalToken = 0
  #reconnectToken = 0
  #suspicionToken = 0
  #suspicionTimerAt: Instant = NEVER

  constructor(options: SwimOptions) {
    this.#probeIntervalMs = options.probeIntervalMs
    this.#rng = options.rng
    this.#own = new OwnRecord(options.self, options.generation)
    this.#claims = new MemberClaims(this.#own.record, (id) => this.#onForgotten(id))
    this.#stalls = new StallGuard(options.probeIntervalMs)
    this.#packets = new Packets(this.#own, this.#claims, options.rng)
    this.#prober = new Prober({
      self: options.self.id,
      claims: this.#claims,
      packets: this.#packets,
      interval: duration(options.probeIntervalMs),
      timeout: duration(options.probeTimeoutMs),
      rng: options.rng,
    })
    for (const record of options.known) {
      if (record.info.id !== options.self.id) this.#claims.hear(record, false, 0 as Instant)
    }
  }

  get self(): MemberRecord {
    return this.#own.record
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

  /** Alive or suspect, or this node: worth sending to. */
  isUp(id: NodeId): boolean {
    return id === this.self.info.id || this.#claims.isShownLive(id)
  }

  isAlive(id: NodeId): boolean {
    return id === this.self.info.id || this.#claims.shown(id)?.state === 'alive'
  }

  step(event: SwimEvent, now: Instant, effects: Effects<SwimEffect>): void {
    this.#excuseStall(now)
    switch (event.type) {
      case 'start':
        return this.#onStart(now, effects)
      case 'packet':
        return this.#onPacket(event.packet, event.address, now, effects)
      case 'records':
        for (const record of event.records) this.#onStateRecord(record, now, effects)
        return
      case 'contact':
        return this.#onContact(event.id, event.generation, now, effects)
      case 'timer':
        return this.#onTimer(event.timer, now, effects)
      case 'leave':
        return this.#onLeave(effects)
    }
  }

  // Time

  #onStart(now: Instant, effects: Effects<SwimEffect>): void {
    if (this.#isStarted) return
    this.#isStarted = true
    for (const { info } of this.#claims.unproven())
      this.#pingSoon(info.id, VERIFY_ATTEMPTS, effects)
    // Nodes started together must not probe in step.
    const phase = duration(this.#rng.fraction() * this.#probeIntervalMs)
    this.#armInterval(later(now, phase), effects)
    this.#armReconnect(now, effects)
  }

  #onTimer(timer: SwimTimer, now: Instant, effects: Effects<SwimEffect>): void {
    switch (timer.type) {
      case 'interval':
        if (timer.token === this.#intervalToken) this.#onInterval(now, effects)
        return
      case 'ack-timeout':
        return this.#prober.onAckTimeout(timer.sequence, effects)
      case 'suspicion':
        if (timer.token === this.#suspicionToken) this.#onSuspicionTimer(now, effects)
        return
      case 'reconnect':
        if (timer.token === this.#reconnectToken) this.#onReconnectTimer(now, effects)
        return
    }
  }

  /**
   * While we stood still nobody could answer: what is in flight counts neither way, and the accused
   * get the time back.
   */
  #excuseStall(now: Instant): void {
    const gap = this.#stalls.gapBefore(now)
    if (gap === 0) return
    this.#prober.voidProbe()
    this.#suspicions.postpone(gap)
  }

  #onInterval(now: Instant, effects: Effects<SwimEffect>): void {
    if (this.#own.isLeaving) return
    this.#packets.news.expire(now)
    const silent = this.#prober.endProbe()
    if (silent !== undefined) this.#accuse(silent, now, effects)
    this.#prober.onInterval(now, effects)
    this.#armInterval(later(now, duration(this.#probeIntervalMs)), effects)
  }

  #onSuspicionTimer(now: Instant, effects: Effects<SwimEffect>): void {
    this.#suspicionTimerAt = NEVER
    for (const id of this.#suspicions.due(now)) {
      const suspect = this.#claims.shown(id)
      assert(suspect?.state === 'suspect', () => `suspicion of ${id}, who is ${suspect?.state}`)
      this.#hear({ ...suspect, state: 'dead' }, false, now, effects)
    }
    this.#armSuspicion(effects)
  }

  #onReconnectTimer(now: Instant, effects: Effects<SwimEffect>): void {
    if (this.#own.isLeaving) return
    const dead = this.records().filter((record) => record.state === 'dead')
    if (dead.length > 0) effects.push({ type: 'reconnect', id: this.#rng.pick(dead).info.id })
    const unproven = this.#claims.unproven()
    if (unproven.length > 0) this.#pingSoon(this.#rng.pick(unproven).info.id, 1, effects)
    this.#armReconnect(now, effects)
  }

  #armInterval(at: Instant, effects: Effects<SwimEffect>): void {
    effects.push({ type: 'arm', timer: { type: 'interval', token: ++this.#intervalToken }, at })
  }

  #armReconnect(now: Instant, effects: Effects<SwimEffect>): void {
    const wait = RECONNECT_MS_MIN + this.#rng.fraction() * (RECONNECT_MS_MAX - RECONNECT_MS_MIN)
    const timer: SwimTimer = { type: 'reconnect', token: ++this.#reconnectToken }
    effects.push({ type: 'arm', timer, at: later(now, duration(wait)) })
  }

  /** One timer serves all suspicions; armed anew only when it would come too late. */
  #armSuspicion(effects: Effects<SwimEffect>): void {
    const at = this.#suspicions.earliest()
    if (at >= this.#suspicionTimerAt) return
    this.#suspicionTimerAt = at
    effects.push({ type: 'arm', timer: { type: 'suspicion', token: ++this.#suspicionToken }, at })
  }

  // Packets

  #onPacket(
    packet: SwimPacket,
    address: Address,
    now: Instant,
    effects: Effects<SwimEffect>,
  ): void {
    const self = this.self.info.id
    if (packet.from === self) return
    if (packet.type === 'ping' && packet.to !== self) return
    const held = this.#claims.held(packet.from)
    if (held !== undefined && packet.fromGeneration < held.generation) {
      if (packet.type === 'ping') this.#onPing(packet, address, effects)
      return
    }
    for (const record of packet.gossip) {
      const isOwnWord =
        record.info.id === packet.from && record.generation === packet.fromGeneration
      this.#hear(record, isOwnWord, now, effects)
    }
    switch (packet.type) {
      case 'ping':
        return this.#onPing(packet, address, effects)
      case 'ping-request':
        return this.#prober.onPingRequest(packet, address, now, effects)
      case 'ack':
        return this.#onAck(packet, now, effects)
    }
  }

  #onPing(ping: Ping, address: Address, effects: Effects<SwimEffect>): void {
    const receiver = { id: ping.from, generation: ping.fromGeneration, address }
    effects.push(this.#packets.ack(receiver, ping.sequence))
  }

  #onAck(ack: Ack, now: Instant, effects: Effects<SwimEffect>): void {
    if (!this.#prober.onAck(ack, effects)) return
    const before = this.#claims.shown(ack.about)
    if (!this.#claims.vouch(ack.about, ack.aboutGeneration)) return
    this.#onShown(ack.about, before, now, effects)
  }

  #onContact(id: NodeId, generation: number, now: Instant, effects: Effects<SwimEffect>): void {
    this.#prober.onContact(id, generation)
    const held = this.#claims.held(id)
    const isKnown = held?.generation === generation
    if (isKnown && this.isAlive(id)) return
    const before = this.#claims.shown(id)
    if (this.#claims.prove(id, generation, now)) return this.#onShown(id, before, now, effects)
    // It does not know what is said of it, or it would have refuted.
    if (isKnown && held.state !== 'left') this.#pingSoon(id, 1, effects)
  }

  #onLeave(effects: Effects<SwimEffect>): void {
    if (this.#own.isLeaving) return
    this.#own.leave()
    this.#claims.setSelf(this.self)
    this.#prober.voidProbe()
    for (const member of this.#claims.someAlive(FAREWELLS_MAX, this.#rng)) {
      effects.push(this.#packets.ping(member, this.#packets.nextSequence()))
    }
  }

  // Claims

  /** Of a full state. */
  #onStateRecord(record: MemberRecord, now: Instant, effects: Effects<SwimEffect>): void {
    const { id } = record.info
    const isDeath = record.state === 'dead' && this.#claims.isShownLive(id)
    this.#hear(isDeath ? { ...record, state: 'suspect' } : record, false, now, effects)
  }

  /** The target of our probe has not answered. */
  #accuse(id: NodeId, now: Instant, effects: Effects<SwimEffect>): void {
    const shown = this.#claims.shown(id)
    assert(
      shown !== undefined && isLive(shown),
      () => `accusation of ${id}, who is ${shown?.state}`,
    )
    this.#hear({ ...shown, state: 'suspect' }, false, now, effects)
  }

  /** `isOwnWord`: the member said it itself. */
  #hear(claim: MemberRecord, isOwnWord: boolean, now: Instant, effects: Effects<SwimEffect>): void {
    const { id } = claim.info
    if (id === this.self.info.id) return this.#hearOfSelf(claim, effects)
    const before = this.#claims.shown(id)
    switch (this.#claims.hear(claim, isOwnWord, now)) {
      case 'ignored':
        return
      case 'shown':
        return this.#onShown(id, before, now, effects)
      case 'unproven':
        return this.#pingSoon(id, VERIFY_ATTEMPTS, effects)
      case 'doubtful':
        return this.#pingSoon(id, 1, effects)
    }
  }

  #hearOfSelf(claim: MemberRecord, effects: Effects<SwimEffect>): void {
    if (this.#own.revealsClone(claim)) {
      effects.push({ type: 'cloned-identity', address: claim.info.address })
    }
    if (!this.#own.refute(claim)) return
    this.#claims.setSelf(this.self)
    effects.push({ type: 'refuted', incarnation: this.self.incarnation })
  }

  /**
   * What this node stands for about `id` has changed: everything that follows from it follows here.
   */
  #onShown(
    id: NodeId,
    before: MemberRecord | undefined,
    now: Instant,
    effects: Effects<SwimEffect>,
  ): void {
    const record = must(this.#claims.shown(id), () => `record of ${id}`)
    this.#prober.onShown(record, before)
    if (record.state === 'suspect') {
      const timeout = suspicionTimeout(this.#claims.liveCount, this.#probeIntervalMs)
      this.#suspicions.start(id, later(now, timeout))
      this.#armSuspicion(effects)
      this.#pingSoon(id, Number.POSITIVE_INFINITY, effects)
    } else this.#suspicions.end(id)
    // Whoever has use for a death or a leave knew the member; to hand on others would revive what
    // some have forgotten.
    if (before !== undefined || isLive(record)) this.#packets.news.push(record, now)
    if (before?.state === record.state && before.generation === record.generation) {
      if (sameInfo(before.info, record.info)) return
    }
    effects.push({ type: 'changed', record, from: before?.state ?? 'unknown' })
  }

  #pingSoon(id: NodeId, attempts: number, effects: Effects<SwimEffect>): void {
    if (!this.#own.isLeaving) this.#prober.pingSoon(id, attempts, effects)
  }

  #onForgotten(id: NodeId): void {
    this.#prober.onForgotten(id)
    this.#packets.news.forget(id)
  }

  check(): void {
    this.#claims.check()
    this.#packets.news.check()
    this.#prober.check()
    const self = this.self
    assert(this.record(self.info.id) === self, 'own record shown as it is')
    let suspects = 0
    for (const { info, state } of this.records()) {
      if (state !== 'suspect') continue
      suspects++
      assert(this.#suspicions.has(info.id), () => `${info.id} suspect for ever`)
    }
    assert(
      this.#suspicions.size === suspects,
      () => `${this.#suspicions.size} suspicions of ${suspects}`,
    )
    assert(this.#suspicionTimerAt <= this.#suspicions.earliest(), 'a suspicion without a timer')
    for (const record of this.#packets.news.records()) {
      assert(this.record(record.info.id) === record, () => `news of ${record.info.id} is old`)
    }
  }
}
