/**
 * Runs the compiled tests of the sources that are there now (not whatever an older build left behind) with Node's own runner.
 *
 *   node scripts/run-tests.mjs [--group unit|again|cluster] [path prefix …]
 *
 * `unit`: everything but test/cluster, in parallel. `again`: the same less what shows that the checkers notice broken rules, which
 * takes longest and depends on no version of Node. `cluster`: real processes, one file at a time.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'

const ROOTS = ['src', 'packages', 'sim', 'bench', 'test']
const args = process.argv.slice(2)
const groupAt = args.indexOf('--group')
const group = groupAt < 0 ? undefined : args.splice(groupAt, 2)[1]

function* testsIn(folder) {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules') continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* testsIn(path)
    else if (path.endsWith('.test.ts')) yield path
  }
}

const isCluster = (path) => path.startsWith(join('test', 'cluster'))
const ONCE = join('sim', 'mutants.test.ts')
const sources = ROOTS.flatMap((root) => [...testsIn(root)])
  .filter((path) => group === undefined || isCluster(path) === (group === 'cluster'))
  .filter((path) => group !== 'again' || path !== ONCE)
  .filter((path) => args.length === 0 || args.some((prefix) => path.startsWith(prefix)))
  .sort((a, b) => (a < b ? -1 : 1))
if (sources.length === 0) {
  console.error('no tests match')
  process.exit(1)
}
const files = sources.map((path) => join('dist', path.replace(/\.ts$/, '.js')))
const missing = files.filter((file) => !existsSync(file))
if (missing.length > 0) {
  console.error(`not compiled: ${missing.join(', ')}; run npm run build`)
  process.exit(1)
}
const concurrency = [
  '--test-concurrency',
  group === 'cluster' ? '1' : String(availableParallelism()),
]
// A test that fails may leave something open that keeps its file running for ever. The longest file takes 5 minutes where nothing
// else runs.
const timeout = ['--test-timeout', String(20 * 60_000)]
const reporter = ['--test-reporter=spec', '--test-reporter-destination=stdout']
const run = spawnSync(
  process.execPath,
  ['--enable-source-maps', '--test', ...concurrency, ...timeout, ...reporter, ...files],
  { stdio: 'inherit' },
)
process.exit(run.status ?? 1)
