/**
 * What has changed in one bucket on one node, in the order in which it became durable there, each
 * change with a number: the last of it, for those who watch.
 *
 * Whoever watches asks for what came after a number, and has missed nothing if the feed still has
 * it all: a connection that breaks for a moment, or a watcher that is slow for one, costs nothing.
 * A change is kept as the record was then, not as a name to be looked up later: of two changes of a
 * key each is seen.
 *
 * It is memory only. With the process it is gone, and its successor is another feed; that all
 * changes are on other replicas too is what makes this harmless (`watching.ts`).
 */
import { assert } from '../std/assert.ts'
import type { PartitionId } from '../std/ids.ts'

/** A record as it was after a change. */
export interface FeedChange {
  readonly partition: PartitionId
  /** Its storage key. */
  readonly key: Uint8Array
  /** Empty: there is none any more. */
  readonly record: Uint8Array
  /** What the partition's clock covered with it. */
  readonly base: Uint8Array
}

export interface FeedPage {
  readonly changes: readonly FeedChange[]
  /** Number of the last of them, or that asked for when there are none. */
  readonly last: number
  /** When the change after it came, by the wall clock; undefined: there is none. */
  readonly nextMs: number | undefined
  /** Whether all that came after the number asked for is there still. */
  readonly isWhole: boolean
}

const NOTHING = new Uint8Array(0)
const NO_CHANGE: FeedChange = {
  ...{ partition: 0 as PartitionId, key: NOTHING, record: NOTHING, base: NOTHING },
}

/** What a change takes beside its bytes: objects and their places. */
const OVERHEAD_BYTES = 200
/** Places of changes that are gone are given back when there are so many. */
const COMPACT_AFTER = 1_024

export class Feed {
  /** Never that of another feed of this node, in no life of it. */
  readonly id: number
  // Bounded by: the bytes that all feeds of the node may take, which `feeds.ts` sees to.
  #changes: FeedChange[] = []
  // When each came, by the wall clock; never less than the one before. As many as changes.
  #cameMs: number[] = []
  // Place of the oldest one.
  #head = 0
  // Number of the newest one; the first has 1.
  #last = 0
  #bytes = 0

  constructor(id: number) {
    this.id = id
  }

  get last(): number {
    return this.#last
  }

  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#changes.length - this.#head
  }

  append(change: FeedChange, wallMs: number): void {
    this.#changes.push(change)
    this.#cameMs.push(Math.max(wallMs, this.#cameMs.at(-1) ?? 0))
    this.#last++
    this.#bytes += bytesOf(change)
  }

  /**
   * A number without a change: there is now more here than changes have brought, so whoever stands
   * before this number may have passed over something.
   */
  skip(wallMs: number): void {
    this.append(NO_CHANGE, wallMs)
  }

  /** The oldest change is forgotten, if there is one. */
  forgetOldest(): void {
    const oldest = this.#changes[this.#head]
    if (oldest === undefined) return
    this.#bytes -= bytesOf(oldest)
    this.#head++
    if (this.#head < COMPACT_AFTER || this.#head * 2 < this.#changes.length) return
    this.#changes = this.#changes.slice(this.#head)
    this.#cameMs = this.#cameMs.slice(this.#head)
    this.#head = 0
  }

  /** What came after number `after`: about `bytesMax` bytes, one change at least if any. */
  after(after: number, bytesMax: number): FeedPage {
    const oldest = this.#last - this.size + 1
    const isWhole = after >= oldest - 1 && after <= this.#last
    const from = this.#head + (isWhole ? after - oldest + 1 : 0)
    let to = from
    for (let bytes = 0; to < this.#changes.length && (to === from || bytes < bytesMax); to++)
      bytes += bytesOf(this.#changes[to]!)
    const changes = this.#changes.slice(from, to).filter((change) => change !== NO_CHANGE)
    const last = this.#last - (this.#changes.length - to)
    return { changes, last, nextMs: this.#cameMs[to], isWhole }
  }

  check(): void {
    let bytes = 0
    for (let i = this.#head; i < this.#changes.length; i++) bytes += bytesOf(this.#changes[i]!)
    assert(bytes === this.#bytes, () => `${bytes} bytes of changes, ${this.#bytes} counted`)
    assert(this.size <= this.#last, () => `${this.size} changes of ${this.#last}`)
  }
}

function bytesOf({ key, record, base }: FeedChange): number {
  return key.length + record.length + base.length + OVERHEAD_BYTES
}
