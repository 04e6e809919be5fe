/** The kinds of faults that a swarm draws from, and how hard each strikes, by its own dice. */
import type { Prng } from '../../src/core/std/prng.ts'
import type { Fault } from '../faults/fault.ts'
import { RESHAPES } from '../faults/fault.ts'
import type { PartitionShape } from '../faults/partition.ts'
import type { Range } from '../seed.ts'

/** New kinds come last: see `drawFaults`. */
export const FAULT_NAMES = [
  'crash-restart',
  'power-loss',
  'partition',
  'join',
  'swizzle',
  'clog',
  'pause',
  'clock-jump',
  'slow-disk',
  'full-disk',
  'bit-rot',
  'wipe',
  'datagram-block',
  'backup',
  'leave',
  'remove',
  'reweigh',
  'operators',
] as const
export type FaultName = (typeof FAULT_NAMES)[number]

/** Those that take away what was durable. */
export const LOSES: readonly FaultName[] = ['bit-rot', 'wipe', 'backup', 'remove']
/** Those that leave a dead member behind. */
export const BEREAVES: readonly FaultName[] = ['wipe', 'remove']
/** Those after which the layout changes. */
export const MOVES: readonly FaultName[] = ['join', 'wipe', ...RESHAPES]

const SHAPES: readonly PartitionShape[] = ['isolated', 'split', 'mute', 'deaf', 'pair', 'one-way']

/** From 0 to about so much, most of them small. */
function upTo(most: number, dice: Prng): Range {
  return [0, Math.round(most * dice.pick([0.1, 0.3, 1]))]
}

/** At least so much, and more by as much as the dice say: long pauses let things settle. */
function atLeast(least: number, dice: Prng): Range {
  return [least, Math.round(least * dice.pick([2, 5, 20]))]
}

export function faultNamed(name: FaultName, nodes: number, dice: Prng): Fault {
  switch (name) {
    case 'crash-restart':
      return {
        type: 'crash-restart',
        victims: [1, dice.pick([1, 1, 2])],
        betweenMs: atLeast(200, dice),
        downMs: upTo(12_000, dice),
        midStepChance: dice.pick([0, 0.5, 1]),
        toldChance: dice.fraction(),
        movesChance: dice.pick([0, 0, 0.3, 1]),
      }
    case 'power-loss':
      return {
        type: 'crash-restart',
        victims: [nodes, nodes],
        betweenMs: atLeast(3_000, dice),
        downMs: upTo(3_000, dice),
        midStepChance: dice.pick([0, 0.5]),
        toldChance: dice.fraction(),
      }
    case 'partition':
      return {
        type: 'partition',
        shapes: dice.chance(0.5) ? SHAPES : [dice.pick(SHAPES)],
        calmMs: atLeast(200, dice),
        lastsMs: upTo(20_000, dice),
      }
    case 'join':
      return { type: 'join', betweenMs: atLeast(1_000, dice) }
    case 'swizzle':
      return {
        type: 'swizzle',
        victims: [1, Math.max(1, nodes - 1)],
        calmMs: atLeast(1_000, dice),
        stepMs: upTo(800, dice),
        holdMs: upTo(5_000, dice),
      }
    case 'clog':
      return {
        type: 'clog',
        shapes: SHAPES,
        calmMs: atLeast(200, dice),
        lastsMs: upTo(15_000, dice),
        delayMs: [10, dice.pick([100, 500, 3_000])],
        bytesPerMs: [dice.pick([10, 100]), 10_000],
      }
    case 'pause':
      return {
        type: 'pause',
        victims: [1, dice.pick([1, 2, nodes])],
        calmMs: atLeast(300, dice),
        lastsMs: upTo(15_000, dice),
      }
    case 'leave':
    case 'remove':
    case 'reweigh':
    case 'operators':
      return reshaping(name, nodes, dice)
    default:
      return diskOrClock(name, nodes, dice)
  }
}

/** Enough stay that each partition keeps its three replicas while one of them is dead. */
function reshaping(
  name: 'leave' | 'remove' | 'reweigh' | 'operators',
  nodes: number,
  dice: Prng,
): Fault {
  switch (name) {
    case 'leave':
      return { type: 'leave', betweenMs: atLeast(1_000, dice), stay: Math.max(4, nodes - 2) }
    case 'remove':
      return {
        type: 'remove',
        calmMs: atLeast(1_000, dice),
        afterMs: upTo(10_000, dice),
        downMs: upTo(8_000, dice),
        returnChance: dice.pick([0, 0, 0.5]),
      }
    case 'reweigh':
      return {
        type: 'reweigh',
        betweenMs: atLeast(1_000, dice),
        downMs: upTo(4_000, dice),
        weights: dice.pick([[1], [1, 2], [1, 2, 3]]),
        zones: dice.pick([['default'], ['default', 'east'], ['default', 'east', 'west']]),
      }
    case 'operators':
      return {
        type: 'operators',
        betweenMs: atLeast(1_000, dice),
        count: [1, dice.pick([2, 3])],
        looksMs: [0, dice.pick([10, 100, 2_000])],
        weights: [1, 2, 3],
      }
  }
}

function diskOrClock(
  name: Exclude<
    FaultName,
    | 'crash-restart'
    | 'power-loss'
    | 'partition'
    | 'join'
    | 'swizzle'
    | 'clog'
    | 'pause'
    | 'leave'
    | 'remove'
    | 'reweigh'
    | 'operators'
  >,
  nodes: number,
  dice: Prng,
): Fault {
  switch (name) {
    case 'clock-jump':
      return {
        type: 'clock-jump',
        calmMs: atLeast(300, dice),
        lastsMs: upTo(10_000, dice),
        byMs: [1, dice.pick([100, 1_000, 10_000, 3_600_000])],
      }
    case 'slow-disk':
      return {
        type: 'slow-disk',
        calmMs: atLeast(300, dice),
        lastsMs: upTo(15_000, dice),
        times: [2, dice.pick([5, 50, 200])],
      }
    case 'full-disk':
      return {
        type: 'full-disk',
        victims: [1, dice.pick([1, 2, nodes])],
        calmMs: atLeast(500, dice),
        lastsMs: upTo(10_000, dice),
      }
    case 'bit-rot':
      return {
        type: 'bit-rot',
        calmMs: atLeast(500, dice),
        share: [0, dice.pick([0.05, 0.5, 1])],
      }
    case 'datagram-block':
      return {
        type: 'datagram-block',
        shapes: SHAPES,
        calmMs: atLeast(200, dice),
        lastsMs: upTo(20_000, dice),
      }
    case 'backup':
      return {
        type: 'backup',
        calmMs: atLeast(500, dice),
        ageMs: atLeast(500, dice),
        downMs: upTo(8_000, dice),
      }
    case 'wipe':
      return { type: 'wipe', calmMs: atLeast(3_000, dice), downMs: upTo(8_000, dice) }
  }
}
