/** What operators copy from `examples/` is true: checked by the tools that will read it. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Metrics } from '../../src/adapters/metrics/metrics.ts'
import { RealCluster } from '../support/real-cluster.ts'

function has(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0
}

function unless(command: string): { skip: string | false } {
  return { skip: has(command) ? false : `no ${command} here` }
}

function assertSays(command: string, args: readonly string[], input = ''): void {
  const { status, stdout, stderr } = spawnSync(command, args, { input, encoding: 'utf8' })
  assert.equal(status, 0, `${command} ${args.join(' ')}\n${stdout}${stderr}`)
}

test('promtool finds no fault with the metrics of a node', unless('promtool'), async (t) => {
  const cluster = await RealCluster.start(1)
  t.after(() => cluster.close())
  const { url } = cluster.nodes[0]!
  await fetch(`${url}/kv/a`, { method: 'PUT', body: 'b' })
  const page = await (await fetch(`${url}/metrics`)).text()
  assert.match(page, /^dnd_ready 1$/m)
  assertSays('promtool', ['check', 'metrics'], page)
})

test(
  'promtool finds no fault with the scrape configuration and the rules',
  unless('promtool'),
  () => {
    assertSays('promtool', ['check', 'config', 'examples/monitoring/prometheus.yml'])
    assertSays('promtool', ['check', 'rules', 'examples/monitoring/alerts.yml'])
  },
)

test('every metric of the rules and of the dashboard exists', () => {
  const described = new Metrics({ version: 'any', process: false }).describe()
  const names = new Set(described.map(({ name }) => name))
  for (const file of ['alerts.yml', 'dashboard.json']) {
    const text = readFileSync(join('examples/monitoring', file), 'utf8')
    const used = new Set(text.match(/\bdnd_[a-z_]+/g))
    assert.ok(used.size > 5, file)
    for (const name of used)
      assert.ok(names.has(name.replace(/_(?:bucket|sum|count)$/, '')), `${file} names ${name}`)
  }
})

test('systemd finds no fault with the unit', unless('systemd-analyze'), (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-unit-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const unit = readFileSync('examples/systemd/dnd.service', 'utf8')
  assert.match(unit, /^ExecStart=\/usr\/bin\/dnd /m)
  const path = join(folder, 'dnd.service')
  // What is checked is the unit, not whether this machine has dnd installed.
  writeFileSync(path, unit.replace('/usr/bin/dnd', process.execPath))
  assertSays('systemd-analyze', ['verify', '--man=no', path])
})
