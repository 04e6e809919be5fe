/**
 * LevelDB as an engine: a log and a sorted table in memory, written out and merged in levels (O'Neil et al., "The Log-Structured
 * Merge-Tree", 1996; Chang et al., "Bigtable", 2006, §5.3–5.4).
 *
 * A group is one write batch, synced. The chained form of the binding's batch is used: it costs a third of the CPU of the
 * array form.
 *
 * LevelDB does not get over a failed write. It may have left half a record in its log, behind which later records would not
 * be found after a crash; or it refuses every further write until it is opened again. So after a failure nothing is written to
 * this log any more: the database is closed and opened anew before the next group, when the disk has room for what opening
 * writes. Reads go on meanwhile, but for the moment of reopening itself. A batch that was reported as failed may then turn
 * out to be there, as its record can have reached the disk before the failure.
 */
import { statfs } from 'node:fs/promises'
import { ClassicLevel } from 'classic-level'
import type { StoreEntry, StoreRead } from '../../core/ports.ts'
import type {
  Engine,
  EnginePage,
  EnginePageRequest,
  EngineWrite,
} from '../../runtime/group-commit/engine.ts'

const WRITE_BUFFER_BYTES = 16 * 1024 * 1024
const OPTIONS = {
  keyEncoding: 'view',
  valueEncoding: 'view',
  writeBufferSize: WRITE_BUFFER_BYTES,
  cacheSize: 64 * 1024 * 1024,
} as const
/** Opening writes the log out as a table, and begins a new log. */
const REOPEN_BYTES_MIN = WRITE_BUFFER_BYTES + 4 * 1024 * 1024
/** Entries that the binding fetches at a time. */
const FETCH_ENTRIES = 500
const EMPTY = new Uint8Array(0)

type Database = ClassicLevel<Uint8Array, Uint8Array>

export class LevelEngine implements Engine {
  readonly #path: string
  #db: Database
  #failure: string | undefined

  private constructor(path: string, db: Database) {
    this.#path = path
    this.#db = db
  }

  /** Opens or creates the files in the folder `path`. Rejects when that is impossible. */
  static async open(path: string): Promise<LevelEngine> {
    return new LevelEngine(path, await openDatabase(path))
  }

  get(key: Uint8Array): StoreRead {
    try {
      const value = this.#db.getSync(key)
      return value === undefined ? undefined : plain(value)
    } catch {
      // Whatever the engine says about it, the value is there and cannot be had: that is what the word means.
      return 'unreadable'
    }
  }

  write(writes: readonly EngineWrite[], done: (failure: string | undefined) => void): void {
    void this.#write(writes).then(done)
  }

  async #write(writes: readonly EngineWrite[]): Promise<string | undefined> {
    try {
      if (this.#failure !== undefined) await this.#reopen(this.#failure)
      const batch = this.#db.batch()
      for (const { key, value } of writes) {
        if (value === undefined) batch.del(key)
        else batch.put(key, value)
      }
      await batch.write({ sync: true })
      return undefined
    } catch (error) {
      this.#failure = reasonOf(error)
      return `LevelDB: ${this.#failure}`
    }
  }

  async #reopen(failure: string): Promise<void> {
    const { bavail, bsize } = await statfs(this.#path)
    if (bavail * bsize < REOPEN_BYTES_MIN) throw new Error(failure)
    await this.#db.close()
    this.#db = await openDatabase(this.#path)
    this.#failure = undefined
  }

  async read(request: EnginePageRequest): Promise<EnginePage> {
    const { from, to, reverse, entriesMax, bytesMax, values } = request
    const iterator = this.#db.iterator({
      gte: from,
      lt: to,
      reverse,
      values,
      limit: entriesMax + 1,
      highWaterMarkBytes: Math.min(bytesMax, 1024 * 1024),
    })
    try {
      const entries: StoreEntry[] = []
      let bytes = 0
      for (;;) {
        const found = await iterator.nextv(FETCH_ENTRIES)
        if (found.length === 0) return { entries, complete: true }
        for (const [key, value] of found) {
          if (entries.length >= entriesMax || bytes >= bytesMax) return { entries, complete: false }
          entries.push({ key: plain(key), value: values ? plain(value) : EMPTY })
          bytes += key.length + (values ? value.length : 0)
        }
      }
    } finally {
      await iterator.close()
    }
  }

  close(): Promise<void> {
    return this.#db.close()
  }
}

async function openDatabase(path: string): Promise<Database> {
  const db: Database = new ClassicLevel(path, OPTIONS)
  try {
    await db.open()
    return db
  } catch (error) {
    throw new Error(reasonOf(error), { cause: error })
  }
}

/** The binding's buffers as plain bytes: `Buffer.slice` is a view, and the core takes it for a copy. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** The innermost message: the outer ones only say that opening or writing failed. */
function reasonOf(error: unknown): string {
  let reason = error
  while (reason instanceof Error && reason.cause instanceof Error) reason = reason.cause
  return reason instanceof Error ? reason.message : String(reason)
}
