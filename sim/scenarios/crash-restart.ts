/** Nodes crash and restart under load: one at a time, or all at once. */
import type { CrashRestart } from '../faults/crash-restart.ts'
import type { Scenario } from './scenario.ts'
import { STANDARD } from './standard.ts'

const ONE_AT_A_TIME: CrashRestart = {
  type: 'crash-restart',
  victims: [1, 1],
  betweenMs: [200, 3_000],
  downMs: [0, 4_000],
  midStepChance: 0.5,
  toldChance: 0.5,
}

export const crashRestart: Scenario = {
  ...STANDARD,
  name: 'crash-restart',
  about: 'three nodes, one at a time crashes and restarts under load',
  faults: [ONE_AT_A_TIME],
}

export const crashRestartFive: Scenario = {
  ...STANDARD,
  name: 'crash-restart-5',
  about: 'five nodes, one at a time crashes and restarts under load',
  nodes: 5,
  born: 5,
  faults: [ONE_AT_A_TIME],
}

/** What was acknowledged was durable on w disks, so it may cost availability and nothing else. */
export const powerLoss: Scenario = {
  ...STANDARD,
  name: 'power-loss',
  about: 'three nodes that lose power at the same instant, again and again',
  // Slow disks, so that there is always something that is not durable yet.
  syncMs: [50, 300],
  faults: [{ ...ONE_AT_A_TIME, victims: [3, 3], betweenMs: [1_000, 4_000], downMs: [0, 1_000] }],
}
