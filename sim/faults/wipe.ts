/**
 * A node loses its disk and comes back with an empty one. Its identity was on that disk, so it is a
 * new node, which joins by the addresses of the others; the old one stays behind as a dead member.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import type { Range } from '../seed.ts'
import { within } from '../seed.ts'
import type { SimNode } from '../sim-node.ts'
import type { World } from '../world.ts'
import { othersOf } from '../world.ts'
import { someOf } from './episodes.ts'
import type { RunningFault } from './fault.ts'

export interface Wipe {
  readonly type: 'wipe'
  readonly calmMs: Range
  /** From the loss of the disk to the start with a new one, milliseconds. */
  readonly downMs: Range
}

export function beginWipe(world: World, fault: Wipe, rng: Prng): RunningFault {
  let ended = false
  let down: SimNode | undefined
  const restart = (): void => {
    if (down === undefined) return
    // Somebody else may have started it already.
    if (!down.isUp) down.start(othersOf(world, down.index))
    down = undefined
  }
  const strike = (): void => {
    if (ended) return
    const [victim] = someOf(world, 1, rng)
    if (victim === undefined || !world.atlas.mayWipe(victim)) return calm()
    world.announce('wipe', `n${victim.index + 1}`)
    world.atlas.strike(victim, 'wipe', () => victim.wipe())
    down = victim
    world.queue.after(within(fault.downMs, rng), () => {
      if (ended) return
      restart()
      calm()
    })
  }
  const calm = (): void => world.queue.after(within(fault.calmMs, rng), strike)
  calm()
  return {
    end(): void {
      ended = true
      restart()
    },
  }
}
