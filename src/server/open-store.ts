/** From the name of an engine to the open store. */
import { LmdbStore } from '../adapters/lmdb/lmdb-store.ts'
import { MemoryStore } from '../adapters/memory/memory-store.ts'
import type { Store, StoreListener } from '../runtime/ports.ts'
import type { Engine } from './config.ts'

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
