/** Many machines on one simulated network, in virtual time; no tests of its own. */
import assert from 'node:assert/strict'
import type { Address } from '../std/ids.ts'
import { formatAddress } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import { instant } from '../std/instant.ts'
import { Prng } from '../std/prng.ts'
import { TimerQueue } from '../std/timer-queue.ts'
import { GOSSIP_BYTES_MAX } from './gossip-queue.ts'
import { idOf, infoOf, optionsOf, told } from './harness.test.ts'
import type { MemberInfo, MemberRecord } from './member.ts'
import { memberBytes } from './member-codec.ts'
import type { SwimEffect, SwimEvent, SwimOptions } from './swim.ts'
import { Swim } from './swim.ts'

interface Running {
  readonly number: number
  readonly swim: Swim
  paused: boolean
  waiting: SwimEvent[]
}

type Happening =
  | { readonly type: 'event'; readonly to: Running; readonly event: SwimEvent }
  | { readonly type: 'exchange'; readonly from: Running; readonly with: number }

export class Network {
  now: Instant = instant(0)
  loss = 0
  /** Whether anything passes from one member to another; whether packets do; whether TCP does. */
  connected: (from: number, to: number) => boolean = () => true
  datagrams: (from: number, to: number) => boolean = () => true
  links = true
  /** Whom a node dials that misses somebody. */
  seeds: readonly number[] = []
  /** Whom the layout names for every node that starts. */
  #layout: readonly number[] = []
  packets = 0
  readonly trace: string[] = []
  readonly #rng: Prng
  readonly #options: Partial<SwimOptions>
  readonly #nodes = new Map<number, Running>()
  /** What each member knew last. */
  readonly #disks = new Map<number, readonly MemberRecord[]>()
  readonly #happenings = new TimerQueue<Happening>()
  #generation = 0

  constructor(seed: number, options: Partial<SwimOptions> = {}) {
    this.#rng = new Prng(seed)
    this.#options = options
  }

  /** A cluster whose members know of each other from one exchange with the first. */
  static joined(count: number, seed: number, options: Partial<SwimOptions> = {}): Network {
    const network = new Network(seed, options)
    for (let n = 1; n <= count; n++) {
      network.start(n)
      if (n > 1) network.exchange(n, 1)
    }
    network.run(5_000)
    return network
  }

  get numbers(): number[] {
    return [...this.#nodes.keys()]
  }

  start(number: number, info: Partial<MemberInfo> = {}): void {
    this.#generation++
    const swim = new Swim(
      optionsOf(number, {
        ...this.#options,
        self: infoOf(number, info),
        generation: this.#generation,
        rng: this.#rng.fork(),
        known: this.#disks.get(number) ?? [],
      }),
    )
    const node: Running = { number, swim, paused: false, waiting: [] }
    this.#nodes.set(number, node)
    this.#step(node, { type: 'start' })
    this.#step(node, { type: 'layout', members: this.#layout.map(idOf) })
  }

  /** The layout names these from now on. */
  set layout(members: readonly number[]) {
    this.#layout = members
    for (const node of this.#nodes.values())
      this.#step(node, { type: 'layout', members: members.map(idOf) })
  }

  crash(number: number): void {
    this.#disks.set(number, this.node(number).swim.known())
    this.#nodes.delete(number)
  }

  /** Kills and starts again, with what it knew. */
  restart(number: number, info: Partial<MemberInfo> = {}): void {
    this.crash(number)
    this.start(number, info)
  }

  /** Events wait, as timers and sockets do under SIGSTOP. */
  pause(number: number): void {
    this.node(number).paused = true
  }

  resume(number: number): void {
    const node = this.node(number)
    node.paused = false
    // Timers fire before sockets are read.
    const timers = node.waiting.filter((event) => event.type === 'timer')
    const others = node.waiting.filter((event) => event.type !== 'timer')
    node.waiting = []
    for (const event of [...timers, ...others]) this.#step(node, event)
  }

  leave(number: number): void {
    this.#step(this.node(number), { type: 'leave' })
  }

  /** Something that happens to one member. */
  tell(number: number, event: SwimEvent): void {
    this.#step(this.node(number), event)
  }

  /** Both tell each other over TCP all they know. */
  exchange(from: number, to: number): void {
    this.#happenings.arm({ type: 'exchange', from: this.node(from), with: to }, this.now)
  }

  run(ms: number): void {
    const end = instant(this.now + ms)
    while (this.#happenings.nextDeadline() <= end) {
      this.now = instant(Math.max(this.now, this.#happenings.nextDeadline()))
      const happening = this.#happenings.due(this.now)!
      if (happening.type === 'event') this.#deliver(happening.to, happening.event)
      else this.#exchange(happening.from, happening.with)
    }
    this.now = end
  }

  /** Runs until `isSo`; the time it took. */
  runUntil(isSo: () => boolean, boundMs: number): number {
    const start = this.now
    while (!isSo()) {
      assert.ok(this.now - start < boundMs, `not so after ${boundMs} ms`)
      this.run(50)
    }
    return this.now - start
  }

  node(number: number): Running {
    const node = this.#nodes.get(number)
    assert.ok(node, `member ${number} runs`)
    return node
  }

  view(of: number, about: number): string {
    return told(this.node(of).swim.record(idOf(about)))
  }

  /** Whether all that run agree that exactly these are alive. */
  allSee(...alive: readonly number[]): boolean {
    const wanted = alive.map(idOf).sort().join()
    return this.numbers.every((number) => {
      const { swim } = this.node(number)
      const seen = swim.records().filter(({ info }) => swim.isAlive(info.id))
      return seen.map(({ info }) => info.id).join() === wanted
    })
  }

  /** Lines of the trace that tell of a death of one of these. */
  deathsOf(...numbers: readonly number[]): string[] {
    return this.trace.filter((line) =>
      numbers.some((n) => line.includes(` ${n} `) && line.endsWith('dead')),
    )
  }

  #exchange(from: Running, withNumber: number): void {
    const other = this.#nodes.get(withNumber)
    if (this.#nodes.get(from.number) !== from || other === undefined) return
    if (other.paused || !this.#linked(from.number, withNumber)) return
    for (const [a, b] of [
      [from, other],
      [other, from],
    ] as const) {
      const records = [...b.swim.records()]
      this.#after(1, a, contactOf(b))
      this.#after(1, a, { type: 'records', records })
    }
  }

  /** TCP needs both directions. */
  #linked(a: number, b: number): boolean {
    return this.links && this.connected(a, b) && this.connected(b, a)
  }

  #probeLink(from: Running, toNumber: number): void {
    const to = this.#nodes.get(toNumber)
    if (to === undefined || to.paused || !this.#linked(from.number, toNumber)) return
    this.#after(1, from, contactOf(to))
  }

  #deliver(node: Running, event: SwimEvent): void {
    if (this.#nodes.get(node.number) !== node) return
    if (node.paused) node.waiting.push(event)
    else this.#step(node, event)
  }

  #step(node: Running, event: SwimEvent): void {
    const effects: SwimEffect[] = []
    node.swim.step(event, this.now, effects)
    node.swim.check()
    for (const effect of effects) this.#execute(node, effect)
  }

  #execute(node: Running, effect: SwimEffect): void {
    switch (effect.type) {
      case 'packet':
        return this.#send(node, effect)
      case 'arm':
        this.#happenings.arm(
          { type: 'event', to: node, event: { type: 'timer', timer: effect.timer } },
          effect.at,
        )
        return
      case 'probe-link':
        return this.#probeLink(node, Number.parseInt(effect.id, 16))
      case 'sync':
      case 'reconnect':
        return this.exchange(node.number, Number.parseInt(effect.id, 16))
      case 'reconnect-seed':
        if (this.seeds.length > 0) this.exchange(node.number, this.#rng.pick(this.seeds))
        return
      case 'stalled':
        return this.#write(`${node.number}: stalled`)
      case 'degraded':
        return this.#write(`${node.number}: degraded ${effect.isDegraded}`)
      case 'changed':
        return this.#write(
          `${node.number}: ${Number.parseInt(effect.record.info.id, 16)} ${effect.from} → ${effect.record.state}`,
        )
      case 'refuted':
        return this.#write(`${node.number}: refuted ${effect.incarnation}`)
      case 'cloned-identity':
        return this.#write(`${node.number}: cloned ${formatAddress(effect.address)}`)
    }
  }

  #send(from: Running, effect: Extract<SwimEffect, { type: 'packet' }>): void {
    const { packet } = effect
    const bytes = packet.gossip.reduce((sum, record) => sum + memberBytes(record), 0)
    assert.ok(bytes <= GOSSIP_BYTES_MAX, `gossip of ${bytes} bytes`)
    this.packets++
    const to = [...this.#nodes.values()].find((node) => isAt(node, effect.to))
    const isLost = this.#rng.chance(this.loss)
    if (to === undefined || isLost) return
    if (!this.connected(from.number, to.number) || !this.datagrams(from.number, to.number)) return
    const { address } = from.swim.self.info
    this.#after(1 + this.#rng.fraction() * 4, to, { type: 'packet', packet, address })
  }

  #after(ms: number, to: Running, event: SwimEvent): void {
    this.#happenings.arm({ type: 'event', to, event }, instant(this.now + ms))
  }

  #write(line: string): void {
    this.trace.push(`${this.now.toFixed(1)} ${line}`)
  }
}

function isAt(node: Running, address: Address): boolean {
  return formatAddress(node.swim.self.info.address) === formatAddress(address)
}

function contactOf({ swim }: Running): SwimEvent {
  return { type: 'contact', id: swim.self.info.id, generation: swim.self.generation }
}

/** 1 … count. */
export const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n + 1)
