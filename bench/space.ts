/**
 * What is left on the disk when everything was deleted: three nodes are filled, all keys deleted,
 * all replicas compared once, and the same keys written anew, twice. What counts is that the files
 * do not grow from one filling to the next, and that no tombstone is left.
 *
 *   npm run bench -- space [--keys 200000]
 */
import { readdirSync, statSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import type { StoreEntry } from '../src/core/ports.ts'
import type { Store } from '../src/runtime/ports.ts'
import { openStore } from '../src/server/open-store.ts'
import { sendAll } from './load.ts'
import type { Nodes } from './nodes.ts'
import { startNodes } from './nodes.ts'
import { beginRepair, metric, whenRepaired } from './repairs.ts'
import { deleteRequest, eachKey, putRequest } from './workload.ts'

const CONNECTIONS = 64
const FILLINGS = 3
const REPAIRED_WITHIN_MS = 5 * 60_000
/** Longer than a node takes to look for something to reap. */
const RESTS_MS = 12_000
/** The first byte of the keys of records. */
const RECORDS = 0x01

export async function measureSpace(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { keys: { type: 'string', default: '200000' } },
  })
  const keys = Number(values.keys)
  const nodes = await startNodes(3, 'lmdb')
  try {
    console.log(`${keys} keys of 100 bytes on three replicas; MiB on the disks of all three\n`)
    console.log(`${'empty'.padEnd(44)}${mebibytes(nodes)}`)
    for (let filling = 1; filling <= FILLINGS; filling++) {
      await sendEach(nodes, keys, putRequest)
      console.log(`${`filled, time ${filling}`.padEnd(44)}${mebibytes(nodes)}`)
      await sendEach(nodes, keys, deleteRequest)
      console.log(`${'all deleted'.padEnd(44)}${mebibytes(nodes)}`)
      const { waiting, reaped } = await repairAndReap(nodes)
      const what = `repaired; ${reaped} reaped so far, ${waiting} wait`
      console.log(`${what.padEnd(44)}${mebibytes(nodes)}`)
    }
    for (const place of nodes.folders.keys()) await nodes.end(place)
    for (const folder of nodes.folders) {
      const { records, others } = await countEntries(join(folder, 'store'))
      console.log(`left in ${basename(folder)}: ${records} records, ${others} entries of its own`)
    }
  } finally {
    await nodes.stop()
  }
}

async function sendEach(
  { targets }: Nodes,
  keys: number,
  request: (key: number) => Buffer,
): Promise<void> {
  const refused = await sendAll(targets, CONNECTIONS, eachKey(keys, request))
  if (refused > 0) throw new Error(`${refused} requests were refused`)
}

interface Reaped {
  readonly waiting: number
  readonly reaped: number
}

/** One repair of everything, and the reaping that it allows, until nothing more is reaped. */
async function repairAndReap({ targets }: Nodes): Promise<Reaped> {
  await beginRepair(targets)
  await whenRepaired(targets, REPAIRED_WITHIN_MS)
  for (let reaped = -1; ;) {
    const now = await metric(targets, 'dnd_reaped_versions_total')
    if (now === reaped)
      return { waiting: await metric(targets, 'dnd_reap_waiting_records'), reaped }
    reaped = now
    await sleep(RESTS_MS)
  }
}

/** What a store holds, by the node's own order of keys: records come first. */
async function countEntries(path: string): Promise<{ records: number; others: number }> {
  const listener = { stored: () => undefined, storeFailed: () => undefined }
  let store: Store | undefined
  const ranges = await new Promise<readonly (readonly StoreEntry[])[]>((resolve, reject) => {
    const scanFailed = (_: number, reason: string): void => reject(new Error(reason))
    const scanned = (_: number, found: readonly (readonly StoreEntry[])[]): void => resolve(found)
    void openStore('lmdb', path, { ...listener, scanned, scanFailed }).then((opened) => {
      store = opened
      const all = { reverse: false, limit: 1e9, bytesMax: 1e12 }
      const behind = Uint8Array.of(RECORDS + 1)
      opened.scan(1, [
        { ...all, from: Uint8Array.of(RECORDS), to: behind },
        { ...all, from: behind, to: Uint8Array.of(255) },
      ])
    }, reject)
  })
  await store?.close()
  return { records: ranges[0]!.length, others: ranges[1]!.length }
}

function mebibytes({ folders }: Nodes): string {
  let bytes = 0
  for (const folder of folders) bytes += bytesIn(folder)
  return (bytes / 2 ** 20).toFixed(1).padStart(9)
}

function bytesIn(folder: string): number {
  let bytes = 0
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    bytes += entry.isDirectory() ? bytesIn(path) : statSync(path).blocks * 512
  }
  return bytes
}
