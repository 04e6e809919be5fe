/**
 * How far all replicas of a partition are known to be: the floor, and the horizon.
 *
 * A tombstone may go when the partition's clock covers it (V6); that alone is safe, since the clock
 * keeps out what it superseded. But replicas that let it go at different times have different trees
 * until all have. So a version without value stays until it lies below the floor, and one that has
 * expired also until its deadline lies below the horizon:
 *
 * ```
 *   floor     of each vnode the least base that all replicas which are up are known to have
 *   horizon   the least wall clock known of them, less the allowed skew
 * ```
 * Both are joined with those of the other side in each exchange, so that the replicas of a
 * partition reap by the same numbers soon after each other. A replica that is down holds nothing
 * up: what it still has is kept out by the clocks of the others when it comes back.
 *
 * What is known of the others is of this life and of theirs: of one that was lost nothing is known
 * any more. And it is of one replica set: a new replica has seen nothing until it was compared
 * with.
 */
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { Dot, VersionVector } from '../versions/version.ts'
import { counterOf, EMPTY_VECTOR, joinVectors } from '../versions/version-vector.ts'

/** What an exchange has shown of a replica. */
export interface Progress {
  readonly base: VersionVector
  readonly wallMs: number
}

export interface Floor {
  readonly floor: VersionVector
  /** Milliseconds since 1970; 0: nothing is known. */
  readonly horizonMs: number
}

const NOTHING: Floor = { floor: EMPTY_VECTOR, horizonMs: 0 }

export class ReapFloors {
  readonly #isUp: (node: NodeId) => boolean
  readonly #skewMs: number
  // Bounded by: the partitions of the ring.
  readonly #floors = new Map<PartitionId, Floor>()
  // Bounded by: the partitions of the ring, and the replicas of one.
  readonly #known = new Map<PartitionId, Map<NodeId, Progress>>()

  constructor(options: { readonly isUp: (node: NodeId) => boolean; readonly skewMs: number }) {
    this.#isUp = options.isUp
    this.#skewMs = options.skewMs
  }

  /** Of a partition whose other replicas are `others`, given how far this one is. */
  of(partition: PartitionId, own: Progress, others: readonly NodeId[]): Floor {
    const known = this.#floors.get(partition) ?? NOTHING
    const computed = this.#compute(partition, own, others)
    return computed === undefined ? known : this.#raise(partition, known, computed)
  }

  /** The floor of another replica, which counts here as well. */
  join(partition: PartitionId, theirs: Floor): void {
    this.#raise(partition, this.#floors.get(partition) ?? NOTHING, theirs)
  }

  learn(partition: PartitionId, peer: NodeId, progress: Progress): void {
    const known = this.#known.get(partition)
    if (known === undefined) this.#known.set(partition, new Map([[peer, progress]]))
    else known.set(peer, progress)
  }

  peerLost(peer: NodeId): void {
    for (const known of this.#known.values()) known.delete(peer)
  }

  /** The partition has other replicas than before, or is held no more: it begins anew. */
  forget(partition: PartitionId): void {
    this.#floors.delete(partition)
    this.#known.delete(partition)
  }

  /** undefined: one that is up has not told yet. */
  #compute(partition: PartitionId, own: Progress, others: readonly NodeId[]): Floor | undefined {
    const known = this.#known.get(partition)
    const bases: VersionVector[] = []
    let { wallMs } = own
    for (const node of others) {
      if (!this.#isUp(node)) continue
      const progress = known?.get(node)
      if (progress === undefined) return undefined
      bases.push(progress.base)
      wallMs = Math.min(wallMs, progress.wallMs)
    }
    return { floor: least(own.base, bases), horizonMs: Math.max(0, wallMs - this.#skewMs) }
  }

  #raise(partition: PartitionId, known: Floor, by: Floor): Floor {
    const floor = joinVectors(known.floor, by.floor)
    const horizonMs = Math.max(known.horizonMs, by.horizonMs)
    if (floor === known.floor && horizonMs === known.horizonMs) return known
    const raised = { floor, horizonMs }
    this.#floors.set(partition, raised)
    return raised
  }
}

/** What all of them cover. */
function least(own: VersionVector, others: readonly VersionVector[]): VersionVector {
  const common: Dot[] = []
  for (const { vnode, counter } of own) {
    let floor = counter
    for (const base of others) floor = Math.min(floor, counterOf(base, vnode))
    if (floor > 0) common.push({ vnode, counter: floor })
  }
  return common
}
