/**
 * Would the checkers notice? Each mutant breaks one rule in the driver, under the nodes' feet, and
 * some checker must say so within a few seeds. A mutant that survives means that the simulator has
 * gone blind.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureReport } from './report.ts'
import { scenarioNamed } from './scenarios/all.ts'
import { runScenario } from './scenarios/run.ts'
import type { Mutant } from './sim-node.ts'
import { MUTANTS } from './sim-node.ts'

/** Where the mutant shows, and which checkers may notice it. */
const HUNTS: Readonly<
  Record<Mutant, { readonly scenario: string; readonly by: readonly string[] }>
> = {
  'answer-before-sync': {
    scenario: 'power-loss',
    by: ['quorum-reads', 'acknowledged-writes', 'no-lost-version', 'no-resurrection', 'dots'],
  },
  'no-read-repair': { scenario: 'crash-restart', by: ['convergence'] },
  'forgotten-disk': {
    scenario: 'crash-restart',
    by: ['quorum-reads', 'acknowledged-writes', 'no-lost-version', 'no-resurrection', 'dots'],
  },
}

const SEEDS_MAX = 20

for (const mutant of MUTANTS) {
  test(`${mutant} is noticed`, () => {
    const { scenario: name, by } = HUNTS[mutant]
    const scenario = scenarioNamed(name)!
    for (let seed = 1; seed <= SEEDS_MAX; seed++) {
      const result = runScenario(scenario, seed, { mutant })
      if (result.violation === undefined) continue
      assert.ok(by.includes(result.violation.checker), result.violation.checker)
      const report = failureReport(scenario, result, mutant)
      assert.match(report, new RegExp(`broken: ${result.violation.checker}`))
      assert.match(report, new RegExp(`replay: .*--scenario ${name} --seed ${seed} --mutant`))
      return
    }
    assert.fail(`${SEEDS_MAX} seeds of ${name}, and nobody noticed`)
  })
}
