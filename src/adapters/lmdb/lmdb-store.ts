/** The node's store on LMDB: group commit over {@link LmdbEngine}. */
import type { ScanRange, StoreOperation, StoreRead } from '../../core/ports.ts'
import { DndError } from '../../core/errors.ts'
import { GroupCommit } from '../../runtime/group-commit/group-commit.ts'
import type { Store, StoreListener } from '../../runtime/ports.ts'
import { damageOf } from './data-file.ts'
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

  /** Rejects with a `DndError` that names the path when the files cannot be opened. */
  static async open(options: LmdbStoreOptions): Promise<LmdbStore> {
    const { path, listener, mapBytesMax } = options
    try {
      const damage = damageOf(path)
      if (damage !== undefined) throw new Error(damage)
      const engine = LmdbEngine.open(path, mapBytesMax ?? Infinity)
      return new LmdbStore(await GroupCommit.open({ engine, listener }))
    } catch (error) {
      throw openError(path, error)
    }
  }

  get(key: Uint8Array): StoreRead {
    return this.#store.get(key)
  }

  getDurable(key: Uint8Array): StoreRead {
    return this.#store.getDurable(key)
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

/**
 * Codes of the system are words from Node and positive numbers from LMDB, whose own are negative.
 */
function openError(path: string, cause: unknown): DndError {
  const { code, message } = cause as { readonly code?: string | number; readonly message: string }
  const failed = `cannot open the store in ${path}: ${message}`
  if (typeof code === 'string' || (code !== undefined && code > 0)) {
    const fix = 'make it writable for this user, free space on its disk, or choose another'
    return new DndError('DND_ERR_DATA_UNWRITABLE', `${failed}; ${fix} with --data`, { cause })
  }
  const fix =
    'restore it from a backup, or move the data directory away and join as a new node: its share ' +
    'of the data comes from the others'
  return new DndError('DND_ERR_DATA_CORRUPT', `${failed}; ${fix}`, { cause })
}
