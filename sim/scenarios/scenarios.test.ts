/**
 * The real nodes in the simulated world, from new seeds in each run of the tests; those that are
 * always run are in `sim/seeds.json`.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failureReport } from '../report.ts'
import { SCENARIOS, scenarioNamed } from './all.ts'
import type { RunResult } from './run.ts'
import { runScenario } from './run.ts'
import type { Scenario } from './scenario.ts'

/** New seeds are tried until this many have been, or the time is over. */
const FRESH_SEEDS = 30
const FRESH_MS = 15_000

function assertGood(scenario: Scenario, result: RunResult): void {
  assert.ok(result.violation === undefined, failureReport(scenario, result, undefined))
}

test('fresh seeds', (t) => {
  const first = Number(process.env['SIM_SEED'] ?? Math.floor(Math.random() * 1e9))
  t.diagnostic(`seeds from ${first} on; SIM_SEED=${first} repeats them`)
  const begun = performance.now()
  let tried = 0
  while (tried < FRESH_SEEDS && performance.now() - begun < FRESH_MS) {
    const scenario = SCENARIOS[tried % SCENARIOS.length]!
    assertGood(scenario, runScenario(scenario, first + tried))
    tried++
  }
  t.diagnostic(`${tried} runs`)
})

test('a run is not empty: clients succeed, fail and doubt, nodes crash, data moves', () => {
  const scenario = scenarioNamed('trouble')!
  const { world } = runScenario(scenario, 1)
  const outcomes = new Set(world.history.operations.map(({ outcome }) => outcome))
  assert.deepEqual(outcomes, new Set(['ok', 'fail', 'unknown']))
  assert.ok(world.history.operations.length > 500)
  for (const note of ['member', 'transferred', 'read-repair', 'forwarded', 'ready', 'layout'])
    assert.ok((world.counts.get(note) ?? 0) > 0, note)
})

test('other seeds are other runs', () => {
  const scenario = { ...scenarioNamed('crash-restart')!, loadMs: 1_000 }
  const hashes = [1, 2, 3].map((seed) => runScenario(scenario, seed).hash)
  assert.equal(new Set(hashes).size, 3)
})

test('every scenario has a name of its own and says what it is', () => {
  assert.equal(new Set(SCENARIOS.map(({ name }) => name)).size, SCENARIOS.length)
  for (const { name, about } of SCENARIOS) {
    assert.equal(scenarioNamed(name)?.about, about)
  }
  assert.equal(scenarioNamed('nothing'), undefined)
})
