/**
 * Coordinating a listing: the keys of a bucket, in order, complete and without duplicates, a page
 * at a time.
 *
 * Keys are spread over all partitions by their hash, so every page asks for all of them: R replicas
 * of each partition, chosen so that few nodes are asked (ourselves first). R and not one, because
 * one replica may have been down when a key was written, or deleted: each tells what it holds as a
 * container without values, and the merge tells live from deleted, just as in a get. What of the
 * nodes' pages is complete is decided by their frontier (`frontier.ts`). A page of nothing but
 * tombstones leads to another round, so that an empty answer means the end.
 *
 * When a node that is waited for becomes suspect, its part is asked of other replicas as well.
 * Whichever is here first, its own answer or all of theirs, will do; what came of the others is
 * merged with the rest, for more answers only know more.
 */
import { assert } from '../std/assert.ts'
import { ByteReader, compareBytes, equalBytes } from '../std/bytes.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import type { Failure } from '../coordinator/messages.ts'
import type { Placement } from '../placement/layout.ts'
import { sync, EMPTY_CONTAINER } from '../versions/container.ts'
import { shownVersions } from '../versions/expiry.ts'
import { partitionOf, slotOf } from '../placement/slot.ts'
import { decodeBase } from '../versions/partition-clock.ts'
import { decodeContainer } from '../versions/record.ts'
import type { Container } from '../versions/version.ts'
import type { ListKeysRequest, ListResult } from './events.ts'
import { mergePages, successor } from './frontier.ts'
import type { Host } from './host.ts'
import type { ListingReplica } from './listing-replica.ts'
import type { BucketProperties, ListEntry, ListReply } from './messages.ts'
import { parseListingKey } from './storage-keys.ts'

/** Listings coordinated at once; more are refused. */
const LISTINGS_MAX = 256

/** What one node is asked in a round. */
interface Question {
  readonly node: NodeId
  readonly partitions: readonly PartitionId[]
  /** The question to a suspect in whose place this is asked as well. */
  readonly insteadOf: number | undefined
}

interface Listing {
  readonly query: ListKeysRequest
  readonly properties: BucketProperties
  readonly done: (result: ListResult) => void
  /**
   * Live keys so far; one more than asked for tells where the next page begins. Bounded by:
   * limit + 1.
   */
  readonly keys: Uint8Array[]
  from: Uint8Array
  to: Uint8Array
  /**
   * Who was lost while it was asked: it is left alone for the rest of this listing. Bounded by: the
   * nodes.
   */
  readonly lost: Set<NodeId>
  /** This round's questions. Bounded by: the replicas of all partitions. */
  questions: Question[]
  /** Those without an answer, and the pages of the others. Bounded by: the questions. */
  waiting: Map<number, Question>
  pages: ReplicaPage[]
}

interface ReplicaPage {
  readonly entries: readonly ListEntry[]
  readonly more: boolean
  /** What the replica says of the keys that it does not list. */
  readonly bases: ReadonlyMap<PartitionId, Uint8Array>
}

export class Listings {
  readonly #host: Host
  readonly #own: ListingReplica
  readonly #placementOf: (partition: PartitionId) => Placement | undefined
  readonly #partitions: () => number
  readonly #latestMs: () => number
  // Bounded by: LISTINGS_MAX.
  readonly #listings = new Map<number, Listing>()
  #count = 0

  constructor(
    host: Host,
    options: {
      own: ListingReplica
      placementOf: (partition: PartitionId) => Placement | undefined
      partitions: () => number
      /** No clock that is right to within the allowed skew is later. */
      latestMs: () => number
    },
  ) {
    this.#host = host
    this.#own = options.own
    this.#placementOf = options.placementOf
    this.#partitions = options.partitions
    this.#latestMs = options.latestMs
  }

  get size(): number {
    return this.#listings.size
  }

  start(
    query: ListKeysRequest,
    properties: BucketProperties,
    deadline: Instant,
    done: (result: ListResult) => void,
  ): void {
    if (this.#listings.size >= LISTINGS_MAX)
      return done(failure('DND_ERR_OVERLOADED', 'too many listings at once; try again', 0, 0))
    const id = ++this.#count
    const { from, to } = query
    this.#listings.set(id, {
      query,
      properties,
      done,
      keys: [],
      from,
      to,
      lost: new Set(),
      questions: [],
      waiting: new Map(),
      pages: [],
    })
    this.#host.arm({ owner: 'listings', listing: id }, deadline)
    this.#round(id)
  }

  /** Whether a bucket has no live key; or why that cannot be told. */
  isEmpty(
    bucket: string,
    properties: BucketProperties,
    timeoutMs: number,
    done: (result: boolean | Failure) => void,
  ): void {
    const everything = { from: new Uint8Array(0), to: new Uint8Array(0), reverse: false, limit: 1 }
    const query = { type: 'list' as const, bucket, ...everything, timeoutMs: undefined }
    const deadline = later(this.#host.now, duration(timeoutMs))
    this.start(query, properties, deadline, (result) =>
      done(result.ok ? result.keys.length === 0 : result),
    )
  }

  replied(from: NodeId, reply: ListReply): void {
    for (const [id, listing] of this.#listings) {
      if (listing.waiting.get(reply.request)?.node !== from) continue
      return this.#onPage(id, listing, reply)
    }
  }

  peerLost(peer: NodeId): void {
    for (const [id, listing] of this.#listings) {
      if (![...listing.waiting.values()].some(({ node }) => node === peer)) continue
      // Asked again at once it would be lost again at once, and everybody else be asked each time.
      listing.lost.add(peer)
      this.#round(id)
    }
  }

  /** It may not answer: others are asked for its part, and it is waited for on. */
  peerSuspected(peer: NodeId): void {
    for (const [id, listing] of this.#listings)
      for (const [request, question] of [...listing.waiting])
        if (question.node === peer) this.#substitute(id, listing, request, question)
  }

  /** The layout changed: rounds in flight begin anew; what they listed so far stands. */
  replan(): void {
    for (const id of this.#listings.keys()) this.#round(id)
  }

  onDeadline(id: number): void {
    const listing = this.#listings.get(id)
    if (listing === undefined) return
    const { size } = new Set([...listing.waiting.values()].map(({ node }) => node))
    const message = `${size} nodes did not give their part of the listing in time`
    this.#finish(id, listing, failure('DND_ERR_TIMEOUT', message, size, 0))
  }

  check(): void {
    assert(this.#listings.size <= LISTINGS_MAX, () => `${this.#listings.size} listings`)
    for (const { keys, query } of this.#listings.values())
      assert(keys.length <= query.limit, () => `${keys.length} keys kept of ${query.limit}`)
  }

  #round(id: number): void {
    const listing = this.#listings.get(id)
    if (listing === undefined) return
    const cover = this.#cover(listing)
    if (!(cover instanceof Map)) return this.#finish(id, listing, cover)
    listing.questions = []
    listing.waiting = new Map()
    listing.pages = []
    this.#askAll(id, listing, cover, undefined)
  }

  /** All are waited for before the first is asked, who may answer at once. */
  #askAll(
    id: number,
    listing: Listing,
    cover: ReadonlyMap<NodeId, readonly PartitionId[]>,
    insteadOf: number | undefined,
  ): void {
    const asked: [number, Question][] = []
    for (const [node, partitions] of cover)
      asked.push([this.#host.nextRequest(), { node, partitions, insteadOf }])
    for (const [request, question] of asked) {
      listing.questions.push(question)
      listing.waiting.set(request, question)
    }
    for (const [request, question] of asked) this.#ask(id, listing, request, question)
  }

  /** Asks others for what the suspect was asked; where there is no other, it must answer itself. */
  #substitute(id: number, listing: Listing, request: number, { partitions }: Question): void {
    const asked = new Map<PartitionId, NodeId[]>()
    for (const { node, partitions: theirs } of listing.questions)
      for (const partition of theirs) asked.set(partition, [...(asked.get(partition) ?? []), node])
    const cover = new Map<NodeId, PartitionId[]>()
    for (const partition of partitions) {
      const [best] = this.#choices(listing, cover, partition, asked.get(partition))
      if (best === undefined) return
      addTo(cover, best, partition)
    }
    this.#askAll(id, listing, cover, request)
  }

  #ask(id: number, listing: Listing, request: number, { node, partitions }: Question): void {
    const { query, from, to } = listing
    const message = {
      type: 'list-request' as const,
      request,
      readVersion: this.#placementOf(partitions[0]!)?.readVersion ?? 0,
      bucket: query.bucket,
      partitions,
      from,
      to,
      reverse: query.reverse,
      limit: query.limit - listing.keys.length + 1,
    }
    if (node !== this.#host.self) return this.#host.send(node, message)
    this.#own.list(message, (reply) => {
      const current = this.#listings.get(id)
      if (current?.waiting.get(reply.request)?.node === node) this.#onPage(id, current, reply)
    })
  }

  /**
   * For each partition R replicas that are up, and for each node the partitions that it is asked
   * for.
   */
  #cover(listing: Listing): Map<NodeId, PartitionId[]> | Failure {
    const { n, r } = listing.properties
    const cover = new Map<NodeId, PartitionId[]>()
    for (let index = 0; index < this.#partitions(); index++) {
      const partition = index as PartitionId
      const replicas = Math.min(n, this.#placementOf(partition)?.readSet.length ?? 0)
      const needed = Math.min(r, replicas)
      const chosen = this.#choices(listing, cover, partition)
      if (chosen.length < needed || needed === 0)
        return failure(
          'DND_ERR_QUORUM_UNAVAILABLE',
          `${chosen.length} of the ${needed} replicas needed of partition ${index} can be reached`,
          needed,
          chosen.length,
        )
      for (const node of chosen.slice(0, needed)) addTo(cover, node, partition)
    }
    return cover
  }

  /** Who may be asked for the partition, the best first. */
  #choices(
    { properties, lost }: Listing,
    cover: ReadonlyMap<NodeId, unknown>,
    partition: PartitionId,
    asked: readonly NodeId[] = [],
  ): NodeId[] {
    const set = this.#placementOf(partition)?.readSet.slice(0, properties.n) ?? []
    return set
      .filter((node) => this.#host.isUp(node) && !lost.has(node) && !asked.includes(node))
      .sort((a, b) => this.#compare(cover, a, b))
  }

  /**
   * Ourselves before those in good standing, of those the nearest, and those who are asked anyway
   * before the rest.
   */
  #compare(cover: ReadonlyMap<NodeId, unknown>, a: NodeId, b: NodeId): number {
    return (
      this.#standing(b) - this.#standing(a) ||
      this.#host.distance(a) - this.#host.distance(b) ||
      Number(cover.has(b)) - Number(cover.has(a))
    )
  }

  #standing(node: NodeId): number {
    if (node === this.#host.self) return 2
    return this.#host.isPreferred(node) ? 1 : 0
  }

  #onPage(id: number, listing: Listing, reply: ListReply): void {
    // It is ahead of us and has sent its layout before this answer: the replan that follows begins
    // the round anew.
    if (reply.outcome === 'stale-layout') return
    const partitions = listing.waiting.get(reply.request)?.partitions ?? []
    this.#settle(listing, reply.request)
    if (reply.outcome !== 'ok')
      return this.#fail(id, listing, 'a replica could not read its part of the listing')
    const bases = new Map(
      partitions.flatMap((p, i) => (reply.bases[i] ? [[p, reply.bases[i]]] : [])),
    )
    listing.pages.push({ entries: reply.entries, more: reply.more, bases })
    if (listing.waiting.size === 0) this.#merge(id, listing)
  }

  /** This part is here; with the last of those asked in a suspect's place, so is the suspect's. */
  #settle({ waiting }: Listing, request: number): void {
    for (let done: number | undefined = request; done !== undefined;) {
      const parent: number | undefined = waiting.get(done)?.insteadOf
      letGo(waiting, done)
      done = parent
      for (const { insteadOf } of waiting.values()) if (insteadOf === parent) done = undefined
    }
  }

  #merge(id: number, listing: Listing): void {
    const { query, keys, properties } = listing
    const { entries, frontier } = mergePages(listing.pages, query.reverse)
    const nowMs = this.#latestMs()
    for (let i = 0; i < entries.length;) {
      const { key } = entries[i]!
      let container: Container = EMPTY_CONTAINER
      const first = i
      for (; i < entries.length && equalBytes(entries[i]!.key, key); i++)
        container = sync(container, readSummary(entries[i]!.summary))
      if (!isShown(container, properties, nowMs)) continue
      container = this.#withAbsent(listing, key, i - first, container)
      if (!isShown(container, properties, nowMs)) continue
      if (keys.length === query.limit)
        return this.#finish(id, listing, pageOf(keys, nextOf(key, query)))
      keys.push(key)
    }
    if (frontier === undefined) return this.#finish(id, listing, pageOf(keys, undefined))
    if (query.reverse) listing.to = frontier
    else listing.from = successor(frontier)
    if (listing.to.length > 0 && compareBytes(listing.from, listing.to) >= 0)
      return this.#finish(id, listing, pageOf(keys, undefined))
    this.#round(id)
  }

  /**
   * `container` after those have spoken that were asked for the key and do not list it. As they
   * have no record of it, what their base covers is gone.
   */
  #withAbsent(
    { query, pages }: Listing,
    key: Uint8Array,
    listed: number,
    found: Container,
  ): Container {
    const name = parseListingKey(key)
    if (name === undefined) return found
    const partition = partitionOf(slotOf(query.bucket, name.key), this.#partitions())
    const asked = pages.filter(({ bases }) => bases.has(partition))
    if (asked.length === listed) return found
    let container = found
    for (const { entries, bases } of asked) {
      if (entries.some((entry) => equalBytes(entry.key, key))) continue
      const vector = decodeBase(bases.get(partition)!)
      if (vector !== undefined) container = sync(container, { versions: [], vector })
    }
    return container
  }

  #fail(id: number, listing: Listing, message: string): void {
    this.#finish(id, listing, failure('DND_ERR_OVERLOADED', `${message}; try again`, 0, 0))
  }

  #finish(id: number, listing: Listing, result: ListResult): void {
    this.#listings.delete(id)
    listing.done(result)
  }
}

/** Waits no more for an answer, nor for those of whoever was asked in its place. */
function letGo(waiting: Map<number, Question>, request: number): void {
  waiting.delete(request)
  for (const [other, { insteadOf }] of waiting) if (insteadOf === request) letGo(waiting, other)
}

function addTo(cover: Map<NodeId, PartitionId[]>, node: NodeId, partition: PartitionId): void {
  const partitions = cover.get(node)
  if (partitions === undefined) cover.set(node, [partition])
  else partitions.push(partition)
}

function readSummary(summary: Uint8Array): Container {
  const reader = new ByteReader(summary)
  const container = decodeContainer(reader)
  return container !== undefined && reader.finished ? container : EMPTY_CONTAINER
}

function isShown(container: Container, { conflicts }: BucketProperties, nowMs: number): boolean {
  return shownVersions(container, conflicts, nowMs).length > 0
}

/** Ascending, the next page begins with the key; in reverse, it ends just above it. */
function nextOf(key: Uint8Array, { reverse }: ListKeysRequest): Uint8Array {
  return reverse ? successor(key) : key
}

function pageOf(keys: readonly Uint8Array[], next: Uint8Array | undefined): ListResult {
  // A key that does not parse cannot have come through any door of ours; it is left out rather than
  // shown garbled.
  return { ok: true, keys: keys.flatMap((key) => parseListingKey(key) ?? []), next }
}

function failure(code: Failure['code'], message: string, needed: number, got: number): Failure {
  return { ok: false, code, outcome: 'rejected', needed, got, message }
}
