/**
 * One simulated process that runs a SWIM machine and nothing else: it hands events in and does what
 * comes out, as a node does. It starts, crashes, stands still as by SIGSTOP, and restarts, on the
 * same address or another.
 *
 * While it stands still nothing is processed. What comes in waits: packets in the socket's buffer,
 * which drops when it is full, messages of TCP in theirs. When it goes on, everything that has
 * waited comes in one burst, in the order in which an event loop takes it: first the timers that
 * are due (all of them late), then the packets, then the messages. A machine that judges silence by
 * its timers alone would accuse everybody whose answers still wait in the socket.
 *
 * A process has a monotonic clock whose origin means nothing, and no wall clock at all.
 */
import type { MemberInfo, MemberRecord } from '../../src/core/membership/member.ts'
import { leaveLockOf } from '../../src/core/membership/leave-proof.ts'
import type { SwimPacket } from '../../src/core/membership/messages.ts'
import type { SwimEffect, SwimEvent, SwimTimer } from '../../src/core/membership/swim.ts'
import { Swim } from '../../src/core/membership/swim.ts'
import { assert } from '../../src/core/std/assert.ts'
import { toHex, utf8Encode } from '../../src/core/std/bytes.ts'
import type { Effects } from '../../src/core/std/effects.ts'
import type { Address, NodeId } from '../../src/core/std/ids.ts'
import type { Instant } from '../../src/core/std/instant.ts'
import { instant, NEVER } from '../../src/core/std/instant.ts'
import type { Prng } from '../../src/core/std/prng.ts'
import { TimerQueue } from '../../src/core/std/timer-queue.ts'
import type { EventQueue } from '../clock.ts'
import { simDigest } from '../digest.ts'
import { wholeWithin } from '../seed.ts'

/**
 * Datagrams that a socket's receive buffer holds: Linux's default of 212,992 bytes, by what it
 * charges for a small one (about 830 bytes).
 */
const SOCKET_PACKETS_MAX = 256
/** The rest would wait at the senders. */
const STREAM_MESSAGES_MAX = 4_096
/** Steps between two checks of the machine's invariants; one costs as much as there are members. */
const CHECK_EVERY = 512
/** Where clocks begin. */
const ORIGIN_MS: readonly [least: number, most: number] = [1_000_000, 1_000_000_000]

/** What a process asks of the world. */
export interface SwimNodeHost {
  readonly queue: EventQueue
  readonly probeIntervalMs: number
  readonly probeTimeoutMs: number
  readonly rememberedMs: number | undefined
  /** The dice of this node's next start. */
  rng(node: SwimNode): Prng
  send(from: SwimNode, to: Address, packet: SwimPacket): void
  /** Everything else that the machine asks or says. */
  onEffect(node: SwimNode, effect: Exclude<SwimEffect, { type: 'packet' | 'arm' }>): void
}

export class SwimNode {
  readonly index: number
  readonly id: NodeId
  readonly #host: SwimNodeHost
  readonly #effects: Effects<SwimEffect> = { push: (effect) => this.#onEffect(effect) }
  #address: Address
  #generation = 1_700_000_000
  #swim: Swim | undefined
  #timers = new TimerQueue<SwimTimer>()
  #wakeAt: number = NEVER
  #isStalled = false
  /** Which start this is; what was meant for an earlier one is lost. */
  #run = 0
  #originMs = 0
  #steps = 0
  // Bounded by: SOCKET_PACKETS_MAX; what comes then is dropped, as a kernel does.
  #socket: (readonly [packet: SwimPacket, from: Address])[] = []
  // Bounded by: STREAM_MESSAGES_MAX.
  #stream: (() => void)[] = []
  // Bounded by: NODES_MAX. What it has written of the members before it died.
  #persisted: readonly MemberRecord[] = []

  constructor(index: number, id: NodeId, address: Address, host: SwimNodeHost) {
    this.index = index
    this.id = id
    this.#address = address
    this.#host = host
  }

  get address(): Address {
    return this.#address
  }

  get generation(): number {
    return this.#generation
  }

  /** A process is there, if only one that stands still. */
  get isRunning(): boolean {
    return this.#swim !== undefined
  }

  get isStalled(): boolean {
    return this.#isStalled
  }

  get swim(): Swim {
    assert(this.#swim !== undefined, () => `node ${this.index} does not run`)
    return this.#swim
  }

  get run(): number {
    return this.#run
  }

  get now(): Instant {
    return instant(this.#host.queue.nowMs + this.#originMs)
  }

  /** A process begins; `start` must be told to it. */
  boot(): void {
    assert(this.#swim === undefined, () => `node ${this.index} runs already`)
    const rng = this.#host.rng(this)
    this.#run++
    this.#originMs = wholeWithin(ORIGIN_MS, rng)
    const { probeIntervalMs, probeTimeoutMs, rememberedMs } = this.#host
    const leaveSecret = toHex(simDigest(utf8Encode(`${this.index}/${this.#generation}`))).slice(32)
    this.#swim = new Swim({
      self: this.#info(leaveLockOf(leaveSecret, simDigest)),
      generation: this.#generation,
      ...{ probeIntervalMs, probeTimeoutMs, rng, known: this.#persisted },
      ...{ digest: simDigest, leaveSecret },
      ...(rememberedMs === undefined ? {} : { rememberedMs }),
    })
  }

  /** Makes it know these members, alive, as if it had met them `agoMs` before its start. */
  acquaint(others: readonly MemberRecord[], agoMs: number): void {
    const then = instant(this.now - agoMs)
    // They were met long ago: what it asked for then is long done.
    const ignored: Effects<SwimEffect> = { push: () => undefined }
    for (const record of others) {
      if (record.info.id === this.id) continue
      const { generation, info } = record
      this.swim.step({ type: 'contact', id: info.id, generation }, then, ignored)
      this.swim.step({ type: 'records', records: [record] }, then, ignored)
    }
  }

  step(event: SwimEvent): void {
    this.swim.step(event, this.now, this.#effects)
    if (++this.#steps % CHECK_EVERY === 0) this.swim.check()
  }

  crash(): void {
    this.#persisted = this.swim.known()
    this.#swim = undefined
    this.#isStalled = false
    this.#timers = new TimerQueue()
    this.#wakeAt = NEVER
    this.#socket = []
    this.#stream = []
    this.#generation++
  }

  /** It will listen there when it starts again. */
  moveTo(address: Address): void {
    assert(this.#swim === undefined, () => `node ${this.index} runs`)
    this.#address = address
  }

  stall(): void {
    assert(this.isRunning, () => `node ${this.index} does not run`)
    this.#isStalled = true
  }

  resume(): void {
    if (!this.#isStalled) return
    this.#isStalled = false
    this.#fireDue()
    const [packets, messages] = [this.#socket, this.#stream]
    this.#socket = []
    this.#stream = []
    for (const [packet, from] of packets) this.step({ type: 'packet', packet, address: from })
    for (const message of messages) message()
  }

  /** A packet has reached its socket. */
  deliver(packet: SwimPacket, from: Address): void {
    if (!this.#isStalled) return this.step({ type: 'packet', packet, address: from })
    if (this.#socket.length < SOCKET_PACKETS_MAX) this.#socket.push([packet, from])
  }

  /** A message has reached it over TCP. */
  deliverMessage(message: () => void): void {
    if (!this.#isStalled) return message()
    if (this.#stream.length < STREAM_MESSAGES_MAX) this.#stream.push(message)
  }

  #info(leaveLock: string): MemberInfo {
    return {
      id: this.id,
      name: `node-${this.index}`,
      address: this.#address,
      httpAddress: { host: this.#address.host, port: 6001 },
      ...{ zone: `zone-${this.index % 3}`, weight: 100, version: '0.1.0', leaveLock },
    }
  }

  #onEffect(effect: SwimEffect): void {
    switch (effect.type) {
      case 'packet':
        return this.#host.send(this, effect.to, effect.packet)
      case 'arm':
        this.#timers.arm(effect.timer, effect.at)
        return this.#wake()
      default:
        return this.#host.onEffect(this, effect)
    }
  }

  /** One event of the world serves all timers, at the earliest deadline. */
  #wake(): void {
    const at = this.#timers.nextDeadline() - this.#originMs
    if (at >= this.#wakeAt) return
    this.#wakeAt = at
    const run = this.#run
    this.#host.queue.at(at, () => {
      if (this.#run !== run || this.#swim === undefined || this.#wakeAt !== at) return
      this.#wakeAt = NEVER
      if (!this.#isStalled) this.#fireDue()
    })
  }

  #fireDue(): void {
    for (let timer = this.#timers.due(this.now); timer; timer = this.#timers.due(this.now))
      this.step({ type: 'timer', timer })
    if (this.#timers.size > 0) this.#wake()
  }
}
