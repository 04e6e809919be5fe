import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { scenarioToData } from './run/scenario-data.ts'
import { crashRestart } from './scenarios/crash-restart.ts'
import { runScenario } from './scenarios/run.ts'

const MAIN = fileURLToPath(new URL('main.js', import.meta.url))

/** A short run, for whoever asks for more than one. */
const SHORT = { ...crashRestart, name: 'short', loadMs: 2_000 }

const folder = mkdtempSync(join(tmpdir(), 'dnd-sim-'))
const short = { checker: 'dots', seed: 11, scenario: scenarioToData(SHORT) }
writeFileSync(join(folder, 'short.json'), JSON.stringify(short))
after(() => rmSync(folder, { recursive: true }))

function sim(...args: readonly string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  })
  return { status, out: stdout, err: stderr }
}

test('one seed is told as a story that ends with the hash of its trace', () => {
  const { status, out } = sim('--scenario', 'crash-restart', '--seed', '7')
  assert.equal(status, 0)
  const { hash } = runScenario(crashRestart, 7)
  assert.match(out, /^crash-restart, seed 7: three nodes, .*\n\n +time ms  who +what +about\n/)
  assert.match(out, /\n +\d+\.\d{3} {2}world phase +clients work, faults begin\n/)
  assert.match(out, /\n +\d+\.\d{3} {2}n\d +crash +\d+ batches not durable\n/)
  assert.match(out, /\n +\d+\.\d{3} {2}n\d +put +\S+ op\d+.* → ok, \d acks \(\d+\.\d ms, c\d+\)\n/)
  assert.doesNotMatch(out, / send → /)
  assert.match(out, new RegExp(`\nok +crash-restart seed 7: .* trace ${hash}\n$`))
})

test('a verbose story has the messages, and the history has what clients saw', () => {
  const args = ['--scenario-file', 'short.json', '--verbose', '--history', 'h.jsonl']
  const { status, out } = sim(...args)
  assert.equal(status, 0)
  assert.match(out, /\n +\d+\.\d{3} {2}n\d +send → n\d +replicate #\d+ p\d+ v\d+ /)
  assert.doesNotMatch(out, / packet /)
  const lines = readFileSync(join(folder, 'h.jsonl'), 'utf8').trim().split('\n')
  assert.ok(lines.length > 100)
  for (const line of lines) JSON.parse(line)
})

test('several seeds are a line each and a sum, and each is run twice when asked', () => {
  const { status, out } = sim('--scenario-file', 'short.json', '--seeds', '2', '--twice')
  assert.equal(status, 0)
  assert.match(out, /^from seed 11 on, \d+ workers\n/)
  assert.match(out, /\nok +short seed 11: .* ms, 2 runs, trace [0-9a-f]{16}\n/)
  assert.match(out, /\nok +short seed 12: /)
  assert.match(out, /\n4 runs, 0 failures\n[\d,]+ operations: .*\n.*\neach of \d+ workers: .*\n$/)
})

test('a failing run tells what broke, the story, and how to replay it, and exits with 1', () => {
  const args = ['--scenario', 'power-loss', '--seeds', '20', '--mutant', 'answer-before-sync']
  const { status, out } = sim(...args)
  assert.equal(status, 1)
  assert.match(out, /\nFAIL power-loss seed \d+: /)
  assert.match(out, /\ncommit: (?:[0-9a-f]{40}(?: modified)?|unknown)\n/)
  assert.match(out, /\nbroken: [a-z-]+\n/)
  assert.match(out, /\nthe last events of \S+:\n +\d+\.\d{3} +n\d +\S/)
  assert.match(
    out,
    /replay: npm run sim -- --scenario power-loss --seed \d+ --mutant answer-before-sync/,
  )
})

test('results are JSON lines when a program reads them', () => {
  const { status, out } = sim('--scenario-file', 'short.json', '--seed', '3', '--json')
  assert.equal(status, 0)
  const [result, sum] = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
  assert.equal(result!['type'], 'result')
  assert.equal(result!['seed'], 3)
  assert.equal(result!['violation'], undefined)
  assert.match(String(result!['hash']), /^[0-9a-f]{16}$/)
  assert.equal(sum!['type'], 'sum')
  assert.equal(sum!['runs'], 1)
  assert.equal(sum!['failures'], 0)
})

test('a scenario from a file runs with the seed of the file', () => {
  const { status, out } = sim('--scenario-file', 'short.json')
  assert.equal(status, 0)
  const { hash } = runScenario(SHORT, 11)
  assert.match(out, new RegExp(`\nok +short seed 11: .* trace ${hash}\n$`))
})

test('help has examples and the scenarios', () => {
  const { status, out } = sim('--help')
  assert.equal(status, 0)
  assert.match(out, /\nexamples:\n {2}npm run sim -- --seed 7\n/)
  assert.match(out, /\n {2}crash-restart +three nodes/)
})

test('wrong use is explained on the error output and exits with 2', () => {
  const { status, out, err } = sim('--scenario', 'nothing')
  assert.equal(status, 2)
  assert.equal(out, '')
  assert.equal(err, 'no scenario nothing\nhow it is used: npm run sim -- --help\n')
})
