/** A disk that takes many times longer than usual for everything, and is well again later. */
import type { Prng } from '../../src/core/std/prng.ts'
import type { Range } from '../seed.ts'
import { within } from '../seed.ts'
import type { World } from '../world.ts'
import type { Episodes } from './episodes.ts'
import { beginEpisodes, namesOf, someOf } from './episodes.ts'
import type { RunningFault } from './fault.ts'

export interface SlowDisk extends Episodes {
  readonly type: 'slow-disk'
  /** How many times longer a sync takes. */
  readonly times: Range
}

export function beginSlowDisk(world: World, fault: SlowDisk, rng: Prng): RunningFault {
  return beginEpisodes(world, fault, rng, () => {
    const victims = someOf(world, 1, rng)
    world.announce('slow disk', namesOf(victims))
    for (const { disk } of victims) disk.slow(within(fault.times, rng))
    return () => {
      for (const { disk } of victims) disk.slow(1)
    }
  })
}
