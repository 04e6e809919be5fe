/** The node's store on LevelDB: group commit over {@link LevelEngine}. */
import type { ScanRange, StoreOperation, StoreRead } from '../../core/ports.ts'
import { GroupCommit } from '../../runtime/group-commit/group-commit.ts'
import type { Store, StoreListener } from '../../runtime/ports.ts'
import { LevelEngine } from './level-engine.ts'

export interface LevelStoreOptions {
  /** A folder, created if missing. */
  readonly path: string
  readonly listener: StoreListener
}

export class LevelStore implements Store {
  readonly #store: GroupCommit

  private constructor(store: GroupCommit) {
    this.#store = store
  }

  /** Rejects with an error that names the path when the files cannot be opened. */
  static async open(options: LevelStoreOptions): Promise<LevelStore> {
    const { path, listener } = options
    try {
      const engine = await LevelEngine.open(path)
      return new LevelStore(await GroupCommit.open({ engine, listener }))
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
