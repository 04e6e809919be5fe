/**
 * The giving side of a transfer: an old owner reads a partition out to a new one, a chunk for each
 * request.
 *
 * It keeps nothing between two requests. The receiver names the last key that it has, so a restart
 * of either side, a lost connection or a repeated request needs no thought here: the next chunk
 * begins behind that key, whoever asks.
 *
 * Serving is also a promise: this node has adopted the layout for which the data moves. From then
 * on it refuses writes of older layouts, so what it acknowledged before is in what it reads out,
 * and what comes later goes to the new owner as well. Hence a request for any other layout than
 * ours is not served; the one who is behind hears of the newer layout and asks again.
 *
 * A scan has the bounds of a chunk, but includes the record that reaches them: where that is one
 * too many it waits for the next chunk.
 *
 * Each record is checked before it goes, for who takes it over is about to be the one who has it:
 * one that broke here is told of, to be mended from the others, and sent all the same. The receiver
 * finds it broken too, and does not take over our clock, which claims it.
 *
 * The first and the last chunk of a partition say as well what proves, in most cases, that nothing
 * is missing between them (`transfer-proof.ts`).
 *
 * Invariants: at most SCANS_MAX scans in flight; a chunk has at least one record unless the
 * partition is done.
 */
import { assert } from '../std/assert.ts'
import { compareBytes, concatBytes, equalBytes } from '../std/bytes.ts'
import type { Effects } from '../std/effects.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { ScanRange, StoreEntry } from '../ports.ts'
import { isCut } from '../ports.ts'
import { NO_BASE } from '../versions/partition-clock.ts'
import type { TransferChunk, TransferRequest } from './messages.ts'
import { TRANSFER_CHUNK_BYTES_MAX, TRANSFER_CHUNK_RECORDS_MAX } from './messages.ts'
import type { PartitionSize } from './partition-size.ts'

export type TransferSourceEvent =
  | {
      readonly type: 'request'
      readonly from: NodeId
      readonly message: TransferRequest
      /** The layout that this node has adopted, durably. */
      readonly layoutVersion: number
      /** Whether this node holds the partition, under the current layout or the previous one. */
      readonly replica: boolean
      /** Of its partition clock, durable; undefined: nobody may be shown anything of it. */
      readonly base: Uint8Array | undefined
      /** That clock; empty when nobody may take it over. */
      readonly clock: Uint8Array
    }
  | {
      readonly type: 'scanned'
      readonly token: number
      readonly entries: readonly StoreEntry[]
    }
  | { readonly type: 'scan-failed'; readonly token: number }

/**
 * Each request is answered by one chunk: at once, or in the step that is told how its scan ended.
 */
export type TransferSourceEffect =
  | { readonly type: 'scan'; readonly token: number; readonly range: ScanRange }
  | { readonly type: 'send'; readonly to: NodeId; readonly message: TransferChunk }
  /** The record does not read as it was written. */
  | { readonly type: 'unreadable'; readonly key: Uint8Array }

export interface TransferSourceOptions {
  /** Where a partition's records begin and end in the store. */
  readonly rangeOf: (partition: PartitionId) => {
    readonly from: Uint8Array
    readonly to: Uint8Array
  }
  /** Whether a record reads as it was written. */
  readonly isIntact: (record: Uint8Array) => boolean
  /** About how much this node holds of a partition, if that is known. */
  readonly sizeOf: (partition: PartitionId) => PartitionSize | undefined
  /**
   * Of its hash tree; `settled`: only if the tree tells of nothing but what is durable. undefined:
   * there is none.
   */
  readonly rootOf: (partition: PartitionId, settled: boolean) => Uint8Array | undefined
  /** 1 … TRANSFER_CHUNK_RECORDS_MAX, which it is if nobody says otherwise. */
  readonly chunkRecordsMax?: number
}

/** Beyond it a request is refused; the receiver asks again later. */
export const SCANS_MAX = 32

const NO_CLOCK = new Uint8Array(0)

type TransferWords = Pick<TransferChunk, 'size' | 'root'>

interface Scan {
  readonly to: NodeId
  readonly request: number
  readonly partition: PartitionId
  /** Whether it begins the partition. */
  readonly isFirst: boolean
  readonly range: ScanRange
  /** As of before the scan, when it begins the partition. */
  readonly root: Uint8Array | undefined
  /** Taken before the scan: a younger one would claim what its records do not show. */
  readonly base: Uint8Array
  readonly clock: Uint8Array
}

export class TransferSource {
  readonly #options: TransferSourceOptions
  readonly #chunkRecordsMax: number
  // Bounded by: SCANS_MAX.
  readonly #scans = new Map<number, Scan>()
  #token = 0

  constructor(options: TransferSourceOptions) {
    this.#options = options
    this.#chunkRecordsMax = options.chunkRecordsMax ?? TRANSFER_CHUNK_RECORDS_MAX
  }

  step(event: TransferSourceEvent, effects: Effects<TransferSourceEffect>): void {
    switch (event.type) {
      case 'request':
        return this.#onRequest(event, effects)
      case 'scanned':
        return this.#onScanned(event.token, event.entries, effects)
      case 'scan-failed':
        return this.#onScanFailed(event.token, effects)
    }
  }

  check(): void {
    assert(this.#scans.size <= SCANS_MAX, () => `${this.#scans.size} scans in flight`)
  }

  #onRequest(
    event: Extract<TransferSourceEvent, { type: 'request' }>,
    effects: Effects<TransferSourceEffect>,
  ): void {
    const { from: to, message } = event
    const { request, after } = message
    if (message.layoutVersion !== event.layoutVersion)
      return refuse(to, request, 'stale-layout', effects)
    if (!event.replica) return refuse(to, request, 'not-replica', effects)
    const { partition } = message
    const range = this.#options.rangeOf(partition)
    // The least key behind `after`. It is a peer's word: outside of the partition it must not open
    // other keys.
    const next = after.length === 0 ? range.from : concatBytes(after, Uint8Array.of(0))
    const from = compareBytes(next, range.from) < 0 ? range.from : next
    if (compareBytes(from, range.to) >= 0) {
      const message = answer(request, 'ok', [], NO_BASE, NO_CLOCK, true)
      return void effects.push({ type: 'send', to, message })
    }
    const { base } = event
    const isFirst = after.length === 0
    const clock = isFirst ? event.clock : NO_CLOCK
    const root = isFirst ? this.#options.rootOf(partition, true) : undefined
    if (base === undefined || this.#scans.size >= SCANS_MAX)
      return refuse(to, request, 'store-failed', effects)
    const token = ++this.#token
    const scanned: ScanRange = {
      ...{ from, to: range.to, reverse: false },
      ...{ limit: this.#chunkRecordsMax, bytesMax: TRANSFER_CHUNK_BYTES_MAX },
    }
    this.#scans.set(token, { to, request, partition, isFirst, range: scanned, root, base, clock })
    effects.push({ type: 'scan', token, range: scanned })
  }

  #onScanned(
    token: number,
    found: readonly StoreEntry[],
    effects: Effects<TransferSourceEffect>,
  ): void {
    const scan = this.#scans.get(token)
    if (scan === undefined) return
    this.#scans.delete(token)
    const entries: { key: Uint8Array; record: Uint8Array }[] = []
    let bytes = 0
    for (const { key, value } of found) {
      bytes += key.length + value.length
      if (entries.length > 0 && bytes > TRANSFER_CHUNK_BYTES_MAX) break
      if (!this.#options.isIntact(value)) effects.push({ type: 'unreadable', key })
      entries.push({ key, record: value })
    }
    const done = entries.length === found.length && !isCut(scan.range, found)
    const message = answer(scan.request, 'ok', entries, scan.base, scan.clock, done)
    effects.push({ type: 'send', to: scan.to, message: { ...message, ...this.#words(scan, done) } })
  }

  /** What a chunk says of its partition besides the records. */
  #words({ partition, isFirst, root: first }: Scan, done: boolean): TransferWords {
    const { sizeOf, rootOf } = this.#options
    const size = isFirst ? sizeOf(partition) : undefined
    const last = done ? rootOf(partition, false) : undefined
    // One that begins and ends the partition has one root to give, which must be both.
    const isSame = first !== undefined && last !== undefined && equalBytes(first, last)
    const root = isFirst && done ? (isSame ? first : undefined) : (first ?? last)
    return { ...(size && { size }), ...(root && { root }) }
  }

  #onScanFailed(token: number, effects: Effects<TransferSourceEffect>): void {
    const scan = this.#scans.get(token)
    if (scan === undefined) return
    this.#scans.delete(token)
    refuse(scan.to, scan.request, 'store-failed', effects)
  }
}

function refuse(
  to: NodeId,
  request: number,
  outcome: TransferChunk['outcome'],
  effects: Effects<TransferSourceEffect>,
): void {
  effects.push({
    type: 'send',
    to,
    message: answer(request, outcome, [], NO_BASE, NO_CLOCK, false),
  })
}

function answer(
  request: number,
  outcome: TransferChunk['outcome'],
  entries: TransferChunk['entries'],
  base: Uint8Array,
  clock: Uint8Array,
  done: boolean,
): TransferChunk {
  return { type: 'transfer-chunk', request, outcome, entries, base, clock, done }
}
