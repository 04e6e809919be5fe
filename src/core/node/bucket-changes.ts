/**
 * Changing a bucket's properties: stamp the change, store it, tell everybody, and answer when all
 * who are up have it durably (or a second has passed, with the names of those who may not). A
 * coordinator that has not heard of a change, or has forgotten it over a power failure, would go on
 * by the old rules; waiting for it makes "the answer is here" mean "the change is in force".
 *
 * `n` is fixed while a bucket holds keys: its replicas are where n said they are. So is whether it
 * is configured at all.
 */
import { assert, must } from '../std/assert.ts'
import { duration, later } from '../std/instant.ts'
import type { NodeId } from '../std/ids.ts'
import type { Failure, FailureCode } from '../coordinator/messages.ts'
import { BucketRegistry } from './bucket-registry.ts'
import { bucketNameProblem, DEFAULT_PROPERTIES, propertiesProblem } from './buckets.ts'
import { clonedFailure } from './cloned-identity.ts'
import type { HybridClock } from '../versions/hybrid-clock.ts'
import { ZERO_STAMP } from '../versions/stamp.ts'
import type { Host } from './host.ts'
import type { BucketProperties, BucketRecord } from './messages.ts'
import { stateKey } from './storage-keys.ts'

const CONFIRM_WITHIN = duration(1_000)
/** Changes waiting for confirmation at once. */
const CHANGES_MAX = 64

interface Change {
  readonly client: number
  readonly record: BucketRecord
  /** Of the registry: what must be durable here. */
  readonly revision: number
  announced: boolean
  // Bounded by: NODES_MAX.
  readonly waiting: Set<NodeId>
}

export interface BucketChangesParts {
  readonly registry: BucketRegistry
  readonly clock: HybridClock
  /** Whether a bucket holds no live key, or why that cannot be told. */
  readonly isEmpty: (bucket: string, done: (result: boolean | Failure) => void) => void
  /** Replicas of the cluster; undefined before the node is part of one. */
  readonly replicas: () => number | undefined
  /** Who else is up. */
  readonly others: () => readonly NodeId[]
  /** Tells them, and makes them tell us what they know then. */
  readonly announce: () => void
}

export class BucketChanges {
  readonly #host: Host
  readonly #parts: BucketChangesParts
  // Bounded by: CHANGES_MAX.
  readonly #changes = new Map<number, Change>()
  #count = 0

  constructor(host: Host, parts: BucketChangesParts) {
    this.#host = host
    this.#parts = parts
  }

  /** A client wants these properties; undefined: the defaults again. */
  configure(client: number, bucket: string, properties: BucketProperties | undefined): void {
    const problem = this.#problem(bucket, properties)
    if (problem !== undefined) return this.#refuse(client, problem)
    if (!this.#needsEmpty(bucket, properties)) return this.#begin(client, bucket, properties)
    this.#parts.isEmpty(bucket, (empty) => {
      // Much may have happened while the bucket was looked through.
      const now = empty === true ? this.#problem(bucket, properties) : undefined
      if (now !== undefined) return this.#refuse(client, now)
      if (empty === true) return this.#begin(client, bucket, properties)
      const message = 'the bucket holds keys: its n cannot be changed and it cannot be reset'
      this.#refuse(client, empty === false ? refusal('DND_ERR_BUCKET_NOT_EMPTY', message) : empty)
    })
  }

  /** What forbids the change whatever the bucket holds; undefined when nothing does. */
  #problem(bucket: string, properties: BucketProperties | undefined): Failure | undefined {
    const { registry } = this.#parts
    const { clonedBy } = this.#host
    if (clonedBy !== undefined) return clonedFailure(clonedBy)
    const replicas = this.#parts.replicas()
    if (replicas === undefined)
      return refusal('DND_ERR_NOT_READY', 'this node has not joined a cluster yet')
    const problem =
      bucketNameProblem(bucket) ?? (properties && propertiesProblem(properties, replicas))
    if (problem !== undefined) return refusal('DND_ERR_BAD_BUCKET', problem)
    if (registry.record(bucket) === undefined && registry.full)
      return refusal(
        'DND_ERR_BAD_BUCKET',
        'the cluster has as many configured buckets as it can hold',
      )
    return this.#changes.size < CHANGES_MAX
      ? undefined
      : refusal('DND_ERR_OVERLOADED', 'too many bucket changes at once; try again')
  }

  /** Whether the change is allowed only while the bucket holds no key. */
  #needsEmpty(bucket: string, properties: BucketProperties | undefined): boolean {
    if (properties === undefined)
      return this.#parts.registry.record(bucket)?.properties !== undefined
    return properties.n !== this.#parts.registry.of(bucket).n
  }

  /** Makes the change, and waits for everybody who is up to confirm it. */
  #begin(client: number, name: string, properties: BucketProperties | undefined): void {
    const { registry, clock } = this.#parts
    const stamp = clock.draw(this.#host.wallMs, registry.record(name)?.stamp ?? ZERO_STAMP)
    if (stamp === undefined)
      return this.#refuse(
        client,
        refusal(
          'DND_ERR_OVERLOADED',
          'this node waits for its clock lease to be durable; try again',
        ),
      )
    const record: BucketRecord = { name, stamp, properties }
    registry.merge([record])
    const { revision } = registry
    const waiting = new Set(this.#parts.others())
    const change = ++this.#count
    this.#changes.set(change, { client, record, revision, announced: false, waiting })
    this.#host.arm({ owner: 'buckets', change }, later(this.#host.now, CONFIRM_WITHIN))
    this.persist()
  }

  /** What was known at `revision` is durable here: now the others are told. */
  stored(revision: number): void {
    const { registry } = this.#parts
    registry.stored(revision)
    let isOurs = false
    for (const change of this.#changes.values()) {
      if (change.announced || change.revision > registry.durableRevision) continue
      change.announced = true
      isOurs = true
    }
    if (isOurs) this.#parts.announce()
    for (const [id, { waiting, announced }] of this.#changes)
      if (announced && waiting.size === 0) this.#succeed(id)
  }

  /** A member has told us what it knows. */
  heard(from: NodeId, records: readonly BucketRecord[]): void {
    for (const [id, change] of this.#changes) {
      if (!change.waiting.has(from) || !BucketRegistry.confirms(records, change.record)) continue
      change.waiting.delete(from)
      if (change.waiting.size === 0 && change.announced) this.#succeed(id)
    }
  }

  /** The time for confirmations is over: answers with the members that have not confirmed. */
  finish(id: number): void {
    const change = this.#changes.get(id)
    if (change === undefined) return
    if (change.announced) return this.#succeed(id)
    this.#changes.delete(id)
    const message = 'the change is not durable on this node yet; ask for the bucket to see it'
    const failure = { code: 'DND_ERR_TIMEOUT', outcome: 'unknown', needed: 1, got: 0 } as const
    this.#refuse(change.client, { ok: false, ...failure, message })
  }

  #succeed(id: number): void {
    const change = must(this.#changes.get(id), 'a change that is waited for')
    this.#changes.delete(id)
    const properties = change.record.properties ?? DEFAULT_PROPERTIES
    this.#host.reply(change.client, {
      type: 'configure-bucket',
      result: { ok: true, properties, pending: [...change.waiting].sort() },
    })
  }

  check(): void {
    assert(this.#changes.size <= CHANGES_MAX, () => `${this.#changes.size} bucket changes`)
  }

  #refuse(client: number, result: Failure): void {
    this.#host.reply(client, { type: 'configure-bucket', result })
  }

  persist(): void {
    const value = this.#parts.registry.encode()
    const { revision } = this.#parts.registry
    this.#host.store('buckets', revision, [{ type: 'put', key: stateKey('buckets'), value }])
  }
}

function refusal(code: FailureCode, message: string): Failure {
  return { ok: false, code, outcome: 'rejected', needed: 0, got: 0, message }
}
