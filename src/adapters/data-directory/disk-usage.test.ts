import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { diskUsage } from './disk-usage.ts'

test('what lies in a directory and below it is counted, with what is left of its disk', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-usage-'))
  t.after(() => rmSync(folder, { recursive: true }))
  mkdirSync(join(folder, 'store'))
  const before = (await diskUsage(folder))!
  writeFileSync(join(folder, 'store', 'data'), Buffer.alloc(300_000, 1), { flush: true })
  const after = (await diskUsage(folder))!
  assert(after.dataBytes >= before.dataBytes + 300_000, `${after.dataBytes}`)
  assert(after.freeBytes > 0 && after.freeBytes <= after.totalBytes)
})

test('a directory that is gone has no usage', async () => {
  assert.equal(await diskUsage(join(tmpdir(), 'dnd-usage-that-is-not-there')), undefined)
})
