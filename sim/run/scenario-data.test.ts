import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SCENARIOS } from '../scenarios/all.ts'
import {
  parseScenarioFile,
  scenarioFromData,
  scenarioToData,
  type ScenarioFile,
} from './scenario-data.ts'

test('every scenario survives the way to JSON and back, its checkers included', () => {
  for (const scenario of SCENARIOS) {
    const data: unknown = JSON.parse(JSON.stringify(scenarioToData(scenario)))
    assert.deepEqual(scenarioFromData(data), scenario)
  }
})

test('a scenario that lacks something, or has it in another form, is refused by name', () => {
  const good = scenarioToData(SCENARIOS[0]!)
  const { loadMs: _, ...withoutLoad } = good
  const wrong: readonly (readonly [data: unknown, says: RegExp])[] = [
    [[], /a scenario is an object/],
    [withoutLoad, /loadMs must be of type number, and is missing/],
    [{ ...good, keys: 3 }, /keys must be a range of two numbers, and is of type number/],
    [{ ...good, keys: [1, 2, 3] }, /keys must be a range of two numbers, and is a list/],
    [{ ...good, workload: { ...good.workload, putShare: '1' } }, /workload\.putShare must be/],
    [{ ...good, faults: null }, /faults must be a list, and is null/],
    [{ ...good, checkers: ['dots', 'nothing'] }, /no checker nothing/],
  ]
  for (const [data, says] of wrong) {
    const found = scenarioFromData(data)
    assert.ok(typeof found === 'string')
    assert.match(found, says)
  }
})

test('a scenario file is a scenario with the seed that failed', () => {
  const file: ScenarioFile = { checker: 'dots', seed: 9, scenario: scenarioToData(SCENARIOS[0]!) }
  assert.deepEqual(parseScenarioFile(JSON.stringify(file)), file)
  for (const text of ['', '[]', '{}', JSON.stringify({ ...file, seed: 1.5 })])
    assert.equal(typeof parseScenarioFile(text), 'string', text)
})
