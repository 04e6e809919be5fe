import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { crashRestart } from './scenarios/crash-restart.ts'
import { runScenario } from './scenarios/run.ts'

const MAIN = fileURLToPath(new URL('main.js', import.meta.url))

function sim(...args: readonly string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  return { status, out: stdout, err: stderr }
}

test('one run is one line with the hash of its trace', () => {
  const { status, out } = sim('--scenario', 'crash-restart', '--seed', '7')
  assert.equal(status, 0)
  const { hash } = runScenario(crashRestart, 7)
  assert.match(out, new RegExp(`^ok +crash-restart seed 7: .* trace ${hash}\n$`))
})

test('a failing run tells what broke, the story, and how to replay it, and exits with 1', () => {
  const args = ['--scenario', 'power-loss', '--seeds', '20', '--mutant', 'answer-before-sync']
  const { status, out } = sim(...args)
  assert.equal(status, 1)
  assert.match(out, /\nFAIL power-loss seed \d+: |^FAIL power-loss seed \d+: /)
  assert.match(out, /\nbroken: [a-z-]+\n/)
  assert.match(out, /\n +\d+\.\d{3} +n\d +\S/)
  assert.match(
    out,
    /replay: npm run sim -- --scenario power-loss --seed \d+ --mutant answer-before-sync/,
  )
})

test('wrong use is explained on the error output and exits with 2', () => {
  const wrong = [
    ['--scenario', 'nothing'],
    ['--seed', 'x'],
    ['--seeds', '0'],
    ['--mutant', 'nothing'],
    ['--nothing'],
    ['stray'],
  ]
  for (const args of wrong) {
    const { status, out, err } = sim(...args)
    assert.equal(status, 2, args.join(' '))
    assert.equal(out, '')
    assert.match(err, /usage: npm run sim/)
  }
})
