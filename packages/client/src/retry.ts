/**
 * How often and how soon to try again. Retries turn a small fault into no fault at all, and a large
 * one into a storm: when every request fails, each retry is one more request to a cluster that has
 * too many. So retries are paid for. Every request earns a tenth of one, so that at worst they add
 * a tenth to the load (Finagle's retry budget; "Addressing Cascading Failures" in Google's SRE book
 * gives the same rule). The pauses double, and chance spreads those who failed together
 * ("Exponential Backoff And Jitter", AWS Architecture Blog).
 */
const EARNED_PER_REQUEST = 0.1
/** What a client may spend before it has earned anything, and the most that it may save. */
const BUDGET_FIRST = 20
const BUDGET_MAX = 100
const PAUSE_MS_MIN = 50
const PAUSE_MS_MAX = 2_000

/** So many per request, saved up to a bound: for retries, and for hedges. */
export class Allowance {
  readonly #perRequest: number
  readonly #max: number
  #saved: number

  constructor(perRequest: number, first: number, max: number) {
    this.#perRequest = perRequest
    this.#saved = first
    this.#max = max
  }

  earn(): void {
    this.#saved = Math.min(this.#max, this.#saved + this.#perRequest)
  }

  /** False: there is not one left. */
  spend(): boolean {
    if (this.#saved < 1) return false
    this.#saved--
    return true
  }
}

export function retryBudget(): Allowance {
  return new Allowance(EARNED_PER_REQUEST, BUDGET_FIRST, BUDGET_MAX)
}

/**
 * Milliseconds before round `round`, counted from 0; at least what the node asks for. `dice` gives
 * 0 to 1.
 */
export function pauseMs(round: number, retryAfterMs: number | undefined, dice: number): number {
  const backoff = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** round) * (0.5 + dice / 2)
  return Math.max(Math.min(retryAfterMs ?? 0, PAUSE_MS_MAX), backoff)
}

/** Resolves after so long, or as soon as `signal` is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal?.addEventListener('abort', done)
    if (signal?.aborted === true) done()
  })
}
