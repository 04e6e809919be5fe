/**
 * Swizzle-clogging: the links of some nodes are cut one by one, and opened again in another order.
 * For a while every node has another idea of who is there, and each change of it comes at another
 * moment; FoundationDB found more with it than with plain partitions
 * (apple.github.io/foundationdb/testing.html).
 */
import type { Prng } from '../../src/core/std/prng.ts'
import type { Range } from '../seed.ts'
import { wholeWithin, within } from '../seed.ts'
import type { World } from '../world.ts'
import type { RunningFault } from './fault.ts'
import type { Direction } from './partition.ts'
import { directionsText } from './partition.ts'

export interface Swizzle {
  readonly type: 'swizzle'
  /** How many nodes lose their links. */
  readonly victims: Range
  readonly calmMs: Range
  /** From one link to the next, milliseconds. */
  readonly stepMs: Range
  /** How long all of them are cut. */
  readonly holdMs: Range
}

export function beginSwizzle(world: World, fault: Swizzle, rng: Prng): RunningFault {
  let ended = false
  // Bounded by: ordered pairs of nodes.
  const cut = new Set<Direction>()
  const open = (direction: Direction): void => {
    if (!cut.delete(direction)) return
    world.announce('heal', directionsText([direction]))
    world.network.unblock(...direction)
  }
  const shut = (direction: Direction): void => {
    cut.add(direction)
    world.announce('swizzle', directionsText([direction]))
    world.network.block(...direction)
  }
  /** Does `change` to one direction after the other, then `next`. */
  const walk = (
    directions: readonly Direction[],
    change: (direction: Direction) => void,
    next: () => void,
  ): void => {
    const [first, ...others] = directions
    if (ended) return
    if (first === undefined) return next()
    change(first)
    world.queue.after(within(fault.stepMs, rng), () => walk(others, change, next))
  }
  const calm = (): void => world.queue.after(within(fault.calmMs, rng), begin)
  const begin = (): void => {
    const directions = linksOf(world.nodes.length, wholeWithin(fault.victims, rng), rng)
    walk(directions, shut, () =>
      world.queue.after(within(fault.holdMs, rng), () =>
        walk(rng.shuffle([...directions]), open, calm),
      ),
    )
  }
  calm()
  return {
    end(): void {
      ended = true
      for (const direction of cut) open(direction)
    },
  }
}

/** All directions that begin or end at some nodes, in no order. */
function linksOf(nodes: number, victims: number, rng: Prng): readonly Direction[] {
  const order = rng.shuffle(Array.from({ length: nodes }, (_, index) => index))
  const chosen = order.slice(0, victims)
  const directions = order.flatMap((from) =>
    order.flatMap((to): Direction[] =>
      from !== to && (chosen.includes(from) || chosen.includes(to)) ? [[from, to]] : [],
    ),
  )
  return rng.shuffle(directions)
}
