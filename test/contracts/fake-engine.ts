/**
 * An engine in memory whose writes and reads end when a test says so, as the test says, and whose
 * state after every write is kept, as a disk would hold it if the process died there.
 */
import type { StoreEntry, StoreRead } from '../../src/core/ports.ts'
import type {
  Engine,
  EnginePage,
  EnginePageRequest,
  EngineWrite,
} from '../../src/runtime/group-commit/engine.ts'
import { nameOf, OrderedMap } from '../../src/runtime/group-commit/ordered-map.ts'

export class FakeEngine implements Engine {
  entries: OrderedMap<StoreEntry> = new OrderedMap<StoreEntry>()
  /** Every write handed over, in order. */
  readonly written: (readonly EngineWrite[])[] = []
  /** The entries as they were before the first write and after each that succeeded. */
  readonly states: StoreEntry[][] = []
  readonly unreadable: Set<string> = new Set()
  /** What `read` throws with, while set. */
  readFailure: string | undefined
  /** Writes end by themselves, in the next turn, with `failure`. */
  automatic = true
  failure: string | undefined
  /**
   * Reads with values answer when `answerReads` is called, with what was there when they were
   * asked.
   */
  holdsReads = false
  /** Reads take a turn or two. */
  delaysReads = false
  closed = 0
  reads = 0
  #ending:
    | { writes: readonly EngineWrite[]; done: (failure: string | undefined) => void }
    | undefined
  #held: (() => void)[] = []

  constructor(entries: readonly StoreEntry[] = []) {
    for (const entry of entries) this.entries.set(nameOf(entry.key), entry)
    this.states.push(this.all())
  }

  all(): StoreEntry[] {
    return this.entries.names().map((name) => this.entries.get(name)!)
  }

  /** Whether a write waits for `end`. */
  get isWriting(): boolean {
    return this.#ending !== undefined
  }

  get(key: Uint8Array): StoreRead {
    const name = nameOf(key)
    return this.unreadable.has(name) ? 'unreadable' : this.entries.get(name)?.value
  }

  write(writes: readonly EngineWrite[], done: (failure: string | undefined) => void): void {
    if (this.#ending !== undefined) throw new Error('a write while another is under way')
    if (new Set(writes.map(({ key }) => nameOf(key))).size !== writes.length)
      throw new Error('a key twice in one write')
    this.written.push(writes)
    this.#ending = { writes, done }
    if (this.automatic) setImmediate(() => this.end(this.failure))
  }

  /** Ends the write under way. */
  end(failure?: string): void {
    const ending = this.#ending
    if (ending === undefined) throw new Error('no write is under way')
    this.#ending = undefined
    if (failure === undefined) {
      for (const { key, value } of ending.writes) {
        if (value === undefined) this.entries.delete(nameOf(key))
        else this.entries.set(nameOf(key), { key, value })
      }
      this.states.push(this.all())
    }
    ending.done(failure)
  }

  read(request: EnginePageRequest): EnginePage | Promise<EnginePage> {
    this.reads++
    if (this.readFailure !== undefined) throw new Error(this.readFailure)
    const page = this.#page(request)
    if (this.delaysReads) return later(page)
    if (!this.holdsReads || !request.values) return page
    return new Promise((resolve) => this.#held.push(() => resolve(page)))
  }

  get heldReads(): number {
    return this.#held.length
  }

  answerReads(): void {
    const held = this.#held
    this.#held = []
    for (const answer of held) answer()
  }

  close(): Promise<void> {
    this.closed++
    return Promise.resolve()
  }

  #page({ from, to, reverse, entriesMax, bytesMax, values }: EnginePageRequest): EnginePage {
    const entries: StoreEntry[] = []
    let bytes = 0
    let complete = true
    const visit = (_: string, entry: StoreEntry): boolean => {
      complete = entries.length < entriesMax && bytes < bytesMax
      if (!complete) return false
      entries.push(values ? entry : { key: entry.key, value: new Uint8Array(0) })
      bytes += entry.key.length + (values ? entry.value.length : 0)
      return true
    }
    if (reverse) this.entries.walkBack(nameOf(from), nameOf(to), visit)
    else this.entries.walk(nameOf(from), nameOf(to), visit)
    return { entries, complete }
  }
}

async function later<T>(value: T): Promise<T> {
  for (let i = 0; i < 2; i++) await new Promise((resolve) => setImmediate(resolve))
  return value
}
