/** What goes wrong, as data: a scenario lists faults, each with its own dice. */
import type { Prng } from '../../src/core/std/prng.ts'
import type { World } from '../world.ts'
import type { CrashRestart } from './crash-restart.ts'
import { beginCrashRestart } from './crash-restart.ts'
import type { Join } from './join.ts'
import { beginJoin } from './join.ts'
import type { Partition } from './partition.ts'
import { beginPartition } from './partition.ts'

export type Fault = CrashRestart | Partition | Join

/** A fault that goes on until it is ended; ending it mends what it broke. */
export interface RunningFault {
  end(): void
}

export function beginFault(world: World, fault: Fault, rng: Prng): RunningFault {
  switch (fault.type) {
    case 'crash-restart':
      return beginCrashRestart(world, fault, rng)
    case 'partition':
      return beginPartition(world, fault, rng)
    case 'join':
      return beginJoin(world, fault, rng)
  }
}
