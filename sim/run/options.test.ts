import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { SCENARIOS } from '../scenarios/all.ts'
import type { Settings } from './options.ts'
import { settingsFrom } from './options.ts'
import { nameOf } from './source.ts'

const folder = mkdtempSync(join(tmpdir(), 'dnd-options-'))
after(() => rmSync(folder, { recursive: true }))

function settings(...args: readonly string[]): Settings {
  const found = settingsFrom(args)
  assert.ok(found !== 'help' && !('wrong' in found), JSON.stringify(found))
  return found
}

const names = (found: Settings): readonly string[] => found.sources.map((source) => nameOf(source))

test('a seed alone is the story of the one scenario that has something of everything', () => {
  const found = settings('--seed', '7')
  assert.deepEqual(names(found), ['trouble'])
  assert.equal(found.firstSeed, 7)
  assert.equal(found.story, 'plain')
  assert.equal(settings('--seed', '7', '--verbose').story, 'verbose')
  assert.equal(settings('--seed', '7', '--packets').story, 'packets')
})

test('a seed whose runs are counted, compared, shrunk or read by a program is no story', () => {
  for (const more of [['--seeds', '1'], ['--twice'], ['--shrink'], ['--json']])
    assert.equal(settings('--seed', '7', ...more).story, undefined)
})

test('without a scenario all of them run, from a new seed or from 1 on', () => {
  const all = SCENARIOS.map(({ name }) => name)
  assert.deepEqual(names(settings()), all)
  assert.equal(settings().seeds, 1)
  assert.deepEqual(names(settings('--seeds', '5')), all)
  assert.equal(settings('--seeds', '5').firstSeed, 1)
})

test('--until-failure goes on for ever, on the swarm unless a scenario is named', () => {
  const found = settings('--until-failure')
  assert.deepEqual(names(found), ['swarm'])
  assert.equal(found.seeds, Infinity)
  assert.deepEqual(names(settings('--until-failure', '--scenario', 'join')), ['join'])
})

test('nodes and seconds of faults are part of what is run', () => {
  assert.deepEqual(settings('--swarm', '--nodes', '7', '--fault-seconds', '9').sources, [
    { type: 'swarm', nodes: 7, faultMs: 9_000 },
  ])
  assert.deepEqual(settings('--scenario', 'join', '--nodes', '7').sources, [
    { type: 'named', name: 'join', nodes: 7 },
  ])
})

test('what cannot be is refused with a sentence', () => {
  const bad = join(folder, 'bad.json')
  writeFileSync(bad, '{"seed": 1, "checker": "dots", "scenario": {}}')
  const wrong: readonly (readonly [args: string, says: RegExp])[] = [
    ['--scenario nothing', /^no scenario nothing$/],
    ['--scenario join --swarm', /^--scenario and --swarm exclude each other$/],
    ['--scenario-file absent.json', /^no file absent\.json$/],
    [`--scenario-file ${bad}`, /bad\.json: name must be of type string, and is missing$/],
    [`--scenario-file ${bad} --nodes 3`, /--nodes is not for --scenario-file/],
    ['--seed x', /^--seed must be a whole number from 0 to 4294967295, not 'x'$/],
    ['--seed -1', /--seed/],
    ['--seed 4294967296', /^--seed must be/],
    ['--seeds 0', /^--seeds must be a whole number from 1 /],
    ['--seeds 3 --until-failure', /exclude each other/],
    ['--until-failure --keep-going', /exclude each other/],
    ['--seeds 3 --json --shrink', /exclude each other/],
    ['--seeds 3 --verbose', /are for the story of one --seed$/],
    ['--swarm --history h', /are for the story of one --seed$/],
    ['--workers 0', /^--workers must be/],
    ['--nodes 0', /^--nodes must be/],
    ['--fault-seconds 10', /^--fault-seconds is for --swarm$/],
    ['--mutant nothing', /^no mutant nothing$/],
    ['--nothing', /--nothing/],
    ['stray', /stray/],
  ]
  for (const [args, says] of wrong) {
    const found = settingsFrom(args.split(' '))
    assert.ok(found !== 'help' && 'wrong' in found, args)
    assert.match(found.wrong, says)
  }
})
