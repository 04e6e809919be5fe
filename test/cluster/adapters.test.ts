/**
 * The adapters of `dnd-client` as the libraries themselves see them, against real processes: Keyv's
 * own suite, unmodified, and the contracts of unstorage and express-session, all in
 * `test/ecosystem`.
 */
import assert from 'node:assert/strict'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { after, before, test } from 'node:test'
import { finished, skipUnlessInstalled } from '../support/ecosystem.ts'
import { RealCluster } from '../support/real-cluster.ts'

const FOLDER = resolve('test', 'ecosystem')
const VITEST = join(FOLDER, 'node_modules', 'vitest', 'vitest.mjs')
const FLAGS = ['--reporter=json', '--pool=forks', '--maxWorkers=1', '--testTimeout=60000']
const skip = skipUnlessInstalled(FOLDER)

interface Report {
  readonly numPassedTests: number
  readonly numTotalTests: number
}

let cluster: RealCluster | undefined

before(async () => {
  if (skip === false) cluster = await RealCluster.start(3)
})
after(() => cluster?.close())

test('their types are those that the libraries ask for', { skip }, async () => {
  const tsc = resolve('node_modules', '.bin', 'tsc')
  const { code, out } = await finished(tsc, ['-p', FOLDER], { cwd: FOLDER })
  assert.equal(code, 0, out)
})

const SPECS = [
  { name: 'the suite of Keyv', file: 'keyv.spec.ts', least: 40 },
  { name: 'the contract of unstorage', file: 'unstorage.spec.ts', least: 15 },
  { name: 'the contract of express-session', file: 'express-session.spec.ts', least: 12 },
]

for (const { name, file, least } of SPECS) {
  test(`${name} holds`, { skip }, () => holds(file, least, { DND_SERVERS: cluster!.urls.join() }))

  test(`${name} holds of an embedded member`, { skip }, () => {
    const path = resolve('dist', 'src', 'index.js')
    return holds(file, least, { DND_EMBEDDED: pathToFileURL(path).href })
  })
}

async function holds(
  file: string,
  least: number,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const args = [VITEST, 'run', ...FLAGS, file]
  const { code, out } = await finished(process.execPath, args, { cwd: FOLDER, env })
  assert.equal(code, 0, out)
  const report = JSON.parse(out.slice(out.indexOf('{'))) as Report
  assert.equal(report.numPassedTests, report.numTotalTests)
  assert.ok(report.numPassedTests >= least, `${report.numPassedTests} tests`)
}
