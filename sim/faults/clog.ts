/**
 * Clogged links: what passes them arrives, but late and slowly, so that time limits end one by one
 * while nobody is told of any failure.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import type { Range } from '../seed.ts'
import { within } from '../seed.ts'
import type { World } from '../world.ts'
import type { Episodes } from './episodes.ts'
import { beginEpisodes } from './episodes.ts'
import type { RunningFault } from './fault.ts'
import type { PartitionShape } from './partition.ts'
import { directionsOf, directionsText } from './partition.ts'

export interface Clogged extends Episodes {
  readonly type: 'clog'
  readonly shapes: readonly PartitionShape[]
  readonly delayMs: Range
  readonly bytesPerMs: Range
}

export function beginClog(world: World, fault: Clogged, rng: Prng): RunningFault {
  return beginEpisodes(world, fault, rng, () => {
    const directions = directionsOf(rng.pick(fault.shapes), world.nodes.length, rng)
    const clog = {
      delayMs: within(fault.delayMs, rng),
      bytesPerMs: within(fault.bytesPerMs, rng),
    }
    world.announce('clog', `by ${Math.round(clog.delayMs)} ms: ${directionsText(directions)}`)
    for (const [from, to] of directions) world.network.clog(from, to, clog)
    return () => {
      for (const [from, to] of directions) world.network.unclog(from, to, clog)
    }
  })
}
