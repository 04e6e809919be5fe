/** The node's store on LMDB: group commit over {@link LmdbEngine}. */
import type { ScanRange, StoreOperation, StoreRead } from '../../core/ports.ts'
import { GroupCommit } from '../../runtime/group-commit/group-commit.ts'
import type { Store, StoreListener } from '../../runtime/ports.ts'
import { LmdbEngine } from './lmdb-engine.ts'

export interface LmdbStoreOptions {
  /** A folder, created if missing. */
  readonly path: string
  readonly listener: StoreListener
  /** The most that the store may occupy, roughly; without it the disk is the bound. */
  readonly mapBytesMax?: number
}

export class LmdbStore implements Store {
  readonly #store: GroupCommit

  private constructor(store: GroupCommit) {
    this.#store = store
  }

  /** Rejects with an error that names the path when the files cannot be opened. */
  static async open(options: LmdbStoreOptions): Promise<LmdbStore> {
    const { path, listener, mapBytesMax } = options
    try {
      const engine = LmdbEngine.open(path, mapBytesMax ?? Infinity)
      return new LmdbStore(await GroupCommit.open({ engine, listener }))
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      throw new Error(`cannot open the store in ${path}: ${reason}`, { cause: error })
    }
  }

  get(key: Uint8Array): StoreRead {
    return this.#store.get(key)
  }

  commit(batch: number, operations: readonly StoreOperation[]): void {
    this.#store.commit(batch, operations)
  }

  scan(scan: number, ranges: readonly ScanRange[]): void {
    this.#store.scan(scan, ranges)
  }

  close(): Promise<void> {
    return this.#store.close()
  }
}
