import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { crashRestart } from '../scenarios/crash-restart.ts'
import type { NotedRun } from './noted-runs.ts'
import { compareWithNoted, noteRuns } from './noted-runs.ts'
import { Pool } from './pool.ts'
import { runJob } from './run-job.ts'
import { scenarioToData } from './scenario-data.ts'

const folder = mkdtempSync(join(tmpdir(), 'dnd-noted-'))
const pool = new Pool({ workers: 1 })
after(async () => {
  await pool.close()
  rmSync(folder, { recursive: true })
})

const scenario = scenarioToData({ ...crashRestart, name: 'short', loadMs: 500 })
const source = { type: 'file', path: 'short.json', scenario } as const
const { hash } = runJob({ source, seed: 3, mutant: undefined, twice: false, told: false })

assert.match(hash, /^[0-9a-f]{16}$/)

async function compare(runs: readonly NotedRun[]): Promise<{ code: number; said: string }> {
  const path = join(folder, 'runs.json')
  noteRuns(path, runs)
  const said: string[] = []
  const code = await compareWithNoted(path, pool, (text) => said.push(text))
  return { code, said: said.join('\n') }
}

test('runs that are the same as noted pass', async () => {
  const { code, said } = await compare([{ source, seed: 3, hash }])
  assert.equal(code, 0)
  assert.match(said, /1 runs of v\S+ again on v\S+: all the same/)
})

test('a run that is another fails and says which', async () => {
  const { code, said } = await compare([{ source, seed: 3, hash: '0123456789abcdef' }])
  assert.equal(code, 1)
  assert.match(said, /FAIL --scenario-file short\.json --seed 3: trace 0123456789abcdef on v/)
  assert.match(said, new RegExp(`${hash} here`))
})

test('nothing to compare with is a failure', async () => {
  assert.equal((await compare([])).code, 1)
  const path = join(folder, 'absent.json')
  assert.equal(await compareWithNoted(path, pool, () => undefined), 1)
})
