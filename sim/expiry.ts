/**
 * What may be claimed of values with a deadline, in a world whose wall clocks are wrong.
 *
 * A node leaves out a value when its own clock, reckoned as slow as it may be, has come to the
 * deadline (`src/core/versions/expiry.ts`). So while every wall clock is right to within the
 * allowed skew, nobody shows a value after its deadline; and nobody hides it long before, but for
 * what its clock is ahead: by its error, by the stamps of others, which are taken from clocks
 * within the skew, and after a restart by a lease. Where clocks are wrong by more, a value with a
 * deadline may be gone at any time, and a dead one be shown.
 */
import { DEFAULT_NODE_CONFIG } from '../src/core/node/config.ts'

/** A restart begins at the end of the hybrid clock's lease (`hybrid-clock.ts`). */
const LEASE_MS = 3_000

/** How far wall clocks are off at most; Infinity: by more than is allowed. */
export function clockErrorOf(offsetMs: number, drift: number, lastsMs: number): number {
  const errorMs = offsetMs + drift * lastsMs
  return errorMs <= DEFAULT_NODE_CONFIG.clockSkewMaxMs ? errorMs : Infinity
}

/** From when on reads may leave out what was written at `nowMs` to live for `ttlMs`. */
export function mayExpireAtMs(nowMs: number, ttlMs: number, clockErrorMs: number): number {
  return nowMs + ttlMs - 2 * DEFAULT_NODE_CONFIG.clockSkewMaxMs - LEASE_MS - 2 * clockErrorMs
}
