/**
 * This node leaves its cluster: "graceful" means that nobody misses it.
 *
 * Stopping the process would do for the others what a crash does: its replicas are gone, it is
 * suspected, declared dead and waited for. Telling them "I have left" first would be worse, for
 * then nobody even tries to bring its data back. So the word comes last:
 *
 * ```
 *   waiting   the wish is durable; the planner is asked for a layout without this node, again and
 *             again, until there is one                                      (`layout-keeper.ts`)
 *   moving    the new owners pull its data; it still serves as an old owner      (`transfers.ts`)
 *   telling   the move is over: every new owner has said that it holds its share durably. Whoever
 *             is up must say that it knows so, for who does not still asks this node for data
 *   left      SWIM says goodbye, with proof, and somebody shows that it has heard; the news gets a
 *             moment to spread; then the process may end
 * ```
 * The wish outlives a crash in any of these, since it is the first thing that is stored, and stays
 * stored until the data directory is used to join again. It cannot be taken back: half way through,
 * some have acted on it.
 *
 * It waits, and says whom for, as long as too few members are up for a new layout to be planned, or
 * to take over what this node holds. The end of a move is known by what the new owners say
 * (`placement/layout-state.ts`), so a node that hears of nobody never thinks itself done.
 *
 * Invariants: phases only advance, but that a layout may be superseded by one of another planner;
 * `left` is noted once, and not before a member of the layout has confirmed that it is without us.
 */
import type { Failure, FailureCode } from '../coordinator/messages.ts'
import { assert } from '../std/assert.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Duration } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import { NODES_MAX } from '../std/limits.ts'
import type { Layout, LayoutState } from '../placement/layout.ts'
import { awaited, gainedBy, nodesOf } from '../placement/layout-state.ts'
import { replicaSetSize } from '../placement/layout-structure.ts'
import type { StoreReader } from '../ports.ts'
import type { Host } from './host.ts'
import type { LayoutKeeper } from './layout-keeper.ts'
import type { StateSync } from './messages.ts'
import { stateKey } from './storage-keys.ts'

export type LeavePhase = 'waiting' | 'moving' | 'telling' | 'left'

/** What keeps a leave from going on, and whom it waits for. */
export interface LeaveHindrance {
  readonly reason:
    /** Nobody else holds data. */
    | 'last'
    /** No majority of the layout's members is up: nobody plans. The nodes are those not up. */
    | 'majority'
    /** Members that would take over data are not up. */
    | 'members'
    /**
     * Data moves: of an earlier change, or ours. The nodes are those that still pull, or when none
     * does, those that may still read where it was.
     */
    | 'move'
    /** The planner has been asked. */
    | 'plan'
    /** These have not confirmed yet that the move is over. */
    | 'news'
  /** Bounded by: NODES_MAX. */
  readonly nodes: readonly NodeId[]
}

export interface LeavingView {
  readonly phase: LeavePhase
  /** undefined when it has left. */
  readonly waitsFor: LeaveHindrance | undefined
  /** Partitions held here that are not yet with all of their new owners. */
  readonly partitions: number
  /** Records sent to new owners since this process started. */
  readonly records: number
  /** Replicas of each partition, with this node and without; undefined when it has no role. */
  readonly copies: { readonly before: number; readonly after: number } | undefined
}

export type LeaveResult = { readonly ok: true; readonly leaving: LeavingView } | Failure

export interface LeavingParts {
  readonly layout: LayoutKeeper
  readonly store: StoreReader
  readonly isReady: () => boolean
  /** Who else is up. */
  readonly others: () => readonly NodeId[]
  /** Exchanges states with a node. */
  readonly contact: (peer: NodeId) => void
  /** Says goodbye to the other members, once more if it was said before. */
  readonly depart: () => void
  /** Records sent to new owners so far. */
  readonly served: () => number
}

/** How often it looks how far things are. */
const LOOK_INTERVAL: Duration = duration(250)
/** How often those who have not confirmed are told again: every so many looks. */
const LOOKS_PER_NEWS = 4
/**
 * How long the goodbye has to spread by gossip, and what others have just learned to reach their
 * disks.
 */
const FAREWELL: Duration = duration(2_000)
/** How often it says goodbye when nobody shows that it has heard. */
const FAREWELLS_MAX = 5
/** Clients that wait for the wish to be durable. */
const ASKING_MAX = 64

export class Leaving {
  readonly #host: Host
  readonly #parts: LeavingParts
  // Clients that asked while the wish was on its way to the disk. Bounded by: ASKING_MAX.
  #asking: number[] = []
  // Who knows a layout without us, whose move is over. Bounded by: NODES_MAX.
  readonly #told = new Set<NodeId>()
  #isWished = false
  #isStoring = false
  #departed = false
  #left = false
  /** Whether somebody else knows that we have left: from there it spreads without us. */
  #isMissed = false
  #farewells = 0
  #noted: LeavePhase | undefined
  #looks = 0

  constructor(host: Host, parts: LeavingParts) {
    this.#host = host
    this.#parts = parts
  }

  /** undefined: it does not want to leave. */
  get view(): LeavingView | undefined {
    if (!this.#isWished) return undefined
    const { layout, served } = this.#parts
    const { state } = layout
    const phase = this.#phase()
    return {
      phase,
      waitsFor: this.#hindrance(phase),
      partitions: state === undefined ? 0 : this.#unhanded(state).size,
      records: served(),
      copies: state === undefined ? undefined : copiesOf(state, this.#host.self),
    }
  }

  /** A wish of an earlier life goes on. */
  start(): void {
    // One that cannot be read was a wish: nothing else is ever stored there.
    if (this.#parts.store.get(stateKey('leave')) !== undefined) this.#begin()
  }

  /** A client asks this node to leave; to ask again does no harm. */
  ask(client: number): void {
    const refusal = this.#refusal()
    if (refusal !== undefined) return this.#reply(client, refusal)
    if (this.#isWished) return this.#confirm(client)
    this.#asking.push(client)
    if (this.#isStoring) return
    this.#isStoring = true
    const wish = { type: 'put', key: stateKey('leave'), value: Uint8Array.of(1) } as const
    this.#host.store('leaving', 0, [wish])
  }

  /** It has no business here, nor any data: it goes as one that leaves, and stores no wish. */
  giveUp(): void {
    if (!this.#isWished) this.#begin()
  }

  stored(): void {
    this.#isStoring = false
    if (!this.#isWished) this.#begin()
    for (const client of this.#takeAsking()) this.#confirm(client)
  }

  storeFailed(reason: string): void {
    this.#isStoring = false
    const message = `the disk did not take the wish to leave: ${reason}`
    for (const client of this.#takeAsking())
      this.#reply(client, failure('DND_ERR_STORE_FAILED', message))
  }

  /** Someone has told what it knows of the cluster. */
  heard(from: NodeId, { layout, members }: StateSync): void {
    const { self } = this.#host
    if (!this.#isWished || layout === undefined) return
    if (isNamed(layout, self)) this.#told.delete(from)
    else if (this.#told.size < NODES_MAX) this.#told.add(from)
    if (!this.#departed) return
    this.#isMissed ||= members.some(({ info, state }) => info.id === self && state === 'left')
  }

  onTimer(): void {
    if (this.#left) return
    if (this.#departed) return this.#end()
    this.#look()
    if (!this.#departed) this.#arm(LOOK_INTERVAL)
  }

  check(): void {
    assert(this.#asking.length <= ASKING_MAX, () => `${this.#asking.length} ask to leave`)
    assert(this.#isWished || !this.#departed, 'left without a wish')
    assert(this.#departed || !this.#left, 'gone without a goodbye')
  }

  #refusal(): Failure | undefined {
    if (this.#isWished) return undefined
    const { layout, isReady } = this.#parts
    if (!isReady() || layout.state === undefined) {
      const message = 'this node has just started and does not know its cluster yet'
      return failure('DND_ERR_NOT_READY', message)
    }
    if (this.#isLast(layout.state.current)) {
      const message = 'no other node holds data, so nobody could take over what this node has'
      return failure('DND_ERR_LAST_NODE', message)
    }
    if (this.#asking.length < ASKING_MAX) return undefined
    const message = 'too many clients wait for this node to begin its leave'
    return failure('DND_ERR_OVERLOADED', message)
  }

  #begin(): void {
    this.#isWished = true
    this.#parts.layout.leave()
    this.#arm(LOOK_INTERVAL)
    this.#note(this.#phase())
  }

  #look(): void {
    const phase = this.#phase()
    this.#note(phase)
    if (phase !== 'telling') return
    const waiting = this.#untold()
    if (waiting.length === 0 && this.#isKnownToAMember()) return this.#depart()
    if (this.#looks++ % LOOKS_PER_NEWS === 0) for (const peer of waiting) this.#parts.contact(peer)
  }

  #depart(): void {
    this.#departed = true
    this.#note('left')
    this.#parts.depart()
    this.#arm(FAREWELL)
  }

  /** Cut off just now, it tries for a while to be heard: its data is safe either way. */
  #end(): void {
    if (!this.#isMissed && ++this.#farewells < FAREWELLS_MAX) return this.#depart()
    this.#left = true
    this.#host.note({ type: 'left' })
  }

  #phase(): LeavePhase {
    if (this.#departed) return 'left'
    const { state } = this.#parts.layout
    const { self } = this.#host
    if (state === undefined || hasRole(state.current, self)) return 'waiting'
    return isNamed(state, self) ? 'moving' : 'telling'
  }

  #hindrance(phase: LeavePhase): LeaveHindrance | undefined {
    const { state } = this.#parts.layout
    if (phase === 'left' || state === undefined) return undefined
    if (phase === 'telling') return { reason: 'news', nodes: this.#untold() }
    if (phase === 'moving') return { reason: 'move', nodes: awaited(state) }
    const nodes = nodesOf(state.current)
    const down = nodes.filter((node) => !this.#host.isUp(node))
    if (this.#isLast(state.current)) return { reason: 'last', nodes: [] }
    if ((nodes.length - down.length) * 2 <= nodes.length) return { reason: 'majority', nodes: down }
    if (state.previous !== undefined) return { reason: 'move', nodes: awaited(state) }
    return down.length > 0 ? { reason: 'members', nodes: down } : { reason: 'plan', nodes: [] }
  }

  #isLast({ roles }: Layout): boolean {
    return !roles.some(({ node, weight }) => node !== this.#host.self && weight > 0)
  }

  #untold(): NodeId[] {
    return this.#parts.others().filter((node) => !this.#told.has(node))
  }

  /** Somebody who holds data keeps the word that we are out, should all the others be gone. */
  #isKnownToAMember(): boolean {
    const { state } = this.#parts.layout
    return state !== undefined && nodesOf(state.current).some((node) => this.#told.has(node))
  }

  /** Partitions of ours that are not yet with all of their new owners. */
  #unhanded(state: LayoutState): ReadonlySet<PartitionId> {
    const { layout } = this.#parts
    if (hasRole(state.current, this.#host.self)) return new Set(layout.held())
    const held = new Set(layout.held())
    const missing = pulling(state).flatMap((node) => gainedBy(state, node))
    return new Set(missing.filter((partition) => held.has(partition)))
  }

  #takeAsking(): readonly number[] {
    const asking = this.#asking
    this.#asking = []
    return asking
  }

  #confirm(client: number): void {
    const { view } = this
    assert(view !== undefined, 'confirmed without a wish')
    this.#reply(client, { ok: true, leaving: view })
  }

  #reply(client: number, result: LeaveResult): void {
    this.#host.reply(client, { type: 'leave', result })
  }

  #note(phase: LeavePhase): void {
    if (phase === this.#noted) return
    this.#noted = phase
    this.#host.note({ type: 'leaving', phase })
  }

  #arm(by: Duration): void {
    this.#host.arm({ owner: 'leaving' }, later(this.#host.now, by))
  }
}

function failure(code: FailureCode, message: string): Failure {
  return { ok: false, code, outcome: 'rejected', needed: 0, got: 0, message }
}

function hasRole(layout: Layout, node: NodeId): boolean {
  return layout.roles.some((role) => role.node === node)
}

/** Whether requests may still be aimed at `node` under this state. */
function isNamed({ current, previous }: LayoutState, node: NodeId): boolean {
  return hasRole(current, node) || (previous !== undefined && hasRole(previous, node))
}

/** Who has not pulled yet all that it gains. */
function pulling(state: LayoutState): NodeId[] {
  return nodesOf(state.current).filter(
    (node) => !state.synced.includes(node) && gainedBy(state, node).length > 0,
  )
}

function copiesOf({ current, previous }: LayoutState, self: NodeId): LeavingView['copies'] {
  const ours = [current, previous].find((layout) => layout !== undefined && hasRole(layout, self))
  if (ours === undefined) return undefined
  const roles = ours.roles.filter(({ node }) => node !== self)
  return { before: replicaSetSize(ours), after: replicaSetSize({ ...ours, roles }) }
}
