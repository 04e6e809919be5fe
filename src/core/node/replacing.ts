/**
 * This node is to take the place of one whose data is gone (`dnd join --replace NODE`).
 *
 * A node is its data directory, so a machine with a new disk is a new node, and would be given a
 * share of its own while the lost one went on to count: for majorities, for quorums, for the data
 * that it should hold. Here it asks for the places of the lost one instead, and gets no others:
 *
 * ```
 *   looking   which node is meant? Its name or id is looked up among those of the layout.
 *   dying     the others do not hold it dead yet; that takes seconds after a crash
 *   planning  the planner is asked, again and again, for the layout in which this node has the
 *             places of the lost one                  (`layout-keeper.ts`, `plan-replacement.ts`)
 *   filling   it has them, and pulls what they hold from the other replicas      (`transfers.ts`)
 * ```
 * Until it is filled the old layout is the one that is read by, so it neither coordinates nor
 * answers reads; before that it does not even call itself ready.
 *
 * A node that is alive is never replaced: two of one place would both be right. It is asked for
 * proof: `isAlive` is said of members only that have answered this node itself. What cannot be
 * granted is refused with a reason, and this node says goodbye and ends; it had no data.
 *
 * The wish is not stored. Until the layout has this node it must be given at each start; from then
 * on it is fulfilled, and means nothing any more.
 */
import { nodeId } from '../std/ids.ts'
import type { NodeId } from '../std/ids.ts'
import type { MemberRecord } from '../membership/member.ts'
import type { Layout, LayoutState } from '../placement/layout.ts'
import { gainedBy } from '../placement/layout-state.ts'
import type { Host } from './host.ts'

export type ReplacingPhase = 'looking' | 'dying' | 'planning' | 'filling'

export interface ReplacingView {
  readonly phase: ReplacingPhase
  /** Who is replaced: its name or id as given, until it is found. */
  readonly lost: string
}

export interface ReplacingParts {
  /** Name or id of the node to replace; undefined: none. */
  readonly wish: string | undefined
  readonly layout: () => LayoutState | undefined
  /** All members of whom anything was heard. */
  readonly members: () => readonly MemberRecord[]
  /** Whether the member has proved to this node that it is there. */
  readonly isAlive: (node: NodeId) => boolean
  /** The wish cannot be granted: this node goes. */
  readonly giveUp: () => void
}

/** How often it looks for a name that nobody has told of yet before it calls it unknown. */
const LOOKS_MAX = 10

export class Replacing {
  readonly #host: Host
  readonly #parts: ReplacingParts
  #looks = 0
  #isRefused = false
  #lost: NodeId | undefined

  constructor(host: Host, parts: ReplacingParts) {
    this.#host = host
    this.#parts = parts
  }

  /** Whether this node has what it was started for: it may be asked for anything. */
  get isDecided(): boolean {
    const { wish } = this.#parts
    return wish === undefined || this.#isMember(this.#parts.layout()?.current)
  }

  /** undefined: it replaces nobody, or has done so. */
  get view(): ReplacingView | undefined {
    const { wish, members, layout } = this.#parts
    const state = layout()
    if (!this.isDecided) {
      if (this.#lost === undefined) return { phase: 'looking', lost: wish ?? '' }
      const record = members().find(({ info }) => info.id === this.#lost)
      const isGone = record === undefined || record.state === 'dead'
      return { phase: isGone ? 'planning' : 'dying', lost: this.#lost }
    }
    const lost = state?.current.lost ?? []
    const { self } = this.#host
    if (state === undefined || lost.length === 0 || gainedBy(state, self).length === 0)
      return undefined
    return state.synced.includes(self) ? undefined : { phase: 'filling', lost: lost.join(', ') }
  }

  /**
   * Whose places to ask for; undefined: nobody's, this node wants a share of its own. `unknown`:
   * nothing is to be asked for yet. To be called now and then while this node has no role.
   */
  wanted(): NodeId | 'unknown' | undefined {
    const { wish, layout } = this.#parts
    const state = layout()
    if (wish === undefined) return undefined
    if (this.#isRefused || state === undefined) return 'unknown'
    if (this.#isMember(state.current)) return undefined
    const found = this.#find(wish, state.current)
    if (found.length > 1)
      return this.#refuse(
        `${found.length} nodes are called ${wish}: give the id of the one that is lost, one of ${found.join(', ')}`,
      )
    const [lost] = found
    if (lost === undefined) {
      if (++this.#looks < LOOKS_MAX) return 'unknown'
      return this.#refuse(`no node of the cluster that holds data is called ${wish} or has this id`)
    }
    if (this.#parts.isAlive(lost))
      return this.#refuse(`${wish} (${lost}) is alive: it answers this node`)
    this.#lost = lost
    return lost
  }

  /** Those of the layout with this id or name; of several with one name only who is not alive. */
  #find(wish: string, layout: Layout): NodeId[] {
    const { members, isAlive } = this.#parts
    const nodes = layout.roles.map(({ node }) => node)
    const id = nodeId(wish)
    if (id !== undefined && nodes.includes(id)) return [id]
    const named = members().flatMap(({ info }) =>
      info.name === wish && info.id !== this.#host.self && nodes.includes(info.id) ? [info.id] : [],
    )
    const gone = named.filter((node) => !isAlive(node))
    return gone.length > 0 ? gone : named
  }

  #refuse(reason: string): 'unknown' {
    this.#isRefused = true
    this.#host.note({ type: 'replace-refused', reason })
    this.#parts.giveUp()
    return 'unknown'
  }

  #isMember(layout: Layout | undefined): boolean {
    return layout?.roles.some(({ node }) => node === this.#host.self) === true
  }
}
