/** The cluster is changed by operators under load, with and without other troubles. */
import type { Fault } from '../faults/fault.ts'
import type { Scenario } from './scenario.ts'
import { STANDARD } from './standard.ts'

/** Requests ask for no less than their buckets do, since data moves: see `join.ts`. */
const RESHAPED: Omit<Scenario, 'name' | 'about' | 'faults'> = {
  ...STANDARD,
  workload: { ...STANDARD.workload, ownQuorumChance: 0 },
  nodes: 6,
  born: 6,
  loadMs: 30_000,
}

const REMOVE: Fault = {
  type: 'remove',
  calmMs: [500, 5_000],
  afterMs: [0, 4_000],
  downMs: [0, 4_000],
  returnChance: 0,
}
const REWEIGH: Fault = {
  type: 'reweigh',
  betweenMs: [500, 6_000],
  downMs: [0, 2_000],
  weights: [1, 2, 3],
  zones: ['default', 'east', 'west'],
}
const OPERATORS: Fault = {
  type: 'operators',
  betweenMs: [500, 5_000],
  count: [2, 3],
  looksMs: [0, 50],
  weights: [1, 2, 3],
}

export const removal: Scenario = {
  ...RESHAPED,
  name: 'removal',
  about: 'six nodes, of which dead ones are removed for good while new ones come',
  faults: [REMOVE],
}

export const reweighing: Scenario = {
  ...RESHAPED,
  name: 'reweighing',
  about: 'six nodes that are given other weights and zones under load',
  faults: [REWEIGH],
}

export const operators: Scenario = {
  ...RESHAPED,
  name: 'operators',
  about: 'six nodes, and operators who apply different layouts at the same time',
  faults: [OPERATORS],
}

export const reshapeInTrouble: Scenario = {
  ...RESHAPED,
  name: 'reshape-trouble',
  about: 'six nodes that join, leave, die, get other weights and several operators, and crash',
  born: 5,
  faults: [
    REMOVE,
    REWEIGH,
    OPERATORS,
    { type: 'join', betweenMs: [500, 6_000] },
    { type: 'leave', betweenMs: [2_000, 10_000], stay: 4 },
    {
      type: 'crash-restart',
      victims: [1, 1],
      betweenMs: [500, 4_000],
      downMs: [0, 4_000],
      midStepChance: 0.5,
      toldChance: 0.5,
    },
  ],
}
