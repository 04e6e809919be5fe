/**
 * Stamps of the hybrid logical clock as values: their order, and the next one. `hybrid-clock.ts`
 * says where they come from.
 */
import { assert } from '../std/assert.ts'
import type { Stamp } from './version.ts'

/** The last millisecond that 48 bits can say: in the year 10889. */
export const STAMP_MS_MAX: number = 0xffff_ffff_ffff
export const COUNTER_MAX = 0xffff

/** Below every stamp that is drawn. */
export const ZERO_STAMP: Stamp = { ms: 0, counter: 0 }

export function compareStamps(a: Stamp, b: Stamp): number {
  return a.ms === b.ms ? a.counter - b.counter : a.ms - b.ms
}

export function maxStamp(a: Stamp, b: Stamp): Stamp {
  return compareStamps(a, b) >= 0 ? a : b
}

/**
 * The least stamp above `stamp`: a full counter carries into the millisecond. Only the greatest
 * stamp of all has none above it and is returned itself, because a member with a mad clock can send
 * it and must not stop anybody: there the tie is left to the dots.
 */
export function nextStamp(stamp: Stamp): Stamp {
  if (stamp.counter < COUNTER_MAX) return { ms: stamp.ms, counter: stamp.counter + 1 }
  return stamp.ms < STAMP_MS_MAX ? { ms: stamp.ms + 1, counter: 0 } : stamp
}

/** Asserts that both parts are whole numbers within their bits. */
export function checkStamp(stamp: Stamp): void {
  const { ms, counter } = stamp
  assert(Number.isInteger(ms) && ms >= 0 && ms <= STAMP_MS_MAX, () => `no stamp: ${ms} ms`)
  assert(
    Number.isInteger(counter) && counter >= 0 && counter <= COUNTER_MAX,
    () => `no stamp: counter ${counter}`,
  )
}
