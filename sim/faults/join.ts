/**
 * Nodes that were not there when the cluster formed join it, one after the other, and get their
 * share while clients work.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import type { Range } from '../seed.ts'
import { within } from '../seed.ts'
import type { World } from '../world.ts'
import { othersOf } from '../world.ts'
import type { RunningFault } from './fault.ts'

export interface Join {
  readonly type: 'join'
  /** From the beginning, or from one join to the next, milliseconds. */
  readonly betweenMs: Range
}

/** Whether the address by which all join may be that of nobody soon. */
function isSeedGone({ nodes }: World): boolean {
  return nodes.some(({ hasLeft, machine }) => hasLeft || machine?.view().leaving !== undefined)
}

export function beginJoin(world: World, fault: Join, rng: Prng): RunningFault {
  let ended = false
  const next = (): void => {
    const node = world.nodes.find((candidate) => !candidate.hasStarted)
    if (ended || node === undefined) return
    // While a disk is damaged no data may move: see `atlas.ts`.
    if (world.atlas.mayMove()) node.start(isSeedGone(world) ? othersOf(world, node.index) : [])
    world.queue.after(within(fault.betweenMs, rng), next)
  }
  world.queue.after(within(fault.betweenMs, rng), next)
  return {
    end(): void {
      ended = true
    },
  }
}
