/**
 * `dnd/testkit` as npm would deliver it, in a folder where nothing else is installed: it ships all
 * that it needs, and needs no package.
 */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const APP = `
import { createWorld } from 'dnd/testkit'
const world = await createWorld({ seed: 7 })
await world.client(0).put('alice', 'apple')
world.crash(0)
const read = await world.client(1).get('alice')
world.check()
world.close()
console.log(read.status, new TextDecoder().decode(read.bytes))
`

test('the packed testkit runs where no other package is', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-packed-'))
  try {
    const npm = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder]
    execFileSync('npm', npm, { encoding: 'utf8' })
    const [archive] = readdirSync(folder).filter((file) => file.endsWith('.tgz'))
    const installed = join(folder, 'node_modules', 'dnd')
    mkdirSync(installed, { recursive: true })
    execFileSync('tar', ['xzf', join(folder, archive!), '--strip-components=1', '-C', installed])
    assert.deepEqual(
      readdirSync(join(installed, 'dist', 'sim', 'testkit')).filter((file) =>
        file.includes('.test.'),
      ),
      [],
    )
    writeFileSync(join(folder, 'app.mjs'), APP)
    const output = execFileSync(process.execPath, ['app.mjs'], { cwd: folder, encoding: 'utf8' })
    assert.equal(output, 'found apple\n')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
