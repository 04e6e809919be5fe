/**
 * Explains one key: asks all replicas of its partition, and whoever may keep hints for them, what
 * they have of it, and puts the answers beside each other.
 *
 * It is asked when something looks wrong. So it waits for no quorum: who is down is not asked, who
 * does not answer within the time is told as silent, and the rest is shown. It reads what is
 * durable, as any other reader would be shown it, and changes nothing.
 */
import type { Failure } from '../coordinator/messages.ts'
import type { Placement } from '../placement/layout.ts'
import { partitionOf, slotOf } from '../placement/slot.ts'
import { assert, must } from '../std/assert.ts'
import type { NodeId, PartitionId } from '../std/ids.ts'
import { duration, later } from '../std/instant.ts'
import type { Version } from '../versions/version.ts'
import type { Actors } from './actors.ts'
import type { BucketRegistry } from './bucket-registry.ts'
import { bucketNameProblem } from './buckets.ts'
import type { ExplainKeyRequest } from './events.ts'
import type {
  Comparison,
  CopyReport,
  ExplainedReplica,
  ExplainReply,
  ExplainRequest,
  Explanation,
  HintsWaiting,
  ReapWait,
  VersionReport,
} from './explanation.ts'
import { EXPLAINED_NODES_MAX, EXPLAINED_VERSIONS_MAX } from './explanation.ts'
import type { LocalHoldings } from './holdings.ts'
import type { Host } from './host.ts'
import type { LayoutKeeper } from './layout-keeper.ts'
import { isRecordKey, listingKey, recordKey } from './storage-keys.ts'

/** Explanations under way at once: people ask for them. */
const ASKS_MAX = 64
/** Nodes without a replica that are asked for their hints. */
const OTHERS_MAX = 64

export interface ExplainingParts {
  readonly layout: LayoutKeeper
  readonly buckets: BucketRegistry
  readonly holdings: LocalHoldings
  readonly actors: Actors
  readonly timeoutMs: number
  /** Who else is up. */
  readonly others: () => readonly NodeId[]
  /** When the partition was last compared with its other replicas. */
  readonly comparisons: (partition: PartitionId) => Iterable<Comparison>
  /** What a delete or an expired value of the record still waits for. */
  readonly waitOf: (partition: PartitionId, key: Uint8Array) => ReapWait | undefined
  /** All hints kept here, by target. */
  readonly hints: () => Iterable<HintsWaiting>
}

interface Ask {
  readonly client: number
  readonly slot: number
  readonly placement: Placement
  readonly bucket: string
  readonly replicas: readonly NodeId[]
  // Bounded by: the replicas of two layouts, and OTHERS_MAX.
  readonly waiting: Set<NodeId>
  // Bounded by: as #waiting.
  readonly reports: Map<NodeId, CopyReport>
}

export class Explaining {
  readonly #host: Host
  readonly #parts: ExplainingParts
  // Bounded by: ASKS_MAX.
  readonly #asks = new Map<number, Ask>()

  constructor(host: Host, parts: ExplainingParts) {
    this.#host = host
    this.#parts = parts
  }

  /** Answered by one `explain` reply. */
  ask(client: number, { bucket, key, sort, timeoutMs }: ExplainKeyRequest): void {
    const refusal = this.#refusal(bucket)
    if (refusal !== undefined) return this.#host.reply(client, { type: 'explain', result: refusal })
    const { layout } = this.#parts
    const slot = slotOf(bucket, key)
    const partition = partitionOf(slot, must(layout.state, 'a layout').current.partitions)
    const placement = must(layout.placementOf(partition), () => `partition ${partition}`)
    const replicas = inOrder(placement)
    const { self } = this.#host
    const others = this.#parts.others()
    const asked = [
      ...replicas.filter((node) => others.includes(node)),
      ...others.filter((node) => !replicas.includes(node)).slice(0, OTHERS_MAX),
    ]
    const request = this.#host.nextRequest()
    const waiting = new Set(asked)
    const reports = new Map<NodeId, CopyReport>()
    const record = recordKey(partition, bucket, listingKey(key, sort))
    this.#asks.set(request, { client, slot, placement, bucket, replicas, waiting, reports })
    reports.set(self, this.#report(partition, record))
    for (const peer of waiting)
      this.#host.send(peer, { type: 'explain-request', request, partition, key: record })
    const patience = duration(timeoutMs ?? this.#parts.timeoutMs)
    this.#host.arm({ owner: 'explaining', ask: request }, later(this.#host.now, patience))
    if (waiting.size === 0) this.onDeadline(request)
  }

  /** A peer explains a key. */
  requested(from: NodeId, { request, partition, key }: ExplainRequest): void {
    // Any other key of the store is none of its business.
    if (!isRecordKey(key, partition))
      return this.#host.note({
        ...{ type: 'peer-misbehaved', peer: from, what: 'an explain-request of no record' },
      })
    const report = this.#report(partition, key)
    this.#host.send(from, { type: 'explain-reply', request, report })
  }

  replied(from: NodeId, { request, report }: ExplainReply): void {
    const ask = this.#asks.get(request)
    if (ask === undefined || !ask.waiting.delete(from)) return
    ask.reports.set(from, report)
    if (ask.waiting.size === 0) this.onDeadline(request)
  }

  peerLost(peer: NodeId): void {
    for (const [request, ask] of this.#asks)
      if (ask.waiting.delete(peer) && ask.waiting.size === 0) this.onDeadline(request)
  }

  /** All have answered, or had the time to. */
  onDeadline(request: number): void {
    const ask = this.#asks.get(request)
    if (ask === undefined) return
    this.#asks.delete(request)
    this.#host.reply(ask.client, { type: 'explain', result: this.#explanation(ask) })
  }

  check(): void {
    assert(this.#asks.size <= ASKS_MAX, () => `${this.#asks.size} explanations`)
  }

  #refusal(bucket: string): Failure | undefined {
    const problem = bucketNameProblem(bucket)
    if (problem !== undefined) return failure('DND_ERR_BAD_BUCKET', problem)
    if (this.#parts.layout.state === undefined)
      return failure('DND_ERR_NOT_READY', 'this node has not joined a cluster yet')
    return this.#asks.size < ASKS_MAX
      ? undefined
      : failure('DND_ERR_OVERLOADED', `${ASKS_MAX} keys are being explained already`)
  }

  #explanation({ slot, placement, bucket, replicas, reports }: Ask): Explanation {
    const properties = this.#parts.buckets.of(bucket)
    const { partition, layoutVersion, writeSets, readSet } = placement
    const { n } = properties
    const servesOf = (node: NodeId): ExplainedReplica['serves'] => {
      if (readSet.slice(0, n).includes(node)) return 'reads'
      return writeSets.some((set) => set.slice(0, n).includes(node)) ? 'writes' : 'keeps'
    }
    const others: { node: NodeId; report: CopyReport }[] = []
    for (const [node, report] of reports)
      if (!replicas.includes(node) && concerns(report, replicas)) others.push({ node, report })
    return {
      ok: true,
      ...{ slot, partition, layoutVersion, isMoving: writeSets.length > 1, properties, others },
      replicas: replicas.map((node) => ({
        node,
        serves: servesOf(node),
        report: reports.get(node) ?? (this.#host.isUp(node) ? 'silent' : 'down'),
      })),
    }
  }

  /** What this node has of the key. */
  #report(partition: PartitionId, key: Uint8Array): CopyReport {
    const { holdings, actors } = this.#parts
    const { record, base } = holdings.shown(partition, key)
    const isBroken = record === 'unreadable'
    const bytes = record instanceof Uint8Array ? record : new Uint8Array(0)
    const container = isBroken ? undefined : holdings.decode(bytes, base)
    const clock = holdings.clockOf(partition)
    const versions = container?.versions ?? []
    const outcome = bytes.length > 0 ? 'found' : 'absent'
    return {
      outcome: container === undefined ? 'unreadable' : outcome,
      bytes: bytes.length,
      versions: versions.slice(0, EXPLAINED_VERSIONS_MAX).map(versionReport),
      more: Math.max(0, versions.length - EXPLAINED_VERSIONS_MAX),
      vector: container?.vector ?? [],
      clock: clock.incomplete ? 'incomplete' : clock.doubtful ? 'doubtful' : 'whole',
      vnode: actors.of(partition)?.vnode,
      wait: container === undefined ? undefined : this.#parts.waitOf(partition, key),
      compared: [...this.#parts.comparisons(partition)].slice(0, EXPLAINED_NODES_MAX),
      hints: [...this.#parts.hints()].slice(0, EXPLAINED_NODES_MAX),
    }
  }
}

function versionReport({ dot, stamp, value }: Version): VersionReport {
  if (value === undefined) return { dot, stamp, value }
  const { bytes, contentType, expiresAtMs } = value
  return { dot, stamp, value: { bytes: bytes.length, contentType, expiresAtMs } }
}

/** Who answers reads first, then those who only take writes. */
function inOrder({ readSet, writeSets }: Placement): NodeId[] {
  return [...new Set([...readSet, ...writeSets.flat()])]
}

/** Whether a node without a replica has something to say of them. */
function concerns({ outcome, hints }: CopyReport, replicas: readonly NodeId[]): boolean {
  return outcome !== 'absent' || hints.some(({ target }) => replicas.includes(target))
}

function failure(code: Failure['code'], message: string): Failure {
  return { ok: false, code, outcome: 'rejected', needed: 0, got: 0, message }
}
