/**
 * The layout as this node knows it: adopting newer ones, asking for a share or to be without one,
 * planning for those who ask, and noticing when a move is complete.
 *
 * Who plans? Anybody may, for what is adopted was chosen by the layout's members, once for each
 * version (`layout-register.ts`). But plans that compete cost time, so one node plans by a rule
 * that all apply: the least node id among the layout's members that are up, and only while a
 * majority of the layout's members is up.
 *
 * A node without a share asks for one, and one that leaves asks for a layout without it; any member
 * passes the request on to the planner, and the planner waits a little so that nodes that join or
 * leave together are planned together. While data moves, nobody plans.
 *
 * A node that comes in the place of a lost one asks for that one's places. Nobody else is planned
 * with it, so that nothing moves but what was lost; and whoever it replaces has no say in who
 * plans, for the operator has said that it will not come back. Of two nodes the one that is left
 * plans alone, then. It may be lost while data moves, to it or from it: then the plan goes on
 * instead of that move.
 *
 * Nothing is planned by which one who is not up would have to take over data: the move would wait
 * for that one, and meanwhile writes would need a quorum of replica sets in which it stands. So
 * nobody is let go then whom it would have to stand in for, nor given another weight at its cost;
 * who joins is planned without them, as it takes and gives nothing.
 */
import type { Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import { ByteWriter } from '../std/bytes.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import { NODES_MAX } from '../std/limits.ts'
import type { Prng } from '../std/prng.ts'
import type { MemberInfo } from '../membership/member.ts'
import type { Layout, LayoutState, Placement, Role } from '../placement/layout.ts'
import { encodeLayoutState } from '../placement/layout-codec.ts'
import {
  beginTransition,
  formerOf,
  gainedBy,
  gainerGone,
  gainersOf,
  isFilled,
  isMoving,
  markAcked,
  markLost,
  markSynced,
  mergeLayoutStates,
  PlacementTable,
  readVersionOf,
  settle,
} from '../placement/layout-state.ts'
import { checkSuccessor } from '../placement/layout-check.ts'
import { checkRoles } from '../placement/layout-structure.ts'
import { planLayout } from '../placement/plan-layout.ts'
import { planWithout } from '../placement/plan-removal.ts'
import { planReplacement } from '../placement/plan-replacement.ts'
import type { StoreReader } from '../ports.ts'
import { AcceptorMemory } from './acceptor-memory.ts'
import type { Host } from './host.ts'
import type { LayoutHistoryEntry } from './layout-asks.ts'
import { LayoutHistory } from './layout-history.ts'
import type { Chosen, LayoutRegisters } from './layout-register.ts'
import { LayoutRegister, layoutRegisterKey } from './layout-register.ts'
import { ReplaceRequests } from './replace-requests.ts'
import { stateKey } from './storage-keys.ts'
import { storedLayout } from './stored-layout.ts'

/** How often a node without a share asks for one, and a node that leaves to be let go. */
const JOIN_INTERVAL = duration(500)
/**
 * How long the planner gathers those who join together. Shorter: processes that are started at the
 * same moment are planned one by one, and each plan moves some of what the one before has moved.
 * Longer: who comes alone waits for nobody.
 */
const PLAN_DELAY = duration(800)

/** Tokens are twice as great. */
const VERSION_MAX = Math.floor(Number.MAX_SAFE_INTEGER / 2)

/** What changed when a layout state was adopted. */
export interface Adoption {
  readonly before: LayoutState | undefined
  readonly after: LayoutState
}

export interface LayoutKeeperOptions {
  readonly self: MemberInfo
  readonly rng: Prng
  readonly store: StoreReader
  readonly registers: LayoutRegisters
  /** The least R of any bucket that promises that its reads see what was written. */
  readonly leastR: () => number
  /** What a choice that was made has led to. */
  readonly adopted: (adoption: Adoption) => void
  /** Whose places this node wants instead of a share of its own; `unknown`: it waits. */
  readonly replaces?: () => NodeId | 'unknown' | undefined
  /** Whether all who are up understand how layouts are chosen. */
  readonly mayPropose?: () => boolean
  /** Whether those who join wait until an operator applies a plan. */
  readonly isManual?: boolean
  /** Whether a node is known to have left the cluster. */
  readonly hasLeft?: (node: NodeId) => boolean
  /** See `NodeOptions`. */
  readonly knownVersion?: number | undefined
}

export class LayoutKeeper {
  readonly #host: Host
  readonly #replaces: () => NodeId | 'unknown' | undefined
  readonly #self: MemberInfo
  readonly #rng: Prng
  #state: LayoutState | undefined
  #table: PlacementTable | undefined
  readonly #history: LayoutHistory
  #readVersion = 0
  // Nodes that asked this one for a share. Bounded by: NODES_MAX.
  readonly #joining = new Map<NodeId, Role>()
  // Nodes that asked this one to be planned without, in the order asked. Bounded by: NODES_MAX.
  readonly #leaving = new Set<NodeId>()
  readonly #replacing: ReplaceRequests
  readonly #registers: LayoutRegisters
  readonly #register: LayoutRegister
  readonly #memory: AcceptorMemory
  readonly #adopted: (adoption: Adoption) => void
  readonly #leastR: () => number
  readonly #hasLeft: (node: NodeId) => boolean
  readonly #isManual: boolean
  #planArmed = false
  /** Whether this node wants no share, for good. */
  #isLeaving = false
  /** What of the layout is known durable, as the tokens of its batches say. */
  #durable = 0

  constructor(host: Host, options: LayoutKeeperOptions) {
    this.#host = host
    this.#replaces = options.replaces ?? (() => undefined)
    this.#replacing = new ReplaceRequests({
      isMember: (node) => this.#isMember(node),
      isUp: (node) => host.isUp(node),
    })
    this.#self = options.self
    this.#rng = options.rng
    this.#registers = options.registers
    this.#history = new LayoutHistory(options.store)
    const stored = storedLayout(options.store)
    const version = stored?.current.version ?? 0
    this.#memory = new AcceptorMemory(options.store, version, options.knownVersion ?? 0)
    this.#register = new LayoutRegister(host, {
      ...{ registers: options.registers, rng: options.rng.fork(), state: () => this.#state },
      chosen: (layout) => this.#chosen(layout),
      hasForgotten: (each) => this.#memory.bars(each),
      mayPropose: options.mayPropose ?? (() => true),
    })
    this.#adopted = options.adopted
    this.#leastR = options.leastR
    this.#hasLeft = options.hasLeft ?? (() => false)
    this.#isManual = options.isManual ?? false
    if (stored === undefined) return
    this.#install(stored)
    this.#durable = this.#readVersion
  }

  get register(): LayoutRegister {
    return this.#register
  }

  /** Layouts that this node has adopted, the latest last. */
  get history(): readonly LayoutHistoryEntry[] {
    return this.#history.entries
  }

  /** Has `layout` chosen to follow the one in force, unless another was. */
  propose(layout: Layout, done: Chosen): void {
    this.#register.propose(layout, this.#state?.lost ?? [], done)
  }

  get state(): LayoutState | undefined {
    return this.#state
  }

  get version(): number {
    return this.#state?.current.version ?? 0
  }

  /** See `Placement.readVersion`; 0 while no layout is known. */
  get readVersion(): number {
    return this.#readVersion
  }

  /**
   * The greatest version whose adoption survives a crash: a transfer is served only under a durable
   * fence.
   */
  get durableVersion(): number {
    return Math.floor(this.#durable / 2)
  }

  get moving(): boolean {
    return this.#state !== undefined && isMoving(this.#state)
  }

  placementOf(partition: PartitionId): Placement | undefined {
    return this.#table?.of(partition)
  }

  /** Partitions in one of whose write sets this node stands. */
  held(): readonly PartitionId[] {
    return this.#table?.replicasOf(this.#host.self) ?? []
  }

  /** Partitions that this node must pull before the move is complete. */
  gained(): readonly PartitionId[] {
    const state = this.#state
    if (state === undefined || !this.moving || isFilled(state)) return []
    return gainedBy(state, this.#host.self)
  }

  /** The first layout of a new cluster: this node alone. */
  found(birth: { readonly partitions: number; readonly replicas: number }): Adoption {
    const layout = planLayout({ previous: undefined, roles: [this.#role()], ...birth })
    return this.#adopt(beginTransition(undefined, layout))
  }

  /** Takes over what `theirs` knows more; undefined when that is nothing. */
  merge(theirs: LayoutState): Adoption | undefined {
    const mine = this.#state
    if (mine !== undefined && theirs.current.partitions !== mine.current.partitions)
      return undefined
    const merged = mergeLayoutStates(mine, theirs)
    return merged === mine ? undefined : this.#adopt(merged)
  }

  /** This node has pulled all that it gained. */
  synced(): Adoption | undefined {
    if (this.#state === undefined || !this.moving) return undefined
    const next = markSynced(this.#state, this.#host.self)
    return next === this.#state ? undefined : this.#adopt(next)
  }

  /** A state is durable; `token` as given with it. */
  stored(token: number): Adoption | undefined {
    this.#durable = Math.max(this.#durable, token)
    return this.#ack()
  }

  /** The operator says that `node` will not come back. */
  lose(node: NodeId): Adoption | undefined {
    if (this.#state === undefined) return undefined
    const next = markLost(this.#state, node)
    return next === this.#state ? undefined : this.#adopt(next)
  }

  /** Whether the operator has said so of `node`. */
  isLost(node: NodeId): boolean {
    return this.#state?.lost.includes(node) === true
  }

  /** From a state that is filled and durable nobody goes back to reading where it was. */
  #ack(): Adoption | undefined {
    if (this.#state === undefined || this.#durable < this.#readVersion) return undefined
    const next = markAcked(this.#state, this.#host.self)
    return next === this.#state ? undefined : this.#adopt(next)
  }

  /** From now on this node wants to be without a share. */
  leave(): void {
    this.#isLeaving = true
  }

  /**
   * Asks now and then until the layout has this node as it wants to be, or, when it leaves, has it
   * no more.
   */
  onJoinTimer(now: Instant): void {
    this.#host.arm({ owner: 'node', what: 'join' }, later(now, JOIN_INTERVAL))
    this.#register.onTimer()
    const acked = this.#ack()
    if (acked !== undefined) this.#adopted(acked)
    const { self } = this.#host
    if (this.#state === undefined) return
    const gone = gainerGone(this.#state, this.#hasLeft)
    if (gone !== undefined) this.#adopted(this.lose(gone)!)
    if (this.#mustPlanAway(this.#state)) this.#armPlan(now)
    if (this.#isLeaving ? !this.#isMember(self) : this.#hasRole(this.#role())) return
    const lost = this.#isLeaving || this.#isMember(self) ? undefined : this.#replaces()
    const up = this.#state.current.roles.filter(
      ({ node }) => node !== lost && this.#host.isUp(node),
    )
    if (up.length === 0 || lost === 'unknown') return
    const { node } = this.#rng.pick(up)
    // A member that wants another role, or none, is among them.
    if (this.#isLeaving) {
      if (node === self) this.onLeaveRequest(self, now)
      else this.#host.send(node, { type: 'leave-request', node: self })
    } else if (lost !== undefined)
      this.#host.send(node, { type: 'replace-request', role: this.#role(), lost })
    else if (node === self) this.onJoinRequest(this.#role(), now)
    else this.#host.send(node, { type: 'join-request', role: this.#role() })
  }

  onJoinRequest(role: Role, now: Instant): void {
    if (this.#state === undefined || this.#hasRole(role)) return
    const planner = this.#planner()
    if (planner === undefined) return
    if (planner !== this.#host.self) return this.#host.send(planner, { type: 'join-request', role })
    if (this.#joining.size >= NODES_MAX && !this.#joining.has(role.node)) return
    this.#leaving.delete(role.node)
    this.#joining.set(role.node, role)
    this.#armPlan(now)
  }

  onReplaceRequest(role: Role, lost: NodeId, now: Instant): void {
    if (!this.#replacing.asked(role, lost, now)) return
    this.#joining.delete(role.node)
    const lostOnes = this.#replacing.wanted(now).map((each) => each.lost)
    const planner = this.#planner(lostOnes)
    if (planner === this.#host.self) this.#armPlan(now)
    else if (planner !== undefined)
      this.#host.send(planner, { type: 'replace-request', role, lost })
  }

  onLeaveRequest(node: NodeId, now: Instant): void {
    if (!this.#isMember(node)) return
    const planner = this.#planner()
    if (planner === undefined) return
    if (planner !== this.#host.self)
      return this.#host.send(planner, { type: 'leave-request', node })
    if (this.#leaving.size >= NODES_MAX && !this.#leaving.has(node)) return
    this.#joining.delete(node)
    this.#leaving.add(node)
    this.#armPlan(now)
  }

  /**
   * The gathering is over: plans for all who asked, unless data still moves, something else is
   * being chosen, or somebody else plans now.
   */
  onPlanTimer(now: Instant): Adoption | undefined {
    this.#planArmed = false
    const state = this.#state
    if (state === undefined) return undefined
    // Who asked and is gone would be waited for by everybody until it is back. Who is not known to
    // be up yet asks again.
    const joining = this.#isManual ? [] : [...this.#joining.values()]
    const wanted = joining.filter((role) => !this.#hasRole(role) && this.#host.isUp(role.node))
    const leaving = [...this.#leaving].filter(
      (node) => this.#isMember(node) && this.#host.isUp(node),
    )
    const replacements = this.#replacing.wanted(now)
    const lost = [...new Set([...state.lost, ...replacements.map((each) => each.lost)])]
    const isAsked = wanted.length + leaving.length + lost.length > 0
    const plans = this.#planner(lost) === this.#host.self
    if (isAsked && plans && (this.moving || this.#register.isProposing)) {
      this.#armPlan(now)
      // A move that waits for who is lost goes on without it.
      const next = replacements.reduce((marked, each) => markLost(marked, each.lost), state)
      return !this.moving || next === state ? undefined : this.#adopt(next)
    }
    this.#joining.clear()
    this.#leaving.clear()
    if (!isAsked || !plans) return undefined
    const layout =
      replacements.length > 0
        ? planReplacement(state.current, replacements)
        : this.#possible(state, wanted, leaving)
    if (layout !== undefined) this.#register.propose(layout, lost)
    return undefined
  }

  /** What was chosen to follow the layout that this node knows is adopted. */
  #chosen(layout: Layout): void {
    const { current } = this.#state ?? {}
    if (current === undefined || checkSuccessor(current, layout) !== undefined) return
    if (layout.version !== current.version + 1) return
    // Who has proposed it knew the move before to be over.
    const settled = { current, previous: undefined, synced: [], acked: [], lost: [] }
    this.#adopted(this.#adopt(beginTransition(settled, layout)))
  }

  /** Whether a layout without those who are lost is for this node to plan. */
  #mustPlanAway({ lost }: LayoutState): boolean {
    return lost.length > 0 && this.#planner(lost) === this.#host.self
  }

  /** The first of what is asked for, all of it or some, for which all are up who take over data. */
  #possible(
    state: LayoutState,
    wanted: readonly Role[],
    leaving: readonly NodeId[],
  ): Layout | undefined {
    const joining = wanted.filter(({ node }) => !this.#isMember(node))
    const choices = [
      { roles: wanted, without: leaving },
      { roles: wanted, without: [] },
      { roles: joining, without: [] },
      { roles: [], without: [] },
    ]
    for (const { roles, without } of choices) {
      const layout = nextLayout(state, roles, without)
      if (layout !== undefined && this.downGainers(layout).length === 0) return layout
    }
    return undefined
  }

  /** Who would have to take over data if `next` followed the layout in force, and is not up. */
  downGainers(next: Layout): readonly NodeId[] {
    const { current } = this.#state ?? {}
    const gainers = current === undefined ? [] : gainersOf(current, next)
    return gainers.filter((node) => !this.#host.isUp(node))
  }

  #armPlan(now: Instant): void {
    if (this.#planArmed) return
    this.#planArmed = true
    this.#host.arm({ owner: 'node', what: 'plan' }, later(now, PLAN_DELAY))
  }

  /** Those who are `lost` have no say. */
  #planner(lost: readonly NodeId[] = []): NodeId | undefined {
    const members = this.#state?.current.roles.map(({ node }) => node) ?? []
    const nodes = members.filter((node) => !lost.includes(node))
    const up = nodes.filter((node) => this.#host.isUp(node))
    const planner = up.length * 2 > nodes.length ? up[0] : undefined
    // Of two with one identity neither plans, and the others do not know of it: nobody plans until
    // the operator has decided.
    return planner === this.#host.self && this.#host.clonedBy !== undefined ? undefined : planner
  }

  #role(): Role {
    return { node: this.#self.id, zone: this.#self.zone, weight: this.#self.weight }
  }

  #isMember(node: NodeId): boolean {
    return this.#state?.current.roles.some((role) => role.node === node) === true
  }

  #hasRole({ node, zone, weight }: Role): boolean {
    const role = this.#state?.current.roles.find((candidate) => candidate.node === node)
    return role?.zone === zone && role.weight === weight
  }

  /** Hands the layout to the store; `stored` tells when it is durable. */
  persist(before?: Layout): void {
    if (this.#state === undefined) return
    const { current } = this.#state
    const writer = new ByteWriter(1024)
    encodeLayoutState(writer, this.#state)
    this.#host.store('cluster', this.#readVersion, [
      { type: 'put', key: stateKey('layout'), value: writer.take() },
      ...this.#registers.forget(layoutRegisterKey(current.version)),
      ...this.#memory.operations(current.version),
      ...this.#history.adopted(current, before, this.#host.wallMs),
    ])
  }

  #adopt(next: LayoutState): Adoption {
    const before = this.#state
    const state = settle(next, this.#leastR())
    this.#install(state)
    this.persist(before?.current)
    return { before, after: state }
  }

  #install(state: LayoutState): void {
    this.#state = state
    this.#readVersion = readVersionOf(state)
    this.#table = new PlacementTable(state)
  }
}

/**
 * The layout that gives the wanted roles, as far as there is room for them, and none to those who
 * are lost, nor to those who leave, as long as somebody is left to hold data: who asked last stays
 * then. undefined when there is none to be planned.
 */
function nextLayout(
  state: LayoutState,
  wanted: readonly Role[],
  leaving: readonly NodeId[] = [],
): Layout | undefined {
  const { current: previous, lost } = state
  const gone = new Set(leaving)
  const others = previous.roles.filter(
    ({ node }) => !lost.includes(node) && !wanted.some((role) => role.node === node),
  )
  const kept = (): Role[] => others.filter(({ node }) => !gone.has(node))
  const admitted = wanted.slice(0, NODES_MAX - kept().length)
  for (const node of leaving.toReversed()) {
    if ([...kept(), ...admitted].some(({ weight }) => weight > 0)) break
    gone.delete(node)
  }
  const roles = [...kept(), ...admitted]
  // Roles are what peers ask for: a layout in which nobody would hold data is not planned, nor one
  // behind the last version.
  if (admitted.length + gone.size + lost.length === 0) return undefined
  if (checkRoles(roles) !== undefined || previous.version >= VERSION_MAX) return undefined
  const { partitions, replicas } = previous
  const former = formerOf(state)
  return planWithout({ previous, roles, partitions, replicas, former }, lost)
}
