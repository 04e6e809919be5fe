/**
 * Fills a small disk through a store, and sees how it takes that. Run by the durability suite on a
 * disk of its own.
 *
 *   node full-disk.js lmdb FOLDER
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Store } from '../../src/runtime/ports.ts'
import { openByName } from './engines.ts'
import { Recorder } from './recorder.ts'
import { bytes } from './store-harness.ts'

const VALUE_BYTES = 64 * 1024
const BALLAST_BYTES = 50 * 1024 * 1024

const [engine, folder] = process.argv.slice(2) as [string, string]
const ballast = join(folder, 'ballast')
const path = join(folder, 'store')
const values = new Map<number, Buffer>()
let recorder = new Recorder()
let batch = 0

function commit(store: Store): number {
  const value = randomBytes(VALUE_BYTES)
  values.set(++batch, value)
  store.commit(batch, [{ type: 'put', key: bytes(`key${batch}`), value: new Uint8Array(value) }])
  return batch
}

function isThere(store: Store, number: number): boolean {
  const read = store.get(bytes(`key${number}`))
  assert.notEqual(read, 'unreadable', `key${number}`)
  return read !== undefined && values.get(number)!.equals(read as Uint8Array)
}

/** Writes until one fails; returns why. */
async function fill(store: Store, durable: number[]): Promise<string> {
  for (;;) {
    const number = commit(store)
    const failure = await recorder.outcome(number)
    if (failure !== undefined) {
      assert.equal(isThere(store, number), false, 'a failed write is not read')
      return failure
    }
    durable.push(number)
  }
}

writeFileSync(ballast, Buffer.alloc(BALLAST_BYTES, 1))
let store = await openByName(engine, recorder, path)
const durable: number[] = []
const failure = await fill(store, durable)
assert.match(failure, /no space left|not enough space/i)
assert.ok(durable.length > 100, `${durable.length} writes before the disk was full`)
for (let i = 0; i < 3; i++) assert.ok((await recorder.outcome(commit(store))) !== undefined)
for (const number of durable)
  assert.ok(isThere(store, number), `key${number} while the disk is full`)

rmSync(ballast)
const again = commit(store)
assert.equal(await recorder.outcome(again), undefined, 'there is room again')
durable.push(again)
for (const number of durable)
  assert.ok(isThere(store, number), `key${number} after the disk was full`)

await store.close()
recorder = new Recorder()
store = await openByName(engine, recorder, path)
for (const number of durable) assert.ok(isThere(store, number), `key${number} after opening again`)
await store.close()
