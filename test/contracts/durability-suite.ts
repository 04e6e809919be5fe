/**
 * What a store on a disk must survive: being killed, and a disk without room. Run by a test for
 * each such store.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { crashBatch } from './crash-writer.ts'
import type { EngineName } from './engines.ts'
import { openByName } from './engines.ts'
import { Recorder } from './recorder.ts'
import { range, text } from './store-harness.ts'

const script = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

export function runDurabilitySuite(engine: EngineName): void {
  describe(`${engine} on a disk`, () => {
    test('a process killed at any moment has lost no acknowledged batch and torn none', async () => {
      await inFolder(async (folder) => {
        let applied = 0
        for (const acknowledgements of [50, 400, 150]) {
          const last = await killAfter(engine, folder, applied + 1, acknowledgements)
          applied = await batchesApplied(engine, folder, last)
        }
      })
    })

    test('a full disk fails writes, keeps serving reads, and works again when there is room', (t) => {
      const run = onSmallDisk(script('./full-disk.js'), [engine])
      if (run === undefined) return t.skip('this user cannot mount a file system')
      assert.equal(run.status, 0, `${run.stdout}\n${run.stderr}`)
    })

    test('a folder that cannot be written is refused with its name', async () => {
      await inFolder(async (folder) => {
        const path = join(folder, 'file')
        await writeFile(path, 'not a folder')
        const opening = openByName(engine, new Recorder(), join(path, 'store'))
        await assert.rejects(opening, {
          code: 'DND_ERR_DATA_UNWRITABLE',
          message: /cannot open the store in .*file\/store: .*--data/,
        })
      })
    })
  })
}

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'dnd-durability-'))
  try {
    await run(folder)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/**
 * Runs a writer until it has so many batches acknowledged, kills it, and returns the last of them.
 */
async function killAfter(
  engine: EngineName,
  folder: string,
  first: number,
  acknowledgements: number,
): Promise<number> {
  const args = [script('./crash-writer.js'), engine, join(folder, 'store'), String(first)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  let lines = 0
  for await (const chunk of child.stdout) {
    output += String(chunk)
    lines = output.split('\n').length - 1
    if (lines >= acknowledgements) child.kill('SIGKILL')
  }
  assert.ok(lines >= acknowledgements, `the writer ended after ${lines} batches`)
  const acknowledged = output.split('\n').slice(0, -1).map(Number)
  assert.deepEqual(
    acknowledged,
    Array.from({ length: lines }, (_, i) => first + i),
  )
  return acknowledged.at(-1)!
}

/**
 * Checks that the store holds exactly the first batches, at least up to `least`; returns how many.
 */
async function batchesApplied(engine: EngineName, folder: string, least: number): Promise<number> {
  const recorder = new Recorder()
  const store = await openByName(engine, recorder, join(folder, 'store'))
  store.scan(1, [range('', '\xff')])
  const result = await recorder.scanResult(1)
  await store.close()
  assert.ok(typeof result !== 'string', String(result))
  const entries = new Map(result[0]!.map(({ key, value }) => [text(key), text(value)]))
  const applied = Number(entries.get('counter'))
  assert.ok(applied >= least, `batch ${least} was acknowledged, ${applied} is there`)
  const expected = new Map<string, string>()
  for (let n = 1; n <= applied; n++) {
    for (const operation of crashBatch(n)) {
      if (operation.type === 'put') expected.set(text(operation.key), text(operation.value))
      else if (operation.type === 'delete') expected.delete(text(operation.key))
      else
        for (const key of [...expected.keys()])
          if (key >= text(operation.from) && key < text(operation.to)) expected.delete(key)
    }
  }
  assert.deepEqual([...entries].toSorted(), [...expected].toSorted())
  return applied
}

/**
 * Runs a script with a folder on a small disk of its own as its last argument: a file system in
 * memory, mounted in a name space that ends with the process, so that nothing is left behind
 * whatever happens. Undefined where that is not possible, which in CI it must be.
 */
function onSmallDisk(
  path: string,
  args: readonly string[],
): ReturnType<typeof spawnSync> | undefined {
  const unshare = process.getuid?.() === 0 ? ['-m'] : ['-m', '-r']
  const folder = '/mnt'
  const mount = `mount -t tmpfs -o size=96m none ${folder}`
  const possible = spawnSync('unshare', [...unshare, 'sh', '-c', mount]).status === 0
  if (!possible && process.env['CI'] === undefined) return undefined
  const command = `${mount} && exec "$0" "$@" ${folder}`
  return spawnSync('unshare', [...unshare, 'sh', '-c', command, process.execPath, path, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  })
}
