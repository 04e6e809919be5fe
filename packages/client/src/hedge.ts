/**
 * When to ask a second node though the first has not failed. Of many reads a few meet a node that
 * is busy with something else just then; the same read sent again after about the 95th percentile
 * of what reads take ends most of these at the price of a few per cent more reads (Dean and
 * Barroso, "The Tail at Scale", CACM 56(2), 2013, "hedged requests"). The share is enforced by an
 * allowance and not left to the percentile, which is wrong exactly when everything becomes slow.
 */
import { Allowance } from './retry.ts'

export interface HedgeOptions {
  /** When to ask again, milliseconds. Default: the 95th percentile of the last 128 reads. */
  readonly afterMs?: number | undefined
  /** Hedges per read at the most, 0 to 1. Default 0.02. */
  readonly share?: number | undefined
}

const SHARE_DEFAULT = 0.02
const BURST = 5
const SAMPLES = 128
const SAMPLES_MIN = 32
const DELAY_MS_MIN = 2

export class Hedging {
  readonly #afterMs: number | undefined
  readonly #allowance: Allowance
  // Bounded by: SAMPLES.
  readonly #samples: number[] = []
  #next = 0
  #delayMs: number | undefined

  constructor({ afterMs, share = SHARE_DEFAULT }: HedgeOptions) {
    if (!(share >= 0 && share <= 1)) throw new RangeError('the share of hedges is from 0 to 1')
    this.#afterMs = afterMs
    this.#allowance = new Allowance(share, 1, BURST)
  }

  /** A read begins; gives when to hedge it, milliseconds, or undefined: nothing is known yet. */
  begin(): number | undefined {
    this.#allowance.earn()
    return this.#afterMs ?? this.#delayMs
  }

  /** Whether a hedge may be sent now. */
  spend(): boolean {
    return this.#allowance.spend()
  }

  /** How long a read took. */
  note(ms: number): void {
    this.#samples[this.#next] = ms
    this.#next = (this.#next + 1) % SAMPLES
    if (this.#samples.length < SAMPLES_MIN || this.#next % SAMPLES_MIN !== 0) return
    const sorted = this.#samples.toSorted((a, b) => a - b)
    this.#delayMs = Math.max(DELAY_MS_MIN, sorted[Math.floor(sorted.length * 0.95)]!)
  }
}
