/** A cluster grows under load, with and without other troubles. */
import type { Scenario } from './scenario.ts'
import { STANDARD } from './standard.ts'

/**
 * A layout move pulls from as many old owners as the buckets' quorums call for. A request that
 * asked for less got less: what one replica alone has acknowledged may be on the one that was out
 * of reach and is not asked.
 */
const BUCKET_QUORUMS: Scenario['workload'] = { ...STANDARD.workload, ownQuorumChance: 0 }

export const joinUnderLoad: Scenario = {
  ...STANDARD,
  name: 'join',
  about: 'three nodes, to which two more join under load',
  nodes: 5,
  born: 3,
  faults: [{ type: 'join', betweenMs: [500, 4_000] }],
}

export const grow: Scenario = {
  ...STANDARD,
  name: 'grow',
  about: 'one node, to which five more join under load while partitions come and go',
  nodes: 6,
  born: 1,
  workload: { ...BUCKET_QUORUMS, clientsPerNode: 1 },
  faults: [
    { type: 'join', betweenMs: [300, 3_000] },
    {
      type: 'partition',
      shapes: ['isolated', 'split', 'mute', 'deaf', 'pair', 'one-way'],
      calmMs: [100, 1_500],
      lastsMs: [100, 3_000],
    },
  ],
}

export const trouble: Scenario = {
  ...STANDARD,
  name: 'trouble',
  about: 'three nodes to which two more join, while nodes crash and partitions come and go',
  nodes: 5,
  born: 3,
  workload: BUCKET_QUORUMS,
  faults: [
    { type: 'join', betweenMs: [500, 6_000] },
    {
      type: 'crash-restart',
      victims: [1, 2],
      betweenMs: [500, 4_000],
      downMs: [0, 4_000],
      midStepChance: 0.5,
      toldChance: 0.5,
    },
    {
      type: 'partition',
      shapes: ['isolated', 'split', 'mute', 'deaf', 'pair', 'one-way'],
      calmMs: [500, 4_000],
      lastsMs: [300, 5_000],
    },
  ],
}
