/**
 * Everything that must hold before a change lands, in the order in which it fails fastest; ends with one line that counts all
 * tests.
 *
 *   node scripts/test.mjs            all of it: npm test
 *   node scripts/test.mjs --quick    without real processes: npm run check
 *   node scripts/test.mjs --tests    only the tests, on what is built: for a second version of Node
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
const TESTS = [
  ['tests', process.execPath, ['scripts/run-tests.mjs', '--group', 'unit']],
  ['tests with real processes', process.execPath, ['scripts/run-tests.mjs', '--group', 'cluster']],
]

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

const steps =
  mode === '--tests' ? TESTS : mode === '--quick' ? [...CHECKS, TESTS[0]] : [...CHECKS, ...TESTS]
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
