/** What the tests of membership share; no tests of its own. */
import type { NodeId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import { TimerQueue } from '../std/timer-queue.ts'
import type { Digest } from './leave-proof.ts'
import { leaveLockOf } from './leave-proof.ts'
import type { MemberInfo, MemberRecord, MemberState } from './member.ts'
import { digestOf } from './member-digest.ts'
import type { Ack, Gossip, Nack, Ping, PingRequest, SwimPacket } from './messages.ts'
import type { SwimEffect, SwimEvent, SwimOptions, SwimTimer } from './swim.ts'
import { Swim } from './swim.ts'

export const INTERVAL_MS: number = 1_000
export const TIMEOUT_MS: number = 300

export function idOf(n: number): NodeId {
  return n.toString(16).padStart(16, '0') as NodeId
}

export function infoOf(n: number, other: Partial<MemberInfo> = {}): MemberInfo {
  return {
    id: idOf(n),
    name: `node${n}`,
    address: { host: '10.0.0.1', port: 5000 + n },
    httpAddress: { host: '10.0.0.1', port: 6000 + n },
    zone: 'here',
    weight: 100,
    version: '1.0.0',
    leaveLock: leaveLockOf(secretOf(n), digest),
    ...other,
  }
}

/** No digest for secrets: enough to tell two of them apart. */
export const digest: Digest = (bytes) => bytes.map((byte) => byte ^ 0xa5)

export function secretOf(n: number): string {
  return idOf(n).repeat(2)
}

/**
 * A claim about member `n`: `claim(2, 'suspect', 3)` is suspect in incarnation 3 of generation 1.
 */
export function claim(
  n: number,
  state: MemberState = 'alive',
  incarnation = 0,
  generation = 1,
  other: Partial<MemberInfo> = {},
): MemberRecord {
  const leaveProof = state === 'left' ? { leaveProof: secretOf(n) } : {}
  return { info: infoOf(n, other), generation, incarnation, state, ...leaveProof }
}

/** `alive 1.0`: state, generation, incarnation. */
export function told(record: MemberRecord | undefined): string {
  if (record === undefined) return 'unknown'
  return `${record.state} ${record.generation}.${record.incarnation}`
}

export type EffectOf<T extends SwimEffect['type']> = Extract<SwimEffect, { readonly type: T }>

/** What a machine of member `n` needs to be told. */
export function optionsOf(n: number, other: Partial<SwimOptions> = {}): SwimOptions {
  return {
    ...{ self: infoOf(n), generation: 1, known: [], rng: new Prng(7) },
    ...{ probeIntervalMs: INTERVAL_MS, probeTimeoutMs: TIMEOUT_MS },
    ...{ digest, leaveSecret: secretOf(n) },
    ...other,
  }
}

/** Member 1 alone with the test, which plays everybody else and the clock. */
export class Solo {
  readonly swim: Swim
  now: Instant = instant(1_000)
  /** Of the last step or advance. */
  effects: SwimEffect[] = []
  readonly #timers = new TimerQueue<SwimTimer>()

  constructor(options: Partial<SwimOptions> = {}) {
    this.swim = new Swim(optionsOf(1, options))
    this.step({ type: 'start' })
  }

  /** One with these members alive, vouched for by a contact. */
  static with(...members: readonly number[]): Solo {
    return new Solo().meeting(...members)
  }

  meeting(...members: readonly number[]): Solo {
    for (const n of members) this.meet(claim(n))
    return this
  }

  meet(record: MemberRecord): void {
    this.hear(record)
    this.step({ type: 'contact', id: record.info.id, generation: record.generation })
  }

  step(event: SwimEvent): void {
    this.effects = []
    this.#step(event)
  }

  /** Lets time pass; timers fire when they are due. */
  advance(ms: number): void {
    this.effects = []
    const end = instant(this.now + ms)
    while (this.#timers.nextDeadline() <= end) {
      this.now = instant(Math.max(this.now, this.#timers.nextDeadline()))
      this.#fireDue()
    }
    this.now = end
  }

  /** The clock jumps and every timer that was due in between fires now. */
  stall(ms: number): void {
    this.effects = []
    this.now = instant(this.now + ms)
    this.#fireDue()
  }

  /** Advances until the round pings somebody; that ping. */
  nextProbe(): Ping {
    const { probes } = this.swim.counts
    for (let i = 0; i < 10 * INTERVAL_MS; i++) {
      this.advance(1)
      if (this.swim.counts.probes > probes) return this.#lastProbe()
    }
    throw new Error('nobody was probed')
  }

  /** Of the round: pings outside it go out later in a pulse. */
  #lastProbe(): Ping {
    return this.pings()[0]!
  }

  /** Advances until the round pings member `n`, whose acks to others come in time. */
  nextProbeOf(n: number): Ping {
    for (let i = 0; i < 100; i++) {
      const ping = this.nextProbe()
      if (ping.to === idOf(n)) return ping
      this.ackFrom(ping)
    }
    throw new Error(`member ${n} was never probed`)
  }

  /** A full state over TCP. */
  hear(...records: readonly MemberRecord[]): void {
    this.step({ type: 'records', records })
  }

  /** A ping from member `n` with gossip. */
  gossip(n: number, ...gossip: readonly MemberRecord[]): void {
    this.ping(n, 1, ...gossip)
  }

  ping(n: number, generation: number, ...gossip: readonly MemberRecord[]): void {
    const packet: Ping = {
      type: 'ping',
      from: idOf(n),
      fromGeneration: generation,
      health: 0,
      gossip,
      to: idOf(1),
      sequence: 77,
      digest: this.swimDigest,
    }
    this.receive(packet)
  }

  /** The ack that the target of `ping` would send. */
  ackFrom(ping: Ping, other: Partial<Ack> = {}): void {
    this.receive({
      type: 'ack',
      from: ping.to,
      fromGeneration: other.aboutGeneration ?? 1,
      health: 0,
      digest: this.swimDigest,
      gossip: [],
      about: ping.to,
      aboutGeneration: 1,
      sequence: ping.sequence,
      ...other,
    })
  }

  /** What others tell who know the same. */
  get swimDigest(): number {
    return digestOf(this.swim.records())
  }

  receive(packet: SwimPacket): void {
    this.step({ type: 'packet', packet, address: { host: 'from', port: 1 } })
  }

  of<T extends SwimEffect['type']>(type: T): EffectOf<T>[] {
    return this.effects.filter((effect): effect is EffectOf<T> => effect.type === type)
  }

  packets(): SwimPacket[] {
    return this.of('packet').map((effect) => effect.packet)
  }

  pings(): Ping[] {
    return this.packets().filter((packet) => packet.type === 'ping')
  }

  requests(): PingRequest[] {
    return this.packets().filter((packet) => packet.type === 'ping-request')
  }

  acks(): Ack[] {
    return this.packets().filter((packet) => packet.type === 'ack')
  }

  nacks(): Nack[] {
    return this.packets().filter((packet) => packet.type === 'nack')
  }

  /** Packets of news alone. */
  gossips(): Gossip[] {
    return this.packets().filter((packet) => packet.type === 'gossip')
  }

  /** Lets the news run out that setting the stage has made. */
  settle(): void {
    for (let i = 0; i < 100 && this.swim.gossipQueue > 0; i++) {
      this.advance(100)
      for (const ping of this.pings()) this.ackFrom(ping)
    }
    this.effects = []
  }

  /** `2: alive → suspect` for each change told. */
  changes(): string[] {
    return this.of('changed').map(
      ({ record, from }) => `${Number.parseInt(record.info.id, 16)}: ${from} → ${record.state}`,
    )
  }

  told(n: number): string {
    return told(this.swim.record(idOf(n)))
  }

  #fireDue(): void {
    for (let timer = this.#timers.due(this.now); timer; timer = this.#timers.due(this.now)) {
      this.#step({ type: 'timer', timer })
    }
  }

  #step(event: SwimEvent): void {
    const first = this.effects.length
    this.swim.step(event, this.now, this.effects)
    for (const effect of this.effects.slice(first)) {
      if (effect.type === 'arm') this.#timers.arm(effect.timer, effect.at)
    }
    this.swim.check()
  }
}
