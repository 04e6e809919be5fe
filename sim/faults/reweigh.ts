/**
 * An operator gives a node another weight or moves it to another zone: it is stopped and started
 * again with what it is to be, and asks for the share that this means.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import type { Range } from '../seed.ts'
import { within } from '../seed.ts'
import type { SimNode } from '../sim-node.ts'
import type { World } from '../world.ts'
import { othersOf } from '../world.ts'
import { someOf } from './episodes.ts'
import type { RunningFault } from './fault.ts'

export interface Reweigh {
  readonly type: 'reweigh'
  /** From the beginning, or from one change to the next, milliseconds. */
  readonly betweenMs: Range
  readonly downMs: Range
  /** Of which a node gets one at random. */
  readonly weights: readonly number[]
  readonly zones: readonly string[]
}

export function beginReweigh(world: World, fault: Reweigh, rng: Prng): RunningFault {
  let ended = false
  let down: SimNode | undefined
  const restart = (): void => {
    // Somebody else may have started it already.
    if (down?.isUp === false) down.start(othersOf(world, down.index))
    down = undefined
  }
  const next = (): void => {
    if (ended) return
    const [node] = someOf(world, 1, rng)
    const role = { weight: rng.pick(fault.weights), zone: rng.pick(fault.zones) }
    // While a disk is damaged no data may move: see `atlas.ts`.
    if (node === undefined || !world.atlas.mayMove()) return calm()
    world.announce('reweigh', `n${node.index + 1} to ${role.weight} in ${role.zone}`)
    node.crash()
    node.reconfigure(role)
    down = node
    world.queue.after(within(fault.downMs, rng), () => {
      restart()
      calm()
    })
  }
  const calm = (): void => world.queue.after(within(fault.betweenMs, rng), next)
  calm()
  return {
    end(): void {
      ended = true
      restart()
    },
  }
}
