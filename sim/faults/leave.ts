/**
 * Nodes are asked to leave the cluster, one after the other and sometimes before the one before has
 * left; each hands over its data under load, and its process ends when it has left. As many as the
 * scenario says stay.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import type { Range } from '../seed.ts'
import { within } from '../seed.ts'
import type { SimNode } from '../sim-node.ts'
import type { World } from '../world.ts'
import type { RunningFault } from './fault.ts'

export interface Leave {
  readonly type: 'leave'
  /** From the beginning, or from one wish to the next, milliseconds. */
  readonly betweenMs: Range
  /** How many are never asked: at least as many as a key has replicas. */
  readonly stay: number
}

export function beginLeave(world: World, fault: Leave, rng: Prng): RunningFault {
  let ended = false
  // Bounded by: the nodes of the world.
  const asked = new Set<SimNode>()
  const next = (): void => {
    if (ended) return
    const staying = world.nodes.filter((node) => node.hasStarted && !asked.has(node))
    const victims = staying.filter((node) => node.isUp)
    // While a disk is damaged no data may move: see `atlas.ts`.
    if (staying.length > fault.stay && victims.length > 0 && world.atlas.mayMove())
      ask(rng.pick(victims))
    world.queue.after(within(fault.betweenMs, rng), next)
  }
  const ask = (node: SimNode): void => {
    asked.add(node)
    world.announce('leave', `n${node.index + 1}`)
    node.request({ type: 'leave' }, (reply) => {
      // What came of a wish whose answer was lost is seen when the node runs again: it is not asked
      // a second time, so that those who stay are enough in any case.
      if (reply !== 'lost' && reply.type === 'leave' && !reply.result.ok) asked.delete(node)
    })
  }
  world.queue.after(within(fault.betweenMs, rng), next)
  return {
    end(): void {
      ended = true
    },
  }
}
