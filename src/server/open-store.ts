/** From the name of an engine to the open store. */
import { DATA_FILE } from '../adapters/lmdb/data-file.ts'
import { LmdbStore } from '../adapters/lmdb/lmdb-store.ts'
import { MemoryStore } from '../adapters/memory/memory-store.ts'
import type { Store, StoreListener } from '../runtime/ports.ts'
import type { Engine } from './config.ts'

/** The file in the store's folder that holds the data; undefined: the engine has no such file. */
export function storeFileOf(engine: Engine): string | undefined {
  return engine === 'lmdb' ? DATA_FILE : undefined
}

export async function openStore(
  engine: Engine,
  path: string,
  listener: StoreListener,
): Promise<Store> {
  switch (engine) {
    case 'lmdb':
      return LmdbStore.open({ path, listener })
    case 'memory':
      return MemoryStore.open({ listener })
  }
}
