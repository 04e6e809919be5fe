/**
 * The watchers that this node serves: what clients ask for them, and what nodes answer.
 *
 * A client opens a watcher and asks for what is next, again and again; it is answered when there is
 * something, or after a while with nothing, each time with a token: its place with every node. With
 * the token it opens another watcher where this one stood, on this node or on any other.
 *
 * The core keeps no connection: a client that does not ask for the next is forgotten, and the
 * changes that wait for it with it.
 */
import { assert, must } from '../std/assert.ts'
import { ByteReader, ByteWriter, bytesToBinary, fromHex, toHex } from '../std/bytes.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import { NODES_MAX } from '../std/limits.ts'
import { bucketNameProblem } from './buckets.ts'
import type { BucketRegistry } from './bucket-registry.ts'
import { quorumSets } from '../coordinator/quorum.ts'
import type { LocalHoldings } from './holdings.ts'
import type { Feeds } from './feeds.ts'
import type { Host } from './host.ts'
import type { LayoutKeeper } from './layout-keeper.ts'
import { nodesOf } from '../placement/layout-state.ts'
import { contextOf } from '../versions/container.ts'
import { shownVersions } from '../versions/expiry.ts'
import { listingKey, listingPrefix, parseListingKey, parseRecordKey } from './storage-keys.ts'
import type { WatchAsk, WatchedKey, WatchRead, WatchResult } from './watch-asks.ts'
import { watchFailure } from './watch-asks.ts'
import type { WatchPage, WatchPoll } from './watch-messages.ts'
import type { Place, WatchedChange } from './watcher.ts'
import { Watcher } from './watcher.ts'

/** Watchers that this node serves. */
export const WATCHERS_MAX = 1_024
/** How long a client that asks for the next is left without an answer. */
const PATIENCE: Duration = duration(15_000)
/** How long a watcher that nobody asks for the next is kept. */
const IDLE: Duration = duration(60_000)
const LOOK_INTERVAL: Duration = duration(500)
/** How long a node may take to answer: longer than it waits for a change. */
const POLL_PATIENCE: Duration = duration(20_000)
const NODE_ID_BYTES = 8
const TOKEN_FORMAT = 1

interface Poll {
  readonly watcher: number
  readonly node: NodeId
  readonly waits: boolean
  readonly until: Instant
}

interface Entry {
  readonly watcher: Watcher
  askedAt: Instant
  /** Who asks for the next, and how long it waits. */
  client: { readonly client: number; readonly until: Instant } | undefined
}

export interface WatchingParts {
  readonly layout: LayoutKeeper
  readonly buckets: BucketRegistry
  readonly holdings: Pick<LocalHoldings, 'decode'>
  readonly isReady: () => boolean
  /** Whether all members understand what a watcher asks of them. */
  readonly isSpoken: () => boolean
  /** By how much wall clocks differ at the most. */
  readonly skewMs: number
  /** As of reads: what has expired by then is not shown. */
  readonly latestMs: () => number
  /** This node's own, which are asked as those of the others are. */
  readonly feeds: Pick<Feeds, 'asked' | 'onTimer' | 'peerLost' | 'replan'>
}

export class Watching {
  readonly #host: Host
  readonly #parts: WatchingParts
  // Bounded by: WATCHERS_MAX.
  readonly #watchers = new Map<number, Entry>()
  // Polls under way, by request. Bounded by: WATCHERS_MAX · NODES_MAX · 2, two for each node of
  // each watcher.
  readonly #polls = new Map<number, Poll>()
  #next = 0
  #isArmed = false
  // When polls go on that could not be sent yet.
  #pollAt: Instant | undefined

  constructor(host: Host, parts: WatchingParts) {
    this.#host = host
    this.#parts = parts
  }

  get size(): number {
    return this.#watchers.size
  }

  ask(client: number, ask: WatchAsk): void {
    switch (ask.what) {
      case 'open':
        return this.#open(client, ask)
      case 'next':
        return this.#onNext(client, ask.watcher, ask.read)
      case 'close':
        this.#forget(ask.watcher)
        return this.#reply(client, { ok: true, what: 'closed' })
    }
  }

  answered(from: NodeId, page: WatchPage): void {
    const poll = this.#polls.get(page.request)
    if (poll === undefined || poll.node !== from) return
    this.#polls.delete(page.request)
    const entry = this.#watchers.get(poll.watcher)
    if (entry === undefined) return
    entry.watcher.answered(from, page, poll.waits, this.#host.now)
    this.#goOn(poll.watcher, entry)
  }

  peerLost(peer: NodeId): void {
    this.#parts.feeds.peerLost(peer)
    for (const [request, poll] of this.#polls) if (poll.node === peer) this.#fail(request, poll)
  }

  replan(): void {
    this.#parts.feeds.replan()
    for (const [id, entry] of this.#watchers) {
      entry.watcher.retarget(this.#nodes())
      this.#goOn(id, entry)
    }
  }

  onTimer(what: 'feeds' | 'watchers' | 'polls'): void {
    if (what === 'feeds') return this.#parts.feeds.onTimer()
    if (what === 'polls') return this.#onPolls()
    this.#isArmed = false
    const { now } = this.#host
    // In order of time, since all may take as long.
    for (const [request, poll] of this.#polls) {
      if (poll.until > now) break
      this.#fail(request, poll)
    }
    for (const [id, entry] of this.#watchers) {
      if (entry.client === undefined && later(entry.askedAt, IDLE) <= now) this.#forget(id)
      else this.#goOn(id, entry)
    }
    if (this.#watchers.size > 0) this.#arm()
  }

  #onPolls(): void {
    const { now } = this.#host
    this.#pollAt = undefined
    for (const [id, entry] of this.#watchers)
      if ((entry.watcher.pollAt ?? later(now, IDLE)) <= now) this.#goOn(id, entry)
      else this.#armPolls(entry.watcher.pollAt)
  }

  check(): void {
    assert(this.#watchers.size <= WATCHERS_MAX, () => `${this.#watchers.size} watchers`)
    for (const { watcher } of this.#watchers.values()) watcher.check()
    assert(this.#isArmed || this.#watchers.size === 0, 'watchers wait for no timer')
  }

  #open(client: number, ask: Extract<WatchAsk, { what: 'open' }>): void {
    const problem = bucketNameProblem(ask.bucket)
    if (problem !== undefined)
      return this.#reply(client, watchFailure('DND_ERR_BAD_BUCKET', problem))
    if (!this.#parts.isReady())
      return this.#reply(client, watchFailure('DND_ERR_NOT_READY', 'this node has just started'))
    if (!this.#parts.isSpoken()) {
      const message = 'a member is of a version that cannot be watched yet: upgrade all nodes first'
      return this.#reply(client, watchFailure('DND_ERR_NOT_READY', message))
    }
    if (this.#watchers.size >= WATCHERS_MAX) {
      const message = `${WATCHERS_MAX} watchers are served by this node already: ask another`
      return this.#reply(client, watchFailure('DND_ERR_OVERLOADED', message))
    }
    const places = ask.token === undefined ? undefined : decodeToken(ask.token)
    if (ask.token !== undefined && places === undefined) {
      const message = 'the token is none that a node has given'
      return this.#reply(client, watchFailure('DND_ERR_BAD_TOKEN', message))
    }
    const watcher = new Watcher({
      ...{ bucket: ask.bucket, places, now: this.#host.now },
      isLww: () => this.#parts.buckets.of(ask.bucket).conflicts === 'lww',
      nameOf: naming(ask.prefix),
      isUp: (node) => node === this.#host.self || this.#host.isUp(node),
      skewMs: this.#parts.skewMs,
      setsOf: (partition) => this.#setsOf(ask.bucket, partition),
      decode: ({ record, base }) => this.#parts.holdings.decode(record, base),
    })
    watcher.retarget(this.#nodes())
    const id = ++this.#next
    const entry: Entry = { watcher, askedAt: this.#host.now, client: undefined }
    this.#watchers.set(id, entry)
    this.#reply(client, { ok: true, what: 'opened', watcher: id })
    this.#goOn(id, entry)
    this.#arm()
  }

  #onNext(client: number, id: number, { keys, bucketMs }: WatchRead): void {
    const entry = this.#watchers.get(id)
    if (entry === undefined || entry.client !== undefined)
      return this.#reply(client, watchFailure('DND_ERR_WATCHER_GONE', 'open it again by its token'))
    const { wallMs } = this.#host
    if (bucketMs !== undefined) entry.watcher.wasReadAll(Math.max(bucketMs, wallMs), wallMs)
    const read = new Map(
      keys.map(({ key, sort, container }) => [bytesToBinary(listingKey(key, sort)), container]),
    )
    if (read.size > 0) entry.watcher.wasRead(read, wallMs)
    entry.askedAt = this.#host.now
    entry.client = { client, until: later(this.#host.now, PATIENCE) }
    this.#goOn(id, entry)
  }

  /** Asks who is to be asked, and answers the client if there is something to say. */
  #goOn(id: number, entry: Entry): void {
    const { watcher, client } = entry
    const { now, self, wallMs } = this.#host
    watcher.settle(now, wallMs)
    if (client !== undefined && (watcher.isReady || client.until <= now)) {
      entry.client = undefined
      const { gap, changes, places } = watcher.take()
      const token = encodeToken(places)
      const keys = changes.map((change) => this.#shown(watcher.bucket, change))
      this.#reply(client.client, { ok: true, what: 'next', gap, changes: keys, token })
    }
    for (const { node, place, waits } of watcher.polls(now)) {
      const request = this.#host.nextRequest()
      this.#polls.set(request, { watcher: id, node, waits, until: later(now, POLL_PATIENCE) })
      const poll: WatchPoll = {
        ...{ type: 'watch-poll', request, bucket: watcher.bucket, ...place, waits },
      }
      if (node === self) this.#parts.feeds.asked(self, poll)
      else this.#host.send(node, poll)
    }
    this.#armPolls(watcher.pollAt)
  }

  /** There will be no answer, or it comes too late. */
  #fail(request: number, { watcher, node, waits }: Poll): void {
    this.#polls.delete(request)
    this.#watchers.get(watcher)?.watcher.failed(node, waits)
  }

  #forget(id: number): void {
    const client = this.#watchers.get(id)?.client
    this.#watchers.delete(id)
    if (client !== undefined)
      this.#reply(client.client, watchFailure('DND_ERR_WATCHER_GONE', 'it was closed'))
    for (const [request, { watcher }] of this.#polls)
      if (watcher === id) this.#polls.delete(request)
  }

  #shown(bucket: string, { key, container, isStale }: WatchedChange): WatchedKey {
    const { conflicts } = this.#parts.buckets.of(bucket)
    const live = shownVersions(container, conflicts, this.#parts.latestMs())
    const name = must(parseListingKey(must(parseRecordKey(key), 'a record').listing), 'a name')
    return { ...name, live, context: contextOf(container), isStale }
  }

  #nodes(): readonly NodeId[] {
    const { current, previous } = this.#parts.layout.state ?? {}
    return [
      ...new Set(
        [current, previous].flatMap((layout) => (layout === undefined ? [] : nodesOf(layout))),
      ),
    ]
  }

  #setsOf(bucket: string, partition: PartitionId): ReturnType<typeof quorumSets> {
    const { n, w } = this.#parts.buckets.of(bucket)
    return quorumSets(this.#parts.layout.placementOf(partition)?.writeSets ?? [], n, w)
  }

  #reply(client: number, result: WatchResult): void {
    this.#host.reply(client, { type: 'watch', result })
  }

  #armPolls(at: Instant | undefined): void {
    if (at === undefined || (this.#pollAt !== undefined && this.#pollAt <= at)) return
    this.#pollAt = at
    this.#host.arm({ owner: 'watching', what: 'polls' }, at)
  }

  #arm(): void {
    if (this.#isArmed) return
    this.#isArmed = true
    this.#host.arm({ owner: 'watching', what: 'watchers' }, later(this.#host.now, LOOK_INTERVAL))
  }
}

/** Names of records whose key begins with `prefix`; one that does not parse is nobody's. */
function naming(prefix: Uint8Array): (key: Uint8Array) => string | undefined {
  const wanted = listingPrefix(prefix)
  return (key) => {
    const listing = parseRecordKey(key)?.listing
    if (listing === undefined || parseListingKey(listing) === undefined) return undefined
    return wanted.every((byte, i) => listing[i] === byte) ? bytesToBinary(listing) : undefined
  }
}

/** `01 · count varint · (node 8 bytes · feed varint · number varint)*`, in order of node. */
export function encodeToken(places: ReadonlyMap<NodeId, Place>): Uint8Array {
  const writer = new ByteWriter(16 + places.size * 24)
  writer.u8(TOKEN_FORMAT)
  writer.varint(places.size)
  for (const [node, { feed, after }] of [...places].sort(([a], [b]) => (a < b ? -1 : 1))) {
    writer.raw(fromHex(node)!)
    writer.varint(feed)
    writer.varint(after)
  }
  return writer.take()
}

/** undefined: it is none. */
export function decodeToken(token: Uint8Array): Map<NodeId, Place> | undefined {
  const reader = new ByteReader(token)
  if (reader.u8() !== TOKEN_FORMAT) return undefined
  const places = new Map<NodeId, Place>()
  for (let rest = reader.count(NODES_MAX, NODE_ID_BYTES + 2); rest > 0; rest--) {
    const node = toHex(reader.raw(NODE_ID_BYTES)) as NodeId
    places.set(node, { feed: reader.varint(), after: reader.varint() })
  }
  return reader.finished ? places : undefined
}
