/**
 * A node's disk: what it would still hold if the power failed now, and on top of it what has been
 * handed over and is not yet durable. It keeps the store's contract (`src/core/ports.ts`, `Store`
 * of `src/runtime/ports.ts`) and no more than that:
 *
 * - `get` sees all that was handed over, `getDurable` and scans only what is durable; a scan waits
 *   for what was handed over before it. Batches are atomic and become durable in order, in groups:
 *   what arrives while a group is being synced waits for the next one.
 * - At a crash the durable part survives, and of the rest a prefix of whole batches, maybe none:
 *   `stored` is a promise, its absence is not.
 * - A group whose sync fails is gone: reads do not see it any more. So is all that is handed over
 *   after it until the process has been told.
 *
 * What faults do to it: syncs become slow; the disk is full, so that every group that puts anything
 * fails; a stored value comes back with flipped bits; the whole content is lost, or is that of an
 * earlier time.
 */
import { assert } from '../src/core/std/assert.ts'
import { bytesToBinary, compareBytes } from '../src/core/std/bytes.ts'
import type { Prng } from '../src/core/std/prng.ts'
import type {
  ScanRange,
  StoreEntry,
  StoreOperation,
  StoreRead,
  StoreReader,
} from '../src/core/ports.ts'
import { cut } from '../src/core/ports.ts'
import type { EventQueue } from './clock.ts'
import type { Range } from './seed.ts'
import { within } from './seed.ts'

export interface DiskOptions {
  /** From handing a group to the disk until it is durable, milliseconds. */
  readonly syncMs: Range
  /** From asking for a scan until its answer, milliseconds. */
  readonly scanMs: Range
  /** Chance that a group's sync fails. */
  readonly failureChance: number
  /** Mutant: say `stored` at once and make durable later. */
  readonly answersBeforeSync: boolean
}

/** Told of the outcome; never before the method that asked has returned. */
export interface DiskListener {
  stored(batch: number): void
  storeFailed(batch: number, reason: string): void
  scanned(scan: number, ranges: readonly (readonly StoreEntry[])[]): void
  /**
   * A stopped process is told when it goes on; without it, whoever listens is never stopped.
   */
  whenRunning?(happen: () => void): void
}

interface Batch {
  readonly batch: number
  readonly operations: readonly StoreOperation[]
}

interface Scan {
  readonly scan: number
  readonly ranges: readonly ScanRange[]
  /** How many batches had been handed over when it was asked for. */
  readonly after: number
}

/**
 * Batches handed over and not yet durable; more means that a node stores without waiting for
 * anything.
 */
const PENDING_MAX = 20_000

export class Disk implements StoreReader {
  readonly #queue: EventQueue
  readonly #options: DiskOptions
  readonly #rng: Prng
  #failureChance: number
  #isFull = false
  #slowness = 1
  #listener: DiskListener | undefined
  /** Rises at each power-off: what was scheduled before it must not happen after it. */
  #powerCycle = 0
  #durable: Table = new Table()
  #live: Table = new Table()
  // Bounded by: PENDING_MAX.
  #pending: Batch[] = []
  // Bounded by: PENDING_MAX, one answer a batch.
  #answers: ((listener: DiskListener) => void)[] = []
  #syncing = 0
  /** Why a batch failed, until the process has been told: what it hands over fails as well. */
  #doom: string | undefined
  // Scans that wait for batches handed over before them. Bounded by: what the node asks at once.
  #scans: Scan[] = []
  /** Batches handed over, and those of them that are durable or have failed. */
  #handed = 0
  #settled = 0

  constructor(queue: EventQueue, options: DiskOptions, rng: Prng) {
    this.#queue = queue
    this.#options = options
    this.#rng = rng
    this.#failureChance = options.failureChance
  }

  /** Batches not yet durable. */
  get pending(): number {
    return this.#pending.length
  }

  /** A process opens the store. */
  open(listener: DiskListener): void {
    assert(this.#listener === undefined, 'two processes on one disk')
    this.#listener = listener
  }

  get(key: Uint8Array): StoreRead {
    return this.#live.get(key)
  }

  commit(batch: number, operations: readonly StoreOperation[]): void {
    assert(this.#pending.length < PENDING_MAX, `more than ${PENDING_MAX} batches pending`)
    const doom = this.#doom
    if (doom !== undefined) return this.#tell((listener) => listener.storeFailed(batch, doom))
    this.#live.apply(operations)
    this.#pending.push({ batch, operations })
    this.#handed++
    if (this.#options.answersBeforeSync) this.#tell((listener) => listener.stored(batch))
    if (this.#syncing === 0) this.#sync()
  }

  scan(scan: number, ranges: readonly ScanRange[]): void {
    this.#scans.push({ scan, ranges, after: this.#handed })
    this.#runScans()
  }

  /** All records, in order of key, as a process that opens the disk now would find them. */
  entries(): readonly StoreEntry[] {
    return this.#live.all()
  }

  /**
   * The process is gone, with what it had not synced, less a prefix that happened to reach the
   * disk.
   */
  crash(): void {
    const survivors = this.#rng.below(this.#pending.length + 1)
    for (const batch of this.#pending.slice(0, survivors)) this.#durable.apply(batch.operations)
    this.#powerOff()
  }

  get isFull(): boolean {
    return this.#isFull
  }

  /** How many times longer than usual a sync takes. */
  get slowness(): number {
    return this.#slowness
  }

  /** From now on every sync succeeds: a healed world is judged by what it can store. */
  mend(): void {
    this.#failureChance = 0
    this.#isFull = false
    this.#slowness = 1
  }

  /** Whether anything more can be put on it. */
  fill(isFull: boolean): void {
    this.#isFull = isFull
  }

  /** From the next group on a sync takes so many times longer than usual. */
  slow(times: number): void {
    this.#slowness = times
  }

  /** What a power failure now would leave, less what it might leave by chance. */
  snapshot(): Table {
    return this.#durable.copy()
  }

  /** Puts another content on the disk while no process has it open. */
  restore(table: Table): void {
    assert(this.#listener === undefined, 'restored under a running process')
    this.#durable = table.copy()
    this.#live = table.copy()
  }

  /** Flips the bits of `mask` in one byte of a stored value, for good; false when there is none. */
  rot(key: Uint8Array, at: number, mask: number): boolean {
    const value = this.#durable.get(key)
    if (value === undefined || value.length === 0) return false
    const rotten = value.slice()
    rotten[at % rotten.length]! ^= mask
    // What has been written since, and is not durable yet, stands on another place of the disk.
    const isCurrent = this.#live.get(key) === value
    const put = [{ type: 'put', key, value: rotten }] as const
    this.#durable.apply(put)
    if (isCurrent) this.#live.apply(put)
    return true
  }

  /** What a restart after a power failure now would find, if nothing more happens to survive. */
  getDurable(key: Uint8Array): Uint8Array | undefined {
    return this.#durable.get(key)
  }

  /** All that is durable, in order of key. */
  durableEntries(): readonly StoreEntry[] {
    return this.#durable.all()
  }

  #powerOff(): void {
    this.#powerCycle++
    this.#listener = undefined
    this.#pending = []
    this.#scans = []
    this.#settled = this.#handed
    this.#answers = []
    this.#syncing = 0
    this.#doom = undefined
    this.#live = this.#durable.copy()
  }

  #sync(): void {
    this.#syncing = this.#pending.length
    if (this.#syncing === 0) return
    this.#later(this.#slowness * within(this.#options.syncMs, this.#rng), () => {
      const group = this.#pending.splice(0, this.#syncing)
      const broken = this.#rng.chance(this.#failureChance)
      if (this.#isFull && group.some(putsAnything)) this.#fail(group, 'no space left on device')
      else if (broken) this.#fail(group, 'simulated I/O error')
      else this.#succeed(group)
      this.#settled += group.length
      this.#runScans()
      this.#sync()
    })
  }

  /** Answers the scans before which everything is settled. */
  #runScans(): void {
    const ready = this.#scans.filter(({ after }) => after <= this.#settled)
    if (ready.length === 0) return
    this.#scans = this.#scans.filter(({ after }) => after > this.#settled)
    for (const { scan, ranges } of ready) {
      // An engine may take its snapshot at once or at any time until it answers: toss for it.
      const read = (): StoreEntry[][] => ranges.map((range) => this.#durable.range(range))
      const early = this.#rng.chance(0.5) ? read() : undefined
      this.#later(within(this.#options.scanMs, this.#rng), () =>
        this.#listener?.scanned(scan, early ?? read()),
      )
    }
  }

  #succeed(group: readonly Batch[]): void {
    for (const { operations } of group) this.#durable.apply(operations)
    if (this.#options.answersBeforeSync) return
    for (const { batch } of group) this.#tell((listener) => listener.stored(batch))
  }

  /** What was handed over after the group was built on it, and goes with it. */
  #fail(group: readonly Batch[], reason: string): void {
    const later = this.#pending.splice(0)
    this.#settled += later.length
    this.#live = this.#durable.copy()
    this.#doom = reason
    for (const { batch } of [...group, ...later])
      this.#tell((listener) => {
        this.#doom = undefined
        listener.storeFailed(batch, reason)
      })
  }

  /** Answers of one group arrive one by one, in order, with time for other events between them. */
  #tell(answer: (listener: DiskListener) => void): void {
    this.#answers.push(answer)
    this.#later(0, () => {
      const next = this.#answers.shift()
      const listener = this.#listener
      if (next === undefined || listener === undefined) return
      if (listener.whenRunning === undefined) next(listener)
      else listener.whenRunning(() => next(listener))
    })
  }

  #later(delayMs: number, run: () => void): void {
    const cycle = this.#powerCycle
    this.#queue.after(delayMs, () => {
      if (cycle === this.#powerCycle) run()
    })
  }
}

function putsAnything({ operations }: Batch): boolean {
  return operations.some(({ type }) => type === 'put')
}

/** Ordered content: a map for point reads, sorted when a range is asked for. */
export class Table {
  // Bounded by: what the node stores; a scenario touches a bounded number of keys.
  readonly #entries: Map<string, StoreEntry>
  #sorted: StoreEntry[] | undefined

  constructor(entries: Map<string, StoreEntry> = new Map()) {
    this.#entries = entries
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#entries.get(bytesToBinary(key))?.value
  }

  copy(): Table {
    return new Table(new Map(this.#entries))
  }

  apply(operations: readonly StoreOperation[]): void {
    for (const operation of operations) {
      if (operation.type === 'put') {
        const { key, value } = operation
        this.#entries.set(bytesToBinary(key), { key, value })
      } else if (operation.type === 'delete') {
        this.#entries.delete(bytesToBinary(operation.key))
      } else {
        const { from, to } = operation
        for (const { key } of this.#between(from, to)) this.#entries.delete(bytesToBinary(key))
      }
      this.#sorted = undefined
    }
  }

  all(): readonly StoreEntry[] {
    this.#sorted ??= [...this.#entries.values()].sort((a, b) => compareBytes(a.key, b.key))
    return this.#sorted
  }

  range(range: ScanRange): StoreEntry[] {
    const within = this.#between(range.from, range.to)
    if (range.reverse) within.reverse()
    return cut(range, within)
  }

  #between(from: Uint8Array, to: Uint8Array): StoreEntry[] {
    return this.all().filter(({ key }) => compareBytes(key, from) >= 0 && compareBytes(key, to) < 0)
  }
}
