/**
 * What both sides of one exchange have in common: its terms, the rows of records in both
 * directions, and the account of what was found. `exchange.ts` says what it is all about.
 */
import { bytesToBinary } from '../std/bytes.ts'
import type { Checksum } from '../std/crc32.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { ScanRange, StoreEntry } from '../ports.ts'
import { baseOf, decodePartitionClock } from '../versions/partition-clock.ts'
import type { PartitionClock } from '../versions/partition-clock.ts'
import { decodeRecord } from '../versions/record.ts'
import type { Dot, Version } from '../versions/version.ts'
import type { ExchangeDone, ExchangesOptions } from './exchange.ts'
import type {
  ExchangeFacts,
  ExchangeFinish,
  ExchangeMessage,
  ExchangeRecords,
  ExchangeSide,
} from './exchange-messages.ts'
import { LIST_ENTRIES_MAX } from './exchange-messages.ts'
import { isDifference } from './exchange-difference.ts'
import type { Chunk, KeyRecord } from './exchange-records.ts'
import { IncomingRow, OutgoingRow } from './exchange-records.ts'

/** Keys that one page may turn up on the responder's side; the rest comes with the next page. */
export const DIFFERING_MAX = 4096
/** Records of one row, whichever way; a peer that sends more is not believed. */
const ROW_RECORDS_MAX: number = DIFFERING_MAX + 2 * LIST_ENTRIES_MAX

/** Rows in which late keys are shown before an exchange is finished; then it is not complete. */
export const LATE_ROWS_MAX = 4
/** Late keys of one row; beyond it the exchange is not complete. */
const LATE_KEYS_MAX = 1024

/** How a session acts on the world. One scan or merge is in flight at a time. */
export interface Act {
  send(message: ExchangeMessage): void
  scan(range: ScanRange): void
  merge(records: readonly KeyRecord[], base: Uint8Array): void
  unreadable(key: Uint8Array): void
  /** The session's last. */
  end(outcome: ExchangeDone['outcome']): void
}

export interface Session {
  readonly talk: Talk
  /** Whether it waits for the peer, and not for a scan or a merge. */
  readonly waitsForPeer: boolean
  onMessage(message: ExchangeMessage, act: Act): void
  onScanned(entries: readonly StoreEntry[], act: Act): void
  onMerged(act: Act): void
  check(): void
}

export interface Terms {
  readonly exchange: number
  readonly peer: NodeId
  readonly partition: PartitionId
  readonly side: ExchangeSide
  /** Whether all of the partition is compared and mended, and not a range only. */
  readonly isWhole: boolean
  /** Storage keys: nothing outside of [from, to) is shown or taken. */
  readonly from: Uint8Array
  readonly to: Uint8Array
}

const NOTHING = new Uint8Array(0)

export class Talk {
  readonly terms: Terms
  readonly #options: ExchangesOptions
  readonly #ours: ExchangeFacts
  /** Whether what we hold may be shown: not without a clock that says what it supersedes. */
  readonly #mayShow: boolean
  #theirs: ExchangeFacts | undefined
  #theirClock: PartitionClock | undefined
  // What arrived here by other ways since the beginning, and which their clock covers; before that
  // is known, all. Bounded by: LATE_KEYS_MAX.
  readonly #late = new Map<string, { readonly key: Uint8Array; readonly dots: readonly Dot[] }>()
  #hasTooManyLate = false
  /** Not all that we hold could be shown. */
  isFlawed: boolean
  /** Not all that they hold could be taken. */
  #hasRefused = false
  /** Keys that differed, as the initiator counts them. */
  found = 0
  sent = 0
  received = 0
  #outgoing = new OutgoingRow([])
  readonly #incoming: IncomingRow
  #more = false

  constructor(terms: Terms, ours: ExchangeFacts, options: ExchangesOptions) {
    this.terms = terms
    this.#options = options
    this.#ours = ours
    this.#mayShow = ours.clock.length === 0 || baseOf(ours.clock, options.checksum) !== undefined
    this.isFlawed = !this.#mayShow
    this.#incoming = new IncomingRow(options.checksum)
  }

  get theirs(): ExchangeFacts | undefined {
    return this.#theirs
  }

  /** What they said of themselves at the beginning. */
  begin(theirs: ExchangeFacts): void {
    this.#theirs = theirs
    this.#theirClock = decodePartitionClock(theirs.clock, this.#options.checksum)
    for (const [name, { dots }] of this.#late) if (!this.#isTold(dots)) this.#late.delete(name)
  }

  /** These versions of a key came here, and not from the peer. */
  arrived(key: Uint8Array, dots: readonly Dot[]): void {
    if (this.#theirs !== undefined && !this.#isTold(dots)) return
    if (this.#late.size >= LATE_KEYS_MAX) this.#hasTooManyLate = true
    else this.#late.set(bytesToBinary(key), { key, dots })
  }

  /** Keys of which the peer must hear before its clock is taken over. */
  takeLate(): Uint8Array[] {
    const keys = [...this.#late.values()].map(({ key }) => key)
    this.#late.clear()
    return keys
  }

  /** Sends the first chunk of a row; whether that was all of it. */
  sendRow(
    keys: readonly Uint8Array[],
    act: Act,
    missing: Uint8Array = NOTHING,
    upTo: Uint8Array = NOTHING,
  ): boolean {
    this.#outgoing = new OutgoingRow(this.#mayShow ? keys : [])
    return this.sendChunk(act, missing, upTo)
  }

  /** Sends the next chunk of the row; whether it was the last. */
  sendChunk(act: Act, missing: Uint8Array = NOTHING, upTo: Uint8Array = NOTHING): boolean {
    const { exchange, side } = this.terms
    const chunk: Chunk = this.#outgoing.chunk(this.#show)
    const { records, base, more } = chunk
    for (const key of chunk.unreadable) this.meetUnreadable(key, act)
    this.sent += records.length
    const ends = more ? { missing: NOTHING, upTo: NOTHING } : { missing, upTo }
    act.send({ type: 'exchange-records', exchange, side, records, base, more, ...ends })
    return !more
  }

  meetUnreadable(key: Uint8Array, act: Act): void {
    this.isFlawed = true
    act.unreadable(key)
  }

  /** Takes a chunk: to be merged, or nothing in it. `refused`: no peer says such a thing. */
  receive(message: ExchangeRecords, act: Act): 'merging' | 'empty' | 'refused' {
    const { records, base, more } = message
    const { from, to } = this.terms
    // Without end, a row would keep both sides busy and the memory of this one growing.
    if (more && records.length === 0) return 'refused'
    if (!this.#incoming.take(records, from, to)) return 'refused'
    if (this.#incoming.count > ROW_RECORDS_MAX) return 'refused'
    this.#more = more
    this.received += records.length
    if (records.length === 0) return 'empty'
    act.merge(records, base)
    return 'merging'
  }

  /** Counts those of their records that differ from ours, before they are merged. */
  count(records: readonly KeyRecord[]): void {
    if (records.length === 0) return
    const { checksum } = this.#options
    const clock = decodePartitionClock(this.#ours.clock, checksum)
    const nowMs = this.#ours.wallMs
    for (const { key, record } of records) {
      const held = this.#show(key).record
      const ours = held === 'unreadable' ? undefined : versionsOf(held ?? NOTHING, checksum)
      const theirs = versionsOf(record, checksum)
      const isCounted =
        ours === undefined ||
        theirs === undefined ||
        isDifference(
          { versions: ours, clock },
          { versions: theirs, clock: this.#theirClock },
          nowMs,
        )
      if (isCounted) this.found++
    }
  }

  refuse(records: number): void {
    if (records > 0) this.#hasRefused = true
  }

  /**
   * The chunk is durable. Asks for the next one; or, of a row that is over, gives the keys of which
   * the peer must be told.
   */
  merged(act: Act): Uint8Array[] | undefined {
    const { exchange, side } = this.terms
    this.#incoming.merged(this.#show)
    if (!this.#more) return this.#incoming.takeReturns()
    act.send({ type: 'exchange-next', exchange, side })
    return undefined
  }

  sendFinish(act: Act): void {
    const { exchange, side } = this.terms
    const outcome = this.isFlawed ? 'flawed' : 'whole'
    const found = side === 'initiator' ? this.found : 0
    act.send({ type: 'exchange-finish', exchange, side, outcome, found })
  }

  /** What it came to, given how the peer ended. */
  outcomeOf(finish: ExchangeFinish): ExchangeDone['outcome'] {
    if (finish.outcome === 'failed') return 'failed'
    const isComplete = finish.outcome === 'whole' && !this.#hasRefused && this.terms.isWhole
    return isComplete && !this.hasLate ? 'complete' : 'partial'
  }

  /** Whether something arrived that their clock would cover and of which they have not heard. */
  get hasLate(): boolean {
    return this.#hasTooManyLate || this.#late.size > 0
  }

  #isTold(dots: readonly Dot[]): boolean {
    const clock = this.#theirClock
    return clock !== undefined && dots.some((dot) => clock.covers(dot))
  }

  readonly #show = (key: Uint8Array): ReturnType<ExchangesOptions['shown']> =>
    this.#options.shown(this.terms.partition, key)
}

/** undefined: it does not read as it was written. */
function versionsOf(record: Uint8Array, checksum: Checksum): readonly Version[] | undefined {
  if (record.length === 0) return []
  const container = decodeRecord(record, checksum)
  return typeof container === 'string' ? undefined : container.versions
}

/** Gives up, and tells the peer. */
export function abandon({ terms: { exchange, side } }: Talk, act: Act): void {
  act.send({ type: 'exchange-finish', exchange, side, outcome: 'failed', found: 0 })
  act.end('failed')
}
