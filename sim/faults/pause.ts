/**
 * Processes stand still for a while (SIGSTOP, a paused virtual machine, a long collection of
 * garbage) and go on as if nothing had happened: their connections have stayed up, what was sent to
 * them has waited, their clocks have gone on, and all timers are due at once.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import type { Range } from '../seed.ts'
import { wholeWithin } from '../seed.ts'
import type { World } from '../world.ts'
import type { Episodes } from './episodes.ts'
import { beginEpisodes, someOf } from './episodes.ts'
import type { RunningFault } from './fault.ts'

export interface Pause extends Episodes {
  readonly type: 'pause'
  /** How many processes stand still at a time. */
  readonly victims: Range
}

export function beginPause(world: World, fault: Pause, rng: Prng): RunningFault {
  return beginEpisodes(world, fault, rng, () => {
    const victims = someOf(world, wholeWithin(fault.victims, rng), rng)
    for (const victim of victims) victim.pause()
    return () => {
      for (const victim of victims) victim.resume()
    }
  })
}
