/**
 * One signal for several. Not `AbortSignal.any`: Node holds what that gives by weak references
 * only, and several of its versions lose an abort when memory is collected meanwhile
 * (nodejs/node#57736, #65995), so that what was to be ended goes on for ever.
 */
export class AnySignal {
  readonly #controller = new AbortController()
  readonly #signals: readonly AbortSignal[]
  readonly #onAbort = (): void => this.#controller.abort()

  constructor(signals: readonly AbortSignal[]) {
    this.#signals = signals
    for (const signal of signals)
      if (signal.aborted) this.#controller.abort()
      else signal.addEventListener('abort', this.#onAbort)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The signals are left alone from then on. */
  release(): void {
    for (const signal of this.#signals) signal.removeEventListener('abort', this.#onAbort)
  }
}
