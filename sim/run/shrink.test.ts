import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ALL_CHECKERS } from '../checkers/all.ts'
import { scenarioNamed } from '../scenarios/all.ts'
import type { Scenario } from '../scenarios/scenario.ts'
import { runJob } from './run-job.ts'
import { scenarioFromData, scenarioToData } from './scenario-data.ts'
import type { Attempt } from './shrink.ts'
import { shrink } from './shrink.ts'
import { smallerThan } from './smaller.ts'

const TROUBLE = scenarioNamed('trouble')!

function failing(isBroken: (scenario: Scenario, seed: number) => boolean): {
  readonly attempt: Attempt
  readonly count: () => number
} {
  let runs = 0
  const attempt: Attempt = (scenario, seed) => {
    runs++
    return Promise.resolve(isBroken(scenario, seed) ? 'dots' : undefined)
  }
  return { attempt, count: () => runs }
}

const START = { scenario: TROUBLE, seed: 5, checker: 'dots' }

test('whatever does not matter is taken away, and what matters stays', async () => {
  const { attempt, count } = failing(
    ({ faults, loadMs }) => faults.some(({ type }) => type === 'partition') && loadMs >= 3_000,
  )
  const { scenario, seed, runs, isLeast, steps } = await shrink(START, attempt)
  assert.ok(isLeast)
  assert.equal(runs, count())
  assert.equal(seed, 5)
  assert.deepEqual(
    scenario.faults.map(({ type }) => type),
    ['partition'],
  )
  assert.ok(scenario.loadMs >= 3_000 && scenario.loadMs < 6_000)
  assert.equal(scenario.nodes, 3, 'as many as there are replicas')
  assert.equal(scenario.workload.clientsPerNode, 1)
  assert.deepEqual(scenario.network.datagramLoss, [0, 0])
  assert.ok(steps.length > 10)
})

test('a failure of another checker is another failure', async () => {
  const other: Attempt = () => Promise.resolve('stamps')
  const { scenario, steps } = await shrink(START, other)
  assert.equal(scenario, TROUBLE)
  assert.deepEqual(steps, [])
})

test('a smaller scenario may fail from a seed near by', async () => {
  const { attempt } = failing(({ faults }, seed) => seed === (faults.length === 3 ? 5 : 7))
  const { scenario, seed } = await shrink(START, attempt)
  assert.ok(scenario.faults.length < 3)
  assert.equal(seed, 7)
})

test('runs and time are bounded, and the smallest so far is the answer', async () => {
  const { attempt, count } = failing(() => true)
  const few = await shrink(START, attempt, { runsMax: 3 })
  assert.equal(few.isLeast, false)
  assert.equal(count(), 3)
  assert.equal(few.steps.length, 3)
  const late = await shrink(START, attempt, { timeMaxMs: 0 })
  assert.equal(late.scenario, TROUBLE)
  assert.equal(late.isLeast, false)
})

test('every step leads to a scenario that can be written and read, and each has a name', () => {
  const steps = smallerThan(TROUBLE)
  assert.equal(new Set(steps.map(({ what }) => what)).size, steps.length)
  for (const { scenario } of steps)
    assert.deepEqual(
      scenarioFromData(JSON.parse(JSON.stringify(scenarioToData(scenario)))),
      scenario,
    )
})

test('a forgotten disk shrinks to one crash of a few seconds, and fails as it did', async () => {
  const attempt: Attempt = (scenario, seed) => {
    const data = scenarioToData(scenario)
    const result = runJob({
      source: { type: 'file', path: 'shrunk.json', scenario: data },
      seed,
      mutant: 'forgotten-disk',
      twice: false,
      told: false,
    })
    return Promise.resolve(result.violation?.checker)
  }
  const scenario = { ...scenarioNamed('crash-restart')!, loadMs: 4_000 }
  let seed = 1
  let checker = await attempt(scenario, seed)
  while (checker === undefined && seed < 40) checker = await attempt(scenario, ++seed)
  assert.ok(
    ALL_CHECKERS.some(({ name }) => name === checker),
    `${checker} at seed ${seed}`,
  )
  assert.ok(checker !== undefined)
  const shrunk = await shrink({ scenario, seed, checker }, attempt, { runsMax: 20 })
  assert.ok(shrunk.steps.length >= 3, shrunk.steps.join('; '))
  assert.equal(await attempt(shrunk.scenario, shrunk.seed), checker)
})
