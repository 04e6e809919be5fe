/** The seeds that found bugs, each twice: what was mended stays mended. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { ALL_CHECKERS } from '../checkers/all.ts'
import { fixedSeeds, sourceOf } from './fixed-seeds.ts'
import { runJob } from './run-job.ts'

describe('fixed seeds', () => {
  for (const fixed of fixedSeeds()) {
    const { scenario, seed } = fixed
    test(`${scenario} keeps its promises from seed ${seed}, and is the same run again`, () => {
      const source = sourceOf(fixed)
      const result = runJob({ source, seed, mutant: undefined, twice: true, told: true })
      assert.equal(result.violation, undefined, result.report)
      assert.equal(result.runs, 2)
    })
  }
})

test('each fixed seed is there once, and names a checker that there is', () => {
  const seeds = fixedSeeds()
  const known = new Set([...ALL_CHECKERS.map(({ name }) => name), 'progress', 'assertions'])
  for (const { checker } of seeds) assert.ok(checker === null || known.has(checker), `${checker}`)
  const names = seeds.map(({ scenario, seed }) => `${scenario} ${seed}`)
  assert.equal(new Set(names).size, names.length)
})
