/**
 * Would the checkers notice? Each mutant breaks one rule (`mutants/mutant.ts`), and one of the
 * checkers that it names must say so within its number of seeds. The same seeds with nothing broken
 * must be clean: a checker that cries at everything would notice every mutant.
 */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { MUTANTS, mustFind } from './mutants/catalogue.ts'
import { hunt } from './mutants/hunt.ts'
import { mutantLaunch, ROOT } from './mutants/launch.ts'
import { patched } from './mutants/mutant.ts'
import { UNNOTICED } from './mutants/unnoticed.ts'
import { MUTANTS as DRIVER_MUTANTS } from './sim-node.ts'

/** Hunts at once: one for each core of the least machine that CI runs on. */
const AT_ONCE = 2

/** The most seeds that the hunts took of each scenario. */
const used = new Map<string, number>()

describe('the checkers notice', { concurrency: AT_ONCE }, () => {
  for (const { name, scenario, by, seedsMax } of MUTANTS) {
    test(name, async () => {
      const caught = await hunt({ mutant: name, scenario, first: 1, seeds: seedsMax })
      assert.ok(caught !== undefined, `${seedsMax} seeds of ${scenario}, and nobody noticed`)
      const { seed, checker, runs, message } = caught
      assert.ok(by.includes(checker), `${checker} noticed it in seed ${seed}: ${message}`)
      used.set(scenario, Math.max(used.get(scenario) ?? 0, runs))
    })
  }
})

describe('nobody cries while nothing is broken', { concurrency: AT_ONCE }, () => {
  for (const scenario of new Set(MUTANTS.map((mutant) => mutant.scenario))) {
    test(scenario, async () => {
      const seeds = used.get(scenario)
      assert.ok(seeds !== undefined, 'no mutant was caught there')
      const caught = await hunt({ mutant: undefined, scenario, first: 1, seeds })
      assert.equal(caught, undefined)
    })
  }
})

test('every mutant has a name, a rule and a bound of its own', () => {
  const names = [...MUTANTS, ...UNNOTICED].map(({ name }) => name)
  assert.equal(new Set(names).size, names.length)
  for (const { name, patches, seedsMax, by } of MUTANTS) {
    assert.match(name, /^[a-z]+(-[a-z]+)*$/)
    assert.ok(by.length > 0, name)
    const isSwitch = DRIVER_MUTANTS.some((each) => each === name)
    assert.equal(isSwitch, patches.length === 0, name)
    assert.ok(seedsMax <= 60, name)
  }
})

test('every patch fits its module in one place, and changes it', () => {
  for (const { name, patches } of [...MUTANTS, ...UNNOTICED])
    for (const patch of patches) {
      const source = readFileSync(new URL(patch.file, ROOT), 'utf8')
      assert.notEqual(patched(source, [patch]), source, name)
    }
})

test('a patch that fits nowhere, or in two places, is an error', () => {
  const patch = { file: 'some.js', find: 'a = 1', replace: 'a = $1' }
  assert.equal(patched('let a = 1', [patch]), 'let a = $1')
  assert.throws(() => patched('let b = 1', [patch]), /some\.js has 0 times/)
  assert.throws(() => patched('let a = 1; a = 1', [patch]), /some\.js has 2 times/)
})

test('a mutant that there is not cannot be switched on', () => {
  assert.throws(() => mustFind('nothing'), /no mutant nothing/)
  assert.throws(() => mutantLaunch('nothing'), /no mutant nothing/)
  assert.deepEqual(mutantLaunch(undefined), { execArgv: [], env: {} })
})
