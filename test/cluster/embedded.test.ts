import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { NodeServer } from '../../src/index.ts'
import { DndError, startNode } from '../../src/index.ts'

const urlOf = ({ httpAddress }: NodeServer): string =>
  `http://${httpAddress.host}:${httpAddress.port}`

test('two members in one process are a cluster, and both stop cleanly', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-embedded-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const quiet = { port: 0, httpPort: 0, logLevel: 'error' } as const
  const first = await startNode({ ...quiet, data: join(folder, 'a') })
  t.after(() => first.stop())
  await first.ready
  const { host, port } = first.clusterAddress
  const second = await startNode({ ...quiet, data: join(folder, 'b'), seeds: [`${host}:${port}`] })
  t.after(() => second.stop())
  await second.ready
  const put = await fetch(`${urlOf(first)}/kv/k`, { method: 'PUT', body: 'v' })
  assert.equal(put.status, 200, await put.text())
  assert.equal(await (await fetch(`${urlOf(second)}/kv/k`)).text(), 'v')
  assert.equal(first.cluster, second.cluster)
  assert.notEqual(first.node, second.node)
  await Promise.all([second.stop(), first.stop()])
  await Promise.all([second.stopped, first.stopped])
})

test('a bad field is refused with a code, and nothing is started', async () => {
  await assert.rejects(
    async () => startNode({ port: 70_000 }),
    (error) => error instanceof DndError && error.code === 'DND_ERR_BAD_CONFIG',
  )
})
