/**
 * Notices that this node itself stood still (rule R8).
 *
 * After SIGSTOP, a paused virtual machine or a long collection of garbage all timers are due at
 * once while the answers still wait in the socket: judged by the clock, everybody else has been
 * silent. The machine is stepped at every pulse, several times a second; a much longer gap between
 * two steps is a gap of its own.
 */
import type { Duration, Instant } from '../std/instant.ts'
import { duration, since } from '../std/instant.ts'

const GAP_MS_MIN = 1_000

export class StallGuard {
  readonly #gapMax: Duration
  #last: Instant | undefined

  constructor(probeTimeoutMs: number) {
    this.#gapMax = duration(Math.max(GAP_MS_MIN, probeTimeoutMs))
  }

  /** How long the node stood still before `now`; 0 when it did not. Called once a step. */
  gapBefore(now: Instant): Duration {
    const gap = this.#last === undefined ? duration(0) : since(this.#last, now)
    this.#last = now
    return gap > this.#gapMax ? gap : duration(0)
  }
}
