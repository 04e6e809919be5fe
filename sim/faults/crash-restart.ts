/**
 * Nodes die and come back, some of them or a whole zone: at any moment, also between two effects of
 * one step, with what their disks had made durable and maybe a little more. Now and then one is
 * told at its start where the others are; otherwise it must know by itself.
 */
import type { Prng } from '../../src/core/std/prng.ts'
import type { Range } from '../seed.ts'
import { wholeWithin, within } from '../seed.ts'
import type { SimNode } from '../sim-node.ts'
import type { World } from '../world.ts'
import { othersOf } from '../world.ts'
import type { RunningFault } from './fault.ts'

export interface CrashRestart {
  readonly type: 'crash-restart'
  /**
   * How many nodes die at the same instant: one, or as many as share a power supply. Of a whole
   * zone, all.
   */
  readonly victims: Range | 'zone'
  /** From the last restart to the next crash, milliseconds. */
  readonly betweenMs: Range
  readonly downMs: Range
  /** Chance that a crash comes in the middle of a step. */
  readonly midStepChance: number
  /** Chance that a restarted node is told the others' addresses. */
  readonly toldChance: number
  /** Chance that it listens somewhere else from then on; without it, none. */
  readonly movesChance?: number
}

/** A crash armed for the next step has struck by then: every node has a timer within a second. */
const MID_STEP_MS = 2_000

export function beginCrashRestart(world: World, fault: CrashRestart, rng: Prng): RunningFault {
  let ended = false
  // Bounded by: the nodes of the world.
  const victims = new Set<SimNode>()
  const restart = (victim: SimNode): void => {
    if (!victims.delete(victim)) return
    // The crash that was armed may not have struck yet.
    victim.crash()
    if (rng.chance(fault.movesChance ?? 0)) victim.move()
    victim.start(rng.chance(fault.toldChance) ? othersOf(world, victim.index) : [])
  }
  const fell = (victim: SimNode): void => {
    victims.add(victim)
    const midStep = rng.chance(fault.midStepChance)
    if (midStep) victim.crashMidStep(rng.fraction())
    else victim.crash()
    const downMs = within(fault.downMs, rng) + (midStep ? rng.fraction() * MID_STEP_MS : 0)
    world.queue.after(downMs, () => {
      if (ended) return
      restart(victim)
      if (victims.size === 0) world.queue.after(within(fault.betweenMs, rng), strike)
    })
  }
  const strike = (): void => {
    if (ended) return
    const order = rng.shuffle(world.nodes.filter((node) => node.isUp))
    const struck =
      fault.victims === 'zone'
        ? order.filter(({ zone }) => zone === order[0]?.zone)
        : order.slice(0, wholeWithin(fault.victims, rng))
    for (const victim of struck) fell(victim)
  }
  world.queue.after(within(fault.betweenMs, rng), strike)
  return {
    end(): void {
      ended = true
      for (const victim of victims) restart(victim)
    },
  }
}
