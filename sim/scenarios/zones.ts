/** Zones, each of which may die as a whole. */
import type { Scenario } from './scenario.ts'
import { STANDARD } from './standard.ts'

/**
 * Each partition has one replica in each zone, so that R = W = 2 of N = 3 lose nothing, and need
 * nobody of the zone that is gone.
 */
export const zoneLoss: Scenario = {
  ...STANDARD,
  name: 'zone-loss',
  about: 'six nodes in three zones, each zone dies as a whole now and then and comes back',
  nodes: 6,
  born: 6,
  zones: 3,
  faults: [
    {
      type: 'crash-restart',
      victims: 'zone',
      betweenMs: [500, 4_000],
      downMs: [500, 8_000],
      midStepChance: 0.3,
      toldChance: 0.5,
    },
  ],
}
