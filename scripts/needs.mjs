/**
 * What tests need beyond npm, installed where that can be done: by apt-get, as root. Where it cannot, the tests that need it say
 * that they are skipped, which fails in CI.
 */
import { spawnSync } from 'node:child_process'

/** By the command that must be there: the Debian package that brings it, and whose tests need it. */
const NEEDS = [
  { command: 'chromium', debian: 'chromium', tests: 'the tests of the console' },
  { command: 'promtool', debian: 'prometheus', tests: 'the tests of metrics and alert rules' },
  { command: 'systemd-analyze', debian: 'systemd', tests: 'the test of the systemd unit' },
]

const succeeds = (command, args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0
const has = (command) => succeeds('sh', ['-c', `command -v ${command}`])

for (const { command, debian, tests } of NEEDS) {
  if (has(command)) continue
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  const apt = (...args) =>
    spawnSync('apt-get', ['-q', ...args], { stdio: 'inherit', env, timeout: 300_000 }).status === 0
  const isRoot = process.getuid?.() === 0
  const isThere =
    isRoot &&
    has('apt-get') &&
    apt('update') &&
    apt('install', '-y', '--no-install-recommends', debian)
  if (!isThere || !has(command))
    console.warn(
      `✖ no ${command} (Debian package ${debian}), and it cannot be installed here: ${tests} will be SKIPPED`,
    )
}
