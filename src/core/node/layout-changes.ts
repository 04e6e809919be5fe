/**
 * What an operator wants of the layout: to see what would follow, to have it, to have done with a
 * node that will not come back, and to see what was.
 *
 * A plan depends on the layout, the one before it and the roles alone, so it is not kept: it is
 * shown with its version and hash, and applied by naming both. If anything has changed meanwhile,
 * the plan made again is another one, and the operator is told to look again. Whoever is asked
 * proposes; that the version is chosen once is for the register to see to (`layout-register.ts`).
 *
 * Removing a node that is up is refused: it can leave by itself, and takes its data along. When
 * partitions would lose their last replica, the operator must have said of how many.
 */
import type { MemberRecord } from '../membership/member.ts'
import type { Layout, LayoutState, Role } from '../placement/layout.ts'
import { formerOf } from '../placement/layout-state.ts'
import { checkRoles } from '../placement/layout-structure.ts'
import { planWithout } from '../placement/plan-removal.ts'
import type { NodeId } from '../std/ids.ts'
import type { Host } from './host.ts'
import type { LayoutAsk, LayoutResult } from './layout-asks.ts'
import { layoutFailure } from './layout-asks.ts'
import type { Adoption, LayoutKeeper } from './layout-keeper.ts'

export interface LayoutChangesParts {
  readonly layout: LayoutKeeper
  readonly isReady: () => boolean
  /** All members of whom anything is known, this node among them. */
  readonly members: () => readonly MemberRecord[]
  readonly adopted: (adoption: Adoption) => void
}

export class LayoutChanges {
  readonly #host: Host
  readonly #parts: LayoutChangesParts

  constructor(host: Host, parts: LayoutChangesParts) {
    this.#host = host
    this.#parts = parts
  }

  ask(client: number, ask: LayoutAsk): void {
    const { layout, isReady } = this.#parts
    const { state } = layout
    if (!isReady() || state === undefined) {
      const message = 'this node has just started and does not know its cluster yet'
      return this.#reply(client, layoutFailure('DND_ERR_NOT_READY', message))
    }
    switch (ask.what) {
      case 'plan':
        return this.#reply(client, this.#plan(state, ask.roles))
      case 'apply':
        return this.#apply(client, state, ask)
      case 'remove':
        return this.#reply(client, this.#remove(state, ask.node, ask.partitions))
      case 'history':
        return this.#reply(client, { ok: true, what: 'history', entries: layout.history })
    }
  }

  #plan(state: LayoutState, wanted: readonly Role[] | undefined): LayoutResult {
    const roles = wanted ?? this.#wantedRoles(state)
    const problem = checkRoles(roles)
    if (problem !== undefined) return layoutFailure('DND_ERR_BAD_LAYOUT', problem)
    const stranger = roles.find(({ node }) => !this.#isKnown(state, node))
    if (stranger !== undefined)
      return layoutFailure('DND_ERR_BAD_LAYOUT', `no member has the id ${stranger.node}`)
    const { current: before, lost } = state
    const { partitions, replicas } = before
    const former = formerOf(state)
    const isSame = lost.length === 0 && sameRoles(before.roles, roles)
    const after = isSame
      ? undefined
      : planWithout({ previous: before, roles, partitions, replicas, former }, lost)
    return { ok: true, what: 'plan', before, after }
  }

  #apply(client: number, state: LayoutState, ask: Extract<LayoutAsk, { what: 'apply' }>): void {
    const { layout } = this.#parts
    if (layout.moving) {
      const message = `data still moves to layout ${state.current.version}: "dnd status" says how far it is`
      return this.#reply(client, layoutFailure('DND_ERR_LAYOUT_MOVING', message))
    }
    const plan = this.#plan(state, ask.roles)
    if (!plan.ok || plan.what !== 'plan') return this.#reply(client, plan)
    const { after } = plan
    if (after === undefined || after.version !== ask.version || after.hash !== ask.hash) {
      const now = after === undefined ? 'there is nothing to change' : `it is ${nameOf(after)}`
      const message = `the plan was ${nameOf(ask)}, and now ${now}: look at the plan again`
      return this.#reply(client, layoutFailure('DND_ERR_LAYOUT_CONFLICT', message))
    }
    const [down] = layout.downGainers(after)
    if (down !== undefined) {
      const message = `${this.#named(down)} is not up and would have to take over data: the move would wait for it. Bring it back first, or have done with it by "dnd remove"`
      return this.#reply(client, layoutFailure('DND_ERR_NODE_DOWN', message))
    }
    const { hindrance } = layout.register
    if (hindrance === 'proposing') {
      const message = 'a layout is being chosen just now: look at the plan again in a moment'
      return this.#reply(client, layoutFailure('DND_ERR_LAYOUT_CONFLICT', message))
    }
    if (hindrance === 'protocol') {
      const message =
        'some members that are up run a version that does not choose layouts: "dnd status" names them; upgrade them first'
      return this.#reply(client, layoutFailure('DND_ERR_LAYOUT_UNAVAILABLE', message))
    }
    layout.propose(after, (chosen) => this.#reply(client, this.#outcome(after, chosen)))
  }

  #outcome(wanted: Layout, chosen: Layout | 'unknown' | 'failed'): LayoutResult {
    if (chosen === 'unknown') {
      const message = `nobody knows whether ${nameOf(wanted)} was chosen; it may be yet: look at the layout`
      return layoutFailure('DND_ERR_LAYOUT_UNAVAILABLE', message, 'unknown')
    }
    if (chosen === 'failed') {
      const message =
        'no majority of the nodes of the layout took part: "dnd status" says who is not up; nor does one that has lost its store'
      return layoutFailure('DND_ERR_LAYOUT_UNAVAILABLE', message)
    }
    if (chosen.hash === wanted.hash) return { ok: true, what: 'applied', version: wanted.version }
    const message = `${nameOf(chosen)} was chosen instead of ${nameOf(wanted)}: plan again`
    return layoutFailure('DND_ERR_LAYOUT_CONFLICT', message)
  }

  #remove(state: LayoutState, node: NodeId, partitions: number): LayoutResult {
    if (!isMember(state, node)) {
      const message = `no node of the layout has the id ${node}`
      return layoutFailure('DND_ERR_NODE_UNKNOWN', message)
    }
    if (node === this.#host.self || this.#host.isUp(node)) {
      const message = `${this.#named(node)} is up: when it leaves by itself, its data goes with it`
      return layoutFailure('DND_ERR_NODE_UP', message)
    }
    if (!leavesHolders(state, node)) {
      const message = 'no other node holds data'
      return layoutFailure('DND_ERR_LAST_NODE', message)
    }
    const orphans = orphansOf(state, node)
    if (orphans > partitions) {
      const lose = orphans === 1 ? 'partition has lost its' : 'partitions have lost their'
      const message = `without ${this.#named(node)}, ${orphans} ${lose} last replica, and all that was in it: say so if you know that it will not come back`
      return layoutFailure('DND_ERR_WOULD_LOSE_DATA', message)
    }
    const adoption = this.#parts.layout.lose(node)
    if (adoption !== undefined) this.#parts.adopted(adoption)
    return { ok: true, what: 'removed', node }
  }

  /** As the members that are up want them; those who are not keep what they have. */
  #wantedRoles({ current, lost }: LayoutState): Role[] {
    const roles = new Map<NodeId, Role>()
    for (const role of current.roles) if (!lost.includes(role.node)) roles.set(role.node, role)
    for (const { info, state } of this.#parts.members()) {
      const { id: node, zone, weight } = info
      const isUp = node === this.#host.self || this.#host.isUp(node)
      if (isUp && state !== 'left') roles.set(node, { node, zone, weight })
    }
    return [...roles.values()].sort((a, b) => (a.node < b.node ? -1 : 1))
  }

  /** As people call it, and as it is. */
  #named(node: NodeId): string {
    const name = this.#parts.members().find(({ info }) => info.id === node)?.info.name
    return name === undefined ? node : `${name} (${node})`
  }

  #isKnown(state: LayoutState, node: NodeId): boolean {
    return isMember(state, node) || this.#parts.members().some(({ info }) => info.id === node)
  }

  #reply(client: number, result: LayoutResult): void {
    this.#host.reply(client, { type: 'layout', result })
  }
}

function nameOf({ version, hash }: { readonly version: number; readonly hash: number }): string {
  return `layout ${version} (${hash.toString(16).padStart(8, '0')})`
}

function isMember({ current }: LayoutState, node: NodeId): boolean {
  return current.roles.some((role) => role.node === node)
}

function leavesHolders({ current, lost }: LayoutState, node: NodeId): boolean {
  const gone = [...lost, node]
  return current.roles.some((role) => role.weight > 0 && !gone.includes(role.node))
}

/** Partitions all of whose replicas are lost without `node`. */
function orphansOf({ current, previous, lost }: LayoutState, node: NodeId): number {
  const gone = new Set([...lost, node])
  // While data moves the new owners may not have it yet.
  const { roles, table } = previous ?? current
  return table.filter((set) => set.every((index) => gone.has(roles[index]!.node))).length
}

function sameRoles(a: readonly Role[], b: readonly Role[]): boolean {
  if (a.length !== b.length) return false
  const sorted = b.toSorted((one, other) => (one.node < other.node ? -1 : 1))
  return a.every(({ node, zone, weight }, i) => {
    const other = sorted[i]!
    return node === other.node && zone === other.zone && weight === other.weight
  })
}
