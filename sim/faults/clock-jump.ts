/**
 * Wall clocks are stepped, forward or back, and corrected later. Monotonic clocks know nothing of
 * it, which is why nothing but stamps may depend on the wall clock.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import type { Range } from '../seed.ts'
import { wholeWithin } from '../seed.ts'
import type { World } from '../world.ts'
import type { Episodes } from './episodes.ts'
import { beginEpisodes, someOf } from './episodes.ts'
import type { RunningFault } from './fault.ts'

export interface ClockJump extends Episodes {
  readonly type: 'clock-jump'
  /** How far, either way, milliseconds. */
  readonly byMs: Range
}

export function beginClockJump(world: World, fault: ClockJump, rng: Prng): RunningFault {
  return beginEpisodes(world, fault, rng, () => {
    const [victim] = someOf(world, 1, rng)
    const byMs = wholeWithin(fault.byMs, rng) * (rng.chance(0.5) ? 1 : -1)
    const starts = victim?.starts
    victim?.stepClock(byMs)
    return () => {
      // A process that was started meanwhile has a clock that was never stepped.
      if (victim?.starts === starts) victim?.stepClock(-byMs)
    }
  })
}
