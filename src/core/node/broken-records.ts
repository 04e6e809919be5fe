/**
 * Records of ours that cannot be read. Two things must happen when one is met.
 *
 * It must be mended: all its replicas are read, and read repair does the rest (V9).
 *
 * And somebody new must draw the dots. What the record held may include dots of ours that another
 * replica still has; the next vector that we wrote for the key under our old vnode id would cover
 * them unseen, and they would be dropped everywhere (V1). Once is enough: nobody coordinates on a
 * broken record, so the new id has drawn nothing for the key when the same damage is met again, as
 * it is by every read until it is mended. A new id each time would grow the vectors of the
 * partition without end.
 *
 * And the partition's clock is in doubt: it says that what the record held was seen here. What
 * mends the record is therefore not filled with it, and nobody takes it over, until the partition
 * was compared with all its other replicas (`node/holdings.ts`).
 */
import { assert } from '../std/assert.ts'
import { bytesToBinary } from '../std/bytes.ts'
import type { Effects } from '../std/effects.ts'
import type { PartitionId } from '../std/ids.ts'
import { duration, later } from '../std/instant.ts'
import type { ReadEffect, Reads } from '../coordinator/reads.ts'
import type { Actors } from './actors.ts'
import type { LocalHoldings } from './holdings.ts'
import type { Host } from './host.ts'
import type { LayoutKeeper } from './layout-keeper.ts'
import type { Origin } from './requests.ts'
import { parseRecordKey } from './storage-keys.ts'

/** Reads for a repair under way at once; more wait for the next time that the record is met. */
const REPAIRS_MAX = 256
/** Records remembered as broken; beyond it all are forgotten, at the price of a new id each. */
const KNOWN_MAX = 4096

export interface BrokenRecordsParts {
  readonly layout: LayoutKeeper
  readonly actors: Actors
  readonly holdings: LocalHoldings
  readonly reads: Reads<Origin>
  readonly readEffects: Effects<ReadEffect<Origin>>
  readonly timeoutMs: number
  /** A record of the partition is not what it was, and nobody knew. */
  readonly doubted: (partition: PartitionId) => void
}

export class BrokenRecords {
  readonly #host: Host
  readonly #parts: BrokenRecordsParts
  // Found broken, and not written here since. Bounded by: KNOWN_MAX.
  readonly #known = new Set<string>()
  // Bounded by: REPAIRS_MAX.
  readonly #repairing = new Set<string>()

  constructor(host: Host, parts: BrokenRecordsParts) {
    this.#host = host
    this.#parts = parts
  }

  /** The record at `key` cannot be read, here or where it came from. */
  found(key: Uint8Array): void {
    this.#host.note({ type: 'unreadable', key })
    const parsed = parseRecordKey(key)
    if (parsed === undefined) return
    const name = bytesToBinary(key)
    if (!this.#known.has(name)) {
      if (this.#known.size >= KNOWN_MAX) this.#known.clear()
      this.#known.add(name)
      this.#parts.actors.renew(parsed.partition)
      const doubt = this.#parts.holdings.doubt(parsed.partition)
      if (doubt !== undefined) this.#host.store('holdings', 0, [doubt])
      this.#parts.doubted(parsed.partition)
    }
    const { layout, reads, readEffects, timeoutMs } = this.#parts
    const placement = layout.placementOf(parsed.partition)
    if (placement === undefined) return
    if (this.#repairing.has(name) || this.#repairing.size >= REPAIRS_MAX) return
    const n = placement.readSet.length
    const up = placement.readSet.filter((node) => this.#host.isUp(node))
    // Our own copy is the one that gives no answer.
    const r = up.length - (up.includes(this.#host.self) ? 1 : 0)
    if (r === 0) return
    this.#repairing.add(name)
    const deadline = later(this.#host.now, duration(timeoutMs))
    const origin: Origin = { kind: 'repair', key: name }
    const start = { type: 'start' as const, origin, key, placement, n, r, deadline }
    reads.step(start, this.#host.now, readEffects)
  }

  /** The read for a repair has ended. */
  repaired(name: string): void {
    this.#repairing.delete(name)
  }

  /**
   * A dot is drawn for the key: were its record to break again, the one who drew it would be known
   * by it.
   */
  drew(key: Uint8Array): void {
    if (this.#known.size > 0) this.#known.delete(bytesToBinary(key))
  }

  check(): void {
    assert(this.#known.size <= KNOWN_MAX, () => `${this.#known.size} broken records`)
    assert(this.#repairing.size <= REPAIRS_MAX, () => `${this.#repairing.size} repairs`)
  }
}
