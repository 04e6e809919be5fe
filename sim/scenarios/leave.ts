/** A cluster shrinks under load, with and without other troubles. */
import type { Scenario } from './scenario.ts'
import { STANDARD } from './standard.ts'

export const leaveUnderLoad: Scenario = {
  ...STANDARD,
  name: 'leave',
  about: 'five nodes, two of which leave under load while another joins',
  nodes: 6,
  born: 5,
  faults: [
    { type: 'leave', betweenMs: [500, 5_000], stay: 3 },
    { type: 'join', betweenMs: [1_000, 8_000] },
  ],
}

/** Requests ask for no less than their buckets do, since data moves: see `join.ts`. */
export const leaveInTrouble: Scenario = {
  ...STANDARD,
  name: 'leave-trouble',
  about: 'five nodes, two of which leave under load while nodes crash',
  nodes: 5,
  born: 5,
  workload: { ...STANDARD.workload, ownQuorumChance: 0 },
  faults: [
    { type: 'leave', betweenMs: [500, 5_000], stay: 3 },
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
