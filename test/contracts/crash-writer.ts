/**
 * A process that writes to a store until it is killed, and prints the number of every batch once it
 * is acknowledged.
 *
 *   node crash-writer.js lmdb FOLDER FIRST-BATCH
 */
import type { StoreOperation } from '../../src/core/ports.ts'
import { openByName } from './engines.ts'
import { clear, del, put } from './store-harness.ts'

const WRITERS = 16
const KEYS = 3

/**
 * What batch `n` does: new keys, a counter, a deletion, and now and then a clear of a stretch of
 * older keys.
 */
export function crashBatch(n: number): StoreOperation[] {
  const operations = [put('counter', `${n}`)]
  for (let i = 0; i < KEYS; i++) operations.push(put(crashKey(n, i), `${n}`.repeat(1 + (n % 40))))
  if (n > 10) operations.push(del(crashKey(n - 10, n % KEYS)))
  if (n % 25 === 0 && n > 60) operations.push(clear(crashKey(n - 60, 0), crashKey(n - 30, 0)))
  return operations
}

function crashKey(n: number, i: number): string {
  return `batch${String(n).padStart(8, '0')}.${i}`
}

async function main(name: string, path: string, first: number): Promise<void> {
  let next = first
  const commit = (): void => {
    const batch = next++
    store.commit(batch, crashBatch(batch))
  }
  const listener = {
    stored: (batch: number) => {
      process.stdout.write(`${batch}\n`)
      commit()
    },
    storeFailed: (_: number, reason: string) => {
      process.stderr.write(`${reason}\n`)
      process.exit(1)
    },
    scanned: () => undefined,
    scanFailed: () => undefined,
  }
  const store = await openByName(name, listener, path)
  for (let i = 0; i < WRITERS; i++) commit()
}

const [script, name, path, first] = process.argv.slice(1)
if (script?.endsWith('crash-writer.js')) await main(name!, path!, Number(first))
