/**
 * From what a client asks to what the coordinators do: which bucket, which partition, who may do
 * it, and whether a quorum can be had at all. A request that cannot succeed is refused before
 * anything is stored, so that its failure is `rejected`.
 */
import type { Instant } from '../std/instant.ts'
import { duration, later } from '../std/instant.ts'
import { assert, must } from '../std/assert.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import { RECORD_BYTES_MAX } from '../std/limits.ts'
import type {
  Failure,
  FailureCode,
  Forward,
  WriteOperation,
  WriteResult,
} from '../coordinator/messages.ts'
import type { Held } from '../coordinator/holdings.ts'
import { prepareWrite } from '../coordinator/prepare-write.ts'
import type { QuorumSet } from '../coordinator/quorum.ts'
import { quorumSets, unionOf } from '../coordinator/quorum.ts'
import type { ReadResult, Reads } from '../coordinator/reads.ts'
import type { Writes } from '../coordinator/writes.ts'
import type { ReadEffect } from '../coordinator/reads.ts'
import type { WriteEffect } from '../coordinator/writes.ts'
import type { Effects } from '../std/effects.ts'
import type { Placement } from '../placement/layout.ts'
import { partitionOf, slotOf } from '../placement/slot.ts'
import type { Actor } from '../versions/actor.ts'
import { contextOf, liveVersions } from '../versions/container.ts'
import { shownVersions } from '../versions/expiry.ts'
import type { HybridClock } from '../versions/hybrid-clock.ts'
import type { Container, Value } from '../versions/version.ts'
import type { Actors } from './actors.ts'
import type { BrokenRecords } from './broken-records.ts'
import type { BucketRegistry } from './bucket-registry.ts'
import { bucketNameProblem } from './buckets.ts'
import { clonedFailure } from './cloned-identity.ts'
import type { NodeConfig } from './config.ts'
import type { Conflicts } from './conflicts.ts'
import type {
  DeleteRequest,
  GetRequest,
  GetResult,
  ListKeysRequest,
  ListResult,
  PutRequest,
} from './events.ts'
import type { Forwards } from './forwards.ts'
import type { LocalHoldings } from './holdings.ts'
import type { Host } from './host.ts'
import type { LayoutKeeper } from './layout-keeper.ts'
import type { Listings } from './listings.ts'
import type { BucketProperties } from './messages.ts'
import { listingKey, recordKey } from './storage-keys.ts'

/** Whom a coordinated request is for. */
export type Origin =
  | { readonly kind: 'client'; readonly client: number; readonly siblings?: number }
  | {
      readonly kind: 'forward'
      readonly from: NodeId
      readonly request: number
      /** Of a write: live values that the key has with it, when they are many. */
      readonly siblings?: number
    }
  | {
      readonly kind: 'get'
      readonly client: number
      readonly bucket: string
      readonly conflicts: BucketProperties['conflicts']
    }
  /** Nobody: a read for the sake of the repair that it causes. */
  | { readonly kind: 'repair'; readonly key: string }

/**
 * Results of forwarded writes remembered, so that a repeated request is answered and not
 * coordinated again (V2).
 */
const REMEMBERED_MAX = 4096

/** A write that this node may coordinate. */
interface Attempt {
  readonly operation: WriteOperation
  readonly origin: Origin
  readonly placement: Placement
  readonly properties: BucketProperties
  readonly w: number
}

export interface RequestParts {
  readonly config: NodeConfig
  readonly clock: HybridClock
  readonly actors: Actors
  readonly holdings: LocalHoldings
  readonly buckets: BucketRegistry
  readonly layout: LayoutKeeper
  readonly writes: Writes<Origin>
  readonly reads: Reads<Origin>
  readonly forwards: Forwards
  readonly listings: Listings
  readonly broken: BrokenRecords
  readonly conflicts: Conflicts
  readonly writeEffects: Effects<WriteEffect<Origin>>
  readonly readEffects: Effects<ReadEffect<Origin>>
  /** Of a partition: its replicas, and then who may stand in for them, in order. */
  readonly preferenceList: (partition: PartitionId) => readonly NodeId[]
  readonly isReady: () => boolean
  readonly leaseClock: () => void
  /** No clock that is right to within the allowed skew is later. */
  readonly latestMs: () => number
}

export class Requests {
  readonly #host: Host
  readonly #parts: RequestParts
  // Bounded by: REMEMBERED_MAX, oldest first. A forward under way has no result yet.
  readonly #remembered = new Map<string, WriteResult | undefined>()

  constructor(host: Host, parts: RequestParts) {
    this.#host = host
    this.#parts = parts
  }

  get inFlight(): number {
    const { writes, reads, forwards } = this.#parts
    return writes.size + reads.size + forwards.size
  }

  put(client: number, request: PutRequest | DeleteRequest): void {
    const operation: WriteOperation = {
      bucket: request.bucket,
      key: request.key,
      sort: request.sort,
      value: request.type === 'put' ? this.#withDeadline(request) : undefined,
      context: request.context,
      w: request.w,
      timeoutMs: request.timeoutMs ?? this.#parts.config.requestTimeoutMs,
    }
    this.#write(operation, { kind: 'client', client })
  }

  /** A peer that holds no replica asks us to coordinate. */
  forward(from: NodeId, { request, operation }: Forward): void {
    const id = `${from}/${request}`
    if (this.#remembered.has(id)) {
      const result = this.#remembered.get(id)
      if (result !== undefined) this.#host.send(from, { type: 'forward-reply', request, result })
      return
    }
    if (this.#remembered.size >= REMEMBERED_MAX) this.#remembered.delete(firstKey(this.#remembered))
    this.#remembered.set(id, undefined)
    this.#write(operation, { kind: 'forward', from, request })
  }

  get(client: number, request: GetRequest): void {
    const { config, buckets, reads, readEffects } = this.#parts
    const place = this.#place(request.bucket, request.key)
    if ('ok' in place) return this.#replyGet(client, place)
    const properties = buckets.of(request.bucket)
    const n = Math.min(properties.n, place.readSet.length)
    if (request.r !== undefined && !isQuorum(request.r, n))
      return this.#replyGet(client, failure('DND_ERR_BAD_QUORUM', quorumProblem('r', request.r, n)))
    const up = place.readSet.slice(0, n).filter((node) => this.#host.isUp(node)).length
    // The machine caps both by the set that it asks, which may be a larger one when the layout
    // changes meanwhile.
    const r = request.r ?? properties.r
    if (up < Math.min(r, n)) return this.#replyGet(client, unavailable(Math.min(r, n), up))
    const key = recordKey(place.partition, request.bucket, listingKey(request.key, request.sort))
    const deadline = this.#deadline(request.timeoutMs ?? config.requestTimeoutMs)
    const { bucket } = request
    const origin: Origin = { kind: 'get', client, bucket, conflicts: properties.conflicts }
    const start = { origin, key, placement: place, n: properties.n, r, deadline }
    reads.step({ type: 'start', ...start }, this.#host.now, readEffects)
  }

  list(client: number, request: ListKeysRequest): void {
    const { config, buckets, listings } = this.#parts
    const done = (result: ListResult): void => {
      if (!result.ok) this.#host.note({ type: 'request-failed', code: result.code })
      this.#host.reply(client, { type: 'list', result })
    }
    const refusal = this.#refusal(request.bucket)
    if (refusal !== undefined) return done(refusal)
    const deadline = this.#deadline(request.timeoutMs ?? config.requestTimeoutMs)
    listings.start(request, buckets.of(request.bucket), deadline, done)
  }

  written(origin: Origin, told: WriteResult): void {
    assert(
      origin.kind === 'client' || origin.kind === 'forward',
      () => `a write for ${origin.kind}`,
    )
    const { siblings } = origin
    const result = told.ok && siblings !== undefined ? { ...told, siblings } : told
    if (origin.kind === 'client') {
      if (!result.ok) this.#host.note({ type: 'request-failed', code: result.code })
      return this.#host.reply(origin.client, { type: 'write', result })
    }
    // Counted by the node whose client it is.
    const { from, request } = origin
    const id = `${from}/${request}`
    // A refusal stored nothing: the same request may be tried here again. It is forgotten rather
    // than repeated.
    if (!result.ok && result.outcome === 'rejected') this.#remembered.delete(id)
    else if (this.#remembered.has(id)) this.#remembered.set(id, result)
    this.#host.send(from, { type: 'forward-reply', request, result })
  }

  read(origin: Origin, result: ReadResult): void {
    if (origin.kind === 'repair') return this.#parts.broken.repaired(origin.key)
    assert(origin.kind === 'get', () => `a read for ${origin.kind}`)
    if (!result.ok) return this.#replyGet(origin.client, result)
    const { container, answers } = result
    const { latestMs, conflicts } = this.#parts
    const live = shownVersions(container, origin.conflicts, latestMs())
    conflicts.read(origin.bucket, shownVersions(container, 'siblings', latestMs()).length)
    const context = container.vector.length > 0 ? contextOf(container) : undefined
    this.#host.reply(origin.client, {
      type: 'get',
      result: { ok: true, container, live, context, answers },
    })
  }

  check(): void {
    assert(this.#remembered.size <= REMEMBERED_MAX, () => `${this.#remembered.size} remembered`)
  }

  /**
   * The deadline is set once, where the client came in, and is the same everywhere from then on. It
   * is drawn from the hybrid clock: one that was set back for a moment must not end a value early.
   */
  #withDeadline({ value, ttlMs, bucket }: PutRequest): Value {
    const { clock, buckets } = this.#parts
    if (ttlMs === undefined && value.expiresAtMs > 0) return value
    const lifeMs = ttlMs ?? buckets.of(bucket).ttlMs
    if (lifeMs === 0) return value.expiresAtMs === 0 ? value : { ...value, expiresAtMs: 0 }
    return { ...value, expiresAtMs: clock.reading(this.#host.wallMs) + lifeMs }
  }

  #write(operation: WriteOperation, origin: Origin): void {
    const { buckets } = this.#parts
    const { clonedBy } = this.#host
    if (clonedBy !== undefined) return this.written(origin, clonedFailure(clonedBy))
    const place = this.#place(operation.bucket, operation.key)
    if ('ok' in place) return this.written(origin, place)
    const properties = buckets.of(operation.bucket)
    const n = Math.min(properties.n, place.readSet.length)
    if (operation.w !== undefined && !isQuorum(operation.w, n))
      return this.written(origin, failure('DND_ERR_BAD_QUORUM', quorumProblem('w', operation.w, n)))
    const size = operation.value?.bytes.length ?? 0
    if (size > properties.valueBytesMax)
      return this.written(
        origin,
        failure(
          'DND_ERR_VALUE_TOO_LARGE',
          `the value has ${size} bytes; bucket ${operation.bucket} takes ${properties.valueBytesMax}`,
        ),
      )
    const w = operation.w ?? properties.w
    const refusal = place.readSet.slice(0, n).includes(this.#host.self)
      ? this.#coordinate(operation, origin, place, properties, w)
      : failure('DND_ERR_NOT_READY', 'this node holds no replica of the key')
    if (refusal === undefined) return
    if (origin.kind !== 'client') return this.written(origin, refusal)
    this.#passOn(operation, origin.client, place, n, refusal)
  }

  /** Coordinates here; or gives back why not, for a reason that another replica may not share. */
  #coordinate(
    operation: WriteOperation,
    origin: Origin,
    placement: Placement,
    properties: BucketProperties,
    w: number,
  ): Failure | undefined {
    const { actors } = this.#parts
    const actor = actors.of(placement.partition)
    if (!this.#parts.isReady() || actor === undefined)
      return failure('DND_ERR_NOT_READY', 'this node has just started and does not coordinate yet')
    const sets = quorumSets(placement.writeSets, properties.n, w)
    const fallbacks = properties.sloppy ? this.#fallbacksUp(placement, sets) : 0
    for (const { nodes, needed } of sets) {
      const up = nodes.filter((node) => this.#host.isUp(node)).length
      if (up + fallbacks < needed) {
        const { message, ...rest } = unavailable(needed, up)
        this.written(origin, { ...rest, message: `${message}; nothing was stored` })
        return undefined
      }
    }
    const key = recordKey(
      placement.partition,
      operation.bucket,
      listingKey(operation.key, operation.sort),
    )
    if (this.#host.storeBusy)
      return failure('DND_ERR_OVERLOADED', 'the disk of this node is too far behind')
    const local = this.#local(placement.partition, key)
    if (local === undefined)
      return failure(
        'DND_ERR_STORE_FAILED',
        'the local copy of the key is damaged and being repaired',
      )
    if (this.#forgot(actor, local.container, operation)) {
      this.#host.note({ type: 'amnesia', partition: placement.partition })
      actors.renew(placement.partition)
      return failure(
        'DND_ERR_NOT_READY',
        'this replica has forgotten writes of its own and begins under a new id',
      )
    }
    return this.#start({ operation, origin, placement, properties, w }, actor, key, local)
  }

  /** How many could stand in for replicas that are down. */
  #fallbacksUp({ partition }: Placement, sets: readonly QuorumSet[]): number {
    const owners = unionOf(sets)
    if (owners.every((node) => this.#host.isUp(node))) return 0
    const others = this.#parts.preferenceList(partition).filter((node) => !owners.includes(node))
    return others.filter((node) => this.#host.isUp(node)).length
  }

  /** Draws, makes the new container, and hands it to the coordinating machine. */
  #start(
    { operation, origin, placement, properties, w }: Attempt,
    actor: Actor,
    key: Uint8Array,
    local: Held,
  ): Failure | undefined {
    const { actors, broken, holdings, clock, writes, writeEffects } = this.#parts
    const { value, context } = operation
    const intent = {
      partition: placement.partition,
      conflicts: properties.conflicts,
      value,
      context,
    }
    const prepared = prepareWrite(local.container, intent, actor, clock, this.#host.wallMs)
    // Asked for in time, the next leases are durable before these are used up; if not, they are
    // needed at once.
    actors.drew(placement.partition)
    this.#parts.leaseClock()
    if (!prepared.ok) {
      if (prepared.code === 'DND_ERR_OVERLOADED') return prepared
      this.written(origin, prepared)
      return undefined
    }
    broken.drew(key)
    const kept = holdings.keep(placement.partition, key, local, prepared.container)
    if (kept === undefined) {
      // Its dot is drawn all the same: no hole shall stay in the clock for it.
      holdings.claim(placement.partition, prepared.dot)
      this.written(
        origin,
        failure(
          'DND_ERR_RECORD_TOO_LARGE',
          `all values of the key together may have ${RECORD_BYTES_MAX} bytes; resolve its siblings first`,
        ),
      )
      return undefined
    }
    const deadline = this.#deadline(operation.timeoutMs)
    const start = {
      key,
      kept,
      context: prepared.context,
      placement,
      n: properties.n,
      w,
      sloppy: properties.sloppy,
      hintAt: this.#deadline(this.#parts.config.hintAfterMs),
      deadline,
    }
    const siblings = liveVersions(prepared.container).length
    const isMany = this.#parts.conflicts.wrote(operation.bucket, siblings)
    const asked = isMany ? withSiblings(origin, siblings) : origin
    writes.step({ type: 'start', origin: asked, ...start }, writeEffects)
    return undefined
  }

  /** Whether somebody knows of dots of this actor that it has not drawn (V1). */
  #forgot(actor: Actor, local: Container, { context }: WriteOperation): boolean {
    return actor.forgot(local.vector) || (context !== undefined && actor.forgot(context.vector))
  }

  /**
   * What is held here; undefined when it cannot be read: a coordinator never builds on that (V9).
   */
  #local(partition: PartitionId, key: Uint8Array): Held | undefined {
    const { holdings, broken } = this.#parts
    const held = holdings.held(partition, key)
    if (held === 'unreadable') broken.found(key)
    else if (!holdings.clockOf(partition).incomplete) return held
    return undefined
  }

  #passOn(
    operation: WriteOperation,
    client: number,
    { readSet, layoutVersion }: Placement,
    n: number,
    refusal: Failure,
  ): void {
    const candidates = readSet.slice(0, n).filter((node) => node !== this.#host.self)
    const isReplica = candidates.length < Math.min(n, readSet.length)
    const reason = refusal.code === 'DND_ERR_NOT_READY' && !isReplica ? undefined : refusal
    const deadline = this.#deadline(operation.timeoutMs)
    this.#parts.forwards.start(client, operation, candidates, layoutVersion, deadline, reason)
  }

  #place(bucket: string, key: Uint8Array): Placement | Failure {
    const { layout } = this.#parts
    const refusal = this.#refusal(bucket)
    if (refusal !== undefined) return refusal
    const { partitions } = must(layout.state, 'a layout').current
    const partition: PartitionId = partitionOf(slotOf(bucket, key), partitions)
    return must(layout.placementOf(partition), () => `partition ${partition}`)
  }

  /** What forbids every request of the bucket. */
  #refusal(bucket: string): Failure | undefined {
    const { layout, config } = this.#parts
    const problem = bucketNameProblem(bucket)
    if (problem !== undefined) return failure('DND_ERR_BAD_BUCKET', problem)
    if (layout.state === undefined)
      return failure('DND_ERR_NOT_READY', 'this node has not joined a cluster yet')
    if (this.inFlight < config.requestsInFlightMax) return undefined
    const message = `${this.inFlight} requests are in flight on this node already`
    return failure('DND_ERR_OVERLOADED', message)
  }

  #deadline(timeoutMs: number): Instant {
    return later(this.#host.now, duration(timeoutMs))
  }

  #replyGet(client: number, result: GetResult): void {
    if (!result.ok) this.#host.note({ type: 'request-failed', code: result.code })
    this.#host.reply(client, { type: 'get', result })
  }
}

function withSiblings(origin: Origin, siblings: number): Origin {
  const { kind } = origin
  return kind === 'client' || kind === 'forward' ? { ...origin, siblings } : origin
}

function isQuorum(value: number, n: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= n
}

function quorumProblem(name: 'r' | 'w', value: number, n: number): string {
  const replicas = n === 1 ? '1 replica' : `${n} replicas`
  const allowed = n === 1 ? '1' : `1 to ${n}`
  return `${name}=${value} is not possible: the key has ${replicas} in the present layout, so ${name} must be ${allowed}`
}

function unavailable(needed: number, got: number): Failure {
  return {
    ok: false,
    code: 'DND_ERR_QUORUM_UNAVAILABLE',
    outcome: 'rejected',
    needed,
    got,
    message: `${got} of the ${needed} replicas needed can be reached`,
  }
}

function failure(code: FailureCode, message: string): Failure {
  return { ok: false, code, outcome: 'rejected', needed: 0, got: 0, message }
}

function firstKey(map: ReadonlyMap<string, unknown>): string {
  for (const key of map.keys()) return key
  return ''
}
