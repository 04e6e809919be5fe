/** Disks that now and then refuse a group of batches, while nodes crash and restart. */
import { crashRestart, crashRestartFive } from './crash-restart.ts'
import type { Scenario } from './scenario.ts'

export const diskFailure: Scenario = {
  ...crashRestart,
  name: 'disk-failure',
  about: 'three nodes whose disks refuse batches, and that crash and restart',
  diskFailure: [0.01, 0.1],
}

export const diskFailureFive: Scenario = {
  ...crashRestartFive,
  name: 'disk-failure-5',
  about: 'five nodes whose disks refuse batches, and that crash and restart',
  diskFailure: [0.01, 0.1],
}
