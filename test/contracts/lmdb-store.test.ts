import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { LmdbStore } from '../../src/adapters/lmdb/lmdb-store.ts'
import { runDurabilitySuite } from './durability-suite.ts'
import type { OpenStore } from './store-harness.ts'
import { clear, put, StoreHarness } from './store-harness.ts'
import { runStoreSuite } from './store-suite.ts'

const openLmdb: OpenStore = (listener, path) => LmdbStore.open({ listener, path })

runStoreSuite('LmdbStore', openLmdb, { persistent: true })
runDurabilitySuite('lmdb')

test('a file that is none of LMDB is refused, and one that is empty is begun anew', async () => {
  const path = await mkdtemp(join(tmpdir(), 'dnd-lmdb-'))
  try {
    const harness = new StoreHarness(openLmdb, path)
    const file = join(path, 'data.mdb')
    for (const bytes of [new Uint8Array(3), new Uint8Array(8192), Buffer.alloc(9000, 'garbage')]) {
      await writeFile(file, bytes)
      await assert.rejects(harness.open(), {
        code: 'DND_ERR_DATA_CORRUPT',
        message: /data\.mdb is not a file of LMDB; restore it from a backup, or move/,
      })
    }
    await writeFile(file, '')
    await harness.open()
    await harness.stored(put('a', '1'))
    await harness.reopen()
    assert.equal(harness.get('a'), '1')
    await harness.store.close()
  } finally {
    await rm(path, { recursive: true })
  }
})

test('a store with a bound refuses what would pass it, and goes on when something is deleted', async () => {
  const path = await mkdtemp(join(tmpdir(), 'dnd-lmdb-'))
  try {
    const open: OpenStore = (listener, folder) =>
      LmdbStore.open({ listener, path: folder, mapBytesMax: 1024 * 1024 })
    const harness = new StoreHarness(open, path)
    await harness.open()
    let count = 0
    let failure: string | undefined
    for (; failure === undefined && count < 1000; count++)
      failure = await harness.recorder.outcome(
        harness.commit(put(`key${count}`, 'x'.repeat(10_000))),
      )
    assert.match(failure!, /^the store is full: \d+ of at most 1048576 bytes are in use$/)
    assert.ok(count > 50 && count < 110, `${count} values of 10,000 bytes`)
    assert.equal(harness.get(`key${count - 1}`), undefined)
    assert.equal(harness.get('key0')!.length, 10_000)
    await harness.stored(clear('key1', 'key2'))
    await harness.stored(put('key1', 'x'.repeat(10_000)))
    await harness.store.close()
  } finally {
    await rm(path, { recursive: true })
  }
})
