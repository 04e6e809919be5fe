/** The scenarios by name. */
import { crashRestart, crashRestartFive, powerLoss } from './crash-restart.ts'
import { diskFailure, diskFailureFive } from './disk-failure.ts'
import { grow, joinUnderLoad, trouble } from './join.ts'
import { partitionHeal, partitionHealFive } from './partition-heal.ts'
import type { Scenario } from './scenario.ts'

export const SCENARIOS: readonly Scenario[] = [
  crashRestart,
  crashRestartFive,
  partitionHeal,
  partitionHealFive,
  powerLoss,
  joinUnderLoad,
  grow,
  trouble,
  diskFailure,
  diskFailureFive,
]

export function scenarioNamed(name: string): Scenario | undefined {
  return SCENARIOS.find((scenario) => scenario.name === name)
}
