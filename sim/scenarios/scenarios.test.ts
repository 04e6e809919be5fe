/**
 * The real nodes in the simulated world: seeds that are always run, twice each, and new ones in
 * each run of the tests.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { failureReport } from '../report.ts'
import { SCENARIOS, scenarioNamed } from './all.ts'
import type { RunResult } from './run.ts'
import { runScenario } from './run.ts'
import type { Scenario } from './scenario.ts'

/**
 * Seeds that once failed are never taken off, with what they showed:
 *
 * - partition-heal-5 1, 5, 10, 18: a forward that waited in a link that was being dialled was given
 *   up when its target was declared dead, and arrived all the same: two coordinators, or a
 *   "rejected" value that was read.
 * - disk-failure 3: a write whose batch failed was told `rejected`, and a later batch carried it.
 * - disk-failure 20: a layout whose batch failed was never stored again; the move never ended.
 * - disk-failure 32: likewise a bucket's properties; after a restart its siblings passed for `lww`.
 * - trouble 18, 38: a node that restarted during a layout move never went on pulling, and the move
 *   never ended.
 */
const SEEDS: Readonly<Record<string, readonly number[]>> = {
  'crash-restart': [1, 2],
  'crash-restart-5': [1],
  'partition-heal': [1, 2],
  'partition-heal-5': [1, 5, 10, 18],
  'power-loss': [1, 2],
  join: [1],
  grow: [1],
  trouble: [1, 18, 38],
  'disk-failure': [3, 20, 32],
  'disk-failure-5': [6],
}

/** New seeds are tried until this many have been, or the time is over. */
const FRESH_SEEDS = 24
const FRESH_MS = 15_000

function assertGood(scenario: Scenario, result: RunResult): void {
  assert.ok(result.violation === undefined, failureReport(scenario, result, undefined))
}

describe('fixed seeds', () => {
  for (const [name, seeds] of Object.entries(SEEDS)) {
    for (const seed of seeds) {
      test(`${name} keeps its promises from seed ${seed}, and is the same run again`, () => {
        const scenario = scenarioNamed(name)
        assert.ok(scenario !== undefined)
        const result = runScenario(scenario, seed)
        assertGood(scenario, result)
        assert.equal(runScenario(scenario, seed).hash, result.hash)
      })
    }
  }
})

test('fresh seeds', (t) => {
  const first = Number(process.env['SIM_SEED'] ?? Math.floor(Math.random() * 1e9))
  t.diagnostic(`seeds from ${first} on; SIM_SEED=${first} repeats them`)
  const names = Object.keys(SEEDS)
  const begun = performance.now()
  let tried = 0
  while (tried < FRESH_SEEDS && performance.now() - begun < FRESH_MS) {
    const scenario = scenarioNamed(names[tried % names.length]!)!
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
