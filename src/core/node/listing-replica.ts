/**
 * A replica's side of a listing: the next keys, in order, over many partitions of its store.
 *
 * The store keeps partitions apart, and a listing wants their keys merged. Reading all of them
 * would be a full scan for every page, so each partition gives a small page of its own, sized so
 * that together they cover the limit with some luck, and what is complete of their merge
 * (`frontier.ts`) is taken; the unlucky rest takes another round from there.
 *
 * A scan gives whole records, and a listing wants their keys. So a round is cut into as many scans
 * as keep the records of each within a bound, by the size of those last seen, and what has been
 * read is reduced to keys and summaries before the next. A scan that fails all the same is tried
 * with fewer partitions, then with fewer records, before the listing fails.
 */
import { assert, must } from '../std/assert.ts'
import type { Checksum } from '../std/crc32.ts'
import { ByteWriter } from '../std/bytes.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { ScanRange, StoreEntry } from '../ports.ts'
import { isCut } from '../ports.ts'
import { decodeBase } from '../versions/partition-clock.ts'
import { encodeContainer, decodeRecord } from '../versions/record.ts'
import { summarise } from '../versions/container.ts'
import { mergePages, successor } from './frontier.ts'
import type { Page } from './frontier.ts'
import type { Host } from './host.ts'
import type { ListEntry, ListReply, ListRequest } from './messages.ts'
import { bucketRange, parseRecordKey } from './storage-keys.ts'

/** Listings that this replica serves at once; more are refused. */
const SCANS_MAX = 64
/** What the records of one scan may come to, bytes, as far as that can be told before. */
const SCAN_BYTES = 4 * 1024 * 1024
/**
 * And whatever was told, when its partitions have used up their parts of this, each by a record at
 * most. Well above the other: what a round reads beyond its frontier is read once more.
 */
const SCAN_BYTES_MAX = 32 * 1024 * 1024
/**
 * A reply ends early at so many bytes: a page of siblings by the hundred must still fit a frame.
 */
const REPLY_BYTES_MAX = 4 * 1024 * 1024
/** Records are taken for so large, bytes, before any was seen. */
const RECORD_BYTES = 256

interface Listing {
  readonly request: ListRequest
  /** Of its partitions, as they were before anything was read. */
  readonly bases: readonly Uint8Array[]
  readonly done: (reply: ListReply) => void
  // Bounded by: the request's limit, and REPLY_BYTES_MAX.
  readonly entries: ListEntry[]
  bytes: number
  /** Where the next round begins (or, in reverse, ends). */
  from: Uint8Array
  to: Uint8Array
  /** Records wanted of each partition. */
  pageSize: number
  /** This round's pages, in order of the request's partitions. */
  pages: Page<Row>[]
  /** Of the scan under way: the next partitions behind those of the pages. */
  ranges: readonly ScanRange[]
}

/** A record, with its place in the bucket as its key. */
interface Row {
  readonly key: Uint8Array
  readonly full: Uint8Array
  readonly bytes: Uint8Array
  readonly base: Uint8Array
  /**
   * What the bytes are: the record, or what a listing tells of it, empty when it cannot be read.
   */
  readonly kind: 'record' | 'summary'
}

export class ListingReplica {
  readonly #host: Host
  readonly #checksum: Checksum
  readonly #shownBase: (partition: PartitionId) => Uint8Array | undefined
  readonly #unreadable: (key: Uint8Array) => void
  // Bounded by: SCANS_MAX.
  readonly #listings = new Map<number, Listing>()
  readonly #writer = new ByteWriter(256)
  #token = 0
  /**
   * What a record takes, as far as the last scans tell; larger ones are believed at once, smaller
   * ones slowly.
   */
  #recordBytes = RECORD_BYTES

  constructor(
    host: Host,
    options: {
      checksum: Checksum
      shownBase: (partition: PartitionId) => Uint8Array | undefined
      unreadable: (key: Uint8Array) => void
    },
  ) {
    this.#host = host
    this.#shownBase = options.shownBase
    this.#checksum = options.checksum
    this.#unreadable = options.unreadable
  }

  /** Lists for a peer. */
  answer(from: NodeId, request: ListRequest): void {
    this.list(request, (reply) => this.#host.send(from, reply))
  }

  /** Lists, and hands the reply to `done` exactly once. */
  list(request: ListRequest, done: (reply: ListReply) => void): void {
    if (request.partitions.length === 0) return done(replyOf(request, 'ok', [], false, []))
    const { partitions, limit, from, to } = request
    const bases: Uint8Array[] = []
    for (const partition of partitions) {
      const base = this.#shownBase(partition)
      if (base !== undefined) bases.push(base)
    }
    // One of which nobody may be shown anything would be listed as empty.
    if (bases.length < partitions.length || this.#listings.size >= SCANS_MAX)
      return done(replyOf(request, 'store-failed', [], false, []))
    const pageSize = Math.ceil((1.5 * limit) / partitions.length) + 8
    const nothing = { entries: [], bytes: 0, pages: [], ranges: [] }
    this.#scan(
      ++this.#token,
      { request, bases, done, from, to, pageSize, ...nothing },
      partitions.length,
    )
  }

  scanned(token: number, found: readonly (readonly StoreEntry[])[]): void {
    const listing = this.#take(token)
    if (listing === undefined) return
    const { request, pages, ranges, bases } = listing
    this.#measure(found)
    const isWhole = ranges.length === request.partitions.length
    for (const [i, range] of ranges.entries()) {
      const records = found[i]!
      const base = bases[pages.length]!
      const rows = records.map((record) => toRow(record, base))
      pages.push({
        entries: isWhole ? rows : rows.map((row) => this.#reduce(row)),
        more: isCut(range, records),
      })
    }
    if (pages.length < request.partitions.length) this.#scan(token, listing, ranges.length)
    else this.#merge(token, listing)
  }

  scanFailed(token: number): void {
    const listing = this.#take(token)
    if (listing === undefined) return
    if (listing.ranges.length === 1) {
      if (listing.pageSize === 1)
        return listing.done(replyOf(listing.request, 'store-failed', [], false, []))
      listing.pageSize >>= 1
    }
    this.#scan(token, listing, 1)
  }

  check(): void {
    assert(this.#listings.size <= SCANS_MAX, () => `${this.#listings.size} listings`)
  }

  /** The round is read: takes what is complete of it. */
  #merge(token: number, listing: Listing): void {
    const { request, entries } = listing
    const { entries: rows, frontier } = mergePages(listing.pages, request.reverse)
    listing.pages = []
    let taken = 0
    while (taken < rows.length && !isFull(listing)) this.#add(listing, rows[taken++]!)
    if (isFull(listing) || frontier === undefined) {
      const more = taken < rows.length || frontier !== undefined
      return listing.done(replyOf(request, 'ok', entries, more, listing.bases))
    }
    if (request.reverse) listing.to = frontier
    else listing.from = successor(frontier)
    // A round that gave little is followed by a larger one, so that the number of rounds stays
    // small.
    listing.pageSize = Math.min(listing.pageSize * 2, request.limit + 1)
    this.#scan(token, listing, request.partitions.length)
  }

  /**
   * Reads on in the round: as many partitions as their records may come to, `most` of them at most.
   */
  #scan(token: number, listing: Listing, most: number): void {
    const { request, pages, pageSize, from, to } = listing
    const affordable = Math.floor(SCAN_BYTES / (pageSize * this.#recordBytes))
    const span = Math.max(1, Math.min(affordable, most, request.partitions.length - pages.length))
    const bytesMax = Math.ceil(SCAN_BYTES_MAX / span)
    listing.ranges = request.partitions
      .slice(pages.length, pages.length + span)
      .map((partition) => ({
        ...bucketRange(partition, request.bucket, from, to),
        ...{ limit: pageSize, bytesMax, reverse: request.reverse },
      }))
    this.#listings.set(token, listing)
    this.#host.scan('listing', token, listing.ranges)
  }

  #measure(found: readonly (readonly StoreEntry[])[]): void {
    let records = 0
    let bytes = 0
    for (const entries of found)
      for (const { key, value } of entries) {
        records++
        bytes += key.length + value.length
      }
    const mean = Math.max(RECORD_BYTES, records === 0 ? 0 : bytes / records)
    this.#recordBytes = Math.max(mean, (this.#recordBytes + mean) / 2)
  }

  #add(listing: Listing, row: Row): void {
    const { key, bytes: summary } = row.kind === 'summary' ? row : this.#reduce(row)
    if (summary.length === 0) return
    listing.entries.push({ key, summary })
    listing.bytes += key.length + summary.length
  }

  #reduce({ key, full, bytes: record, base }: Row): Row {
    const container = decodeRecord(record, this.#checksum, decodeBase(base))
    this.#writer.reset()
    // Another replica of the partition lists it; this one is told to mend it.
    if (container === 'corrupt' || container === 'unsupported') this.#unreadable(full)
    else encodeContainer(this.#writer, summarise(container))
    return { key, full, bytes: this.#writer.take(), base, kind: 'summary' }
  }

  #take(token: number): Listing | undefined {
    const listing = this.#listings.get(token)
    this.#listings.delete(token)
    return listing
  }
}

function isFull({ entries, bytes, request }: Listing): boolean {
  return entries.length >= request.limit || bytes >= REPLY_BYTES_MAX
}

function toRow({ key: full, value }: StoreEntry, base: Uint8Array): Row {
  const parsed = must(parseRecordKey(full), 'a record key within a record range')
  return { key: parsed.listing, full, bytes: value, base, kind: 'record' }
}

function replyOf(
  { request }: ListRequest,
  outcome: ListReply['outcome'],
  entries: readonly ListEntry[],
  more: boolean,
  bases: readonly Uint8Array[],
): ListReply {
  return { type: 'list-reply', request, outcome, entries, more, bases }
}
