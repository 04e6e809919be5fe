/**
 * Why a request failed, and above all whether it may have changed something. A node says so itself
 * (`outcome` in its problem); when no node answered, the client concludes: what was certainly never
 * sent was `rejected`, and a write that left and was not answered is `unknown`.
 */
import type { Outcome, ProblemJson } from './api.ts'

/** Codes that the client gives when no node did; the others come from the node. */
export type ClientCode =
  /** No connection could be made: nothing was sent. */
  | 'DND_ERR_UNREACHABLE'
  /** The connection broke before the answer was there. */
  | 'DND_ERR_CONNECTION_LOST'
  | 'DND_ERR_TIMEOUT'
  /** The signal of the caller ended the request. */
  | 'DND_ERR_ABORTED'
  /** Somebody answered, but not as a node of dnd does. */
  | 'DND_ERR_BAD_RESPONSE'

export interface FailureFields {
  readonly code: string
  readonly message: string
  readonly outcome: Outcome
  readonly status?: number | undefined
  readonly needed?: number | undefined
  readonly got?: number | undefined
  readonly server?: string | undefined
  readonly retryAfterMs?: number | undefined
  readonly cause?: unknown
}

export class DndClientError extends Error {
  override readonly name = 'DndClientError'
  readonly code: string
  /** `rejected`: nothing was stored. `unknown`: it may be stored. A read is always `rejected`. */
  readonly outcome: Outcome
  /** HTTP status; undefined when nobody answered. */
  readonly status: number | undefined
  /** Replicas that had to answer and that did, where the node said so. */
  readonly needed: number | undefined
  readonly got: number | undefined
  /** The server asked last. */
  readonly server: string | undefined
  /** How long the node asks to be left alone, when it is overloaded. */
  readonly retryAfterMs: number | undefined

  constructor(fields: FailureFields) {
    super(fields.message, fields.cause === undefined ? undefined : { cause: fields.cause })
    this.code = fields.code
    this.outcome = fields.outcome
    this.status = fields.status
    this.needed = fields.needed
    this.got = fields.got
    this.server = fields.server
    this.retryAfterMs = fields.retryAfterMs
  }

  /**
   * Whether the same request may succeed later: no answer, overload, no quorum. Not: a request that
   * is wrong.
   */
  get retryable(): boolean {
    if (this.code === 'DND_ERR_ABORTED') return false
    if (this.status === undefined) return true
    // Somebody must merge them first: to write the same again adds one more.
    if (this.code === 'DND_ERR_TOO_MANY_SIBLINGS') return false
    // 501: the node cannot do this, ever.
    return (this.status >= 500 && this.status !== 501) || this.status === 429 || this.status === 408
  }
}

/** What a problem means for a request; `write` decides where the node did not say. */
export function fromProblem(
  problem: Partial<ProblemJson>,
  status: number,
  write: boolean,
  server?: string,
  retryAfterMs?: number,
): DndClientError {
  const assumed: Outcome = status >= 500 ? 'unknown' : 'rejected'
  return new DndClientError({
    code: problem.code ?? 'DND_ERR_BAD_RESPONSE',
    message: problem.detail ?? problem.title ?? `the server answered ${status}`,
    // Whatever became of a read, it stored nothing.
    outcome: write ? (problem.outcome ?? assumed) : 'rejected',
    status,
    needed: problem.needed,
    got: problem.got,
    server,
    retryAfterMs,
  })
}
