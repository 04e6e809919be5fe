/**
 * The clear of a range that is too large for one transaction of the engine.
 *
 * Batches are atomic, and a clear may name millions of keys (all partitions that a node gives
 * away). Deleting them in one transaction would stop the node for seconds; deleting them in several
 * before or after the rest of the batch would not be atomic. So the batch's own transaction stores,
 * beside its other writes, the ranges themselves (the intent). From then on the batch is durable:
 * reads hide whatever the ranges cover, the keys are deleted some thousand at a time between other
 * groups, and the last of these transactions removes the intent. After a crash the next start finds
 * it and goes on.
 *
 * What is put into such a range meanwhile must survive: it is *kept*, and the transaction that puts
 * it also stores a mark that says so, for the case of a crash. Their number is bounded: beyond it
 * no group is written until the clear is done.
 *
 * Intent and marks live in the engine under keys that begin with 0x00, which are the store's own.
 */
import type { StoreEntry } from '../../core/ports.ts'
import {
  ByteReader,
  ByteWriter,
  compareBytes,
  equalBytes,
  startsWith,
} from '../../core/std/bytes.ts'
import type { Engine, EngineWrite } from './engine.ts'
import { nameOf } from './ordered-map.ts'

export interface ClearRange {
  readonly from: Uint8Array
  readonly to: Uint8Array
}

/** The first key that is not the store's own. */
export const FIRST_KEY: Uint8Array = Uint8Array.of(1)

/** Where the store's own entries are. */
const OWN_RANGE: ClearRange = { from: Uint8Array.of(0), to: FIRST_KEY }
const OWN_PAGE = { reverse: false, entriesMax: 4096, bytesMax: 16 * 1024 * 1024, values: true }

const EMPTY = new Uint8Array(0)
const INTENT = Uint8Array.of(0, 1)
const KEPT = Uint8Array.of(0, 2)

const RANGES_MAX = 1 << 20
const KEY_BYTES_MAX = 4096

interface NamedRange extends ClearRange {
  readonly fromName: string
  readonly toName: string
}

/** A key that was put into the ranges, and how many had been before it. */
interface Kept {
  readonly key: Uint8Array
  readonly at: number
}

/** How far a clear has come: the range, and where in it. */
export interface ClearPosition {
  readonly range: number
  readonly from: Uint8Array
}

type NamedWrite = EngineWrite & { readonly name: string }

export class StandingClear {
  readonly #ranges: readonly NamedRange[]
  // In the order kept. Bounded by: the limit `keptMax`, one group, and what the clear's own batch
  // puts.
  readonly #kept = new Map<string, Kept>()
  /** What is before it has been deleted durably. */
  position: ClearPosition

  constructor(ranges: readonly ClearRange[]) {
    this.#ranges = disjoint(ranges)
    this.position = this.#startOf(0)
  }

  get keptCount(): number {
    return this.#kept.size
  }

  /** Whether the engine's value of this key is one that was cleared. */
  hides(name: string): boolean {
    return this.covers(name) && !this.#kept.has(name)
  }

  /** Whether it was one when no more than so many keys were kept. */
  hidAt(keptCount: number, name: string): boolean {
    return this.covers(name) && (this.#kept.get(name)?.at ?? keptCount) >= keptCount
  }

  covers(name: string): boolean {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#ranges[middle]!.toName <= name) low = middle + 1
      else high = middle
    }
    return low < this.#ranges.length && this.#ranges[low]!.fromName <= name
  }

  /**
   * What must be written with a group, so that what the group puts into the ranges survives a
   * crash.
   */
  marksFor(writes: readonly NamedWrite[]): EngineWrite[] {
    return writes
      .filter(({ name, value }) => value !== undefined && this.hides(name))
      .map(({ key }) => ({ key: markOf(key), value: EMPTY }))
  }

  /** These writes are durable, or become so together with the clear: what they put stays. */
  keep(writes: readonly NamedWrite[]): void {
    for (const { key, name, value } of writes)
      if (value !== undefined && this.covers(name) && !this.#kept.has(name))
        this.#kept.set(name, { key, at: this.#kept.size })
  }

  /** What is left of the range there; undefined when all are done. */
  rangeAt(position: ClearPosition): ClearRange | undefined {
    const range = this.#ranges[position.range]
    return range === undefined ? undefined : { from: position.from, to: range.to }
  }

  /** Where it goes on when the range is done up to and including `key`, or altogether. */
  advanced(position: ClearPosition, key: Uint8Array | undefined): ClearPosition {
    return key === undefined
      ? this.#startOf(position.range + 1)
      : { range: position.range, from: after(key) }
  }

  /** Deletions of these keys, but for what is kept. */
  deletionsOf(entries: readonly StoreEntry[]): EngineWrite[] {
    return entries
      .filter(({ key }) => !this.#kept.has(nameOf(key)))
      .map(({ key }) => ({ key, value: undefined }))
  }

  /** What makes the clear durable; goes with the batch's own writes. */
  opening(): EngineWrite[] {
    const writer = new ByteWriter()
    writer.varint(this.#ranges.length)
    for (const { from, to } of this.#ranges) {
      writer.bytes(from)
      writer.bytes(to)
    }
    const marks = [...this.#kept.values()].map(({ key }) => ({ key: markOf(key), value: EMPTY }))
    return [{ key: INTENT, value: writer.take() }, ...marks]
  }

  /** What removes every trace of it; goes with the last deletion. */
  closing(): EngineWrite[] {
    const kept = [...this.#kept.values()]
    const marks = kept.map(({ key }) => ({ key: markOf(key), value: undefined }))
    return [{ key: INTENT, value: undefined }, ...marks]
  }

  #startOf(range: number): ClearPosition {
    return { range, from: this.#ranges[range]?.from ?? EMPTY }
  }
}

/** The clear that a crash interrupted; undefined without one. Rejects when it cannot be read. */
export async function interruptedClear(engine: Engine): Promise<StandingClear | undefined> {
  const own: StoreEntry[] = []
  let { from } = OWN_RANGE
  for (;;) {
    const page = await engine.read({ ...OWN_PAGE, from, to: OWN_RANGE.to })
    own.push(...page.entries)
    if (page.complete) break
    from = after(page.entries.at(-1)!.key)
  }
  const intent = own.find(({ key }) => equalBytes(key, INTENT))
  if (intent === undefined) return undefined
  const clear = new StandingClear(decodeRanges(intent.value))
  const kept = own
    .filter(({ key }) => startsWith(key, KEPT))
    .map(({ key }) => key.slice(KEPT.length))
  clear.keep(kept.map((key) => ({ key, name: nameOf(key), value: EMPTY })))
  return clear
}

function decodeRanges(bytes: Uint8Array): ClearRange[] {
  const reader = new ByteReader(bytes)
  const ranges: ClearRange[] = []
  for (let count = reader.count(RANGES_MAX, 2); count > 0; count--)
    ranges.push({ from: reader.bytes(KEY_BYTES_MAX), to: reader.bytes(KEY_BYTES_MAX) })
  if (!reader.finished) throw new Error('the record of an interrupted clear is damaged')
  return ranges
}

/** A range's beginning, without the store's own keys. */
export function fromFirstKey(from: Uint8Array): Uint8Array {
  return compareBytes(from, FIRST_KEY) < 0 ? FIRST_KEY : from
}

/** The least key after `key`. */
export function after(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}

function markOf(key: Uint8Array): Uint8Array {
  const mark = new Uint8Array(KEPT.length + key.length)
  mark.set(KEPT)
  mark.set(key, KEPT.length)
  return mark
}

/** The same keys as ranges in order that do not overlap. */
function disjoint(ranges: readonly ClearRange[]): NamedRange[] {
  const sorted = ranges
    .map(({ from, to }) => ({ from, to, fromName: nameOf(from), toName: nameOf(to) }))
    .filter(({ fromName, toName }) => fromName < toName)
    .sort((a, b) => (a.fromName < b.fromName ? -1 : 1))
  const merged: NamedRange[] = []
  for (const range of sorted) {
    const last = merged.at(-1)
    if (last === undefined || last.toName < range.fromName) merged.push(range)
    else if (last.toName < range.toName)
      merged[merged.length - 1] = { ...last, to: range.to, toName: range.toName }
  }
  return merged
}
