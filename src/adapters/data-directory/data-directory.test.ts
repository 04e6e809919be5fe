import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { ClusterId } from '../../core/std/ids.ts'
import type { DataDirectory, DataDirectoryOptions } from './data-directory.ts'
import { openDataDirectory, peekDataDirectory } from './data-directory.ts'
import type { DataDirectoryCode } from './data-directory-error.ts'
import { DataDirectoryError } from './data-directory-error.ts'

const CLUSTER = '0123456789abcdef0123456789abcdef' as ClusterId
const OTHER = 'ffffffffffffffffffffffffffffffff' as ClusterId
const FOUND: DataDirectoryOptions = { cluster: { mode: 'found' }, engine: 'lmdb' }
const RESTART: DataDirectoryOptions = { cluster: { mode: 'restart' }, engine: 'lmdb' }
const JOIN: DataDirectoryOptions = { cluster: { mode: 'join', cluster: CLUSTER }, engine: 'lmdb' }

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'dnd-data-'))
  try {
    await run(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function refused(
  opening: Promise<DataDirectory> | (() => unknown),
  code: DataDirectoryCode,
  path: string,
): Promise<string> {
  let message = ''
  const check = (error: unknown): boolean => {
    assert.ok(error instanceof DataDirectoryError, String(error))
    assert.equal(error.code, code)
    assert.ok(error.message.includes(path), error.message)
    message = error.message
    return true
  }
  if (typeof opening === 'function') assert.throws(opening, check)
  else await assert.rejects(opening, check)
  return message
}

function identityOf(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(path, 'dnd.json'), 'utf8')) as Record<string, unknown>
}

function changeIdentity(path: string, changes: Record<string, unknown>): void {
  writeFileSync(join(path, 'dnd.json'), JSON.stringify({ ...identityOf(path), ...changes }))
}

async function openAndClose(path: string, options: DataDirectoryOptions): Promise<DataDirectory> {
  const directory = await openDataDirectory(path, options)
  await directory.close(true)
  return directory
}

test('founding makes a directory with an identity that people can read', async () => {
  await inFolder(async (folder) => {
    const path = join(folder, 'a', 'b')
    const unixSeconds = (): number => 1_800_000_000.7
    const directory = await openDataDirectory(path, { ...FOUND, unixSeconds })
    assert.match(directory.node, /^[0-9a-f]{16}$/)
    assert.match(directory.cluster, /^[0-9a-f]{32}$/)
    assert.equal(directory.generation, 1_800_000_000)
    assert.equal(directory.fresh, true)
    assert.equal(directory.stoppedCleanly, true)
    assert.equal(directory.path, path)
    assert.equal(directory.storePath, join(path, 'store'))
    assert.equal(statSync(path).mode & 0o777, 0o700)
    assert.deepEqual(identityOf(path), {
      format: 2,
      cluster: directory.cluster,
      node: directory.node,
      generation: 1_800_000_000,
      engine: 'lmdb',
      createdAt: '2027-01-15T08:00:00.000Z',
      stoppedCleanly: false,
    })
    assert.ok(readFileSync(join(path, 'dnd.json'), 'utf8').includes('\n  "node": '))
    await directory.close(true)
    assert.deepEqual(readdirSync(path), ['dnd.json'])
    assert.equal(identityOf(path)['stoppedCleanly'], true)
  })
})

test('how far the node has come is kept with its identity, whatever becomes of its store', async () => {
  await inFolder(async (path) => {
    const born = await openDataDirectory(path, FOUND)
    assert.equal(born.knownVersion, 0)
    for (const version of [1, 3, 2]) born.adopted(version)
    assert.equal(identityOf(path)['layout'], 3, 'kept at once: nobody says when a process ends')
    await born.close(true)
    rmSync(join(path, 'store'), { recursive: true, force: true })
    const again = await openAndClose(path, RESTART)
    assert.deepEqual([again.knownVersion, again.emptied], [3, false])
    changeIdentity(path, { left: '2027-01-15T08:00:00.000Z' })
    const back = await openAndClose(path, {
      cluster: { mode: 'join', cluster: born.cluster },
      engine: 'lmdb',
    })
    assert.deepEqual([back.knownVersion, back.emptied], [3, true], 'it empties the store itself')
    changeIdentity(path, { layout: -1 })
    await refused(openDataDirectory(path, RESTART), 'DND_ERR_DATA_CORRUPT', path)
  })
})

test('every node and every cluster gets an identity of its own', async () => {
  await inFolder(async (folder) => {
    const [a, b, c] = await Promise.all(
      ['a', 'b', 'c'].map((name, i) => openAndClose(join(folder, name), i < 2 ? FOUND : JOIN)),
    )
    assert.notEqual(a!.node, b!.node)
    assert.notEqual(a!.cluster, b!.cluster)
    assert.equal(c!.cluster, CLUSTER)
  })
})

test('a restart keeps the identity and raises the generation, whatever the clock says', async () => {
  await inFolder(async (path) => {
    const at =
      (seconds: number): (() => number) =>
      () =>
        seconds
    const first = await openAndClose(path, { ...FOUND, unixSeconds: at(1000) })
    const lives = []
    for (const seconds of [1000, 500, 2000])
      lives.push(await openAndClose(path, { ...RESTART, unixSeconds: at(seconds) }))
    assert.deepEqual(
      [first, ...lives].map(({ generation }) => generation),
      [1000, 1001, 1002, 2000],
    )
    for (const life of lives) {
      assert.equal(life.node, first.node)
      assert.equal(life.cluster, first.cluster)
      assert.equal(life.fresh, false)
      assert.equal(life.stoppedCleanly, true)
    }
    assert.equal(identityOf(path)['createdAt'], '1970-01-01T00:16:40.000Z')
  })
})

test('the new generation is on the disk when the directory is open', async () => {
  await inFolder(async (path) => {
    await openAndClose(path, { ...FOUND, unixSeconds: () => 1000 })
    const directory = await openDataDirectory(path, { ...RESTART, unixSeconds: () => 1 })
    assert.equal(identityOf(path)['generation'], 1001)
    assert.equal(identityOf(path)['stoppedCleanly'], false)
    await directory.close(true)
  })
})

test('the next life begins above the generation of a clone that was met, if that can be one', async () => {
  await inFolder(async (path) => {
    const unixSeconds = (): number => 1_000
    const directory = await openDataDirectory(path, { ...FOUND, unixSeconds })
    for (const other of [5_000, 4_000, 2 ** 32]) directory.outlive(other)
    assert.equal(identityOf(path)['generation'], 5_000)
    assert.equal(directory.generation, 1_000, 'this life is what it was')
    await directory.close(true)
    const again = await openAndClose(path, { ...RESTART, unixSeconds })
    assert.equal(again.generation, 5_001)
  })
})

test('joining again the cluster of the directory is a restart', async () => {
  await inFolder(async (path) => {
    const first = await openAndClose(path, JOIN)
    const second = await openAndClose(path, JOIN)
    assert.equal(second.node, first.node)
    assert.equal(second.fresh, false)
    assert.ok(second.generation > first.generation)
  })
})

test('joining another cluster, founding over data, and another engine are refused', async () => {
  await inFolder(async (path) => {
    const { node } = await openAndClose(path, JOIN)
    const before = identityOf(path)
    const join = openDataDirectory(path, { ...JOIN, cluster: { mode: 'join', cluster: OTHER } })
    const message = await refused(join, 'DND_ERR_DATA_OTHER_CLUSTER', path)
    for (const part of [node, CLUSTER, OTHER, '--data']) assert.ok(message.includes(part), message)
    await refused(openDataDirectory(path, FOUND), 'DND_ERR_DATA_NOT_EMPTY', path)
    const engine = openDataDirectory(path, { ...RESTART, engine: 'level' })
    assert.match(await refused(engine, 'DND_ERR_DATA_OTHER_ENGINE', path), /lmdb.*level/)
    assert.deepEqual(identityOf(path), before, 'a refusal changes nothing')
    await openAndClose(path, RESTART)
  })
})

test('restarting needs data: nothing is created for it', async () => {
  await inFolder(async (folder) => {
    const path = join(folder, 'nothing')
    await refused(openDataDirectory(path, RESTART), 'DND_ERR_DATA_MISSING', path)
    assert.equal(existsSync(path), false)
    await refused(openDataDirectory(folder, RESTART), 'DND_ERR_DATA_MISSING', folder)
    assert.deepEqual(readdirSync(folder), [])
  })
})

test('a directory with strange files is refused, and they are named', async () => {
  await inFolder(async (path) => {
    for (const name of ['photos', 'a', 'b', 'c']) mkdirSync(join(path, name))
    for (const options of [FOUND, JOIN, RESTART]) {
      const message = await refused(
        openDataDirectory(path, options),
        'DND_ERR_DATA_NOT_EMPTY',
        path,
      )
      assert.match(message, /\(a, b, c, …\)/)
    }
    assert.deepEqual(readdirSync(path), ['a', 'b', 'c', 'photos'])
  })
})

test('the root of a file system and what a crash during birth left are as good as empty', async () => {
  await inFolder(async (path) => {
    mkdirSync(join(path, 'lost+found'))
    writeFileSync(join(path, 'dnd.json.tmp'), '{"for')
    const { fresh } = await openAndClose(path, FOUND)
    assert.equal(fresh, true)
    assert.deepEqual(readdirSync(path), ['dnd.json', 'lost+found'])
  })
})

test('an older format is read, and is the present one from then on', async () => {
  await inFolder(async (path) => {
    await openAndClose(path, FOUND)
    const before = { ...identityOf(path), format: 1 }
    writeFileSync(join(path, 'dnd.json'), JSON.stringify(before))
    await openAndClose(path, RESTART)
    const { format, node } = identityOf(path)
    assert.deepEqual([format, node], [2, before['node' as never]])
  })
})

test('a newer format is refused before anything else about it is judged', async () => {
  await inFolder(async (path) => {
    await openAndClose(path, FOUND)
    writeFileSync(join(path, 'dnd.json'), '{"format": 3, "identity": "of another shape"}')
    const message = await refused(
      openDataDirectory(path, RESTART),
      'DND_ERR_DATA_NEWER_FORMAT',
      path,
    )
    assert.match(message, /format 3.*up to 2/)
    await refused(() => peekDataDirectory(path), 'DND_ERR_DATA_NEWER_FORMAT', path)
    assert.match(readFileSync(join(path, 'dnd.json'), 'utf8'), /another shape/)
  })
})

test('a damaged identity is refused with what is wrong, and left as it is', async () => {
  await inFolder(async (path) => {
    await openAndClose(path, FOUND)
    const good = readFileSync(join(path, 'dnd.json'), 'utf8')
    const damages: readonly [string | Record<string, unknown>, RegExp][] = [
      ['', /JSON/],
      [good.slice(0, 40), /JSON/],
      ['null', /no JSON object/],
      ['"text"', /no JSON object/],
      ['{}', /"format"/],
      [{ format: 0 }, /"format"/],
      [{ format: '1' }, /"format"/],
      [{ node: 'me' }, /"node"/],
      [{ node: undefined }, /"node"/],
      [{ cluster: 'us' }, /"cluster"/],
      [{ cluster: 7 }, /"cluster"/],
      [{ generation: 1.5 }, /"generation"/],
      [{ generation: 2 ** 60 }, /"generation"/],
      [{ engine: '' }, /"engine"/],
      [{ createdAt: 5 }, /"createdAt"/],
    ]
    for (const [damage, what] of damages) {
      writeFileSync(join(path, 'dnd.json'), good)
      if (typeof damage === 'string') writeFileSync(join(path, 'dnd.json'), damage)
      else changeIdentity(path, damage)
      const before = readFileSync(join(path, 'dnd.json'), 'utf8')
      for (const options of [FOUND, JOIN, RESTART]) {
        const opening = openDataDirectory(path, options)
        assert.match(await refused(opening, 'DND_ERR_DATA_CORRUPT', path), what)
      }
      await refused(() => peekDataDirectory(path), 'DND_ERR_DATA_CORRUPT', path)
      assert.equal(readFileSync(join(path, 'dnd.json'), 'utf8'), before)
    }
    rmSync(join(path, 'dnd.json'))
    mkdirSync(join(path, 'dnd.json'))
    await refused(openDataDirectory(path, RESTART), 'DND_ERR_DATA_CORRUPT', path)
  })
})

test('peeking tells whose data it is, and changes nothing', async () => {
  await inFolder(async (folder) => {
    const path = join(folder, 'data')
    assert.equal(peekDataDirectory(path), undefined)
    assert.equal(peekDataDirectory(folder), undefined)
    assert.equal(existsSync(path), false)
    const { node, cluster } = await openAndClose(path, FOUND)
    const before = readFileSync(join(path, 'dnd.json'), 'utf8')
    assert.deepEqual(peekDataDirectory(path), { node, cluster, hasLeft: false })
    assert.equal(readFileSync(join(path, 'dnd.json'), 'utf8'), before)
  })
})

/** A directory of CLUSTER whose node has left it, with something in its store. */
async function leftDirectory(folder: string): Promise<{ path: string; before: DataDirectory }> {
  const path = join(folder, 'data')
  const before = await openDataDirectory(path, JOIN)
  mkdirSync(before.storePath)
  writeFileSync(join(before.storePath, 'data.mdb'), 'old data')
  before.leave()
  await before.close(true)
  return { path, before }
}

test('the directory of a node that has left says so, is not started again, and keeps what it has', async () => {
  await inFolder(async (folder) => {
    const { path, before } = await leftDirectory(folder)
    const { left, stoppedCleanly } = identityOf(path)
    assert.match(String(left), /^\d{4}-\d\d-\d\dT/)
    assert.equal(stoppedCleanly, true)
    assert.equal(peekDataDirectory(path)?.hasLeft, true)
    const text = readFileSync(join(path, 'dnd.json'), 'utf8')
    const advice = await refused(openDataDirectory(path, RESTART), 'DND_ERR_DATA_LEFT', path)
    assert.match(advice, /join again with "dnd join SEED"/)
    await refused(openDataDirectory(path, FOUND), 'DND_ERR_DATA_NOT_EMPTY', path)
    const other: DataDirectoryOptions = { ...JOIN, cluster: { mode: 'join', cluster: OTHER } }
    await refused(openDataDirectory(path, other), 'DND_ERR_DATA_OTHER_CLUSTER', path)
    assert.equal(readFileSync(join(path, 'dnd.json'), 'utf8'), text)
    assert.ok(existsSync(join(before.storePath, 'data.mdb')))
  })
})

test('who has left joins again as the same node in a later life, without what was in its store', async () => {
  await inFolder(async (folder) => {
    const { path, before } = await leftDirectory(folder)
    const again = await openDataDirectory(path, JOIN)
    assert.equal(again.node, before.node)
    assert.ok(again.generation > before.generation)
    assert.ok(!existsSync(again.storePath))
    assert.equal(peekDataDirectory(path)?.hasLeft, false)
    mkdirSync(again.storePath)
    await again.close(true)
    const restarted = await openAndClose(path, RESTART)
    assert.ok(existsSync(restarted.storePath), 'from here on it is kept')
  })
})

test('what cannot be written is refused with the reason', async () => {
  await inFolder(async (folder) => {
    const file = join(folder, 'file')
    writeFileSync(file, '')
    for (const path of [file, join(file, 'below'), '/proc/dnd-data']) {
      const message = await refused(openDataDirectory(path, FOUND), 'DND_ERR_DATA_UNWRITABLE', path)
      assert.match(message, /E[A-Z]+: .*--data/)
    }
    await refused(() => peekDataDirectory(file), 'DND_ERR_DATA_UNWRITABLE', file)
    if (process.getuid?.() === 0) return
    const path = join(folder, 'mine')
    mkdirSync(path)
    chmodSync(path, 0o500)
    await refused(openDataDirectory(path, FOUND), 'DND_ERR_DATA_UNWRITABLE', path)
  })
})

test('a second opening is refused while the first lasts, in this process', async () => {
  await inFolder(async (path) => {
    const first = await openDataDirectory(path, FOUND)
    for (const options of [FOUND, JOIN, RESTART]) {
      const message = await refused(openDataDirectory(path, options), 'DND_ERR_DATA_LOCKED', path)
      assert.ok(message.includes(String(process.pid)), message)
    }
    assert.equal(identityOf(path)['generation'], first.generation)
    await first.close(true)
    await openAndClose(path, RESTART)
  })
})

test('of many that open at the same time at most one succeeds', async () => {
  await inFolder(async (path) => {
    await openAndClose(path, FOUND)
    for (let round = 0; round < 10; round++) {
      const openings = Array.from({ length: 8 }, () => openDataDirectory(path, RESTART))
      const results = await Promise.allSettled(openings)
      const opened = results.flatMap((result) =>
        result.status === 'fulfilled' ? [result.value] : [],
      )
      assert.ok(opened.length <= 1, `${opened.length} at once`)
      for (const result of results)
        if (result.status === 'rejected')
          assert.equal((result.reason as DataDirectoryError).code, 'DND_ERR_DATA_LOCKED')
      for (const directory of opened) await directory.close(true)
      assert.deepEqual(readdirSync(path), ['dnd.json'])
    }
  })
})

/** A process that opens the directory, says so, and waits to be killed. */
async function holder(path: string): Promise<{ pid: number; kill: () => Promise<void> }> {
  const module = fileURLToPath(new URL('./data-directory.js', import.meta.url))
  const code = `
    import { openDataDirectory } from ${JSON.stringify(module)}
    await openDataDirectory(${JSON.stringify(path)}, ${JSON.stringify(RESTART)})
    process.stdout.write('open')
    setInterval(() => undefined, 1000)
  `
  const args = ['--input-type=module', '--eval', code]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  const kill = async (): Promise<void> => {
    const gone = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
  }
  return { pid: child.pid!, kill }
}

test('a second process is refused, and a killed one leaves nothing in the way', async () => {
  await inFolder(async (folder) => {
    // The second path is longer than a socket's may be.
    for (const path of [join(folder, 'data'), join(folder, 'x'.repeat(120), 'y'.repeat(120))]) {
      const { node, generation } = await openAndClose(path, FOUND)
      for (let life = 0; life < 2; life++) {
        const process = await holder(path)
        const message = await refused(openDataDirectory(path, RESTART), 'DND_ERR_DATA_LOCKED', path)
        assert.ok(message.includes(`process ${process.pid}:`), message)
        await process.kill()
        const directory = await openDataDirectory(path, RESTART)
        assert.equal(directory.node, node)
        assert.equal(directory.stoppedCleanly, false)
        assert.ok(directory.generation >= generation + 2 * (life + 1))
        await directory.close(true)
        assert.deepEqual(readdirSync(path), ['dnd.json'])
      }
    }
    assert.deepEqual(
      readdirSync(tmpdir()).filter((name) => name.startsWith('dnd-lock-')),
      [],
      'no symbolic link stays behind',
    )
  })
})

test('a stopped process still holds its directory', async () => {
  await inFolder(async (path) => {
    await openAndClose(path, FOUND)
    const { pid, kill } = await holder(path)
    process.kill(pid, 'SIGSTOP')
    await refused(openDataDirectory(path, RESTART), 'DND_ERR_DATA_LOCKED', path)
    await kill()
    await openAndClose(path, RESTART)
  })
})

test('a process that ends without closing leaves its data to the next one', async () => {
  await inFolder(async (path) => {
    await openAndClose(path, FOUND)
    const module = fileURLToPath(new URL('./data-directory.js', import.meta.url))
    const code = `
      import { openDataDirectory } from ${JSON.stringify(module)}
      await openDataDirectory(${JSON.stringify(path)}, ${JSON.stringify(RESTART)})
    `
    const run = spawnSync(process.execPath, ['--input-type=module', '--eval', code])
    assert.equal(run.status, 0, 'the lock alone keeps no process alive')
    assert.equal(identityOf(path)['stoppedCleanly'], false)
    const { stoppedCleanly } = await openAndClose(path, RESTART)
    assert.equal(stoppedCleanly, false)
  })
})

test('a copy of a directory, locks and all, can be opened beside the original', async () => {
  await inFolder(async (folder) => {
    const [original, copy] = [join(folder, 'a'), join(folder, 'b')]
    const directory = await openDataDirectory(original, FOUND)
    mkdirSync(copy)
    cpSync(join(original, 'dnd.json'), join(copy, 'dnd.json'))
    const second = await openAndClose(copy, RESTART)
    assert.equal(second.node, directory.node)
    await directory.close(true)
  })
})
