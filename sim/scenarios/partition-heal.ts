/** Partitions of all shapes come and go under load. */
import type { Fault } from '../faults/fault.ts'
import type { Scenario } from './scenario.ts'
import { STANDARD } from './standard.ts'

const FAULTS: readonly Fault[] = [
  {
    type: 'partition',
    shapes: ['isolated', 'split', 'mute', 'deaf', 'pair', 'one-way'],
    calmMs: [200, 3_000],
    lastsMs: [300, 9_000],
  },
]

export const partitionHeal: Scenario = {
  ...STANDARD,
  name: 'partition-heal',
  about: 'three nodes, partitions of all shapes come and go under load',
  faults: FAULTS,
}

export const partitionHealFive: Scenario = {
  ...STANDARD,
  name: 'partition-heal-5',
  about: 'five nodes, partitions of all shapes come and go under load',
  nodes: 5,
  born: 5,
  faults: FAULTS,
}
