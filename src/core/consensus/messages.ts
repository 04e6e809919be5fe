/**
 * What proposers and acceptors say to each other.
 *
 * ```
 *   proposer                    acceptor
 *   register-prepare      ─▶
 *                         ◀─    register-promise
 *   register-accept       ─▶
 *                         ◀─    register-accepted
 * ```
 * Answers name the request and the ballot that they answer; what an acceptor says is durable there.
 */
import type { RequestId } from './acceptor.ts'
import type { Ballot } from './ballot.ts'

/** Names of registers, bytes. */
export const REGISTER_KEY_BYTES_MAX = 256
/** What a register holds, bytes: the largest layout is below. */
export const REGISTER_VALUE_BYTES_MAX: number = 256 * 1024

export interface RegisterPrepare {
  readonly type: 'register-prepare'
  /** Of the proposal, given by its proposer. */
  readonly request: number
  readonly key: string
  /** Of the proposer: who are acceptors depends on it. */
  readonly layoutVersion: number
  readonly ballot: Ballot
}

export interface RegisterPromise {
  readonly type: 'register-promise'
  readonly request: number
  readonly ballot: Ballot
  readonly outcome: RegisterOutcome
  /** Of a conflict: what stands in the way; else NO_BALLOT. */
  readonly greater: Ballot
  /** Of an `ok`: what was accepted; else nothing. */
  readonly accepted: Ballot
  readonly value: Uint8Array
  /** Bounded by: REQUESTS_MAX. */
  readonly requests: readonly RequestId[]
}

export interface RegisterAccept {
  readonly type: 'register-accept'
  readonly request: number
  readonly key: string
  readonly layoutVersion: number
  readonly ballot: Ballot
  readonly value: Uint8Array
  /** Bounded by: REQUESTS_MAX. */
  readonly requests: readonly RequestId[]
}

export interface RegisterAccepted {
  readonly type: 'register-accepted'
  readonly request: number
  readonly ballot: Ballot
  readonly outcome: RegisterOutcome
  readonly greater: Ballot
}

export type RegisterOutcome =
  | 'ok'
  | 'conflict'
  /** The acceptor knows an older layout than the register is of. */
  | 'behind'
  /** It knows a newer one: the register is no more. */
  | 'ahead'
  /** It may not accept this value, or takes part in nothing now. */
  | 'refused'
  /** Its disk did not take it, or has lost what it knew. */
  | 'store-failed'

export type RegisterQuestion = RegisterPrepare | RegisterAccept
export type RegisterAnswer = RegisterPromise | RegisterAccepted
export type RegisterMessage = RegisterQuestion | RegisterAnswer
