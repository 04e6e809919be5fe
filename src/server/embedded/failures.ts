/** Failures as an app gets them from its own node: the same codes and outcomes as over HTTP. */
import { problemOfError, problemOfFailure } from '../../adapters/http/problem.ts'
import type { Problem } from '../../adapters/http/problem.ts'
import type { Failure } from '../../core/coordinator/messages.ts'
import type { DndError } from '../../core/errors.ts'
import type { ClientCode } from '../../../packages/client/src/error.ts'
import { DndClientError, fromProblem } from '../../../packages/client/src/error.ts'

/** Other failures pass by themselves, or somebody else may do; who is overloaded is left alone. */
const OVERLOADED_MS = 1_000

/** What was refused before anything was done. */
export function refusal(error: DndError, write: boolean): DndClientError {
  return errorOf(problemOfError(error), write)
}

/** What the cluster could not do. */
export function failureOf(failure: Failure, write: boolean): DndClientError {
  return errorOf(problemOfFailure(failure), write)
}

/** `isSent`: whether the node may have begun. */
export function stopped(write: boolean, isSent: boolean): DndClientError {
  return new DndClientError({
    code: (isSent ? 'DND_ERR_CONNECTION_LOST' : 'DND_ERR_UNREACHABLE') satisfies ClientCode,
    message: isSent ? 'the node was stopped before it had answered' : 'the node has stopped',
    outcome: write && isSent ? 'unknown' : 'rejected',
  })
}

function errorOf(problem: Problem, write: boolean): DndClientError {
  const retryAfterMs = problem.code === 'DND_ERR_OVERLOADED' ? OVERLOADED_MS : undefined
  return fromProblem(problem, problem.status, write, undefined, retryAfterMs)
}
