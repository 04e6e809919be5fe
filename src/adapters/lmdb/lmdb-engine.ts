/**
 * LMDB as an engine: a B+tree in one file that is mapped into memory, copied on write, whose root
 * is switched by a commit (Chu, "MDB: A Memory-Mapped Database and Backend for OpenLDAP", 2011).
 *
 * - A group is one write transaction, carried out on a thread of the pool: the main thread lists
 *   the writes, and hears again when the pages and then the new root have been synced. Overlapping
 *   sync stays off, so that a commit is durable when it is reported and a failed fsync leaves the
 *   old root: nothing to repair, nothing half visible.
 * - A read copies: the binding gives out one buffer again and again, and pages of the map change
 *   under their readers.
 * - The binding's map grows by itself, so its size is no bound; `mapBytesMax` is enforced here, on
 *   the pages in use.
 *
 * After a failure that leaves LMDB unable to begin transactions (a root page that could not be
 * written), the binding would wait for ever on the next write. So after any failure a transaction
 * is first begun and given up as a trial.
 */
import { closeSync, fsyncSync, openSync, statfsSync } from 'node:fs'
import type { RootDatabase } from 'lmdb'
import { open } from 'lmdb'
import type { StoreEntry, StoreRead } from '../../core/ports.ts'
import type {
  Engine,
  EnginePage,
  EnginePageRequest,
  EngineWrite,
} from '../../runtime/group-commit/engine.ts'

/** Address space, not memory and not disk: large enough that the map hardly ever moves. */
const MAP_BYTES = 64 * 1024 ** 3
/**
 * Pages that a group may need beside its values: the path to each leaf, and the list of free pages.
 */
const PAGES_PER_WRITE = 4
const EMPTY = new Uint8Array(0)
const FIRST_KEY = Uint8Array.of(0)

/** What is read of LMDB's own statistics. */
interface Statistics {
  readonly pageSize: number
  readonly root: PageCounts
  readonly free: PageCounts
}

interface PageCounts {
  readonly treeBranchPageCount: number
  readonly treeLeafPageCount: number
  readonly overflowPages: number
}

export class LmdbEngine implements Engine {
  readonly #db: RootDatabase<Uint8Array, Uint8Array>
  readonly #path: string
  readonly #mapBytesMax: number
  #isSuspect = false
  #isClosed = false

  private constructor(db: RootDatabase<Uint8Array, Uint8Array>, path: string, mapBytesMax: number) {
    this.#db = db
    this.#path = path
    this.#mapBytesMax = mapBytesMax
  }

  /** Opens or creates the files in the folder `path`. Throws when that is impossible. */
  static open(path: string, mapBytesMax: number): LmdbEngine {
    const db = open<Uint8Array, Uint8Array>({
      path,
      noSubdir: false,
      mapSize: MAP_BYTES,
      keyEncoding: 'binary',
      encoding: 'binary',
      overlappingSync: false,
      eventTurnBatching: false,
    })
    syncFolder(path)
    return new LmdbEngine(db, path, mapBytesMax)
  }

  get(key: Uint8Array): StoreRead {
    if (this.#isClosed) return 'unreadable'
    try {
      const shared = this.#db.getBinaryFast(key)
      if (shared === undefined) return undefined
      const { length } = shared
      const copy = new Uint8Array(length)
      // The binding lends a buffer that is longer than the value and only says that it is as long.
      copy.set(shared.byteLength === length ? shared : shared.subarray(0, length))
      return copy
    } catch {
      // Whatever LMDB says: the value may be there and cannot be had. The transaction would fail
      // every further read.
      this.#db.resetReadTxn()
      return 'unreadable'
    }
  }

  write(writes: readonly EngineWrite[], done: (failure: string | undefined) => void): void {
    const refusal = this.#refusalOf(writes)
    if (refusal !== undefined) {
      setImmediate(done, refusal)
      return
    }
    const committed = this.#db.batch(() => {
      for (const { key, value } of writes) {
        if (value === undefined) void this.#db.remove(key)
        else void this.#db.put(key, value)
      }
    })
    committed.then(
      () => done(undefined),
      (error: unknown) => {
        this.#isSuspect = true
        void causeOf(error).then((cause) => done(`LMDB: ${cause}${this.#ifFull(writes)}`))
      },
    )
  }

  read(request: EnginePageRequest): EnginePage {
    const { from, to, reverse, entriesMax, bytesMax, values } = request
    const start = from.length === 0 ? FIRST_KEY : from
    const bounds = reverse
      ? { start: to, exclusiveStart: true, end: start, inclusiveEnd: true }
      : { start, end: to }
    const options = { ...bounds, reverse, limit: entriesMax + 1 }
    const found = (values ? this.#db.getRange(options) : this.#db.getKeys(options))[
      Symbol.iterator
    ]() as Iterator<Uint8Array | StoreEntry>
    const entries: StoreEntry[] = []
    let bytes = 0
    try {
      for (let next = found.next(); next.done !== true; next = found.next()) {
        if (entries.length >= entriesMax || bytes >= bytesMax) return { entries, complete: false }
        const entry = entryOf(next.value)
        bytes += entry.key.length + entry.value.length
        entries.push(entry)
      }
      return { entries, complete: true }
    } catch (error) {
      this.#db.resetReadTxn()
      throw error
    } finally {
      // Not left to `for … of`, which does not end an iterator that throws: its transaction would
      // keep every page.
      found.return?.()
    }
  }

  close(): Promise<void> {
    this.#isClosed = true
    return this.#db.close()
  }

  /** LMDB calls a write cut short by a full disk an input/output error: says what it was. */
  #ifFull(writes: readonly EngineWrite[]): string {
    try {
      const { bavail, bsize } = statfsSync(this.#path)
      return bavail * bsize < bytesNeeded(writes, bsize) ? ' (no space left on the disk)' : ''
    } catch {
      // The disk does not even say how full it is; the cause is named all the same.
      return ''
    }
  }

  #refusalOf(writes: readonly EngineWrite[]): string | undefined {
    if (this.#isSuspect) {
      try {
        this.#db.transactionSync(() => undefined)
        this.#isSuspect = false
      } catch (error) {
        return `LMDB cannot write until the node is restarted: ${(error as Error).message}`
      }
    }
    return this.#mapBytesMax === Infinity ? undefined : this.#refusalOfSize(writes)
  }

  /** Deletions alone are always taken: they make room. */
  #refusalOfSize(writes: readonly EngineWrite[]): string | undefined {
    const { pageSize, root, free } = this.#db.getStats() as Statistics
    const used = (pagesOf(root) + pagesOf(free)) * pageSize
    const isGrowing = writes.some(({ value }) => value !== undefined)
    if (!isGrowing || used + bytesNeeded(writes, pageSize) <= this.#mapBytesMax) return undefined
    return `the store is full: ${used} of at most ${this.#mapBytesMax} bytes are in use`
  }
}

/** What a group may take, generously. */
function bytesNeeded(writes: readonly EngineWrite[], pageSize: number): number {
  return writes.reduce(
    (sum, { value }) => sum + PAGES_PER_WRITE * pageSize + (value?.length ?? 0),
    PAGES_PER_WRITE * pageSize,
  )
}

function pagesOf(counts: PageCounts): number {
  return counts.treeBranchPageCount + counts.treeLeafPageCount + counts.overflowPages
}

/**
 * The binding's buffers as plain bytes: `Buffer.slice` is a view, and the core takes it for a copy.
 */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

function entryOf(found: Uint8Array | StoreEntry): StoreEntry {
  if (found instanceof Uint8Array) return { key: plain(found), value: EMPTY }
  return { key: plain(found.key), value: plain(found.value) }
}

/**
 * What made a commit fail: the binding says it in a promise beside the error, which a turn later is
 * settled or never.
 */
async function causeOf(error: unknown): Promise<string> {
  const { commitError } = error as { commitError?: Promise<unknown> }
  const cause = await Promise.race([
    Promise.resolve(commitError).catch((reason: unknown) => reason),
    new Promise((resolve) => setImmediate(resolve)),
  ])
  const known = cause instanceof Error ? cause : error
  return known instanceof Error ? known.message : String(known)
}

/** A new file is only as durable as the folder that names it. */
function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
