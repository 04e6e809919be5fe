/**
 * A walk over one side's records between two keys that gives those whose leaf is one that differs,
 * with their hashes. Only of these is the record decoded.
 */
import { concatBytes } from '../std/bytes.ts'
import type { Checksum } from '../std/crc32.ts'
import type { Hash64 } from '../std/hash64.ts'
import { HASH_BYTES } from '../std/hash64.ts'
import type { ScanRange, StoreEntry } from '../ports.ts'
import { isCut } from '../ports.ts'
import { decodeRecord } from '../versions/record.ts'
import { hashEntry, hashKey, leafOf } from './hash-tree.ts'

/** Of one scan: small enough that the foreground does not feel it. */
export const WALK_RECORDS_MAX = 512
export const WALK_BYTES_MAX: number = 256 * 1024

/**
 * Scans for one page. Under load a few are admitted in a second, and the other side waits: a page
 * must be over long before it gives up (`exchanges.ts`).
 */
export const PAGE_SCANS_MAX = 32

/** Some leaves of a tree. Bounded by: one bit a leaf. */
export class LeafSet {
  readonly leaves: number
  readonly #bits: Uint8Array
  #size = 0

  constructor(leaves: number) {
    this.leaves = leaves
    this.#bits = new Uint8Array(Math.ceil(leaves / 8))
  }

  get size(): number {
    return this.#size
  }

  add(leaf: number): void {
    if (this.has(leaf)) return
    this.#bits[leaf >> 3]! |= 1 << (leaf & 7)
    this.#size++
  }

  has(leaf: number): boolean {
    return ((this.#bits[leaf >> 3]! >> (leaf & 7)) & 1) === 1
  }
}

/** A key of a leaf that differs, as it is in the messages. */
export interface WalkedKey {
  readonly key: Uint8Array
  /** HASH_BYTES as text, to be looked up by. */
  readonly keyHash: string
  /** The same of key and versions; BROKEN when the record does not read as it was written. */
  readonly entryHash: string
}

export const BROKEN: string = '\0'.repeat(HASH_BYTES)

export class LeafWalk {
  readonly #leaves: LeafSet
  readonly #to: Uint8Array
  readonly #checksum: Checksum
  #from: Uint8Array
  #range: ScanRange | undefined
  #scans = 0

  constructor(leaves: LeafSet, from: Uint8Array, to: Uint8Array, checksum: Checksum) {
    this.#leaves = leaves
    this.#from = from
    this.#to = to
    this.#checksum = checksum
  }

  next(): ScanRange {
    this.#range = {
      ...{ from: this.#from, to: this.#to, reverse: false },
      ...{ limit: WALK_RECORDS_MAX, bytesMax: WALK_BYTES_MAX },
    }
    return this.#range
  }

  /**
   * What the scan of {@link next} gave. `visit` says whether it wants more; false ends the walk
   * behind that key, and so does the page's last scan. Returns the least key not walked over, empty
   * at the end of the range, and whether the walk is over.
   */
  take(
    entries: readonly StoreEntry[],
    visit: (walked: WalkedKey) => boolean,
  ): { readonly upTo: Uint8Array; readonly isOver: boolean } {
    const range = this.#range
    if (range === undefined) return { upTo: END, isOver: true }
    for (const { key, value } of entries) {
      const walked = this.#look(key, value)
      if (walked !== undefined && !visit(walked)) return { upTo: after(key), isOver: true }
    }
    const last = entries.at(-1)?.key
    if (last === undefined || !isCut(range, entries)) return { upTo: END, isOver: true }
    this.#from = after(last)
    return { upTo: this.#from, isOver: ++this.#scans === PAGE_SCANS_MAX }
  }

  #look(key: Uint8Array, record: Uint8Array): WalkedKey | undefined {
    const hash = hashKey(key)
    if (!this.#leaves.has(leafOf(hash, this.#leaves.leaves))) return undefined
    const keyHash = hashText(hash)
    const container = decodeRecord(record, this.#checksum)
    if (typeof container === 'string') return { key, keyHash, entryHash: BROKEN }
    // Like no record at all, for the tree and for the other side.
    if (container.versions.length === 0) return undefined
    return { key, keyHash, entryHash: hashText(hashEntry(hash, container.versions)) }
  }
}

/** Of what a record holds under a key; BROKEN when it does not read as it was written. */
export function entryHashOf(key: Uint8Array, record: Uint8Array, checksum: Checksum): string {
  if (record.length === 0) return ABSENT
  const container = decodeRecord(record, checksum)
  if (typeof container === 'string') return BROKEN
  const { versions } = container
  return versions.length === 0 ? ABSENT : hashText(hashEntry(hashKey(key), versions))
}

const ABSENT = ''
const END = new Uint8Array(0)
const ZERO = Uint8Array.of(0)

/** The least key behind `key`. */
export function after(key: Uint8Array): Uint8Array {
  return concatBytes(key, ZERO)
}

export function hashText({ high, low }: Hash64): string {
  return String.fromCharCode(
    ...[high >>> 24, (high >>> 16) & 0xff, (high >>> 8) & 0xff, high & 0xff],
    ...[low >>> 24, (low >>> 16) & 0xff, (low >>> 8) & 0xff, low & 0xff],
  )
}

/** Texts of HASH_BYTES, one after the other. */
export function joinHashes(texts: readonly string[]): Uint8Array {
  const bytes = new Uint8Array(texts.length * HASH_BYTES)
  let place = 0
  for (const text of texts) for (let i = 0; i < HASH_BYTES; i++) bytes[place++] = text.charCodeAt(i)
  return bytes
}

/** The inverse of {@link joinHashes}. */
export function splitHashes(bytes: Uint8Array): string[] {
  const texts: string[] = []
  for (let place = 0; place + HASH_BYTES <= bytes.length; place += HASH_BYTES)
    texts.push(String.fromCharCode(...bytes.subarray(place, place + HASH_BYTES)))
  return texts
}
