/**
 * Who is pinged when: the round of probes (`probe-order.ts`, `probe.ts`), the pings outside of it
 * (`direct-probes.ts`), and those made for others (`relays.ts`). It judges nobody: it says whose
 * probe failed and who has answered, and `swim.ts` draws the conclusions.
 *
 * ```
 *   interval begins          probe timeout                    interval ends
 *        │ ping target            │ ping-requests to helpers       │ no ack: the probe has failed
 * ```
 */
import { assert, must } from '../std/assert.ts'
import type { Effects } from '../std/effects.ts'
import type { Address, NodeId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { later } from '../std/instant.ts'
import type { Prng } from '../std/prng.ts'
import { DirectProbes } from './direct-probes.ts'
import type { MemberRecord } from './member.ts'
import type { MemberClaims } from './member-claims.ts'
import { isLive } from './member-order.ts'
import type { Ack, PingRequest } from './messages.ts'
import type { PacketEffect, Packets } from './packets.ts'
import { HELPERS_MAX, Probe } from './probe.ts'
import { ProbeOrder } from './probe-order.ts'
import { Relays } from './relays.ts'

/** No direct ack to the ping of this sequence in time: ask helpers. */
export interface AckTimeout {
  readonly type: 'ack-timeout'
  readonly sequence: number
}

type ProberEffect =
  | PacketEffect
  | { readonly type: 'arm'; readonly timer: AckTimeout; readonly at: Instant }

interface ProberOptions {
  readonly self: NodeId
  readonly claims: MemberClaims
  readonly packets: Packets
  readonly interval: Duration
  readonly timeout: Duration
  readonly rng: Prng
}

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
    if (!isLive(record)) this.#order.remove(id)
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
  }

  /** Ends the probe of the last interval; returns its target if that has not answered. */
  endProbe(): NodeId | undefined {
    const probe = this.#probe
    this.#probe = undefined
    return probe?.isAnswered === false ? probe.target : undefined
  }

  /** Begins an interval. */
  onInterval(now: Instant, effects: Effects<ProberEffect>): void {
    assert(this.#probe === undefined, 'a probe of the last interval goes on')
    this.#relays.expire(now)
    for (const id of this.#direct.nextInterval()) this.#pingDirectly(id, effects)
    const id = this.#order.next()
    if (id === undefined) return
    const target = must(this.#options.claims.shown(id), () => `record of ${id}`)
    const { packets, timeout } = this.#options
    const sequence = packets.nextSequence()
    this.#probe = new Probe(target, sequence)
    effects.push(packets.ping(target, sequence))
    const timer: AckTimeout = { type: 'ack-timeout', sequence }
    effects.push({ type: 'arm', timer, at: later(now, timeout) })
  }

  onAckTimeout(sequence: number, effects: Effects<ProberEffect>): void {
    const probe = this.#probe
    if (probe?.sequence !== sequence || probe.isAnswered) return
    const { claims, packets, rng } = this.#options
    const helpers = claims.someAlive(HELPERS_MAX, rng, probe.target)
    probe.askedFor(helpers.map((helper) => helper.info.id))
    for (const helper of helpers) {
      effects.push(packets.pingRequest(helper, probe.target, sequence))
    }
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
    const isAdded = this.#relays.add(sequence, {
      target: request.target,
      requester: { id: request.from, generation: request.fromGeneration, address },
      sequence: request.sequence,
      expires: later(now, interval),
    })
    if (isAdded) effects.push(packets.ping(target, sequence))
  }

  /** Whether the ack proves that its sender, as of the generation in it, is there. */
  onAck(ack: Ack, effects: Effects<ProberEffect>): boolean {
    this.#probe?.onAck(ack)
    if (ack.from !== ack.about) return false
    const relay = this.#relays.take(ack.sequence, ack.from)
    if (relay !== undefined) {
      const { requester, sequence } = relay
      const { packets } = this.#options
      effects.push(packets.relayedAck(requester, ack.about, ack.aboutGeneration, sequence))
    }
    return this.#direct.isAnswer(ack.from, ack.sequence)
  }

  onContact(id: NodeId, generation: number): void {
    this.#probe?.onContact(id, generation)
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
