/**
 * Which hints this node keeps, for whom, and how many more it may.
 *
 * The hints themselves are on the disk, in the order of their numbers; here is only what must be
 * known at once: for each target how many, how large, the first and the last. A number is the time
 * at which the hint was kept and a count within the millisecond, by a clock that never goes back,
 * not even from one life of the node to the next (`versions/hybrid-clock.ts`). So numbers rise, a
 * number tells how old its hint is, and "all that were kept before now are delivered" is a
 * comparison of two numbers, whoever asks and however often this node was restarted meanwhile.
 *
 * Without bounds the hints for one dead node fill the disks of all others, and its return is a
 * storm (the complaint of every operator of this family). So bytes are bounded over all targets,
 * what is there already counted with what is on its way to the disk; and so is the age. Beyond
 * either anti-entropy does the work: it costs a comparison, and no disk.
 *
 * Invariants: bytes ≤ the limit; the number drawn is above all numbers ever drawn here.
 */
import { assert } from '../std/assert.ts'
import type { NodeId } from '../std/ids.ts'
import { NODES_MAX } from '../std/limits.ts'

const NUMBERS_PER_MS = 64
/** What a key takes besides its hint's value, about: key, node of the tree, page slack. */
export const HINT_OVERHEAD_BYTES: number = 32

export interface HintLine {
  readonly target: NodeId
  /** On the disk, and on their way there. */
  readonly count: number
  readonly bytes: number
  /** No hint for the target has a lower number; and none a greater one. */
  readonly first: number
  readonly last: number
  /** Of `count`: handed to the disk, and not yet known to be there. */
  readonly pending: number
}

type Line = { -readonly [K in keyof HintLine]: HintLine[K] }

export class HintLedger {
  readonly #bytesMax: number
  // Bounded by: NODES_MAX.
  readonly #lines = new Map<NodeId, Line>()
  #bytes = 0
  #number = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  get bytes(): number {
    return this.#bytes
  }

  get bytesMax(): number {
    return this.#bytesMax
  }

  get size(): number {
    return this.#lines.size
  }

  lines(): IterableIterator<HintLine> {
    return this.#lines.values()
  }

  of(target: NodeId): HintLine | undefined {
    return this.#lines.get(target)
  }

  /** The least number that a hint kept from now on can have. */
  next(nowMs: number): number {
    return Math.max(this.#number + 1, numberAt(nowMs))
  }

  hasRoom(target: NodeId, bytes: number): boolean {
    if (this.#bytes + bytes > this.#bytesMax) return false
    return this.#lines.has(target) || this.#lines.size < NODES_MAX
  }

  /** Handed to the disk: its number. */
  keep(target: NodeId, bytes: number, nowMs: number): number {
    const number = this.next(nowMs)
    this.#number = number
    this.#add(target, bytes, number).pending++
    return number
  }

  /** What {@link keep} was told of is durable, or is not there. */
  settled(target: NodeId, bytes: number, isStored: boolean): void {
    const line = this.#lines.get(target)
    assert(line !== undefined && line.pending > 0, () => `no hint for ${target} is on its way`)
    line.pending--
    if (!isStored) this.#take(line, 1, bytes)
  }

  /** Found on the disk: kept in an earlier life. */
  found(target: NodeId, number: number, bytes: number): void {
    this.#number = Math.max(this.#number, number)
    if (this.#lines.size < NODES_MAX || this.#lines.has(target)) this.#add(target, bytes, number)
  }

  /** The hints below `before` are gone from the disk; `count` of them, of so many bytes. */
  removed(target: NodeId, before: number, count: number, bytes: number): void {
    const line = this.#lines.get(target)
    if (line === undefined) return
    line.first = Math.max(line.first, before)
    this.#take(line, Math.min(count, line.count), bytes)
  }

  /** The disk has none: what was counted beyond that was wrong. */
  none(target: NodeId): void {
    const line = this.#lines.get(target)
    if (line !== undefined && line.pending === 0) this.#take(line, line.count, line.bytes)
  }

  check(): void {
    let bytes = 0
    for (const line of this.#lines.values()) {
      bytes += line.bytes
      assert(line.count > 0, () => `${line.count} hints for ${line.target}`)
      assert(line.pending <= line.count, () => `${line.pending} of ${line.count} hints pending`)
    }
    assert(bytes === this.#bytes, () => `${bytes} bytes of hints, ${this.#bytes} counted`)
    assert(this.#lines.size <= NODES_MAX, () => `hints for ${this.#lines.size} nodes`)
  }

  #add(target: NodeId, bytes: number, number: number): Line {
    this.#bytes += bytes
    const line = this.#lines.get(target)
    if (line === undefined) {
      const fresh: Line = { target, count: 1, bytes, first: number, last: number, pending: 0 }
      this.#lines.set(target, fresh)
      return fresh
    }
    line.count++
    line.bytes += bytes
    line.first = Math.min(line.first, number)
    line.last = Math.max(line.last, number)
    return line
  }

  #take(line: Line, count: number, bytes: number): void {
    const taken = line.count === count ? line.bytes : Math.min(bytes, line.bytes)
    line.count -= count
    line.bytes -= taken
    this.#bytes -= taken
    if (line.count === 0) this.#lines.delete(line.target)
  }
}

/** The least number of a hint that is kept at that time, milliseconds since 1970. */
export function numberAt(ms: number): number {
  return Math.max(0, Math.floor(ms)) * NUMBERS_PER_MS
}

/** When a hint was kept, milliseconds since 1970. */
export function timeOf(number: number): number {
  return Math.floor(number / NUMBERS_PER_MS)
}
