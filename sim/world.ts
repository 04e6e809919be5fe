/**
 * The universe of one run: time, network, nodes with their disks, and the history of what clients
 * saw. Everything happens in one thread and in the order of one heap of events; everything that is
 * random comes from the seed. So a seed is a run, to the byte.
 */
import type { ClusterId, NodeId } from '../src/core/std/ids.ts'
import type { NodeConfig } from '../src/core/node/config.ts'
import type { ClientReply, ClientRequest } from '../src/core/node/events.ts'
import type { NodeView } from '../src/core/node/view.ts'
import type { Gauge } from './checkers/evidence.ts'
import { EventQueue } from './clock.ts'
import { Atlas } from './faults/atlas.ts'
import type { ClientWorld } from './clients.ts'
import type { DiskOptions } from './disk.ts'
import { History } from './history.ts'
import { LINK_FRAMES_MAX } from './links.ts'
import type { NetworkOptions } from './network.ts'
import { Network } from './network.ts'
import type { Surroundings } from './process.ts'
import type { Range } from './seed.ts'
import { stream } from './seed.ts'
import type { Mutant, NodeFactory } from './sim-node.ts'
import { addressOf, SimNode } from './sim-node.ts'
import type { About, Trace } from './trace.ts'
import type { Violation } from './violation.ts'
import { Watch } from './watchers/watch.ts'

export interface WorldOptions {
  readonly seed: number
  readonly nodes: number
  /** To which nodes are dealt in turn; 1 without it. */
  readonly zones?: number
  readonly partitions: number
  /** Wanted replicas of each partition. */
  readonly replicas: number
  readonly config: NodeConfig
  readonly network: NetworkOptions
  readonly disk: Omit<DiskOptions, 'answersBeforeSync'>
  readonly clockOffsetMs: Range
  readonly clockDrift: Range
  /** How far wall clocks may be off, milliseconds; without it, by anything. */
  readonly clockErrorMs?: number
  readonly mutant: Mutant | undefined
  readonly create: NodeFactory
  readonly trace: Trace
}

/** How often queues are measured and watchers look. */
const GAUGE_EVERY_MS = 250

export class World implements Surroundings, ClientWorld {
  readonly queue: EventQueue
  readonly network: Network
  readonly nodes: readonly SimNode[]
  readonly history: History = new History()
  readonly trace: Trace
  readonly replicas: number
  readonly seed: number
  readonly clockErrorMs: number
  /** What faults may do to disks. */
  readonly atlas: Atlas
  /** Notes of all nodes by type. Bounded by: the types of notes. */
  readonly counts: Map<string, number> = new Map()
  // Bounded by: the nodes of the world.
  readonly #names = new Map<NodeId, string>()
  readonly #watch: Watch
  #violation: Violation | undefined
  #processes = 0
  #events = 0
  #mostBatches = 0

  constructor(options: WorldOptions) {
    const { seed, nodes, config, zones = 1 } = options
    this.seed = seed
    this.clockErrorMs = options.clockErrorMs ?? Infinity
    this.trace = options.trace
    this.replicas = Math.min(options.replicas, nodes)
    this.queue = new EventQueue(stream(seed, 'ties'))
    this.network = new Network(
      this.queue,
      options.network,
      stream(seed, 'network'),
      (who, what, mark, describe) => this.tell(who, what, mark, () => ({ text: describe() })),
    )
    const cluster = clusterOf(seed)
    this.nodes = Array.from({ length: nodes }, (_, index) => {
      const first = index === 0
      const birth = { partitions: options.partitions, replicas: options.replicas }
      const node = new SimNode(this, {
        seed,
        index,
        cluster,
        config,
        zone: zones === 1 ? 'default' : `zone-${(index % zones) + 1}`,
        birth: first ? birth : undefined,
        seeds: first ? [] : [addressOf(0)],
        disk: { ...options.disk, answersBeforeSync: false },
        clockOffsetMs: options.clockOffsetMs,
        clockDrift: options.clockDrift,
        mutant: options.mutant,
        create: options.create,
      })
      this.#names.set(node.id, `n${index + 1}`)
      return node
    })
    this.atlas = new Atlas(this)
    this.#watch = new Watch(this, config)
    this.#measure()
  }

  /** The first invariant that was seen broken; nothing happens after it. */
  get violation(): Violation | undefined {
    return this.#violation
  }

  /** Events that have happened. */
  get events(): number {
    return this.#events
  }

  /**
   * Lets time pass until `done`, which is asked after an event when `everyMs` have passed since it
   * was asked last; at most for `limitMs`. Whether it was done; false also when an invariant broke.
   */
  run(limitMs: number, done: () => boolean = () => false, everyMs = 0): boolean {
    const untilMs = this.queue.nowMs + limitMs
    let askAtMs = this.queue.nowMs
    while (this.#violation === undefined) {
      if (this.queue.nowMs >= askAtMs) {
        if (done()) return true
        askAtMs = this.queue.nowMs + everyMs
      }
      if (!this.queue.runNext(untilMs)) return false
      this.#events++
    }
    return false
  }

  /** Asks a node and lets time pass until it answers. */
  ask(node: SimNode, request: ClientRequest, limitMs: number): ClientReply | 'lost' {
    let answer: ClientReply | 'lost' | undefined
    node.request(request, (reply) => {
      answer = reply
    })
    this.run(limitMs, () => answer !== undefined)
    return answer ?? 'lost'
  }

  /** A node that lost its disk has another id, and in stories another name: n2′. */
  renamed(node: SimNode): void {
    this.#names.set(node.id, `n${node.index + 1}${'′'.repeat(node.formerIds.length)}`)
  }

  nextProcess(): number {
    return this.#processes++
  }

  nameOf(id: NodeId): string {
    return this.#names.get(id) ?? id
  }

  tell(who: number, kind: string, mark: number, describe: () => About): void {
    this.trace.add(this.queue.nowMs, who, kind, mark, describe)
  }

  /** A line of the world itself: what a fault does, which phase begins. */
  announce(what: string, text: string): void {
    this.trace.announce(this.queue.nowMs, what, text)
  }

  violate(broken: Violation): void {
    this.#violation ??= broken
  }

  count(what: string): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + 1)
  }

  /** The views of all nodes that run. */
  views(): readonly NodeView[] {
    return this.nodes.flatMap((node) => node.machine?.view() ?? [])
  }

  /** What keeps the cluster from being whole; undefined: all nodes serve and agree that they do. */
  whatIsMissing(): string | undefined {
    const born = this.nodes.filter((node) => node.hasStarted && !node.hasLeft)
    for (const node of born) {
      const name = `n${node.index + 1}`
      const view = node.machine?.view()
      if (view === undefined) return `${name} is down`
      if (!view.ready) return `${name} is not ready`
      if (view.leaving !== undefined) return `${name} has not left yet`
      if (view.layout === undefined) return `${name} knows no layout`
      const { current, previous } = view.layout
      if (previous !== undefined) return `${name} has a layout in transition to v${current.version}`
      // Who lost its disk may have left a role behind, which is there until it is removed.
      const roles = current.roles.filter((role) => !this.isFormer(role.node)).length
      if (roles !== born.length) return `${name} has a layout of ${roles} nodes`
      const other = born.find((each) => !each.hasRoleIn(current))
      if (other !== undefined) return `${name} has another role for n${other.index + 1}`
      const alive = view.members.filter((member) => member.state === 'alive')
      if (alive.length !== born.length || alive.some(({ info }) => this.isFormer(info.id)))
        return `${name} sees ${alive.length} members alive`
    }
    return undefined
  }

  /** Whether `id` belonged to a disk that was lost. */
  isFormer(id: NodeId): boolean {
    return this.nodes.some((node) => node.formerIds.includes(id))
  }

  /**
   * Whether nothing is under way but what goes on for ever, and of that nothing at this moment: a
   * write that crawls along a clogged link would come up after the last reads.
   */
  isAtRest(): boolean {
    if (this.network.inFlight() > 0) return false
    return this.nodes.every(
      (node) => node.disk.pending === 0 && (node.machine?.view().inFlight ?? 0) === 0,
    )
  }

  gauges(): readonly Gauge[] {
    const inFlight = this.views().reduce((sum, view) => sum + view.inFlight, 0)
    const batches = this.nodes.reduce((sum, node) => sum + node.disk.pending, 0)
    const unanswered = this.nodes.reduce((sum, node) => sum + node.outstanding, 0)
    return [
      { what: 'frames of one link', most: this.network.deepest, bound: LINK_BOUND, atRest: 0 },
      { what: 'batches of one disk', most: this.#mostBatches, bound: DISK_BOUND, atRest: batches },
      {
        what: 'requests of one node',
        most: this.#watch.mostRequests,
        bound: REQUESTS_BOUND,
        atRest: inFlight + unanswered,
      },
    ]
  }

  #measure(): void {
    for (const node of this.nodes) {
      this.#mostBatches = Math.max(this.#mostBatches, node.disk.pending)
    }
    const broken = this.#watch.look()
    if (broken !== undefined) this.violate(broken)
    this.queue.after(GAUGE_EVERY_MS, () => this.#measure())
  }
}

/**
 * What a dozen clients that wait for their answers can keep under way, with room for a burst after
 * a partition; as requests of a node also the sweeps of the atlas (`faults/atlas.ts`), which read
 * 25 records twice a second whether answers come or not, through a pause of seconds.
 */
const LINK_BOUND = Math.min(2_000, LINK_FRAMES_MAX)
const DISK_BOUND = 1_000
const REQUESTS_BOUND = 500

function clusterOf(seed: number): ClusterId {
  const dice = stream(seed, 'cluster')
  let id = ''
  for (let i = 0; i < 4; i++) id += dice.u32().toString(16).padStart(8, '0')
  return id as ClusterId
}

/** Addresses of all nodes but one, for a node that is told where the others are. */
export function othersOf(world: World, index: number): readonly SimNode['address'][] {
  return world.nodes.filter((node) => node.index !== index).map((node) => node.address)
}
