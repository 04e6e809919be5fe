/**
 * Failures as `application/problem+json` (RFC 9457), with a stable code, and for writes what became
 * of them.
 */
import { ERRORS } from '../../core/errors.ts'
import type { DndError, ErrorCode, Outcome } from '../../core/errors.ts'
import type { Failure } from '../../core/coordinator/messages.ts'

export const PROBLEM_TYPE = 'application/problem+json'

export interface Problem {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly code: ErrorCode
  readonly detail: string
  readonly outcome?: Outcome
  readonly needed?: number
  readonly got?: number
}

/** What the edge refuses: nothing was stored, and the caller must change something. */
export function problemOf(code: ErrorCode, detail: string, outcome?: Outcome): Problem {
  const problem = {
    type: `urn:dnd:error:${causeOf(code)}`,
    title: ERRORS[code].title,
    status: statusOf(code),
    code,
    detail,
  }
  return outcome === undefined ? problem : { ...problem, outcome }
}

export function problemOfError(error: DndError): Problem {
  return problemOf(error.code, error.message, error.outcome ?? 'rejected')
}

/** What the cluster could not do. */
export function problemOfFailure(failure: Failure): Problem {
  const problem = problemOf(failure.code, failure.message, failure.outcome)
  if (failure.needed === 0) return problem
  return { ...problem, needed: failure.needed, got: failure.got }
}

/** Codes that are never told over HTTP are our own fault when they get here. */
export function statusOf(code: ErrorCode): number {
  return ERRORS[code].status ?? 500
}

/** The name of a refusal among the counted causes: the code without its prefix. */
export function causeOf(code: ErrorCode): string {
  return code.slice('DND_ERR_'.length).toLowerCase().replaceAll('_', '-')
}
