/**
 * Directions between nodes stop passing anything, for a while, in one of several shapes; one
 * partition at a time.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import type { Range } from '../seed.ts'
import { within } from '../seed.ts'
import type { World } from '../world.ts'
import type { RunningFault } from './fault.ts'

export type PartitionShape =
  /** One node hears nobody and nobody hears it. */
  | 'isolated'
  /** Two groups that hear nothing of each other. */
  | 'split'
  /** One node hears everybody and nobody hears it. */
  | 'mute'
  /** Everybody hears one node and it hears nobody. */
  | 'deaf'
  /** Two nodes that do not hear each other, while all others hear both. */
  | 'pair'
  /** One direction between two nodes. */
  | 'one-way'

export interface Partition {
  readonly type: 'partition'
  readonly shapes: readonly PartitionShape[]
  /** Between two partitions, milliseconds. */
  readonly calmMs: Range
  readonly lastsMs: Range
}

export type Direction = readonly [from: number, to: number]

export function beginPartition(world: World, fault: Partition, rng: Prng): RunningFault {
  let ended = false
  let blocked: readonly Direction[] = []
  const heal = (): void => {
    if (blocked.length === 0) return
    world.announce('heal', directionsText(blocked))
    for (const [from, to] of blocked) world.network.unblock(from, to)
    blocked = []
  }
  const strike = (): void => {
    if (ended) return
    const shape = rng.pick(fault.shapes)
    blocked = directionsOf(shape, world.nodes.length, rng)
    world.announce('partition', `${shape}: ${directionsText(blocked)}`)
    for (const [from, to] of blocked) world.network.block(from, to)
    world.queue.after(within(fault.lastsMs, rng), () => {
      if (ended) return
      heal()
      world.queue.after(within(fault.calmMs, rng), strike)
    })
  }
  world.queue.after(within(fault.calmMs, rng), strike)
  return {
    end(): void {
      ended = true
      heal()
    },
  }
}

/** The directions that a partition of `shape` blocks among `nodes` nodes. */
export function directionsOf(
  shape: PartitionShape,
  nodes: number,
  rng: Prng,
): readonly Direction[] {
  const order = rng.shuffle(Array.from({ length: nodes }, (_, index) => index))
  const [first = 0, ...others] = order
  const second = others[0] ?? 0
  const out = others.map((other): Direction => [first, other])
  const back = others.map((other): Direction => [other, first])
  switch (shape) {
    case 'isolated':
      return [...out, ...back]
    case 'mute':
      return out
    case 'deaf':
      return back
    case 'pair':
      return [
        [first, second],
        [second, first],
      ]
    case 'one-way':
      return [[first, second]]
    case 'split': {
      const left = order.slice(0, 1 + rng.below(nodes - 1))
      const right = order.filter((node) => !left.includes(node))
      return left.flatMap((a) =>
        right.flatMap((b): Direction[] => [
          [a, b],
          [b, a],
        ]),
      )
    }
  }
}

export function directionsText(directions: readonly Direction[]): string {
  return directions.map(([from, to]) => `n${from + 1}→n${to + 1}`).join(' ')
}
