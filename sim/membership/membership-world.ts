/**
 * A world of SWIM machines alone, without stores and clients, so that a thousand of them run on one
 * core. It is decided by its seed, like the whole simulator.
 *
 * A packet travels as an object (the codec has tests of its own); its bytes are counted by the
 * codec (`traffic.ts`). What a node does for its machine over TCP is done here as
 * `core/node/cluster.ts` does it: a started node asks everybody whom it knew, and a seed; every
 * node exchanges full states with one at random every ten seconds; and whoever sends its state over
 * TCP is alive.
 */
import type { MemberRecord, MemberState } from '../../src/core/membership/member.ts'
import type { SwimPacket } from '../../src/core/membership/messages.ts'
import type { SwimEffect } from '../../src/core/membership/swim.ts'
import { DEFAULT_NODE_CONFIG } from '../../src/core/node/config.ts'
import { must } from '../../src/core/std/assert.ts'
import type { Address, NodeId } from '../../src/core/std/ids.ts'
import type { Prng } from '../../src/core/std/prng.ts'
import { EventQueue } from '../clock.ts'
import type { Range } from '../seed.ts'
import { stream, within } from '../seed.ts'
import { LossyNetwork } from './lossy-network.ts'
import type { SwimNodeHost } from './swim-node.ts'
import { SwimNode } from './swim-node.ts'
import { Traffic } from './traffic.ts'

/** One way between two machines of one data centre. */
export const LATENCY_MS: Range = [0.2, 1]
/** How long before the world begins its members have met: longer than any news is passed on. */
const ACQUAINTED_MS = 31_000
/** The first start is spread over so long. */
const START_MS: Range = [0, 1_000]
/** Up to so many nodes every packet is encoded to count its bytes, beyond it one of so many. */
const NODES_ENCODED = 10
const SAMPLE_EVERY = 17
/** How exactly `runUntil` sees when something is so. */
const LOOK_MS = 20

export interface MembershipOptions {
  readonly nodes: number
  readonly seed: number
  readonly loss?: number
  readonly latencyMs?: Range
  readonly probeIntervalMs?: number
  readonly probeTimeoutMs?: number
  readonly rememberedMs?: number
}

/** A node has come to see another in another state. */
export interface Sighting {
  readonly atMs: number
  readonly observer: number
  readonly subject: number
  readonly from: MemberState | 'unknown'
  readonly to: MemberState
  /** Names the claim: the same for all who pass it on. */
  readonly claim: string
  /** Called dead while that very process runs. */
  readonly isFalseDeath: boolean
}

export class MembershipWorld implements SwimNodeHost {
  readonly queue: EventQueue
  readonly network: LossyNetwork
  readonly traffic: Traffic
  /** Bounded by: whoever lets nodes join. */
  readonly nodes: SwimNode[]
  readonly probeIntervalMs: number
  readonly probeTimeoutMs: number
  readonly rememberedMs: number | undefined
  /** Bounded by: whoever runs the world, who may empty it. */
  sightings: Sighting[] = []
  /** Refutations, standstills noticed and the like: how many of each. */
  readonly notes: Map<SwimEffect['type'], number> = new Map()
  /** How often `stall` has had a process stand still. */
  standstills = 0
  readonly #seed: number
  readonly #syncRng: Prng
  // Both bounded by: the nodes.
  readonly #byId = new Map<NodeId, SwimNode>()
  readonly #byHost = new Map<string, SwimNode>()

  /** All run, and each knows all the others to be alive. */
  constructor(options: MembershipOptions) {
    const { nodes, seed, loss = 0, latencyMs = LATENCY_MS } = options
    this.#seed = seed
    this.#syncRng = stream(seed, 'state exchanges')
    this.probeIntervalMs = options.probeIntervalMs ?? DEFAULT_NODE_CONFIG.probeIntervalMs
    this.probeTimeoutMs = options.probeTimeoutMs ?? DEFAULT_NODE_CONFIG.probeTimeoutMs
    this.rememberedMs = options.rememberedMs
    this.queue = new EventQueue(stream(seed, 'ties'))
    this.network = new LossyNetwork({ latencyMs, loss }, stream(seed, 'network'))
    this.traffic = new Traffic(nodes <= NODES_ENCODED ? 1 : SAMPLE_EVERY)
    this.nodes = Array.from({ length: nodes }, (_, index) => this.#create(index))
    for (const node of this.nodes) node.boot()
    const records = this.nodes.map((node) => node.swim.self)
    const starts = stream(seed, 'starts')
    for (const node of this.nodes) {
      node.acquaint(records, ACQUAINTED_MS)
      // Started at the same instant all would look at their clocks at the same instants.
      this.queue.after(within(START_MS, starts), () => this.#start(node))
    }
  }

  get nowMs(): number {
    return this.queue.nowMs
  }

  node(index: number): SwimNode {
    return must(this.nodes[index], () => `node ${index} of ${this.nodes.length}`)
  }

  run(ms: number): void {
    const until = this.nowMs + ms
    while (this.queue.runNext(until));
  }

  /** Milliseconds until something is so, or undefined when it is not so within `limitMs`. */
  runUntil(isSo: () => boolean, limitMs: number): number | undefined {
    const began = this.nowMs
    while (!isSo()) {
      if (this.nowMs - began >= limitMs) return undefined
      this.run(LOOK_MS)
    }
    return this.nowMs - began
  }

  /** What `observer` stands for about `subject`. */
  seen(observer: number, subject: number): MemberRecord | undefined {
    return this.node(observer).swim.record(this.node(subject).id)
  }

  /** Every node that runs stands for every other that runs, as it is now, as alive. */
  allSeeAllAlive(): boolean {
    const running = this.nodes.filter((node) => node.isRunning)
    return running.every(({ swim }) =>
      running.every(({ id, generation }) => {
        const record = swim.record(id)
        return record?.state === 'alive' && record.generation === generation
      }),
    )
  }

  /** Every other node that runs sees `subject` in that state. */
  allOthersSee(subject: number, state: MemberState): boolean {
    const { id } = this.node(subject)
    return this.nodes.every(
      (node) => node.index === subject || !node.isRunning || node.swim.record(id)?.state === state,
    )
  }

  crash(index: number): void {
    this.node(index).crash()
  }

  /** A higher generation, with what the node had persisted; at `address`, if it has moved. */
  restart(index: number, address?: Address): void {
    const node = this.node(index)
    if (address !== undefined) {
      this.#byHost.delete(node.address.host)
      node.moveTo(address)
      this.#byHost.set(address.host, node)
    }
    node.boot()
    this.#start(node)
    for (const { info } of node.swim.known()) this.#exchange(node, info.address, info.id)
    this.#exchangeWithSeed(node)
  }

  /**
   * A node that nobody knows joins by a seed; at `address` if that is given, as one does whose
   * directory was wiped: it has no memory, and its id is another one.
   */
  join(address?: Address): number {
    const node = this.#create(this.nodes.length, address)
    this.nodes.push(node)
    node.boot()
    this.#start(node)
    this.#exchangeWithSeed(node)
    return node.index
  }

  stall(index: number, ms: number): void {
    const node = this.node(index)
    const { run } = node
    node.stall()
    this.standstills++
    this.queue.after(ms, () => {
      if (node.isRunning && node.run === run) node.resume()
    })
  }

  /** From now on stands still for `stallMs`, runs for a while, and so on until `untilMs`. */
  stallAgainAndAgain(index: number, stallMs: number, runMs: Range, untilMs: number): void {
    const rng = stream(this.#seed, 'stalls', index)
    const next = (): void => {
      if (this.nowMs >= untilMs) return
      if (this.node(index).isRunning) this.stall(index, stallMs)
      this.queue.after(stallMs + within(runMs, rng), next)
    }
    this.queue.after(within(runMs, rng), next)
  }

  falseDeaths(): Sighting[] {
    return this.sightings.filter(({ isFalseDeath }) => isFalseDeath)
  }

  // What nodes ask of the world

  rng(node: SwimNode): Prng {
    return stream(this.#seed, 'node', node.index, 'start', node.run)
  }

  send(from: SwimNode, to: Address, packet: SwimPacket): void {
    this.traffic.onPacket(packet)
    const target = this.#byHost.get(to.host)
    if (target === undefined) return
    const delayMs = this.network.packetDelayMs(from.index, target.index)
    if (delayMs === undefined) return
    const { address } = from
    this.queue.after(delayMs, () => {
      if (target.isRunning && target.address.host === to.host) target.deliver(packet, address)
    })
  }

  onEffect(node: SwimNode, effect: Exclude<SwimEffect, { type: 'packet' | 'arm' }>): void {
    this.notes.set(effect.type, (this.notes.get(effect.type) ?? 0) + 1)
    switch (effect.type) {
      case 'changed':
        return this.#onChanged(node, effect.record, effect.from)
      case 'probe-link':
        return this.#probeLink(node, effect.id)
      case 'sync':
      case 'reconnect':
        return this.#exchangeWith(node, effect.id)
      case 'reconnect-seed':
        return this.#exchangeWithSeed(node)
      default:
    }
  }

  #onChanged(node: SwimNode, record: MemberRecord, from: Sighting['from']): void {
    const { info, state: to, generation, incarnation } = record
    const member = this.#byId.get(info.id)
    if (member === undefined) return
    const { index: subject, isRunning } = member
    this.sightings.push({
      ...{ atMs: this.nowMs, observer: node.index, subject, from, to },
      claim: `${subject} ${to} ${generation}.${incarnation}`,
      isFalseDeath: to === 'dead' && isRunning && member.generation === generation,
    })
  }

  #create(index: number, address: Address = addressOf(index + 1)): SwimNode {
    const id = (index + 1).toString(16).padStart(16, '0') as NodeId
    const node = new SwimNode(index, id, address, this)
    this.#byId.set(id, node)
    this.#byHost.set(node.address.host, node)
    return node
  }

  #start(node: SwimNode): void {
    node.step({ type: 'start' })
    const intervalMs = DEFAULT_NODE_CONFIG.stateSyncIntervalMs
    const { run } = node
    const next = (): void => {
      if (!node.isRunning || node.run !== run) return
      this.queue.after(intervalMs, next)
      // A process that stands still does so at the first moment after it; once is enough.
      node.deliverMessage(() => this.#exchangeWithSomeone(node))
    }
    this.queue.after(intervalMs * this.#syncRng.fraction(), next)
  }

  // Over TCP

  #exchangeWithSomeone(node: SwimNode): void {
    const records = node.swim.records()
    for (let draws = 0; draws < 8; draws++) {
      const { info } = this.#syncRng.pick(records)
      if (info.id === node.id || !node.swim.isUp(info.id)) continue
      return this.#exchange(node, info.address, info.id)
    }
  }

  /** Every node is configured with the first two as seeds. */
  #exchangeWithSeed(node: SwimNode): void {
    const seeds = this.nodes.slice(0, 2).filter((seed) => seed !== node)
    if (seeds.length > 0) this.#exchange(node, this.#syncRng.pick(seeds).address)
  }

  #exchangeWith(node: SwimNode, id: NodeId): void {
    const { swim } = node
    const record = swim.record(id) ?? swim.known().find(({ info }) => info.id === id)
    if (record !== undefined) this.#exchange(node, record.info.address, id)
  }

  #exchange(node: SwimNode, address: Address, id?: NodeId): void {
    if (id === node.id) return
    const records = node.swim.records()
    const { generation, run } = node
    this.traffic.states++
    this.#message(node, address, id, (target) => {
      this.#hear(target, records, node.id, generation)
      const answer = target.swim.records()
      this.traffic.states++
      this.#message(target, node.address, node.id, () => {
        if (node.run === run) this.#hear(node, answer, target.id, target.generation)
      })
    })
  }

  #hear(node: SwimNode, records: readonly MemberRecord[], id: NodeId, generation: number): void {
    node.step({ type: 'records', records })
    node.step({ type: 'contact', id, generation })
  }

  #probeLink(node: SwimNode, id: NodeId): void {
    const address = node.swim.record(id)?.info.address
    if (address === undefined) return
    const { run } = node
    this.traffic.linkProbes++
    this.#message(node, address, id, (target) => {
      const { generation } = target
      this.traffic.linkProbes++
      this.#message(target, node.address, node.id, () => {
        if (node.run === run) node.step({ type: 'contact', id, generation })
      })
    })
  }

  /** Something that is said over TCP to whoever listens there, if that is whom we want. */
  #message(
    from: SwimNode,
    to: Address,
    id: NodeId | undefined,
    heard: (target: SwimNode) => void,
  ): void {
    const target = this.#byHost.get(to.host)
    if (target === undefined || target === from || !target.isRunning) return
    if (id !== undefined && target.id !== id) return
    const delayMs = this.network.streamDelayMs(from.index, target.index)
    if (delayMs === undefined) return
    const { run } = target
    this.queue.after(delayMs, () => {
      if (target.isRunning && target.run === run) target.deliverMessage(() => heard(target))
    })
  }
}

/** The `place`-th address; a node's own is the one after its index, others are free to move to. */
export function addressOf(place: number): Address {
  return { host: `10.${place >> 16}.${(place >> 8) & 255}.${place & 255}`, port: 7001 }
}
