/**
 * Who is left alone for a while. A source that failed, whatever the reason (lost, silent, not yet
 * at our layout, busy), is not asked again at once: each failure in a row doubles its rest up to a
 * limit, with jitter so that many receivers do not return together. Failures of several requests at
 * one time are one failure.
 */
import type { NodeId } from '../std/ids.ts'
import type { Duration } from '../std/instant.ts'
import { duration } from '../std/instant.ts'
import type { Prng } from '../std/prng.ts'

/**
 * The first rest, milliseconds, doubled with each failure in a row; jitter takes up to half off.
 */
export const REST_MS = 100
export const REST_MS_MAX = 5_000

interface Source {
  /** In a row. */
  failures: number
  /** Number of the rest that it takes now; 0 when it takes none. */
  rest: number
}

/** A rest to be ended by `wake` after `time`. */
export interface Rest {
  readonly rest: number
  readonly time: Duration
}

export class SourceRests {
  readonly #rng: Prng
  // Bounded by: the sources of one transfer; cleared with it.
  readonly #sources = new Map<NodeId, Source>()
  #rest = 0

  constructor(rng: Prng) {
    this.#rng = rng
  }

  isResting(node: NodeId): boolean {
    return (this.#sources.get(node)?.rest ?? 0) !== 0
  }

  get anyResting(): boolean {
    for (const source of this.#sources.values()) if (source.rest !== 0) return true
    return false
  }

  /** Begins a rest; undefined when the source takes one already. */
  fail(node: NodeId): Rest | undefined {
    let source = this.#sources.get(node)
    if (source === undefined) this.#sources.set(node, (source = { failures: 0, rest: 0 }))
    if (source.rest !== 0) return undefined
    source.rest = ++this.#rest
    const longest = Math.min(REST_MS * 2 ** source.failures, REST_MS_MAX)
    source.failures++
    return { rest: source.rest, time: duration(longest * (0.5 + this.#rng.fraction() / 2)) }
  }

  /** It got something done: its next rest is short again. */
  succeed(node: NodeId): void {
    const source = this.#sources.get(node)
    if (source !== undefined) source.failures = 0
  }

  /** Ends that rest, or any when none is named; whether there was one to end. */
  wake(node: NodeId, rest?: number): boolean {
    const source = this.#sources.get(node)
    if (source === undefined || source.rest === 0) return false
    if (rest !== undefined && rest !== source.rest) return false
    source.rest = 0
    return true
  }

  clear(): void {
    this.#sources.clear()
  }
}
