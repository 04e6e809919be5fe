/**
 * Who is pinged when: the round of probes (`probe-order.ts`, `probe.ts`), the pings outside of it
 * (`direct-probes.ts`), and those made for others (`relays.ts`). It judges nobody: it says how a
 * probe ended, and `swim.ts` draws the conclusions.
 *
 * ```
 *   probe begins           probe time-out                        probe ends, the next begins
 *        │ ping target          │ ping-requests to helpers, TCP        │ no ack: it has failed
 *                                      helpers' nacks ▲ at 80 % of the rest
 * ```
 * Both times are stretched by the local health, and only one probe is under way: a node that is
 * slow asks less often, not several at once (rule R7).
 */
import { assert, must } from '../std/assert.ts'
import type { Effects } from '../std/effects.ts'
import type { Address, NodeId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { duration, later, since } from '../std/instant.ts'
import type { Prng } from '../std/prng.ts'
import { DirectProbes } from './direct-probes.ts'
import type { MemberRecord } from './member.ts'
import type { MemberClaims } from './member-claims.ts'
import { isLive } from './member-order.ts'
import type { Ack, Nack, PingRequest } from './messages.ts'
import { NACK_MS_MAX } from './messages.ts'
import type { PacketEffect, Packets } from './packets.ts'
import { HELPERS_MAX, Probe } from './probe.ts'
import { ProbeOrder } from './probe-order.ts'
import { Relays } from './relays.ts'

/** "Are you there?", over TCP; answered by a contact. */
export interface LinkProbeEffect {
  readonly type: 'probe-link'
  readonly id: NodeId
}

type ProberEffect = PacketEffect | LinkProbeEffect

interface ProberOptions {
  readonly self: NodeId
  readonly claims: MemberClaims
  readonly packets: Packets
  readonly interval: Duration
  readonly timeout: Duration
  readonly rng: Prng
  /** Local health: what both are multiplied with, 1 … 8. */
  readonly multiplier: () => number
}

/** How much of the time that is left a helper waits before it says that the target is silent. */
const NACK_AFTER = 0.8

export class Prober {
  readonly #options: ProberOptions
  readonly #order: ProbeOrder
  readonly #direct = new DirectProbes()
  readonly #relays = new Relays()
  #probe: Probe | undefined

  constructor(options: ProberOptions) {
    assert(
      options.timeout < options.interval,
      () => `ack timeout ${options.timeout} is no less than the interval`,
    )
    this.#options = options
    this.#order = new ProbeOrder(options.rng)
  }

  /**
   * The shown record of a member has changed. Who is not suspect needs no more pings outside the
   * round.
   */
  onShown(record: MemberRecord, before: MemberRecord | undefined): void {
    const { id } = record.info
    const wasLive = before !== undefined && isLive(before)
    if (isLive(record) && !wasLive) this.#order.add(id)
    if (!isLive(record) && wasLive) this.#order.remove(id)
    if (record.state !== 'suspect') this.#direct.end(id)
    const isGone = !isLive(record) || record.generation !== before?.generation
    if (isGone && this.#probe?.target === id) this.#probe = undefined
  }

  onForgotten(id: NodeId): void {
    this.#direct.end(id)
  }

  /** What is in flight counts neither way. */
  voidProbe(): void {
    this.#probe = undefined
    this.#relays.clear()
  }

  /** The probe whose time is over, if one is; it is under way no more. */
  takeEnded(now: Instant): Probe | undefined {
    const probe = this.#probe
    if (probe === undefined || now < probe.endAt) return undefined
    this.#probe = undefined
    return probe
  }

  /** Probes the next of the round; when that probe will be over. */
  begin(now: Instant, effects: Effects<ProberEffect>): Instant {
    assert(this.#probe === undefined, 'a probe is under way')
    const { claims, packets, interval, timeout, multiplier } = this.#options
    const endAt = later(now, duration(interval * multiplier()))
    const id = this.#order.next()
    if (id === undefined) return endAt
    const target = must(claims.shown(id), () => `record of ${id}`)
    const sequence = packets.nextSequence()
    const askAt = later(now, duration(timeout * multiplier()))
    this.#probe = new Probe(target, sequence, { sentAt: now, askAt, endAt })
    effects.push(packets.ping(target, sequence))
    return endAt
  }

  /**
   * Asks helpers when the ack has not come in time, and answers those whom we help. Whether helpers
   * were asked now.
   */
  onPulse(now: Instant, effects: Effects<ProberEffect>): boolean {
    const { packets } = this.#options
    for (const { requester, target, sequence } of this.#relays.toNack(now))
      effects.push(packets.nack(requester, target, sequence))
    const probe = this.#probe
    if (probe === undefined || probe.hasAsked || now < probe.askAt) return false
    if (probe.answer === 'direct') return false
    this.#askHelpers(probe, now, effects)
    return true
  }

  /** An interval of the pings outside the round begins. */
  nextInterval(effects: Effects<ProberEffect>): void {
    for (const id of this.#direct.nextInterval()) this.#pingDirectly(id, effects)
  }

  /** Pings `id` outside the round: at once, then each interval while attempts are left. */
  pingSoon(id: NodeId, attempts: number, effects: Effects<ProberEffect>): void {
    const sequence = this.#options.packets.nextSequence()
    if (this.#direct.add(id, attempts, sequence)) this.#pingDirectly(id, effects)
  }

  onPingRequest(
    request: PingRequest,
    address: Address,
    now: Instant,
    effects: Effects<ProberEffect>,
  ): void {
    const { self, claims, packets, interval } = this.#options
    const target = claims.held(request.target)
    if (target === undefined || target.info.id === self) return
    const sequence = packets.nextSequence()
    const nackAt = later(now, duration(request.nackAfterMs))
    const isAdded = this.#relays.add(sequence, {
      target: request.target,
      requester: { id: request.from, generation: request.fromGeneration, address },
      ...{ sequence: request.sequence, nackAt, expires: later(nackAt, interval) },
    })
    if (isAdded) effects.push(packets.ping(target, sequence))
  }

  /**
   * What the ack proves: that its sender, as of the generation in it, is there; and how long the
   * direct answer to our probe took.
   */
  onAck(
    ack: Ack,
    now: Instant,
    effects: Effects<ProberEffect>,
  ): { readonly isProof: boolean; readonly took: Duration | undefined } {
    const probe = this.#probe
    const wasDirect = probe?.answer === 'direct'
    const isDirect = probe?.onAck(ack) === true && !wasDirect
    const took = isDirect ? since(probe.sentAt, now) : undefined
    if (ack.from !== ack.about) return { isProof: false, took }
    const relay = this.#relays.take(ack.sequence, ack.from)
    if (relay !== undefined) {
      const { requester, sequence } = relay
      const { packets } = this.#options
      effects.push(packets.relayedAck(requester, ack.about, ack.aboutGeneration, sequence))
    }
    return { isProof: this.#direct.isAnswer(ack.from, ack.sequence), took }
  }

  onNack(nack: Nack): void {
    this.#probe?.onNack(nack)
  }

  onContact(id: NodeId, generation: number): void {
    this.#probe?.onContact(id, generation)
  }

  onHeard(id: NodeId, generation: number): void {
    this.#probe?.onHeard(id, generation)
  }

  #askHelpers(probe: Probe, now: Instant, effects: Effects<ProberEffect>): void {
    const { claims, packets, rng } = this.#options
    const helpers = claims.someAlive(HELPERS_MAX, rng, probe.target)
    probe.askedFor(helpers.map((helper) => helper.info.id))
    const left = since(now, probe.endAt)
    const nackAfterMs = Math.min(NACK_MS_MAX, Math.floor(NACK_AFTER * left))
    for (const helper of helpers) {
      effects.push(packets.pingRequest(helper, probe.target, probe.sequence, nackAfterMs))
    }
    effects.push({ type: 'probe-link', id: probe.target })
  }

  #pingDirectly(id: NodeId, effects: Effects<ProberEffect>): void {
    const { claims, packets } = this.#options
    const member = must(claims.held(id), () => `claim about ${id}`)
    effects.push(packets.ping(member, this.#direct.onSent(id)))
  }

  check(): void {
    const { self, claims } = this.#options
    for (const { info, state } of claims.shownRecords()) {
      const isInRound = this.#order.has(info.id)
      const belongs = info.id !== self && claims.isShownLive(info.id)
      assert(isInRound === belongs, () => `${info.id}, ${state}, in the round: ${isInRound}`)
    }
    assert(this.#order.size === claims.liveCount - 1, () => `${this.#order.size} in the round`)
    for (const id of this.#direct.ids()) {
      assert(claims.held(id) !== undefined, () => `direct probe of ${id}, who is unknown`)
    }
    if (this.#probe === undefined) return
    const probed = claims.shown(this.#probe.target)
    assert(probed !== undefined && isLive(probed), () => `probe of one who is ${probed?.state}`)
    assert(probed.generation === this.#probe.generation, 'probe of a generation that is gone')
  }
}
