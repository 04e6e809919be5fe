/**
 * Datagrams stop passing between some nodes, for a while, and connections go on: a firewall that
 * knows TCP only, or in one direction a table of a router that is full. Whoever believes datagrams
 * alone holds half of the cluster for dead.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import type { World } from '../world.ts'
import type { Episodes } from './episodes.ts'
import { beginEpisodes } from './episodes.ts'
import type { RunningFault } from './fault.ts'
import type { PartitionShape } from './partition.ts'
import { directionsOf, directionsText } from './partition.ts'

export interface DatagramBlock extends Episodes {
  readonly type: 'datagram-block'
  readonly shapes: readonly PartitionShape[]
}

export function beginDatagramBlock(world: World, fault: DatagramBlock, rng: Prng): RunningFault {
  return beginEpisodes(world, fault, rng, () => {
    const directions = directionsOf(rng.pick(fault.shapes), world.nodes.length, rng)
    world.announce('no datagrams', directionsText(directions))
    for (const [from, to] of directions) world.network.blockDatagrams(from, to)
    return () => {
      for (const [from, to] of directions) world.network.unblockDatagrams(from, to)
    }
  })
}
