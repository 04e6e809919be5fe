/**
 * The store of a node over an engine: group commit.
 *
 * A durable write costs an fsync, and an fsync costs the same for one write or a thousand. So while
 * one group is being made durable, whatever is committed meanwhile gathers, and goes out together
 * as the next: one transaction of the engine and one fsync for all of it. The busier the node, the
 * larger the groups and the cheaper each write (DeWitt et al., "Implementation Techniques for Main
 * Memory Database Systems", 1984, §3.2).
 *
 * - `get` sees a batch from the moment it is handed over (see `overlay.ts`). `getDurable` and scans
 *   see it from the moment it is durable: they read the engine, less what a standing clear hides. A
 *   scan waits for what was handed over before it, so that it does not miss that either.
 * - A group that fails, fails whole, and takes with it whatever was committed after it: that was
 *   built on what reads showed, which is not there now. No read sees any of it any more when the
 *   first is told. The next group waits a moment, since a full disk is not emptied by trying.
 * - Batches within a group that overwrite each other reach the engine once.
 * - A batch that clears ranges goes alone, since its keys must be looked up in the engine as they
 *   are before it; large clears are done piece by piece between groups (see `standing-clear.ts`).
 *
 * Invariants: what is durable is a prefix of what was handed over, up to the first failure that
 * has not been told yet. Batches are answered in the order handed over, but for those refused at
 * once (overload, bad keys), which are told in the next turn, with all that come after them until
 * then; each is answered exactly once and never before `commit` returns.
 */
import type { ScanRange, StoreOperation, StoreRead } from '../../core/ports.ts'
import { assert } from '../../core/std/assert.ts'
import type { Store, StoreListener } from '../ports.ts'
import type { Engine, EngineWrite } from './engine.ts'
import { refusalOfKeys } from './keys.ts'
import type { GroupCommitLimits } from './limits.ts'
import { GROUP_COMMIT_LIMITS } from './limits.ts'
import { nameOf } from './ordered-map.ts'
import type { PendingClear, PendingGroup, PendingWrite } from './overlay.ts'
import { Overlay } from './overlay.ts'
import { Scanner } from './scanner.ts'
import type { ClearPosition } from './standing-clear.ts'
import { fromFirstKey, interruptedClear, StandingClear } from './standing-clear.ts'

/** What an operation occupies beside its key and value. */
const OPERATION_BYTES = 200
const KEYS_ONLY = { reverse: false, bytesMax: 4 * 1024 * 1024, values: false }

interface Batch extends PendingGroup {
  readonly number: number
  readonly writes: PendingWrite[]
  readonly clears: PendingClear[]
  bytes: number
  /** The number of its last write or clear in the overlay. */
  end: number
  readonly operations: number
}

type Failure = string | undefined

export interface GroupCommitOptions {
  readonly engine: Engine
  readonly listener: StoreListener
  readonly limits?: Partial<GroupCommitLimits>
}

export class GroupCommit implements Store {
  readonly #limits: GroupCommitLimits
  readonly #engine: Engine
  readonly #listener: StoreListener
  readonly #overlay = new Overlay()
  readonly #scanner: Scanner
  // Bounded by the queue's limits, together with the group that is being written.
  #queue: Batch[] = []
  #bytes = 0
  #operations = 0
  #clears = 0
  /** How many batches were ever taken, and how many of them are durable or have failed. */
  #taken = 0
  #settled = 0
  // Bounded by: what is committed in one turn; told in the next.
  #refused: { readonly number: number; readonly reason: string }[] = []
  /** A write is under way. */
  #busy = false
  /** The next turn is arranged, at once or after the pause. */
  #arranged = false
  /** Pieces of a standing clear and groups take turns. */
  #pieceNext = false
  #closing: (() => void) | undefined
  #closed: Promise<void> | undefined

  constructor(options: GroupCommitOptions) {
    this.#limits = { ...GROUP_COMMIT_LIMITS, ...options.limits }
    this.#engine = options.engine
    this.#listener = options.listener
    this.#scanner = new Scanner({
      engine: this.#engine,
      overlay: this.#overlay,
      listener: this.#listener,
      limits: this.#limits,
    })
  }

  /** A store over an engine that may hold an unfinished clear from before a crash. */
  static async open(options: GroupCommitOptions): Promise<GroupCommit> {
    const store = new GroupCommit(options)
    const standing = await interruptedClear(options.engine)
    if (standing !== undefined) {
      store.#overlay.stand(standing)
      store.#arrange()
    }
    return store
  }

  get(key: Uint8Array): StoreRead {
    const pending = this.#overlay.isEmpty ? undefined : this.#overlay.get(nameOf(key))
    if (pending === undefined) return this.#engine.get(key)
    return pending === 'absent' ? undefined : pending
  }

  getDurable(key: Uint8Array): StoreRead {
    const { standing } = this.#overlay
    return standing?.hides(nameOf(key)) === true ? undefined : this.#engine.get(key)
  }

  commit(number: number, operations: readonly StoreOperation[]): void {
    const refusal = this.#refused[0]?.reason ?? this.#refusalOf(operations)
    if (refusal !== undefined) {
      this.#refuse(number, refusal)
      return
    }
    const batch: Batch = {
      number,
      writes: [],
      clears: [],
      bytes: OPERATION_BYTES,
      end: 0,
      operations: operations.length + 1,
    }
    for (const operation of operations) this.#add(batch, operation)
    batch.end = this.#overlay.at
    this.#queue.push(batch)
    this.#taken++
    this.#bytes += batch.bytes
    this.#operations += batch.operations
    this.#clears += batch.clears.length
    this.#arrange()
  }

  scan(number: number, ranges: readonly ScanRange[]): void {
    const closed = this.#closed !== undefined
    if (!closed && this.#scanner.scan(number, ranges, this.#taken)) return
    const reason = closed ? 'the store is closed' : 'overloaded: too many scans'
    setImmediate(() => this.#listener.scanFailed(number, reason))
  }

  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  async #close(): Promise<void> {
    const drained = new Promise<void>((resolve) => {
      this.#closing = resolve
    })
    this.#arrange()
    await drained
    await this.#scanner.close('the store is closed')
    await this.#engine.close()
  }

  #add(batch: Batch, operation: StoreOperation): void {
    switch (operation.type) {
      case 'put':
        batch.writes.push(this.#overlay.put(operation.key, operation.value))
        batch.bytes += OPERATION_BYTES + operation.key.length + operation.value.length
        return
      case 'delete':
        batch.writes.push(this.#overlay.put(operation.key, undefined))
        batch.bytes += OPERATION_BYTES + operation.key.length
        return
      case 'clear':
        batch.clears.push(this.#overlay.clear(fromFirstKey(operation.from), operation.to))
        batch.bytes += OPERATION_BYTES + operation.from.length + operation.to.length
    }
  }

  #refusalOf(operations: readonly StoreOperation[]): Failure {
    if (this.#closed !== undefined) return 'the store is closed'
    if (this.#operations + operations.length >= this.#limits.queueOperationsMax)
      return 'overloaded: too many operations wait for the disk'
    let bytes = 0
    let clears = 0
    for (const operation of operations) {
      if (operation.type === 'clear') clears++
      else bytes += OPERATION_BYTES + operation.key.length
      if (operation.type === 'put') bytes += operation.value.length
    }
    if (this.#bytes + bytes > this.#limits.queueBytesMax)
      return 'overloaded: too many bytes wait for the disk'
    if (this.#clears + clears > this.#limits.queueClearsMax)
      return 'overloaded: too many clears wait for the disk'
    return refusalOfKeys(operations)
  }

  #refuse(number: number, reason: string): void {
    if (this.#refused.length === 0) setImmediate(this.#tellRefused)
    this.#refused.push({ number, reason })
  }

  readonly #tellRefused = (): void => {
    const refused = this.#refused
    this.#refused = []
    for (const { number, reason } of refused) this.#listener.storeFailed(number, reason)
  }

  /** Arranges a turn: what is committed until the end of this one belongs to the same group. */
  #arrange(): void {
    if (this.#busy || this.#arranged) return
    this.#arranged = true
    setImmediate(this.#turn)
  }

  readonly #turn = (): void => {
    this.#arranged = false
    const standing = this.#overlay.standing
    const first = this.#queue[0]
    if (standing !== undefined && this.#isPieceDue(standing)) void this.#writePiece(standing)
    else if (first === undefined) this.#closing?.()
    else if (first.clears.length === 0) this.#writeGroup(this.#takeGroup())
    else void this.#writeClear(this.#takeGroup())
  }

  #isPieceDue(standing: StandingClear): boolean {
    const first = this.#queue[0]
    if (first === undefined) return this.#closing === undefined
    return this.#pieceNext || this.#mustWait(first, standing)
  }

  /** Whether a batch can be written only when the clear is done. */
  #mustWait(batch: Batch, standing: StandingClear): boolean {
    return batch.clears.length > 0 || standing.keptCount >= this.#limits.keptMax
  }

  #takeGroup(): Batch[] {
    let bytes = 0
    let operations = 0
    let count = 0
    for (const batch of this.#queue) {
      const alone = batch.clears.length > 0
      bytes += batch.bytes
      operations += batch.writes.length
      if (
        count > 0 &&
        (alone ||
          bytes > this.#limits.groupBytesMax ||
          operations > this.#limits.groupOperationsMax)
      )
        break
      count++
      if (alone) break
    }
    return this.#queue.splice(0, count)
  }

  #writeGroup(group: readonly Batch[]): void {
    const standing = this.#overlay.standing
    const writes = lastOfEach(group)
    const marks = standing?.marksFor(writes) ?? []
    this.#pieceNext = true
    this.#write(marks.length === 0 ? writes : [...writes, ...marks], (failure) => {
      if (failure === undefined) standing?.keep(writes)
      this.#settle(group, failure)
    })
  }

  /**
   * A batch with clears, alone: with its deletions if they are few, else with a clear that stands
   * until they are made.
   */
  async #writeClear(group: readonly Batch[]): Promise<void> {
    this.#busy = true
    const { writes, clears } = group[0]!
    const clear = new StandingClear(clears)
    const left = writes.filter((write) => isLeft(write, group[0]!, clear))
    clear.keep(left)
    const found = await this.#gather(clear).catch(reasonOf)
    if (typeof found === 'string') {
      this.#settle(group, found)
      this.#rest()
      return
    }
    const isSmall = clear.rangeAt(found.position) === undefined
    this.#write([...left, ...(isSmall ? found.deletions : clear.opening())], (failure) => {
      if (failure === undefined && !isSmall) this.#overlay.stand(clear)
      this.#settle(group, failure)
    })
  }

  async #writePiece(clear: StandingClear): Promise<void> {
    this.#busy = true
    this.#pieceNext = false
    const found = await this.#gather(clear).catch(reasonOf)
    if (typeof found === 'string') {
      this.#failWaiting(clear, found)
      this.#rest()
      return
    }
    const isLast = clear.rangeAt(found.position) === undefined
    const writes = isLast ? [...found.deletions, ...clear.closing()] : found.deletions
    this.#write(writes, (failure) => {
      if (failure !== undefined) return this.#failWaiting(clear, failure)
      clear.position = found.position
      if (isLast) this.#overlay.lift()
    })
  }

  /** A piece has failed: on a disk that recovers never, nobody must wait for it for ever. */
  #failWaiting(clear: StandingClear, failure: string): void {
    const first = this.#queue[0]
    if (first !== undefined && this.#mustWait(first, clear))
      this.#settle(this.#takeGroup(), failure)
  }

  /** The next deletions of a clear, and where it goes on after them. */
  async #gather(clear: StandingClear): Promise<Gathered> {
    const deletions: EngineWrite[] = []
    let { position } = clear
    for (;;) {
      const range = clear.rangeAt(position)
      const entriesMax = this.#limits.clearKeysMax - deletions.length
      if (range === undefined || entriesMax <= 0) return { deletions, position }
      const page = await this.#engine.read({ ...range, ...KEYS_ONLY, entriesMax })
      deletions.push(...clear.deletionsOf(page.entries))
      position = clear.advanced(position, page.complete ? undefined : page.entries.at(-1)!.key)
    }
  }

  #write(writes: readonly EngineWrite[], done: (failure: Failure) => void): void {
    this.#busy = true
    const finish = (failure: Failure): void => {
      done(failure)
      if (failure === undefined) this.#goOn()
      else this.#rest()
    }
    if (writes.length === 0) finish(undefined)
    else this.#engine.write(writes, finish)
  }

  /** Tells what became of a group. Reads have forgotten a failed one before anybody hears of it. */
  #settle(written: readonly Batch[], failure: Failure): void {
    const group = failure === undefined ? written : [...written, ...this.#queue.splice(0)]
    for (const batch of group) {
      this.#overlay.forget(batch)
      this.#release(batch)
    }
    this.#settled += group.length
    this.#scanner.settled(this.#settled)
    for (const { number } of group) {
      if (failure === undefined) this.#listener.stored(number)
      else this.#listener.storeFailed(number, failure)
    }
  }

  #release(batch: Batch): void {
    this.#bytes -= batch.bytes
    this.#operations -= batch.operations
    this.#clears -= batch.clears.length
    assert(this.#bytes >= 0, `${this.#bytes} bytes in the queue`)
  }

  #goOn(): void {
    this.#busy = false
    const isIdle = this.#queue.length === 0 && this.#overlay.standing === undefined
    if (!isIdle || this.#closing !== undefined) this.#arrange()
  }

  /** The pause after a failure. */
  #rest(): void {
    this.#busy = false
    this.#arranged = true
    setTimeout(this.#turn, this.#limits.retryMs)
  }
}

interface Gathered {
  readonly deletions: EngineWrite[]
  readonly position: ClearPosition
}

/** Of writes to one key within a group, only the last reaches the engine. */
function lastOfEach(group: readonly Batch[]): PendingWrite[] {
  const end = group.at(-1)!.end
  const last: PendingWrite[] = []
  for (const { writes } of group)
    for (const write of writes)
      if (write.newer === undefined || write.newer.at > end) last.push(write)
  return last
}

/**
 * Whether a write of a batch with clears must reach the engine: not if it is cleared after, nor if
 * it deletes what is.
 */
function isLeft(write: PendingWrite, batch: Batch, clear: StandingClear): boolean {
  if (write.newer !== undefined && write.newer.at <= batch.end) return false
  if (!clear.covers(write.name)) return true
  const isCleared = batch.clears.some(
    ({ at, fromName, toName }) => at > write.at && write.name >= fromName && write.name < toName,
  )
  return write.value !== undefined && !isCleared
}

function reasonOf(error: unknown): string {
  return `unreadable: ${error instanceof Error ? error.message : String(error)}`
}
