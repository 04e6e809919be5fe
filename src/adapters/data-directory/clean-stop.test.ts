import assert from 'node:assert/strict'
import {
  appendFileSync,
  cpSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { MARK_FILE } from './clean-stop.ts'
import type { DataDirectory } from './data-directory.ts'
import { openDataDirectory } from './data-directory.ts'

const STORE_FILE = 'data.mdb'

/** Opens the directory in `path`, lets `work` do its work there, and closes it. */
async function life(
  path: string,
  options: { readonly resumable?: boolean; readonly work?: (file: string) => void } = {},
): Promise<DataDirectory> {
  const mode = existsSync(join(path, 'dnd.json')) ? 'restart' : 'found'
  const choice = { cluster: { mode }, engine: 'lmdb', storeFile: STORE_FILE } as const
  const directory = await openDataDirectory(path, choice)
  assert.ok(!existsSync(join(path, MARK_FILE)), 'no mark while it is open')
  mkdirSync(directory.storePath, { recursive: true })
  const file = join(directory.storePath, STORE_FILE)
  options.work?.(file)
  await directory.close(options.resumable ?? true)
  return directory
}

async function inFolder(run: (path: string, file: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-stop-'))
  const path = join(folder, 'data')
  try {
    await life(path, { work: (file) => writeFileSync(file, 'what was stored') })
    await run(path, join(path, 'store', STORE_FILE))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('a store that was left in order and not touched since is resumed, again and again', async () => {
  await inFolder(async (path) => {
    for (let i = 0; i < 3; i++)
      assert.equal(
        (await life(path, { work: (file) => appendFileSync(file, 'more') })).resumed,
        true,
      )
  })
})

test('a new directory is not resumed, nor one whose store was never made', async () => {
  const path = mkdtempSync(join(tmpdir(), 'dnd-stop-'))
  assert.equal((await life(path)).resumed, false)
  assert.ok(!existsSync(join(path, MARK_FILE)))
  assert.equal((await life(path)).resumed, false)
  rmSync(path, { recursive: true })
})

test('a life that may not be gone on with leaves no mark, though it ends in order', async () => {
  await inFolder(async (path) => {
    assert.equal((await life(path, { resumable: false })).resumed, true)
    const next = await life(path)
    assert.equal(next.resumed, false)
    assert.equal(next.stoppedCleanly, true)
  })
})

const TAMPERINGS: Readonly<Record<string, (file: string) => void>> = {
  'a copy of the file, times and all': (file) => {
    cpSync(file, `${file}.copy`, { preserveTimestamps: true })
    renameSync(`${file}.copy`, file)
  },
  'an older content written over it, of the same length and with the times set back': (file) => {
    const { atime, mtime, size } = statSync(file)
    writeFileSync(file, 'x'.repeat(size))
    utimesSync(file, atime, mtime)
  },
  'the file itself, changed': (file) => appendFileSync(file, 'x'),
  'the file itself under a second name, as some backups are made': (file) =>
    linkSync(file, `${file}.link`),
  nothing: (file) => rmSync(file),
}

for (const [what, tamper] of Object.entries(TAMPERINGS))
  test(`not resumed with ${what}`, async () => {
    await inFolder(async (path, file) => {
      tamper(file)
      assert.equal((await life(path)).resumed, false)
    })
  })

test('neither a copied directory nor a backup put back is resumed', async () => {
  await inFolder(async (path) => {
    const backup = `${path}.backup`
    cpSync(path, backup, { recursive: true, preserveTimestamps: true })
    await life(path, { work: (file) => appendFileSync(file, 'written after the backup') })
    // Over the old files, as a restoring tool may do it, or beside them.
    cpSync(backup, path, { recursive: true, preserveTimestamps: true })
    assert.equal((await life(path)).resumed, false)
    assert.equal((await life(backup)).resumed, false)
  })
})

test('after a start that ended without closing there is no mark', async () => {
  await inFolder(async (path, file) => {
    const choice = { cluster: { mode: 'restart' }, engine: 'lmdb', storeFile: STORE_FILE } as const
    const mark = readFileSync(join(path, MARK_FILE))
    const crashed = await openDataDirectory(path, choice)
    assert.equal(crashed.resumed, true)
    assert.ok(!existsSync(join(path, MARK_FILE)))
    appendFileSync(file, 'half a life')
    await crashed.close(false)
    // Even one that comes back with a backup of the directory's small files does not fit.
    writeFileSync(join(path, MARK_FILE), mark)
    assert.equal((await life(path)).resumed, false)
  })
})

test('a mark that is no file goes, and nothing is resumed', async () => {
  await inFolder(async (path) => {
    rmSync(join(path, MARK_FILE))
    mkdirSync(join(path, MARK_FILE))
    assert.equal((await life(path)).resumed, false)
    assert.equal((await life(path)).resumed, true)
  })
})
