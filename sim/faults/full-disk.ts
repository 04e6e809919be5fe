/**
 * Disks that are full (ENOSPC): every group that puts anything fails, until somebody makes room.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import type { Range } from '../seed.ts'
import { wholeWithin } from '../seed.ts'
import type { World } from '../world.ts'
import type { Episodes } from './episodes.ts'
import { beginEpisodes, namesOf, someOf } from './episodes.ts'
import type { RunningFault } from './fault.ts'

export interface FullDisk extends Episodes {
  readonly type: 'full-disk'
  /** How many disks are full at a time. */
  readonly victims: Range
}

export function beginFullDisk(world: World, fault: FullDisk, rng: Prng): RunningFault {
  return beginEpisodes(world, fault, rng, () => {
    const victims = someOf(world, wholeWithin(fault.victims, rng), rng)
    world.announce('full disk', namesOf(victims))
    for (const { disk } of victims) disk.fill(true)
    return () => {
      for (const { disk } of victims) disk.fill(false)
    }
  })
}
