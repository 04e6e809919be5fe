/**
 * Has the quorum been met? One small question, asked by every read and write, kept apart from the
 * processes that ask it (timers, retries, replies) so that it can be read and tested alone.
 *
 * A write during a layout change must be stored by W nodes of the old *and* of the new replica set:
 * then a later quorum of either meets it. Hence a tally over one or two sets; a node that stands in
 * both counts in both. The obvious shortcut, W answers out of the union, loses writes: W new owners
 * that are not yet read from are no quorum of anything.
 *
 * Invariant: a node counts once, however often it answers, and its success outlives its failures
 * (duplicated packets made a naive counter of replies violate linearizability in 159 of 5,000
 * simulated runs: rules/conditional-writes.md D.3).
 */
import { assert } from '../std/assert.ts'
import type { NodeId } from '../std/ids.ts'

/** Nodes of which `needed` must agree. */
export interface QuorumSet {
  /** Distinct. Bounded by: the replicas of a partition (7). */
  readonly nodes: readonly NodeId[]
  /** 1 … nodes.length. */
  readonly needed: number
}

export type Verdict = 'pending' | 'met' | 'impossible'

export class QuorumTally {
  #sets: readonly QuorumSet[]
  // Both bounded by: the nodes of the sets ever given, a few dozen; a stranger is not noted.
  #succeeded: NodeId[] = []
  readonly #failed: NodeId[] = []

  constructor(sets: readonly QuorumSet[]) {
    assert(sets.length > 0, 'a quorum over no set')
    this.#sets = sets
  }

  /**
   * The layout changed: the answers so far count towards other sets. Not those of nodes that are in
   * none of them, which drop what they have: should they come back into one, they are asked again.
   * `only`: whose answer alone counts on, when this node was not told of layouts in between, in
   * whose sets the others may not have been.
   */
  retarget(sets: readonly QuorumSet[], only?: NodeId): void {
    assert(sets.length > 0, 'a quorum over no set')
    this.#sets = sets
    this.#succeeded = this.#succeeded.filter(
      (node) => this.#knows(node) && (only === undefined || node === only),
    )
    // Who refused or could not be reached under the old layout may well answer under the new one.
    this.#failed.length = 0
  }

  /** A success after a failure stands: what was lost on one connection may arrive by another. */
  succeed(node: NodeId): void {
    if (this.#succeeded.includes(node) || !this.#knows(node)) return
    this.#succeeded.push(node)
    const failed = this.#failed.indexOf(node)
    if (failed >= 0) this.#failed.splice(failed, 1)
  }

  fail(node: NodeId): void {
    if (this.#succeeded.includes(node) || this.#failed.includes(node)) return
    if (this.#knows(node)) this.#failed.push(node)
  }

  hasSucceeded(node: NodeId): boolean {
    return this.#succeeded.includes(node)
  }

  hasAnswered(node: NodeId): boolean {
    return this.#succeeded.includes(node) || this.#failed.includes(node)
  }

  verdict(): Verdict {
    let verdict: Verdict = 'met'
    for (const set of this.#sets) {
      const got = countIn(set.nodes, this.#succeeded)
      if (got >= set.needed) continue
      if (set.nodes.length - countIn(set.nodes, this.#failed) < set.needed) return 'impossible'
      verdict = 'pending'
    }
    return verdict
  }

  /**
   * Of the set that lacks most: how many it needs and how many it has. For the error that tells a
   * client why.
   */
  shortfall(): { needed: number; got: number } {
    let worst = { needed: 0, got: 0 }
    for (const set of this.#sets) {
      const got = countIn(set.nodes, this.#succeeded)
      if (worst.needed === 0 || set.needed - got > worst.needed - worst.got)
        worst = { needed: set.needed, got }
    }
    return worst
  }

  /** Distinct nodes that succeeded. */
  get successes(): number {
    return this.#succeeded.length
  }

  #knows(node: NodeId): boolean {
    return this.#sets.some(({ nodes }) => nodes.includes(node))
  }

  check(): void {
    for (const set of this.#sets) {
      assert(
        set.needed >= 1 && set.needed <= Math.max(1, set.nodes.length),
        () => `needs ${set.needed} of ${set.nodes.length}`,
      )
      assert(
        new Set(set.nodes).size === set.nodes.length,
        () => `nodes twice in ${set.nodes.join()}`,
      )
    }
    for (const node of this.#failed)
      assert(!this.#succeeded.includes(node), () => `${node} both ways`)
  }
}

/**
 * What a bucket with `n` replicas needs of each replica set: its first n nodes, and `needed` of
 * them. A cluster of fewer nodes than n has fewer replicas, by its agreed layout and never by what
 * happens to be up; the quorum then is capped by those. Of an empty set, that of a partition which
 * nobody holds, one is needed all the same, so that nothing can ever be stored there.
 */
export function quorumSets(
  replicaSets: readonly (readonly NodeId[])[],
  n: number,
  needed: number,
): readonly QuorumSet[] {
  return replicaSets.map((set) => {
    const nodes = set.length <= n ? set : set.slice(0, n)
    return { nodes, needed: Math.max(1, Math.min(needed, nodes.length)) }
  })
}

/** The nodes of some sets, each once, in order. */
export function unionOf(sets: readonly QuorumSet[]): readonly NodeId[] {
  const first = sets[0]
  if (first === undefined || sets.length === 1) return first?.nodes ?? []
  const union = [...first.nodes]
  for (const set of sets) for (const node of set.nodes) if (!union.includes(node)) union.push(node)
  return union
}

function countIn(nodes: readonly NodeId[], answers: readonly NodeId[]): number {
  let count = 0
  for (const node of answers) if (nodes.includes(node)) count++
  return count
}
