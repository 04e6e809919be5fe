/** The durable stores by name, for the processes that tests start. */
import { LmdbStore } from '../../src/adapters/lmdb/lmdb-store.ts'
import type { Store, StoreListener } from '../../src/runtime/ports.ts'

export type EngineName = 'lmdb'

export function openByName(name: string, listener: StoreListener, path: string): Promise<Store> {
  if (name === 'lmdb') return LmdbStore.open({ listener, path })
  throw new Error(`no store is called ${name}`)
}
