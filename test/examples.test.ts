/**
 * The examples run, in a process of their own, as they would at a reader's. Those that install
 * packages of their own are run by test/cluster, and so are the tools that read what is for
 * them and no program (`monitoring.test.ts`); manifests are read by `containers.test.ts`.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { test } from 'node:test'

const EXAMPLES = 'examples'
const WITHIN_MS = 60_000
/** Files for other programs. */
const FOR_OPERATORS = ['docker', 'kubernetes', 'monitoring', 'systemd']

const folders = readdirSync(EXAMPLES, { withFileTypes: true }).filter(
  (entry) =>
    entry.isDirectory() &&
    !FOR_OPERATORS.includes(entry.name) &&
    !existsSync(`${EXAMPLES}/${entry.name}/package.json`),
)

for (const { name } of folders) {
  const tests = readdirSync(`${EXAMPLES}/${name}`)
    .filter((file) => file.endsWith('.test.ts'))
    .map((file) => new URL(`../examples/${name}/${file.replace('.ts', '.js')}`, import.meta.url))

  test(`examples/${name} passes its tests`, () => {
    assert.ok(tests.length > 0)
    // The runner around this one must not take the inner one for a part of itself.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env
    const run = spawnSync(
      process.execPath,
      ['--test', '--test-reporter=tap', ...tests.map((url) => fileURLToPath(url))],
      { encoding: 'utf8', env, timeout: WITHIN_MS },
    )
    assert.equal(run.status, 0, run.stdout + run.stderr)
    assert.match(run.stdout, /^# fail 0$/m)
    assert.doesNotMatch(run.stdout, /^# pass 0$/m)
  })
}
