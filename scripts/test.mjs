/**
 * Everything that must hold before a change lands, in the order in which it fails fastest; ends with one line that counts all
 * tests.
 *
 *   node scripts/test.mjs            all of it: npm test
 *   node scripts/test.mjs --quick    without real processes, and with few seeds: npm run check
 *   node scripts/test.mjs --tests    only the tests, on what is built: for a second version of Node
 *
 * The simulation runs the fixed seeds and fresh ones, each twice, and notes what they came to; the second version of Node runs
 * what was noted and must come to the same. Real processes run under the first version only: with them under both, the whole
 * would not end in half an hour on two cores.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'

const mode = process.argv[2] ?? ''
const bin = (name) => join('node_modules', '.bin', name)

const CHECKS = [
  ['format', bin('oxfmt'), ['--check', '.']],
  ['lint', bin('oxlint'), ['--type-aware', '--deny-warnings']],
  ['build', bin('tsc'), ['-b']],
  ['dead code', bin('knip'), []],
  ['package', bin('publint'), ['--strict']],
]
const node = (...args) => [process.execPath, args]
const UNIT = ['tests', ...node('scripts/run-tests.mjs', '--group', 'unit')]
const AGAIN = ['tests', ...node('scripts/run-tests.mjs', '--group', 'again')]
const NEEDS = ['needs beyond npm', ...node('scripts/needs.mjs')]
const CLUSTER = [
  'tests with real processes',
  ...node('scripts/run-tests.mjs', '--group', 'cluster'),
]
const NOTED = join('dist', 'sim-hashes.json')
const simulation = (...args) => [
  'simulation',
  ...node('--enable-source-maps', join('dist', 'sim', 'ci.js'), ...args),
]
const STEPS = {
  '': [
    ...CHECKS,
    UNIT,
    NEEDS,
    CLUSTER,
    simulation('--fresh', '50', '--minutes', '8', '--note', NOTED),
  ],
  '--quick': [...CHECKS, UNIT, simulation('--fresh', '10', '--minutes', '2')],
  '--tests': [AGAIN, simulation('--same-as', NOTED)],
}

/** Runs a step with its output passed through; gives its exit code and the test runner's counts. */
function run([title, command, args]) {
  console.log(`\n▶ ${title} (${process.version})`)
  const began = Date.now()
  const counts = { pass: 0, fail: 0, skipped: 0, cancelled: 0 }
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    let rest = ''
    child.stdout.on('data', (chunk) => {
      process.stdout.write(chunk)
      rest += chunk.toString()
      const lines = rest.split('\n')
      rest = lines.pop()
      for (const line of lines) {
        const match = /^(?:#|ℹ) (pass|fail|skipped|cancelled) (\d+)$/.exec(line)
        if (match !== null) counts[match[1]] += Number(match[2])
      }
    })
    child.on('close', (code) => {
      console.log(
        `${code === 0 ? '✔' : '✖'} ${title}: ${((Date.now() - began) / 1000).toFixed(1)} s`,
      )
      resolve({ code, counts })
    })
  })
}

const steps = STEPS[mode]
if (steps === undefined) {
  console.error(`unknown mode ${mode}`)
  process.exit(2)
}
const total = { pass: 0, fail: 0, skipped: 0 }
let failedSteps = 0
for (const step of steps) {
  const { code, counts } = await run(step)
  total.pass += counts.pass
  total.fail += counts.fail + counts.cancelled
  total.skipped += counts.skipped
  if (code === 0) continue
  failedSteps++
  // A tree that does not build cannot be tested.
  if (step[0] === 'build') break
}
// In CI a test that did not run is a test that failed.
if (process.env.CI !== undefined && total.skipped > 0) failedSteps++
console.log(`\n${total.pass} passed, ${total.fail} failed, ${total.skipped} skipped`)
if (failedSteps > 0) console.log(`${failedSteps} steps failed`)
process.exit(failedSteps > 0 ? 1 : 0)
