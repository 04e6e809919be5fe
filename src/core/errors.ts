/**
 * Every failure that a client, an operator or a script can meet, in one table: what HTTP answers,
 * how the command line exits, what happened and what to do. Codes are for programs and never change
 * their meaning; sentences are for people.
 *
 * Three kinds of fault, three treatments. Our own bug is an assertion and ends the process. The
 * world's fault (no quorum, a full disk) is a value in a union that carries one of these codes. The
 * caller's mistake is a {@link DndError}. `npm run docs` writes the same table to
 * `docs/reference/errors.md`.
 */
import { REQUEST_ERRORS } from './errors/request-errors.ts'
import type { RequestErrorCode } from './errors/request-errors.ts'
import { LIMIT_ERRORS } from './errors/limit-errors.ts'
import type { LimitErrorCode } from './errors/limit-errors.ts'
import { CLUSTER_ERRORS } from './errors/cluster-errors.ts'
import type { ClusterErrorCode } from './errors/cluster-errors.ts'
import { ACCESS_ERRORS } from './errors/access-errors.ts'
import type { AccessErrorCode } from './errors/access-errors.ts'
import { START_ERRORS } from './errors/start-errors.ts'
import type { StartErrorCode } from './errors/start-errors.ts'
import { COMMAND_ERRORS } from './errors/command-errors.ts'
import type { CommandErrorCode } from './errors/command-errors.ts'
import type { ErrorInfo, ExitCode } from './errors/error-info.ts'

/**
 * What became of a write that failed: nothing was stored, or it may be stored somewhere and surface
 * later.
 */
export type Outcome = 'rejected' | 'unknown'

export type ErrorCode =
  | RequestErrorCode
  | LimitErrorCode
  | ClusterErrorCode
  | AccessErrorCode
  | StartErrorCode
  | CommandErrorCode

/** Bounded by: the codes above. `errors/` has a file for each part of the table. */
export const ERRORS: Readonly<Record<ErrorCode, ErrorInfo>> = {
  ...REQUEST_ERRORS,
  ...LIMIT_ERRORS,
  ...CLUSTER_ERRORS,
  ...ACCESS_ERRORS,
  ...START_ERRORS,
  ...COMMAND_ERRORS,
}

export interface DndErrorDetails {
  readonly outcome?: Outcome | undefined
  /** Answers wanted and had, where a quorum was asked. */
  readonly needed?: number | undefined
  readonly got?: number | undefined
  readonly cause?: unknown
}

/**
 * A failure with a code of the table. `message` has the particulars: a sentence that names what was
 * wrong.
 */
export class DndError extends Error {
  override readonly name: string = 'DndError'
  readonly code: ErrorCode
  readonly outcome: Outcome | undefined
  readonly needed: number | undefined
  readonly got: number | undefined

  constructor(code: ErrorCode, message: string, details: DndErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.outcome = details.outcome
    this.needed = details.needed
    this.got = details.got
  }
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text)
}

/** How the command line ends on a failure: an unknown outcome outranks what the code says. */
export function exitCode(code: ErrorCode, outcome: Outcome | undefined): ExitCode {
  return outcome === 'unknown' ? 3 : ERRORS[code].exit
}
