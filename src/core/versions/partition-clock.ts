/**
 * The partition clock: which writes of a partition this replica has seen, all keys together.
 *
 * The problem: a deleted key must leave something behind, or a replica that slept through the
 * delete brings the value back; and what it leaves must go one day, or deletes fill the disk. Time
 * cannot say when (Cassandra's grace seconds and Riak's three both bring data back), and "all
 * replicas have the tombstone" cannot either: a copy on its way, in a hint or in a disk that comes
 * back, is on no replica.
 *
 * The way out (Gonçalves, Almeida, Baquero, Fonte, "Concise server-wide causality management for
 * eventually consistent data stores", DAIS 2015): dots are drawn from one counter for each vnode
 * and not for each key. So what a replica has seen of a vnode is a run of numbers with a few holes:
 *
 * ```
 *   seen of vnode v:   1 … base          all of them
 *                      from … to, …      and these, beyond a hole
 * ```
 * A dot that the clock covers, of a version that is not here, was superseded: it may not come back
 * (the fence, V7). And of a key's own vector only what lies above the base need be stored (V5):
 * a tombstone whose vector lies below the base need not be stored at all (V6).
 *
 * What makes it true: a dot enters with the batch that stores its version, or when an exchange with
 * a replica whose clock has it is over (`repair/exchange.ts`). To claim too little is always safe,
 * so a clock that has too many holes leaves a dot out; to claim too much loses writes.
 *
 * ```
 *   clock   = format:u8 crc:u32 flags:u8 base-length:varint base holes
 *   base    = as a version vector in record.ts, entries with a base of 0 left out
 *   holes   = count:varint (vnode:u64 count:varint (gap:varint length:varint)*)*
 *   flags   = 1 doubtful | 2 incomplete
 * ```
 * Invariants: vnodes ascend; runs ascend, do not touch each other nor the base; at most RUNS_MAX
 * of them in all.
 */
import { assert } from '../std/assert.ts'
import { ByteReader, ByteWriter } from '../std/bytes.ts'
import type { Checksum } from '../std/crc32.ts'
import type { VnodeId } from '../std/ids.ts'
import { VERSION_VECTOR_MAX } from '../std/limits.ts'
import { decodeVector, encodeVector } from './record.ts'
import type { Dot, VersionVector } from './version.ts'
import { EMPTY_VECTOR } from './version-vector.ts'

/** Runs beyond the bases, over all vnodes. */
export const RUNS_MAX = 4096
/** Upper bound of an encoded clock: every entry and every run at its longest. */
export const CLOCK_BYTES_MAX: number = 32 + VERSION_VECTOR_MAX * 34 + RUNS_MAX * 16

const FORMAT = 1
const CRC_OFFSET = 1
const HEADER_BYTES = 5
const DOUBTFUL = 1
const INCOMPLETE = 2
const ENTRY_BYTES_MIN = 9

/** Of one vnode. `runs`: first and last of each run, one after the other. */
interface Entry {
  readonly vnode: VnodeId
  base: number
  readonly runs: number[]
}

/** Bounded by: CLOCK_BYTES_MAX. */
const scratch = new ByteWriter(1024)
const baseScratch = new ByteWriter(256)

export class PartitionClock {
  // Sorted by vnode. Bounded by: VERSION_VECTOR_MAX.
  readonly #entries: Entry[] = []
  #runs = 0
  #base: VersionVector | undefined = EMPTY_VECTOR
  /**
   * Whether a record may be worse than the clock says, since it broke on this disk: then nobody may
   * take the clock over.
   */
  doubtful = false
  /** Whether it was lost and says too little: then the partition may not be read from. */
  incomplete = false

  /** All of a vnode's writes up to its entry have been seen. Never changed: a new one is made. */
  get base(): VersionVector {
    if (this.#base === undefined) {
      const vector: Dot[] = []
      for (const { vnode, base } of this.#entries)
        if (base > 0) vector.push({ vnode, counter: base })
      this.#base = vector
    }
    return this.#base
  }

  covers({ vnode, counter }: Dot): boolean {
    const entry = this.#find(vnode)
    if (entry === undefined) return false
    if (counter <= entry.base) return true
    const { runs } = entry
    for (let i = 0; i < runs.length; i += 2)
      if (counter >= runs[i]! && counter <= runs[i + 1]!) return true
    return false
  }

  /** Whether it covers all that `vector` covers. */
  dominates(vector: VersionVector): boolean {
    for (const { vnode, counter } of vector)
      if ((this.#find(vnode)?.base ?? 0) < counter) return false
    return true
  }

  /** One write more; whether that was news. */
  add({ vnode, counter }: Dot): boolean {
    return this.addRun(vnode, counter, counter)
  }

  /** The writes `first` to `last` of a vnode; whether any was news. */
  addRun(vnode: VnodeId, first: number, last: number): boolean {
    const entry = this.#entryOf(vnode)
    if (entry === undefined || last <= entry.base) return false
    if (first <= entry.base + 1) {
      this.#raise(entry, last)
      return true
    }
    return this.#insert(entry, first, last)
  }

  /** Whether it covers all that `other` does. */
  includes(other: PartitionClock): boolean {
    for (const { vnode, base, runs } of other.#entries) {
      const mine = this.#find(vnode)
      if (base > (mine?.base ?? 0)) return false
      for (let i = 0; i < runs.length; i += 2)
        if (mine === undefined || !hasRun(mine, runs[i]!, runs[i + 1]!)) return false
    }
    return true
  }

  /** All that `other` has seen; whether any of it was news. */
  merge(other: PartitionClock): boolean {
    let news = false
    for (const { vnode, base, runs } of other.#entries) {
      if (base > 0 && this.addRun(vnode, 1, base)) news = true
      for (let i = 0; i < runs.length; i += 2)
        if (this.addRun(vnode, runs[i]!, runs[i + 1]!)) news = true
    }
    return news
  }

  /** Bytes of their own. `base` is the part of `clock` that holds the base. */
  encode(checksum: Checksum): { readonly clock: Uint8Array; readonly base: Uint8Array } {
    scratch.reset()
    scratch.u8(FORMAT)
    scratch.u32(0)
    scratch.u8((this.doubtful ? DOUBTFUL : 0) | (this.incomplete ? INCOMPLETE : 0))
    const { base } = this
    baseScratch.reset()
    if (base.length > 0) encodeVector(baseScratch, base)
    const length = baseScratch.length
    scratch.bytes(baseScratch.view())
    const end = scratch.length
    let holed = 0
    if (this.#runs > 0) for (const { runs } of this.#entries) if (runs.length > 0) holed++
    scratch.varint(holed)
    if (holed > 0) for (const entry of this.#entries) if (entry.runs.length > 0) encodeRuns(entry)
    scratch.patchU32(CRC_OFFSET, checksum(scratch.view().subarray(HEADER_BYTES)))
    const clock = scratch.take()
    return { clock, base: clock.subarray(end - length, end) }
  }

  check(): void {
    let runs = 0
    let before = 0
    for (const entry of this.#entries) {
      assert(entry.vnode > before, () => `vnode ${entry.vnode} stands after ${before}`)
      before = entry.vnode
      runs += entry.runs.length / 2
      let end = entry.base
      for (let i = 0; i < entry.runs.length; i += 2) {
        const first = entry.runs[i]!
        assert(first > end + 1, () => `a run from ${first} touches ${end}`)
        end = entry.runs[i + 1]!
        assert(end >= first, () => `a run from ${first} to ${end}`)
      }
    }
    assert(runs === this.#runs && runs <= RUNS_MAX, () => `${runs} runs, ${this.#runs} counted`)
    assert(this.#entries.length <= VERSION_VECTOR_MAX, () => `${this.#entries.length} vnodes`)
  }

  #find(vnode: VnodeId): Entry | undefined {
    // A handful, nearly always: the replicas of the partition.
    for (const entry of this.#entries) if (entry.vnode === vnode) return entry
    return undefined
  }

  #entryOf(vnode: VnodeId): Entry | undefined {
    let place = 0
    while (place < this.#entries.length && this.#entries[place]!.vnode < vnode) place++
    const known = this.#entries[place]
    if (known !== undefined && known.vnode === vnode) return known
    if (this.#entries.length >= VERSION_VECTOR_MAX) return undefined
    const entry: Entry = { vnode, base: 0, runs: [] }
    this.#entries.splice(place, 0, entry)
    return entry
  }

  #raise(entry: Entry, last: number): void {
    const { runs } = entry
    let base = last
    let swallowed = 0
    while (swallowed < runs.length && runs[swallowed]! <= base + 1) {
      base = Math.max(base, runs[swallowed + 1]!)
      swallowed += 2
    }
    runs.splice(0, swallowed)
    this.#runs -= swallowed / 2
    entry.base = base
    this.#base = undefined
  }

  #insert({ runs }: Entry, first: number, last: number): boolean {
    let i = 0
    while (i < runs.length && runs[i + 1]! + 1 < first) i += 2
    if (i < runs.length && runs[i]! <= first && runs[i + 1]! >= last) return false
    let end = i
    let from = first
    let to = last
    while (end < runs.length && runs[end]! <= last + 1) {
      from = Math.min(from, runs[end]!)
      to = Math.max(to, runs[end + 1]!)
      end += 2
    }
    if (end === i && this.#runs >= RUNS_MAX) return false
    runs.splice(i, end - i, from, to)
    this.#runs += 1 - (end - i) / 2
    return true
  }
}

/** undefined: not what was written; whoever stored it has lost what it says. */
export function decodePartitionClock(
  bytes: Uint8Array,
  checksum: Checksum,
): PartitionClock | undefined {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== FORMAT) return undefined
  const crc = reader.u32()
  if (!reader.ok || crc !== checksum(bytes.subarray(HEADER_BYTES))) return undefined
  const clock = new PartitionClock()
  const flags = reader.u8()
  if (flags > (DOUBTFUL | INCOMPLETE)) return undefined
  clock.doubtful = (flags & DOUBTFUL) !== 0
  clock.incomplete = (flags & INCOMPLETE) !== 0
  const base = decodeBase(reader.bytes(CLOCK_BYTES_MAX))
  if (base === undefined) return undefined
  for (const { vnode, counter } of base) clock.addRun(vnode, 1, counter)
  const count = reader.count(VERSION_VECTOR_MAX, ENTRY_BYTES_MIN)
  for (let i = 0; i < count && reader.ok; i++) decodeRuns(reader, clock, base)
  return reader.finished ? clock : undefined
}

/**
 * The base in the bytes of a clock, without a look at the rest; undefined when they are broken, or
 * the partition may not be read from.
 */
export function baseOf(bytes: Uint8Array, checksum: Checksum): Uint8Array | undefined {
  const reader = new ByteReader(bytes)
  if (reader.u8() !== FORMAT) return undefined
  const crc = reader.u32()
  if (!reader.ok || crc !== checksum(bytes.subarray(HEADER_BYTES))) return undefined
  const isIncomplete = (reader.u8() & INCOMPLETE) !== 0
  const base = reader.bytes(CLOCK_BYTES_MAX)
  return reader.ok && !isIncomplete ? base : undefined
}

/** How a base travels: no bytes for an empty one. */
export function encodeBase(base: VersionVector): Uint8Array {
  if (base.length === 0) return NO_BASE
  const writer = new ByteWriter(8 + base.length * 12)
  encodeVector(writer, base)
  return writer.take()
}

export const NO_BASE: Uint8Array = new Uint8Array(0)

/** undefined: malformed. */
export function decodeBase(bytes: Uint8Array): VersionVector | undefined {
  if (bytes.length === 0) return EMPTY_VECTOR
  const reader = new ByteReader(bytes)
  const base = decodeVector(reader)
  return reader.finished && base.length > 0 ? base : undefined
}

function encodeRuns({ vnode, base, runs }: Entry): void {
  scratch.u64(vnode)
  scratch.varint(runs.length / 2)
  let end = base
  for (let i = 0; i < runs.length; i += 2) {
    scratch.varint(runs[i]! - end)
    scratch.varint(runs[i + 1]! - runs[i]!)
    end = runs[i + 1]!
  }
}

function decodeRuns(reader: ByteReader, clock: PartitionClock, base: VersionVector): void {
  const vnode = reader.u64() as VnodeId
  const count = reader.count(RUNS_MAX, 2)
  let end = base.find((entry) => entry.vnode === vnode)?.counter ?? 0
  for (let i = 0; i < count && reader.ok; i++) {
    const first = end + reader.varint()
    end = first + reader.varint()
    if (!Number.isSafeInteger(end) || first < 1) return reader.fail()
    clock.addRun(vnode, first, end)
  }
}

function hasRun({ base, runs }: Entry, first: number, last: number): boolean {
  if (last <= base) return true
  // Runs touch neither each other nor the base, so one of them has it, or none.
  for (let i = 0; i < runs.length; i += 2)
    if (runs[i]! <= first && runs[i + 1]! >= last) return true
  return false
}
