/**
 * Where the app asks its own node: one request after the other is submitted to the driver, tried
 * again where that is safe, given up when the caller's signal says so, and never left unanswered,
 * also when the node is stopped.
 *
 * There is no timer for each request: the node answers each within its own patience.
 */
import type { NodeSite } from '../../adapters/http/site.ts'
import type { Failure } from '../../core/coordinator/messages.ts'
import { DndError } from '../../core/errors.ts'
import { aborted } from '../../../packages/client/src/attempt.ts'
import { DndClientError } from '../../../packages/client/src/error.ts'
import { pause, pauseMs, retryBudget } from '../../../packages/client/src/retry.ts'
import { failureOf, refusal, stopped } from './failures.ts'

export interface Question {
  /** Whether it may change anything. */
  readonly write: boolean
  /** Of a write: whether to do it twice does no harm. */
  readonly idempotent?: boolean | undefined
  readonly timeoutMs?: number | undefined
  readonly signal?: AbortSignal | undefined
  /** Default: true. */
  readonly retry?: boolean
}

/** How a question ends: by one of these, once; what comes later is nobody's. */
export interface Answering<T> {
  readonly write: boolean
  /** For the node; undefined: its own patience. */
  readonly timeoutMs: number | undefined
  answer(value: T): void
  /** Gives what `read` makes of a reply, or the `DndClientError` that it throws. */
  read(read: () => T): void
  /** What the cluster could not do. */
  fail(failure: Failure): void
  /** What cannot be asked. */
  refuse(error: DndError): void
}

/** Asks the node; what it throws for the caller's mistake is the answer. */
export type Ask<T> = (answering: Answering<T>) => void

const PATIENCE_MS = 10_000
const RETRIES = 4

export class Desk {
  readonly site: NodeSite
  // Bounded by: the node's requestsInFlightMax, and what it refuses in the same turn.
  readonly #open = new Set<() => void>()
  readonly #budget = retryBudget()
  readonly #closing = new AbortController()
  #isOver = false
  #whenEmpty: (() => void) | undefined

  constructor(site: NodeSite) {
    this.site = site
  }

  /** Aborted as soon as the node is to stop. */
  get closing(): AbortSignal {
    return this.#closing.signal
  }

  /** @throws DndClientError */
  async ask<T>(question: Question, ask: Ask<T>): Promise<T> {
    const { timeoutMs, signal } = question
    const deadlineMs = performance.now() + (timeoutMs ?? PATIENCE_MS)
    let unknown: DndClientError | undefined
    let leftMs = timeoutMs
    this.#budget.earn()
    for (let round = 0; ; round++) {
      const error = await this.#once(question, leftMs, ask)
      if (!(error instanceof DndClientError)) return error.value
      if (error.outcome === 'unknown') unknown = error
      const ms = pauseMs(round, error.retryAfterMs, Math.random())
      leftMs = Math.floor(deadlineMs - performance.now() - ms)
      if (round >= RETRIES || leftMs < 1 || !this.#mayGoOn(error, question)) throw unknown ?? error
      await pause(ms, signal)
    }
  }

  /** Takes no more, waits for what is under way, and gives up what has not ended by then. */
  async close(graceMs: number): Promise<void> {
    this.#closing.abort()
    if (this.#open.size > 0) {
      const grace = new AbortController()
      this.#whenEmpty = () => grace.abort()
      await pause(graceMs, grace.signal)
    }
    this.#isOver = true
    for (const giveUp of [...this.#open]) giveUp()
  }

  /** A failure is a result here: it may be tried again. */
  #once<T>(
    { write, signal }: Question,
    timeoutMs: number | undefined,
    ask: Ask<T>,
  ): Promise<{ readonly value: T } | DndClientError> {
    if (signal?.aborted === true)
      return Promise.resolve(aborted({ write, signal }, undefined, false))
    if (this.#isOver || this.#closing.signal.aborted) return Promise.resolve(stopped(write, false))
    return new Promise((resolve) => {
      const end = (result: { readonly value: T } | DndClientError): void => {
        if (!this.#open.delete(giveUp)) return
        signal?.removeEventListener('abort', onAbort)
        if (this.#open.size === 0) this.#whenEmpty?.()
        resolve(result)
      }
      const giveUp = (): void => end(stopped(write, true))
      const onAbort = (): void => end(aborted({ write, signal }, undefined))
      const answering: Answering<T> = {
        ...{ write, timeoutMs },
        answer: (value) => end({ value }),
        read: (read) => end(valueOrError(read)),
        fail: (failure) => end(failureOf(failure, write)),
        refuse: (error) => end(refusal(error, write)),
      }
      this.#open.add(giveUp)
      signal?.addEventListener('abort', onAbort)
      try {
        ask(answering)
      } catch (error) {
        // Anything else is our bug, and is not caught.
        if (!(error instanceof DndError)) throw error
        answering.refuse(error)
      }
    })
  }

  #mayGoOn(error: DndClientError, { write, idempotent, retry = true }: Question): boolean {
    // A node that has stopped does not start again.
    if (!retry || !error.retryable || this.#closing.signal.aborted) return false
    if (write && error.outcome !== 'rejected' && idempotent !== true) return false
    return this.#budget.spend()
  }
}

function valueOrError<T>(read: () => T): { readonly value: T } | DndClientError {
  try {
    return { value: read() }
  } catch (error) {
    if (error instanceof DndClientError) return error
    throw error
  }
}
