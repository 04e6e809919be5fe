/** The scenarios by name. */
import { crashRestart, crashRestartFive, powerLoss } from './crash-restart.ts'
import { diskFailure, diskFailureFive } from './disk-failure.ts'
import { DRIFT } from './drift.ts'
import { grow, joinUnderLoad, trouble } from './join.ts'
import { leaveInTrouble, leaveUnderLoad } from './leave.ts'
import { partitionHeal, partitionHealFive } from './partition-heal.ts'
import { GROUNDS } from '../mutants/grounds.ts'
import { operators, removal, reshapeInTrouble, reweighing } from './reshape.ts'
import type { Scenario } from './scenario.ts'
import { SINGLE_FAULTS } from './single-faults.ts'
import { swarmScenario } from './swarm.ts'
import { zoneLoss } from './zones.ts'

export const SCENARIOS: readonly Scenario[] = [
  crashRestart,
  crashRestartFive,
  partitionHeal,
  partitionHealFive,
  powerLoss,
  joinUnderLoad,
  grow,
  trouble,
  leaveUnderLoad,
  leaveInTrouble,
  diskFailure,
  diskFailureFive,
  ...SINGLE_FAULTS,
  ...DRIFT,
  zoneLoss,
  removal,
  reweighing,
  operators,
  reshapeInTrouble,
]

export function scenarioNamed(name: string): Scenario | undefined {
  return [...SCENARIOS, ...GROUNDS].find((scenario) => scenario.name === name)
}

/** The scenario called `name`; `swarm` is another for each seed. */
export function scenarioFor(name: string, seed: number): Scenario | undefined {
  return name === 'swarm' ? swarmScenario(seed) : scenarioNamed(name)
}
