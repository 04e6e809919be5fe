/**
 * The layout as this node knows it: adopting newer ones, asking for a share or to be without one,
 * planning for those who ask, and noticing when a move is complete.
 *
 * Who plans? For a layout change to be chosen exactly once takes consensus, which this store will
 * have; until then one node plans at a time, by a rule that all apply: the least node id among the
 * layout's members that are up, and only while a majority of the layout's members is up, so that
 * two sides of a partition never both plan. Two nodes can still disagree for a moment about who is
 * up; then two layouts of one version meet, and the greater hash wins everywhere. This is the one
 * place to replace when versions are chosen by a register.
 *
 * A node without a share asks for one, and one that leaves asks for a layout without it; any member
 * passes the request on to the planner, and the planner waits a little so that nodes that join or
 * leave together are planned together. While data moves, nobody plans.
 *
 * A node that comes in the place of a lost one asks for that one's places. Nobody else is planned
 * with it, so that nothing moves but what was lost; and whoever it replaces has no say in who
 * plans, for the operator has said that it will not come back. Of two nodes the one that is left
 * plans alone, then. It may be lost while data moves, to it or from it: then one of those who are
 * not yet done plans, for without its word the move cannot be over.
 *
 * Nobody is let go while one who would have to take over data is not up: the move would wait for
 * that one, and meanwhile writes would need a quorum of replica sets in which it stands. Who joins
 * at that time is planned without those who want to leave.
 */
import type { Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import { ByteReader, ByteWriter } from '../std/bytes.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import { NODES_MAX } from '../std/limits.ts'
import type { Prng } from '../std/prng.ts'
import type { MemberInfo } from '../membership/member.ts'
import type { Layout, LayoutState, Placement, Role } from '../placement/layout.ts'
import { decodeLayoutState, encodeLayoutState } from '../placement/layout-codec.ts'
import {
  beginTransition,
  gainedBy,
  isMoving,
  markSynced,
  mergeLayoutStates,
  nodesOf,
  PlacementTable,
  redirectTransition,
} from '../placement/layout-state.ts'
import { checkRoles } from '../placement/layout-structure.ts'
import { planLayout } from '../placement/plan-layout.ts'
import type { Replacement } from '../placement/plan-replacement.ts'
import { planReplacement } from '../placement/plan-replacement.ts'
import type { StoreReader } from '../ports.ts'
import type { Host } from './host.ts'
import { ReplaceRequests } from './replace-requests.ts'
import { stateKey } from './storage-keys.ts'

/** How often a node without a share asks for one, and a node that leaves to be let go. */
const JOIN_INTERVAL = duration(500)
/** How long the planner gathers those who join together. */
const PLAN_DELAY = duration(200)

/** What changed when a layout state was adopted. */
export interface Adoption {
  readonly before: LayoutState | undefined
  readonly after: LayoutState
}

export interface LayoutKeeperOptions {
  readonly self: MemberInfo
  readonly rng: Prng
  readonly store: StoreReader
  /** Whose places this node wants instead of a share of its own; `unknown`: it waits. */
  readonly replaces?: () => NodeId | 'unknown' | undefined
}

export class LayoutKeeper {
  readonly #host: Host
  readonly #replaces: () => NodeId | 'unknown' | undefined
  readonly #self: MemberInfo
  readonly #rng: Prng
  #state: LayoutState | undefined
  #table: PlacementTable | undefined
  // Nodes that asked this one for a share. Bounded by: NODES_MAX.
  readonly #joining = new Map<NodeId, Role>()
  // Nodes that asked this one to be planned without, in the order asked. Bounded by: NODES_MAX.
  readonly #leaving = new Set<NodeId>()
  readonly #replacing: ReplaceRequests
  #planArmed = false
  /** Whether this node wants no share, for good. */
  #isLeaving = false
  /** The greatest version known durable. */
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
    const stored = options.store.get(stateKey('layout'))
    if (stored === undefined || stored === 'unreadable') return
    const reader = new ByteReader(stored)
    const state = decodeLayoutState(reader)
    // An unreadable layout is learned again from the others, as by a node that joins.
    if (!reader.finished) return
    this.#install(state)
    this.#durable = state.current.version
  }

  get state(): LayoutState | undefined {
    return this.#state
  }

  get version(): number {
    return this.#state?.current.version ?? 0
  }

  /**
   * The greatest version whose adoption survives a crash: a transfer is served only under a durable
   * fence.
   */
  get durableVersion(): number {
    return this.#durable
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
    return this.#state === undefined || !this.moving ? [] : gainedBy(this.#state, this.#host.self)
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

  stored(token: number): void {
    this.#durable = Math.max(this.#durable, token)
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
    const { self } = this.#host
    if (this.#state === undefined) return
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
    const planner = this.#redirector() ?? this.#planner(lostOnes)
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
   * The gathering is over: plans for all who asked, unless data still moves or somebody else plans
   * now.
   */
  onPlanTimer(now: Instant): Adoption | undefined {
    this.#planArmed = false
    const state = this.#state
    // Who asked and is gone would be waited for by everybody until it is back. Who is not known to
    // be up yet asks again.
    const wanted = [...this.#joining.values()].filter(
      (role) => !this.#hasRole(role) && this.#host.isUp(role.node),
    )
    const leaving = [...this.#leaving].filter(
      (node) => this.#isMember(node) && this.#host.isUp(node),
    )
    const replacements = this.#replacing.wanted(now)
    const redirected = this.#redirect(replacements)
    if (redirected !== undefined) return redirected
    const nobodyAsks = wanted.length + leaving.length + replacements.length === 0
    const plans = this.#planner(replacements.map(({ lost }) => lost)) === this.#host.self
    if (state !== undefined && !nobodyAsks && plans && this.moving) {
      this.#armPlan(now)
      return undefined
    }
    this.#joining.clear()
    this.#leaving.clear()
    if (state !== undefined && plans && replacements.length > 0)
      return this.#adopt(beginTransition(state, planReplacement(state.current, replacements)))
    if (state === undefined || nobodyAsks || this.#planner() !== this.#host.self) return undefined
    const layout = this.#layoutWithout(state, wanted, leaving) ?? nextLayout(state.current, wanted)
    return layout === undefined ? undefined : this.#adopt(beginTransition(state, layout))
  }

  /**
   * A move may wait for one who is lost: then it goes on towards a layout without it. So decides
   * one without whose word the move cannot be over (`redirectTransition`).
   */
  #redirect(replacements: readonly Replacement[]): Adoption | undefined {
    const { current, previous } = this.#state ?? {}
    if (current === undefined || previous === undefined || replacements.length === 0)
      return undefined
    const isPlanned = this.#planner(replacements.map(({ lost }) => lost)) !== undefined
    if (!isPlanned || this.#redirector() !== this.#host.self) return undefined
    const layout = planReplacement(current, replacements, previous)
    return this.#adopt(redirectTransition(this.#state!, layout))
  }

  /** The least node that is up and has not all that it gains; undefined when nothing moves. */
  #redirector(): NodeId | undefined {
    const state = this.#state
    if (state?.previous === undefined) return undefined
    return nodesOf(state.current).find(
      (node) =>
        this.#host.isUp(node) && !state.synced.includes(node) && gainedBy(state, node).length > 0,
    )
  }

  /** A layout without those who leave, if all who must take over data for it are up. */
  #layoutWithout(
    state: LayoutState,
    wanted: readonly Role[],
    leaving: readonly NodeId[],
  ): Layout | undefined {
    if (leaving.length === 0) return undefined
    const layout = nextLayout(state.current, wanted, leaving)
    if (layout === undefined) return undefined
    const next = beginTransition(state, layout)
    const gainers = nodesOf(layout).filter((node) => gainedBy(next, node).length > 0)
    return gainers.every((node) => this.#host.isUp(node)) ? layout : undefined
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
  persist(): void {
    if (this.#state === undefined) return
    const writer = new ByteWriter(1024)
    encodeLayoutState(writer, this.#state)
    this.#host.store('cluster', this.#state.current.version, [
      { type: 'put', key: stateKey('layout'), value: writer.take() },
    ])
  }

  #adopt(state: LayoutState): Adoption {
    const before = this.#state
    this.#install(state)
    this.persist()
    return { before, after: state }
  }

  #install(state: LayoutState): void {
    this.#state = state
    this.#table = new PlacementTable(state)
  }
}

/**
 * The layout that gives the wanted roles, as far as there is room for them, and none to those who
 * leave, as long as somebody is left to hold data: who asked last stays then. undefined when there
 * is none to be planned.
 */
function nextLayout(
  previous: Layout,
  wanted: readonly Role[],
  leaving: readonly NodeId[] = [],
): Layout | undefined {
  const gone = new Set(leaving)
  const others = previous.roles.filter(({ node }) => !wanted.some((role) => role.node === node))
  const kept = (): Role[] => others.filter(({ node }) => !gone.has(node))
  const admitted = wanted.slice(0, NODES_MAX - kept().length)
  for (const node of leaving.toReversed()) {
    if ([...kept(), ...admitted].some(({ weight }) => weight > 0)) break
    gone.delete(node)
  }
  const roles = [...kept(), ...admitted]
  // Roles are what peers ask for: a layout in which nobody would hold data is not planned, nor one
  // behind the last version.
  if (admitted.length + gone.size === 0 || checkRoles(roles) !== undefined) return undefined
  if (previous.version >= Number.MAX_SAFE_INTEGER) return undefined
  const { partitions, replicas } = previous
  return planLayout({ previous, roles, partitions, replicas })
}
