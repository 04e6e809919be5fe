/**
 * When a peer may be dialled again. After a failure the wait doubles, from a minimum to a maximum,
 * and a random half of it is taken off, so that nodes that lost the same peer do not come back in
 * step. A link that ends soon after it stood counts as a failure too: a peer that accepts and hangs
 * up must not be dialled in a hot loop.
 */
export interface BackoffOptions {
  readonly minMs: number
  readonly maxMs: number
  /** Uniform in [0, 1). */
  readonly random: () => number
}

export class DialBackoff {
  readonly #options: BackoffOptions
  #failures = 0
  #retryAt = 0

  constructor(options: BackoffOptions) {
    this.#options = options
  }

  /** Milliseconds to wait still; 0: dial. */
  waitMs(now: number): number {
    return Math.max(0, this.#retryAt - now)
  }

  onFailed(now: number): void {
    const { minMs, maxMs, random } = this.#options
    const waitMs = Math.min(maxMs, minMs * 2 ** this.#failures)
    // Long after the wait has reached its maximum the power would go to infinity.
    this.#failures = Math.min(this.#failures + 1, 30)
    this.#retryAt = now + waitMs * (1 - random() / 2)
  }

  onLost(now: number, stoodMs: number): void {
    if (stoodMs < this.#options.maxMs) this.onFailed(now)
    else this.reset()
  }

  /** The peer has moved: the past says nothing about its new address. */
  reset(): void {
    this.#failures = 0
    this.#retryAt = 0
  }
}
