/**
 * Ballots order the attempts to change a register. No two attempts use the same one: the node is
 * part of it, and the number of its proposal, and a proposal counts up.
 *
 * Were it counter and node alone, two proposals of one node could come to the same ballot. Where
 * all majorities meet only one of them would find one for it, and the other would wait for nothing;
 * where an operator has declared acceptors lost they need not meet, and one ballot would have two
 * values.
 */
import type { NodeId } from '../std/ids.ts'

export interface Ballot {
  /** 0 … 2^53 - 1; 0 is that of nobody. */
  readonly counter: number
  readonly node: NodeId
  /** Given by the node, and never again, not even after a restart. */
  readonly proposal: number
}

/** Below all others. */
export const NO_BALLOT: Ballot = { counter: 0, node: '0'.repeat(16) as NodeId, proposal: 0 }

/** Negative when `a` comes first, 0 when they are the same. */
export function compareBallots(a: Ballot, b: Ballot): number {
  if (a.counter !== b.counter) return a.counter - b.counter
  if (a.node !== b.node) return a.node < b.node ? -1 : 1
  return a.proposal - b.proposal
}

export function greaterBallot(a: Ballot, b: Ballot): Ballot {
  return compareBallots(a, b) >= 0 ? a : b
}
