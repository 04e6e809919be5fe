/**
 * One run of a node, from its start to its crash: the driver of the simulated world. It does what
 * the real driver does and decides nothing: each event goes into the node, each effect out to the
 * simulated disk and network, in the order asked for.
 *
 * It is stricter than the real one wherever that finds bugs sooner: the time given with an event is
 * overwritten after the step; every invariant is checked after every step; a crash can strike
 * between two effects of one step.
 */
import { assert } from '../src/core/std/assert.ts'
import { ByteWriter } from '../src/core/std/bytes.ts'
import { crc32 } from '../src/core/std/crc32.ts'
import type { Address, ClusterId, NodeId } from '../src/core/std/ids.ts'
import type { Instant, Now } from '../src/core/std/instant.ts'
import { instant, NEVER } from '../src/core/std/instant.ts'
import { DATAGRAM_BYTES_MAX, FRAME_BYTES_MAX } from '../src/core/std/limits.ts'
import type { KeyringState } from '../src/core/node/cluster-key.ts'
import type { ClientReply, ClientRequest, NodeEffect, NodeEvent } from '../src/core/node/events.ts'
import type { Node } from '../src/core/node/node.ts'
import type { StoreEntry } from '../src/core/ports.ts'
import { decodeMessage, encodeMessage } from '../src/core/wire/codec.ts'
import { decodePacket, encodePacket } from '../src/core/wire/packet-codec.ts'
import type { EventQueue, ProcessClock } from './clock.ts'
import {
  describeLocal,
  describeMessage,
  describeNote,
  describePacket,
  describeReply,
  describeRequest,
  describeStore,
} from './describe.ts'
import type { Disk, DiskListener } from './disk.ts'
import type { Links } from './links.ts'
import type { Endpoint, Network } from './network.ts'
import type { About } from './trace.ts'
import type { Violation } from './violation.ts'
import { violation } from './violation.ts'

/** What the driver needs of a node: the real one, or a small one in the simulator's own tests. */
export type NodeMachine = Pick<Node, 'step' | 'nextDeadline' | 'view' | 'check'> &
  Partial<Pick<Node, 'resumable'>>

/** What a process sees of the world around it. */
export interface Surroundings {
  readonly queue: EventQueue
  readonly network: Network
  nameOf(id: NodeId): string
  /** A node has another id than before. */
  renamed(node: { readonly index: number; readonly id: NodeId }): void
  /** An event for the trace: see `Trace.add`. */
  tell(who: number, kind: string, mark: number, describe: () => About): void
  /** An invariant is broken: the run ends. */
  violate(broken: Violation): void
  /** Counts a note of a node. */
  count(what: string): void
}

export interface ProcessOptions {
  readonly index: number
  readonly id: NodeId
  readonly address: Address
  readonly cluster: ClusterId
  readonly disk: Disk
  readonly clock: ProcessClock
  /** Where the keys of the cluster are kept: as durable as the disk. */
  readonly keys: { install(state: KeyringState): void }
  /** Mutant: what read repair sends or stores is dropped. */
  readonly skipsReadRepair: boolean
  /** Called when the crash armed by `crashMidStep` has struck. */
  readonly crashed: () => void
  /** Called when the node has left its cluster and waits to be stopped. */
  readonly left: () => void
}

/** A client's request in flight. */
interface Outstanding {
  readonly request: ClientRequest
  readonly done: (reply: ClientReply | 'lost') => void
}

/** Events that wait for a stopped process: more means that somebody sends without waiting. */
const HELD_MAX = 100_000

/** Ticks of one instant: a node whose deadline does not move on spins. */
const TICKS_AT_ONCE_MAX = 10_000

export class Process implements Endpoint, DiskListener {
  readonly index: number
  readonly id: NodeId
  readonly address: Address
  readonly #world: Surroundings
  readonly #options: ProcessOptions
  readonly #machine: NodeMachine
  readonly #links: Links
  readonly #writer = new ByteWriter()
  readonly #now: { -readonly [K in keyof Now]: Now[K] } = { instant: instant(0), wallMs: 0 }
  // Bounded by: the clients of the world, each of which waits for its reply.
  readonly #outstanding = new Map<number, Outstanding>()
  // What happens while the process is stopped. Bounded by: HELD_MAX.
  #held: (() => void)[] | undefined
  #alive = true
  #midStep: number | undefined
  #nextClient = 1
  #lastInstant: Instant = instant(0)
  #wakeAtMs = Infinity
  #ticksAtOnce = 0
  #tickedAtMs = -1

  constructor(world: Surroundings, options: ProcessOptions, machine: NodeMachine) {
    this.index = options.index
    this.id = options.id
    this.address = options.address
    this.#world = world
    this.#options = options
    this.#machine = machine
    options.disk.open(this)
    this.#links = world.network.attach(this)
  }

  get machine(): NodeMachine {
    return this.#machine
  }

  /** Requests not answered yet. */
  get outstanding(): number {
    return this.#outstanding.size
  }

  start(seeds: readonly Address[]): void {
    this.#local('start', { type: 'start', seeds })
  }

  /** `done` is called once: with the reply, or when the process is gone before it gave one. */
  request(request: ClientRequest, done: (reply: ClientReply | 'lost') => void): void {
    const client = this.#nextClient++
    this.#outstanding.set(client, { request, done })
    this.#tell('request', client, () => {
      const about = describeRequest(request)
      return { ...about, text: `c${client} ${about.text}` }
    })
    this.whenRunning(() => this.#step({ type: 'request', client, request }))
  }

  /**
   * Kills the process between two effects of its next step: after the share `at` (0 … 1) of them.
   */
  crashMidStep(at: number): void {
    this.#midStep = at
  }

  /** SIGSTOP: nothing gets through, while time and the rest of the world go on. */
  pause(): void {
    this.#held ??= []
  }

  /** SIGCONT: all that has waited happens at once. */
  resume(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const happen of held) happen()
  }

  get isPaused(): boolean {
    return this.#held !== undefined
  }

  /** The process is gone, with the requests that it had not answered. */
  kill(): void {
    this.#alive = false
    this.#held = undefined
    this.#world.network.detach(this)
    this.#options.disk.crash()
    const lost = [...this.#outstanding.values()]
    this.#outstanding.clear()
    for (const { done } of lost) done('lost')
  }

  message(from: NodeId, frame: Uint8Array): void {
    if (this.#held !== undefined) return this.whenRunning(() => this.message(from, frame))
    const message = decodeMessage(frame)
    if (message === undefined)
      return this.#violate('codec', `a frame from ${this.#world.nameOf(from)} cannot be decoded`)
    this.#tell('message', frame.length, () => ({
      what: `message ← ${this.#world.nameOf(from)}`,
      ...describeMessage(message, frame),
    }))
    this.#step({ type: 'message', from, message })
  }

  packet(from: Address, datagram: Uint8Array): void {
    if (this.#held !== undefined) return this.whenRunning(() => this.packet(from, datagram))
    const packet = decodePacket(datagram, this.#options.cluster)
    if (typeof packet === 'string') return this.#violate('codec', `a packet is ${packet}`)
    this.#tell('packet', packet.type === 'gossip' ? 0 : packet.sequence, () => ({
      what: `packet ← ${this.#world.nameOf(packet.from)}`,
      text: describePacket(packet, datagram),
    }))
    this.#step({ type: 'packet', packet, address: from })
  }

  linkUp(peer: NodeId): void {
    this.#local('link up', { type: 'link-up', peer })
  }

  linkDown(peer: NodeId, reason: string): void {
    this.#local('link down', { type: 'link-down', peer, reason })
  }

  dialed(address: Address, peer: NodeId): void {
    this.#local('dialed', { type: 'dialed', address, peer })
  }

  dialFailed(address: Address, reason: string): void {
    this.#local('dial failed', { type: 'dial-failed', address, reason })
  }

  stored(batch: number): void {
    this.#local('stored', { type: 'stored', batch })
  }

  storeFailed(batch: number, reason: string): void {
    this.#local('store failed', { type: 'store-failed', batch, reason })
  }

  scanned(scan: number, ranges: readonly (readonly StoreEntry[])[]): void {
    this.#local('scanned', { type: 'scanned', scan, ranges })
  }

  whenRunning(happen: () => void): void {
    if (this.#held === undefined) return happen()
    assert(this.#held.length < HELD_MAX, `more than ${HELD_MAX} events wait for a stopped process`)
    this.#held.push(happen)
  }

  #local(what: string, event: NodeEvent): void {
    if (this.#held !== undefined) return this.whenRunning(() => this.#local(what, event))
    this.#tell(what, markOf(event), () => ({
      text: describeLocal(event, (id) => this.#world.nameOf(id)),
    }))
    this.#step(event)
  }

  #step(event: NodeEvent, dueAt: Instant = instant(0)): void {
    if (!this.#alive) return
    const effects: NodeEffect[] = []
    // Time never runs backwards for a node, and a tick never comes a rounding error too early.
    const now = Math.max(this.#options.clock.instant(), this.#lastInstant, dueAt)
    this.#lastInstant = instant(now)
    this.#now.instant = instant(now)
    this.#now.wallMs = this.#options.clock.wallMs()
    try {
      this.#machine.step(event, this.#now, effects)
      this.#machine.check()
    } catch (error) {
      return this.#violate('assertions', `${event.type}: ${errorText(error)}`)
    }
    this.#now.instant = instant(NaN)
    this.#now.wallMs = NaN
    this.#execute(event, effects)
    if (this.#alive) this.#sleep()
  }

  #execute(event: NodeEvent, effects: readonly NodeEffect[]): void {
    const survivors = this.#midStep === undefined ? effects.length : this.#midStep * effects.length
    for (let i = 0; i < effects.length && i < survivors; i++) this.#perform(event, effects[i]!)
    if (this.#midStep === undefined || effects.length === 0) return
    this.#tell('crash', effects.length, () => ({
      text: `after ${Math.ceil(survivors)} of ${effects.length} effects`,
    }))
    this.#options.crashed()
  }

  #perform(event: NodeEvent, effect: NodeEffect): void {
    switch (effect.type) {
      case 'send':
        if (this.#options.skipsReadRepair && mendsOthers(event, effect)) return
        return this.#send(effect)
      case 'packet':
        return this.#sendPacket(effect)
      case 'address':
        return this.#links.setAddress(effect.peer, effect.address)
      case 'dial':
        return this.#links.dial(effect.address)
      case 'store':
        return this.#store(event, effect)
      case 'scan':
        return this.#options.disk.scan(effect.scan, effect.ranges)
      case 'keyring':
        return this.#installKeys(effect.revision, effect.state)
      case 'reply':
        return this.#reply(effect.client, effect.reply)
      case 'note':
        this.#world.count(effect.note.type)
        if (effect.note.type === 'left') this.#options.left()
        return this.#tell('note', effect.note.type.length, () =>
          describeNote(effect.note, (id) => this.#world.nameOf(id)),
        )
    }
  }

  /** In effect at once, as in the real driver; the node hears of it when its step is over. */
  #installKeys(revision: number, state: KeyringState): void {
    this.#options.keys.install(state)
    this.#world.queue.after(0, () => {
      if (this.#alive) this.#local('keyring stored', { type: 'keyring-stored', revision })
    })
  }

  #send(effect: NodeEffect & { readonly type: 'send' }): void {
    const { to, message } = effect
    if (to === this.id) return this.#violate('wire', `${message.type} sent to itself`)
    this.#writer.reset()
    encodeMessage(this.#writer, message)
    const frame = this.#writer.take()
    if (frame.length > FRAME_BYTES_MAX)
      return this.#violate('wire', `${message.type} of ${frame.length} bytes`)
    this.#tell('send', crc32(frame), () => ({
      what: `send → ${this.#world.nameOf(to)}`,
      ...describeMessage(message, frame),
    }))
    this.#links.send(to, frame)
  }

  #sendPacket(effect: NodeEffect & { readonly type: 'packet' }): void {
    this.#writer.reset()
    encodePacket(this.#writer, effect.packet, this.#options.cluster)
    const datagram = this.#writer.take()
    if (datagram.length > DATAGRAM_BYTES_MAX)
      return this.#violate('wire', `${effect.packet.type} of ${datagram.length} bytes`)
    this.#tell('packet →', crc32(datagram), () => ({
      text: describePacket(effect.packet, datagram),
    }))
    this.#world.network.datagram(this, effect.to, datagram)
  }

  #store(event: NodeEvent, effect: NodeEffect & { readonly type: 'store' }): void {
    const { batch, operations } = effect
    this.#tell('store', batch, () => describeStore(batch, operations))
    const skipped = this.#options.skipsReadRepair && mendsOwn(event)
    this.#options.disk.commit(batch, skipped ? [] : operations)
  }

  #reply(client: number, reply: ClientReply): void {
    this.#tell('reply', client, () => {
      const about = describeReply(reply)
      return { ...about, text: `c${client} ${about.text}` }
    })
    const asked = this.#outstanding.get(client)
    if (asked === undefined)
      return this.#violate('replies', `reply to client ${client}, which does not wait for one`)
    this.#outstanding.delete(client)
    if (!matches(asked.request, reply))
      return this.#violate('replies', `a ${reply.type} answers a ${asked.request.type}`)
    // A client hears of it in its own time, never inside the node's step.
    this.#world.queue.after(0, () => asked.done(reply))
  }

  /** Arranges for a tick at the node's next deadline. */
  #sleep(): void {
    const deadline = this.#machine.nextDeadline()
    if (deadline === NEVER) return
    const at = Math.max(this.#options.clock.worldMs(deadline), this.#world.queue.nowMs)
    if (at >= this.#wakeAtMs) return
    this.#wakeAtMs = at
    this.#world.queue.at(at, () => {
      if (!this.#alive || this.#wakeAtMs !== at) return
      this.#wakeAtMs = Infinity
      this.whenRunning(() => this.#wake())
    })
  }

  #wake(): void {
    const deadline = this.#machine.nextDeadline()
    const { nowMs } = this.#world.queue
    if (this.#options.clock.worldMs(deadline) > nowMs) return this.#sleep()
    this.#ticksAtOnce = nowMs === this.#tickedAtMs ? this.#ticksAtOnce + 1 : 0
    this.#tickedAtMs = nowMs
    if (this.#ticksAtOnce > TICKS_AT_ONCE_MAX)
      return this.#violate('progress', `the deadline of ${deadline} ms never passes`)
    this.#step({ type: 'tick' }, deadline)
  }

  #tell(kind: string, mark: number, describe: () => About): void {
    if (this.#alive) this.#world.tell(this.index, kind, mark, describe)
  }

  #violate(checker: string, message: string): void {
    this.#world.violate(violation(checker, `${this.#world.nameOf(this.id)}: ${message}`))
  }
}

/**
 * Writes send to replicas only when told that their own copy is durable; whatever else replicates
 * mends a stale copy.
 */
function mendsOthers(event: NodeEvent, effect: NodeEffect & { readonly type: 'send' }): boolean {
  return effect.message.type === 'replicate' && event.type !== 'stored'
}

/** What is stored because of an answer to a read mends the reader's own copy. */
function mendsOwn(event: NodeEvent): boolean {
  return event.type === 'message' && event.message.type === 'read-reply'
}

/**
 * What stands in the trace's hash for an event that the process hears of its own disk and links.
 */
function markOf(event: NodeEvent): number {
  if (event.type === 'stored' || event.type === 'store-failed') return event.batch
  return event.type === 'scanned' ? event.scan : 0
}

function matches(request: ClientRequest, reply: ClientReply): boolean {
  if (request.type === 'put' || request.type === 'delete') return reply.type === 'write'
  return reply.type === request.type
}

function errorText(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
