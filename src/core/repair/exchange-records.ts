/**
 * Records on their way to the other side of an exchange, and from it.
 *
 * What is sent is read at that moment, record and base together. The scan that found the key may
 * be older, and must not be what is sent: "nothing here, and all that my base covers is gone" with
 * a base from before the record went would leave out that very delete, and the exchange would take
 * over a clock that claims it.
 *
 * What arrives is merged. Whoever then holds something else than what arrived says what: newer
 * versions, or that there is nothing left, since what arrived was superseded long ago (V7).
 */
import { compareBytes, equalBytes } from '../std/bytes.ts'
import type { Checksum } from '../std/crc32.ts'
import type { StoreRead } from '../ports.ts'
import { NO_BASE } from '../versions/partition-clock.ts'
import { EXCHANGE_CHUNK_BYTES_MAX, RECORDS_PER_MESSAGE_MAX } from './exchange-messages.ts'
import { BROKEN, entryHashOf } from './exchange-walk.ts'

/** As it travels; no bytes: nothing is held. */
export interface KeyRecord {
  readonly key: Uint8Array
  readonly record: Uint8Array
}

/** What is durable of a key, with the base of the same moment. */
export type Show = (key: Uint8Array) => { readonly record: StoreRead; readonly base: Uint8Array }

export interface Chunk {
  readonly records: readonly KeyRecord[]
  readonly base: Uint8Array
  readonly more: boolean
  /** Keys whose record the store cannot give. */
  readonly unreadable: readonly Uint8Array[]
}

const NO_RECORD = new Uint8Array(0)

/** A row of records to be sent, a chunk after the other. */
export class OutgoingRow {
  // Bounded by: what one page or one row from the other side may hold.
  readonly #keys: readonly Uint8Array[]
  #next = 0

  constructor(keys: readonly Uint8Array[]) {
    this.#keys = keys
  }

  chunk(show: Show): Chunk {
    const records: KeyRecord[] = []
    const unreadable: Uint8Array[] = []
    let base = NO_BASE
    let bytes = 0
    for (; this.#next < this.#keys.length; this.#next++) {
      if (records.length >= RECORDS_PER_MESSAGE_MAX) break
      const key = this.#keys[this.#next]!
      const shown = show(key)
      if (shown.record === 'unreadable') {
        unreadable.push(key)
        continue
      }
      const record = shown.record ?? NO_RECORD
      bytes += key.length + record.length
      if (records.length > 0 && bytes > EXCHANGE_CHUNK_BYTES_MAX) break
      records.push({ key, record })
      base = shown.base
    }
    return { records, base, more: this.#next < this.#keys.length, unreadable }
  }
}

/** Records that arrived and are being merged, until they are durable. */
export class IncomingRow {
  readonly #checksum: Checksum
  // Of the chunk in hand. Bounded by: RECORDS_PER_MESSAGE_MAX.
  #chunk: readonly KeyRecord[] = []
  // Bounded by: what one page may hold; a row from the responder is cut at that.
  #returns: Uint8Array[] = []
  #count = 0

  constructor(checksum: Checksum) {
    this.#checksum = checksum
  }

  /** Records of the row so far. */
  get count(): number {
    return this.#count
  }

  /** Whether all keys lie in [from, to): they are a peer's words. */
  take(chunk: readonly KeyRecord[], from: Uint8Array, to: Uint8Array): boolean {
    for (const { key } of chunk)
      if (compareBytes(key, from) < 0 || compareBytes(key, to) >= 0) return false
    this.#chunk = chunk
    this.#count += chunk.length
    return true
  }

  /** The chunk is durable: what of it is not what is held now, the other side must be told. */
  merged(show: Show): void {
    for (const { key, record } of this.#chunk) {
      const held = show(key).record
      if (held === 'unreadable') continue
      const own = held ?? NO_RECORD
      if (equalBytes(own, record)) continue
      const ours = entryHashOf(key, own, this.#checksum)
      // Ours is of no use to anybody; theirs was no record, but ours may be what they need.
      if (ours === BROKEN) continue
      if (ours !== entryHashOf(key, record, this.#checksum)) this.#returns.push(key)
    }
    this.#chunk = []
  }

  /** Ends the row: keys of which the other side must be told. */
  takeReturns(): Uint8Array[] {
    const returns = this.#returns
    this.#returns = []
    this.#count = 0
    return returns
  }
}
