import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Job } from './job.ts'
import { Pool } from './pool.ts'
import { parseScenarioFile } from './scenario-data.ts'
import { shrinkFailure } from './shrink-failure.ts'

/** Workers for which `dots` fails as long as nodes crash. */
const CODE = `import { parentPort } from 'node:worker_threads'
  parentPort.on('message', ({ source, seed }) => {
    const isBad = source.scenario.faults.some(({ type }) => type === 'crash-restart')
    parentPort.postMessage({ scenario: 'x', seed, hash: '', events: 1, virtualMs: 1, realMs: 1,
      runs: 1, report: '', operations: { ok: 0, fail: 0, unknown: 0 },
      violation: isBad ? { checker: 'dots', message: '', keys: [] } : undefined })
  })`

const entry = new URL(`data:text/javascript,${encodeURIComponent(CODE)}`)
const pool = new Pool({ workers: 2, entry })
const folder = mkdtempSync(join(tmpdir(), 'dnd-shrink-'))
const home = process.cwd()
process.chdir(folder)
after(async () => {
  await pool.close()
  process.chdir(home)
  rmSync(folder, { recursive: true })
})

test('the smallest scenario is told, written to a file, and replayed from it', async () => {
  const source = { type: 'named', name: 'trouble', nodes: undefined } as const
  const job: Job = { source, seed: 4, mutant: 'forgotten-disk', twice: false, told: true }
  const result = {
    scenario: 'trouble',
    seed: 4,
    violation: { checker: 'dots', message: '', keys: [] },
    ...{ hash: '', events: 1, virtualMs: 1, realMs: 1, runs: 1, report: '' },
    operations: { ok: 0, fail: 0, unknown: 0 },
  }
  const said: string[] = []
  await shrinkFailure(job, result, pool, (text) => said.push(text))
  const path = 'shrunk-trouble-4.json'
  const file = parseScenarioFile(readFileSync(path, 'utf8'))
  assert.ok(typeof file !== 'string', String(file))
  assert.equal(file.checker, 'dots')
  assert.equal(file.seed, 4)
  assert.deepEqual(
    file.scenario.faults.map(({ type }) => type),
    ['crash-restart'],
  )
  assert.equal(file.scenario.nodes, 3)
  assert.match(said.join('\n'), /\n {2}without partition \(\d of \d\) \(run \d+\)\n/)
  assert.match(
    said.at(-1)!,
    /^replay: npm run sim -- --scenario-file shrunk-trouble-4\.json --seed 4 --mutant forgotten-disk$/,
  )
})
