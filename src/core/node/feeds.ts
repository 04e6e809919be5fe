/**
 * What changes on this node in the buckets that somebody watches.
 *
 * A change is told when it is durable and never before: what is shown is not taken back
 * (decision 0012). So changes are taken from the batches of the store, which say what became
 * durable and in which order, whoever brought it: a client's write, another coordinator's, a hint,
 * a repair. Not from a move's batches: what a new owner pulls was news when its old owners took it.
 * And not from the reaper's: that a delete is forgotten is no news either.
 *
 * Nothing is kept of a bucket that nobody watches. Its feed begins with the first poll, and ends
 * when it was not polled for a while, so that a watcher that is away for some minutes finds all it
 * missed.
 *
 * A partition counts as told from the moment on at which this node has all of it. Whoever asks from
 * before is told that this is a hole, and asks others (`watching.ts`).
 */
import { assert } from '../std/assert.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import type { StoreOperation } from '../ports.ts'
import type { Checksum } from '../std/crc32.ts'
import { baseOf, NO_BASE } from '../versions/partition-clock.ts'
import { Feed } from './feed.ts'
import type { Host, StoreOwner } from './host.ts'
import type { LayoutKeeper } from './layout-keeper.ts'
import { clockPartitionOf, parseRecordKey } from './storage-keys.ts'
import type { WatchPage, WatchPoll } from './watch-messages.ts'
import { PAGE_BYTES_MAX } from './watch-messages.ts'

/** Buckets watched at once, over all watchers. */
export const FEEDS_MAX = 64
/** Polls that wait for a change: one of each watcher. */
export const POLLS_MAX = 16_384
/** Bytes of changes that are kept for watchers, over all buckets. */
export const FEED_BYTES_MAX: number = 32 * 1024 * 1024

/** How long a poll waits for a change; below what a link takes for a dead peer. */
const PATIENCE: Duration = duration(15_000)
/** How long a feed that nobody polls goes on. */
const IDLE: Duration = duration(600_000)
const LOOK_INTERVAL: Duration = duration(1_000)
/** How long a write is under way before its client gives up: the default of requests. */
const IN_FLIGHT: Duration = duration(5_000)
/** Feeds of one second of a node's life; a life begins above all numbers of the one before. */
const FEEDS_PER_SECOND_OF_LIFE = 2 ** 10

interface Watched {
  readonly feed: Feed
  /** Writes that this node took before the feed began have ended, or are given up. */
  readonly youngUntil: Instant
  polledAt: Instant
  // Since which number each partition is told. Bounded by: the partitions that this node holds.
  readonly since: Map<PartitionId, number>
  // Bounded by: POLLS_MAX over all buckets.
  waiting: Waiting[]
}

interface Waiting {
  readonly from: NodeId
  readonly poll: WatchPoll
  readonly until: Instant
}

export interface FeedsParts {
  readonly layout: LayoutKeeper
  readonly checksum: Checksum
  readonly generation: number
  /** Answers a poll of this node's own. */
  readonly own: (page: WatchPage) => void
}

export class Feeds {
  readonly #host: Host
  readonly #parts: FeedsParts
  // By bucket. Bounded by: FEEDS_MAX.
  readonly #watched = new Map<string, Watched>()
  #feeds = 0
  #waiting = 0
  #bytes = 0
  #isArmed = false

  constructor(host: Host, parts: FeedsParts) {
    this.#host = host
    this.#parts = parts
  }

  /** Whether anybody watches anything: asked with every batch. */
  get isWatched(): boolean {
    return this.#watched.size > 0
  }

  get bytes(): number {
    return this.#bytes
  }

  /** The batch is durable. */
  stored(owner: StoreOwner, operations: readonly StoreOperation[]): void {
    if (owner === 'receiver' || owner === 'reaping' || owner === 'drop') return
    const changed = new Set<Watched>()
    for (const operation of operations) {
      if (operation.type === 'clear') continue
      const name = parseRecordKey(operation.key)
      const watched = name && this.#watched.get(name.bucket)
      if (watched === undefined) continue
      const record = operation.type === 'put' ? operation.value : NO_BASE
      const base = this.#baseIn(operations, name!.partition)
      const change = { partition: name!.partition, key: operation.key, record, base }
      const before = watched.feed.bytes
      watched.feed.append(change, this.#host.wallMs)
      this.#bytes += watched.feed.bytes - before
      changed.add(watched)
    }
    if (changed.size === 0) return
    this.#makeRoom()
    for (const watched of changed) this.#answerAll(watched)
  }

  asked(from: NodeId, poll: WatchPoll): void {
    const watched = this.#watched.get(poll.bucket) ?? this.#begin(poll.bucket)
    if (watched === undefined || this.#waiting >= POLLS_MAX) return this.#refuse(from, poll)
    watched.polledAt = this.#host.now
    const isKnown = poll.feed === watched.feed.id
    if (poll.waits && isKnown && poll.after === watched.feed.last) {
      watched.waiting.push({ from, poll, until: later(this.#host.now, PATIENCE) })
      this.#waiting++
      return this.#arm()
    }
    this.#answer(from, poll, watched)
  }

  /** Who asked is gone. */
  peerLost(peer: NodeId): void {
    for (const watched of this.#watched.values())
      this.#keepWaiting(watched, (each) => each.from !== peer)
  }

  /** The layout is another one, or further on its way: this node may have more, or less. */
  replan(): void {
    for (const watched of this.#watched.values()) this.#gain(watched)
    this.#makeRoom()
  }

  onTimer(): void {
    this.#isArmed = false
    const { now } = this.#host
    for (const [bucket, watched] of this.#watched) {
      for (const { from, poll, until } of watched.waiting)
        if (until <= now) this.#answer(from, poll, watched)
      this.#keepWaiting(watched, ({ until }) => until > now)
      if (watched.waiting.length > 0 || later(watched.polledAt, IDLE) > now) continue
      this.#watched.delete(bucket)
      this.#bytes -= watched.feed.bytes
    }
    if (this.#watched.size > 0) this.#arm()
  }

  check(): void {
    let [bytes, waiting] = [0, 0]
    for (const watched of this.#watched.values()) {
      watched.feed.check()
      bytes += watched.feed.bytes
      waiting += watched.waiting.length
    }
    assert(bytes === this.#bytes, () => `${bytes} bytes of changes, ${this.#bytes} counted`)
    assert(waiting === this.#waiting, () => `${waiting} polls wait, ${this.#waiting} counted`)
    assert(bytes <= FEED_BYTES_MAX && waiting <= POLLS_MAX, 'feeds take too much')
    assert(this.#isArmed || this.#watched.size === 0, 'feeds wait for no timer')
  }

  #begin(bucket: string): Watched | undefined {
    if (this.#watched.size >= FEEDS_MAX) return undefined
    const id = this.#parts.generation * FEEDS_PER_SECOND_OF_LIFE + ++this.#feeds
    const watched: Watched = {
      ...{ feed: new Feed(id), youngUntil: later(this.#host.now, IN_FLIGHT) },
      ...{ polledAt: this.#host.now, since: new Map(), waiting: [] },
    }
    this.#watched.set(bucket, watched)
    for (const partition of this.#whole()) watched.since.set(partition, 0)
    this.#arm()
    return watched
  }

  /** Notes of which partitions this node has all by now, and tells those who wait. */
  #gain(watched: Watched): void {
    const { feed, since } = watched
    const whole = this.#whole()
    for (const partition of since.keys()) if (!whole.has(partition)) since.delete(partition)
    const gained = [...whole].filter((partition) => !since.has(partition))
    if (gained.length === 0) return
    const before = feed.bytes
    feed.skip(this.#host.wallMs)
    this.#bytes += feed.bytes - before
    for (const partition of gained) since.set(partition, feed.last)
    this.#answerAll(watched)
  }

  #whole(): Set<PartitionId> {
    const { layout } = this.#parts
    const { self } = this.#host
    return new Set(
      layout.held().filter((partition) => layout.placementOf(partition)!.readSet.includes(self)),
    )
  }

  /** What the clock in the same batch covers; a batch that changes records has it. */
  #baseIn(operations: readonly StoreOperation[], partition: PartitionId): Uint8Array {
    const { checksum } = this.#parts
    for (const operation of operations)
      if (operation.type === 'put' && clockPartitionOf(operation.key) === partition)
        return baseOf(operation.value, checksum) ?? NO_BASE
    return NO_BASE
  }

  /** The oldest changes of whoever has most of them go first. */
  #makeRoom(): void {
    while (this.#bytes > FEED_BYTES_MAX) {
      let largest: Feed | undefined
      for (const { feed } of this.#watched.values())
        if (feed.bytes > (largest?.bytes ?? -1)) largest = feed
      const before = largest!.bytes
      largest!.forgetOldest()
      this.#bytes -= before - largest!.bytes
    }
  }

  #answerAll(watched: Watched): void {
    const waiting = watched.waiting
    this.#keepWaiting(watched, () => false)
    for (const { from, poll } of waiting) this.#answer(from, poll, watched)
  }

  #answer(from: NodeId, { request, feed: asked, after }: WatchPoll, watched: Watched): void {
    const { feed, since } = watched
    const page = feed.after(after, PAGE_BYTES_MAX)
    const { wallMs } = this.#host
    const goesOn = asked === feed.id && page.isWhole
    const holes = this.#parts.layout
      .held()
      .filter((partition) => !goesOn || (since.get(partition) ?? Infinity) > after)
    this.#reply(from, {
      ...{ type: 'watch-page', request, feed: feed.id, holes },
      outcome: 'ok',
      top: feed.last,
      untilMs: goesOn ? Math.min(page.nextMs ?? wallMs, wallMs) : wallMs,
      young: watched.youngUntil > this.#host.now,
      // Who asks for another feed, or for what is gone, goes on from now.
      ...(goesOn ? { last: page.last, changes: page.changes } : { last: feed.last, changes: [] }),
    })
  }

  #refuse(from: NodeId, { request }: WatchPoll): void {
    const nothing = { feed: 0, last: 0, top: 0, untilMs: 0, young: false, holes: [], changes: [] }
    this.#reply(from, { type: 'watch-page', request, outcome: 'refused', ...nothing })
  }

  #reply(to: NodeId, page: WatchPage): void {
    if (to === this.#host.self) this.#parts.own(page)
    else this.#host.send(to, page)
  }

  #keepWaiting(watched: Watched, stays: (waiting: Waiting) => boolean): void {
    const { length } = watched.waiting
    watched.waiting = watched.waiting.filter(stays)
    this.#waiting -= length - watched.waiting.length
  }

  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    this.#host.arm({ owner: 'watching', what: 'feeds' }, later(this.#host.now, LOOK_INTERVAL))
  }
}
