import assert from 'node:assert/strict'
import { mkdtemp, open, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LevelStore } from '../../src/adapters/level/level-store.ts'
import { runDurabilitySuite } from './durability-suite.ts'
import type { OpenStore } from './store-harness.ts'
import { put, range, StoreHarness } from './store-harness.ts'
import { runStoreSuite } from './store-suite.ts'

const openLevel: OpenStore = (listener, path) => LevelStore.open({ listener, path })

runStoreSuite('LevelStore', openLevel, { persistent: true })
runDurabilitySuite('level')

test('values on damaged pages of LevelDB are unreadable, not absent, and can be overwritten', async () => {
  const path = await mkdtemp(join(tmpdir(), 'dnd-level-'))
  try {
    const harness = new StoreHarness(openLevel, path)
    await harness.open()
    const keys = Array.from({ length: 1000 }, (_, i) => `key${10_000 + i}`)
    await harness.stored(...keys.map((key) => put(key, key.repeat(20))))
    // Opening writes the log out as a table.
    await harness.reopen()
    await harness.store.close()
    for (const name of await readdir(path)) {
      if (!name.endsWith('.ldb')) continue
      const file = await open(join(path, name), 'r+')
      const { size } = await file.stat()
      await file.write(Buffer.alloc(Math.floor(size / 4), 0xff), 0, undefined, size >> 2)
      await file.close()
    }
    await harness.open()
    assert.equal(harness.get('key10400'), 'unreadable')
    assert.equal(harness.get('key10000'), 'key10000'.repeat(20))
    assert.equal(harness.get('key10999'), 'key10999'.repeat(20))
    const scan = harness.startScan(range('', '\xff'))
    assert.match(String(await harness.recorder.scanResult(scan)), /^unreadable: /)
    await harness.stored(put('key10400', 'repaired'))
    assert.equal(harness.get('key10400'), 'repaired')
    await harness.store.close()
  } finally {
    await rm(path, { recursive: true })
  }
})
