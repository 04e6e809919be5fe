import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { runCli, scratch } from '../../test/support/run-cli.ts'

const NOBODY = 'http://127.0.0.1:1'

test('what is missing or contradicts itself is told before anybody is asked', async (t) => {
  const folder = scratch()
  t.after(() => folder.remove())
  writeFileSync(join(folder.path, 'long'), 'x'.repeat(5_000))
  const cases: readonly (readonly [string[], RegExp])[] = [
    [['users', 'create', 'anna', '--grant', 'owner'], /ROLE/],
    [['users', 'create', 'anna', '--grant', 'admin'], /the new password is missing/],
    [['users', 'passwd', 'anna', '--new-password-file', 'none'], /none cannot be read/],
    [['users', 'passwd', 'anna', '--new-password-file', 'long'], /larger than a token or password/],
    [['get', 'k', '--token', 'a', '--user', 'b'], /exclude each other/],
    [['get', 'k', '--user', 'anna'], /the password of anna is missing/],
    [['get', 'k', '--password-file', 'long'], /goes with --user/],
    [['tokens', 'grant', 'ci', 'read:'], /ROLE/],
  ]
  for (const [args, message] of cases) {
    const { code, err } = await runCli(args, { server: NOBODY, cwd: folder.path })
    assert.equal(code, 2, args.join(' '))
    assert.match(err, message)
  }
})
