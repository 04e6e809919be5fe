/**
 * An acceptor of CASPaxos: what it remembers of one register, and its two answers.
 *
 * ```
 *   prepare b      conflict when something as great was promised or accepted; else promise b, and
 *                  tell what was accepted
 *   accept b, v    conflict when something greater was promised or accepted; else accept v, which
 *                  promises b as well
 * ```
 * An acceptor that accepts without raising its promise, or that compares with one of the two only,
 * lets two proposers each believe to have won (rystsov, CASPaxos, §2.2; the same mistake was made
 * in real systems more than once). What these functions return must be durable before it is
 * answered, and an acceptor that has lost its record must not take part again as if it were new.
 *
 * To accept the same value at the same ballot again is no conflict: messages may come twice.
 */
import { equalBytes } from '../std/bytes.ts'
import type { NodeId } from '../std/ids.ts'
import type { Ballot } from './ballot.ts'
import { compareBallots, greaterBallot, NO_BALLOT } from './ballot.ts'

/** Names one change of one proposer; the same change tried again has the same. */
export interface RequestId {
  readonly node: NodeId
  readonly number: number
}

/** The latest changes that a value remembers, so that a retry can tell whether it was made. */
export const REQUESTS_MAX = 16

/** A register as one acceptor has it. */
export interface AcceptorRecord {
  /** Nothing below it is taken any more. */
  readonly promised: Ballot
  /** The ballot of `value`; NO_BALLOT: nothing was accepted. */
  readonly accepted: Ballot
  readonly value: Uint8Array
  /** Of the changes that led to `value`, the latest last. Bounded by: REQUESTS_MAX. */
  readonly requests: readonly RequestId[]
}

export const NO_RECORD: AcceptorRecord = {
  promised: NO_BALLOT,
  accepted: NO_BALLOT,
  value: new Uint8Array(0),
  requests: [],
}

export type Prepared =
  | { readonly ok: true; readonly next: AcceptorRecord }
  /** What was promised or accepted, whichever is greater. */
  | { readonly ok: false; readonly greater: Ballot }

export function prepare(record: AcceptorRecord, ballot: Ballot): Prepared {
  const greater = greaterBallot(record.promised, record.accepted)
  if (compareBallots(ballot, greater) <= 0) return { ok: false, greater }
  return { ok: true, next: { ...record, promised: ballot } }
}

export type Accepted = Prepared

export function accept(
  record: AcceptorRecord,
  proposal: Omit<AcceptorRecord, 'promised'>,
): Accepted {
  const { accepted: ballot, value } = proposal
  const greater = greaterBallot(record.promised, record.accepted)
  if (compareBallots(ballot, greater) < 0) return { ok: false, greater }
  const isRepeated = compareBallots(ballot, record.accepted) === 0
  // One ballot has one value; a proposer that says otherwise is broken and is not believed.
  if (isRepeated && !equalBytes(value, record.value)) return { ok: false, greater }
  return { ok: true, next: isRepeated ? record : { ...proposal, promised: ballot } }
}

export function sameRequest(a: RequestId, b: RequestId): boolean {
  return a.node === b.node && a.number === b.number
}
