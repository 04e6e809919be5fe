/**
 * Who asked this node for the places of whom, lately (`replacing.ts`). Asking is kept for longer
 * than those who ask pause, so that of several who are lost together each is known when the others
 * are: only without all of them may those who are left be most of the rest.
 */
import type { NodeId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import { NODES_MAX } from '../std/limits.ts'
import type { Role } from '../placement/layout.ts'
import type { Replacement } from '../placement/plan-replacement.ts'

/** More than twice the pause between two questions. */
const KEPT_FOR: Duration = duration(1_200)

export interface ReplaceFacts {
  readonly isMember: (node: NodeId) => boolean
  readonly isUp: (node: NodeId) => boolean
}

export class ReplaceRequests {
  // Bounded by: NODES_MAX.
  readonly #asked = new Map<NodeId, Replacement & { readonly until: Instant }>()
  readonly #facts: ReplaceFacts

  constructor(facts: ReplaceFacts) {
    this.#facts = facts
  }

  /** Whether it is worth an answer. */
  asked(role: Role, lost: NodeId, now: Instant): boolean {
    const { isMember } = this.#facts
    if (!isMember(lost) || isMember(role.node)) return false
    for (const [node, { until }] of this.#asked) if (until <= now) this.#asked.delete(node)
    if (this.#asked.size >= NODES_MAX && !this.#asked.has(role.node)) return false
    this.#asked.set(role.node, { role, lost, until: later(now, KEPT_FOR) })
    return true
  }

  /** Who is up and takes the place of whom that is not; of two for one place the first by id. */
  wanted(now: Instant): readonly Replacement[] {
    const { isMember, isUp } = this.#facts
    const found = new Map<NodeId, Replacement>()
    const inOrder = [...this.#asked.values()].sort((a, b) => (a.role.node < b.role.node ? -1 : 1))
    for (const { role, lost, until } of inOrder) {
      if (until <= now || !isMember(lost) || isMember(role.node)) continue
      if (!isUp(lost) && isUp(role.node) && !found.has(lost)) found.set(lost, { role, lost })
    }
    return [...found.values()]
  }
}
