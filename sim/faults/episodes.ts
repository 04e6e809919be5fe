/**
 * The shape that most faults have: a calm, then something is wrong for a while, then it is mended
 * and the next calm begins.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import type { Range } from '../seed.ts'
import { within } from '../seed.ts'
import type { SimNode } from '../sim-node.ts'
import type { World } from '../world.ts'
import type { RunningFault } from './fault.ts'

export interface Episodes {
  /** From the beginning, or from one episode's end to the next one's begin, milliseconds. */
  readonly calmMs: Range
  readonly lastsMs: Range
}

/** Breaks something and returns how to mend it; undefined when there was nothing to break. */
export type Strike = () => (() => void) | undefined

/** One episode after the other, until the fault ends. */
export function beginEpisodes(
  world: World,
  { calmMs, lastsMs }: Episodes,
  rng: Prng,
  strike: Strike,
): RunningFault {
  let ended = false
  let mend: (() => void) | undefined
  const calm = (): void => world.queue.after(within(calmMs, rng), begin)
  const begin = (): void => {
    if (ended) return
    mend = strike()
    if (mend === undefined) return calm()
    world.queue.after(within(lastsMs, rng), () => {
      if (ended) return
      mend?.()
      mend = undefined
      calm()
    })
  }
  calm()
  return {
    end(): void {
      ended = true
      mend?.()
    },
  }
}

/** Some of the nodes that run, in no order. */
export function someOf(world: World, count: number, rng: Prng): readonly SimNode[] {
  return rng.shuffle(world.nodes.filter((node) => node.isUp)).slice(0, count)
}

/** `n1 n3`: how a story calls them. */
export function namesOf(nodes: readonly SimNode[]): string {
  return nodes.map(({ index }) => `n${index + 1}`).join(' ')
}
