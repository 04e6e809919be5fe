/**
 * The table of errors as the command line needs it: how to exit, and what to tell the person to do.
 */
import type { Outcome } from '../core/errors.ts'
import { ERRORS, exitCode, isErrorCode } from '../core/errors.ts'

export interface ErrorAdvice {
  readonly exit: number
  readonly help: string
}

/** undefined for a code that this version does not know: the node is newer. */
export function errorAdvice(code: string, outcome: Outcome | undefined): ErrorAdvice | undefined {
  if (!isErrorCode(code)) return undefined
  return { exit: exitCode(code, outcome), help: ERRORS[code].help }
}
