/**
 * The layout: the versioned, agreed answer to "which nodes hold this partition?". It is computed
 * once, by one node, validated by everyone who hears of it (`layout-check.ts`), stored, gossiped,
 * and never recomputed.
 */
import type { NodeId, PartitionId } from '../std/ids.ts'

/** What a node is given to hold. */
export interface Role {
  readonly node: NodeId
  /** Failure domain: replicas of one partition go to different zones while there are enough. */
  readonly zone: string
  /** Share of the data relative to the other nodes, 1 … 1000; 0 holds none. */
  readonly weight: number
}

export interface Layout {
  /** 1 for the first; each change adds one. */
  readonly version: number
  /** `hash` of the layout that this one was planned from; 0 for the first. */
  readonly previousHash: number
  /** Q: a power of two, fixed when the cluster is born. */
  readonly partitions: number
  /**
   * Wanted replicas of each partition, 1 … 7; a layout of fewer nodes has one on each. Fixed at
   * birth.
   */
  readonly replicas: number
  /** Sorted by node id, each once. Bounded by: NODES_MAX. */
  readonly roles: readonly Role[]
  /**
   * Ordered replica set of each partition: indices into `roles`. Length Q, each of min(replicas,
   * weighted nodes).
   */
  readonly table: readonly (readonly number[])[]
  /**
   * Nodes of the layout before whose data is gone, so that nobody waits for what they had; left out
   * when there are none. Sorted, each once, none of them in `roles`. Bounded by: NODES_MAX.
   */
  readonly lost?: readonly NodeId[]
  /** CRC-32 of the encoding of everything above. */
  readonly hash: number
}

/** A layout change in progress: writes go to both, reads to the newest that is complete. */
export interface LayoutState {
  readonly current: Layout
  /**
   * The layout that `current` was planned from, while the data still moves; undefined when it has.
   */
  readonly previous: Layout | undefined
  /**
   * The layout that `current` was planned from, when the data has moved: with it a change is undone
   * as it was done. Missing where this node has never heard of it, and while `previous` is there.
   */
  readonly former?: Layout
  /**
   * Nodes of `current` that have pulled all they newly own. Meaningless when `previous` is
   * undefined.
   */
  readonly synced: readonly NodeId[]
  /**
   * Nodes of either layout that read from `current`, for good. Empty before all are synced;
   * meaningless when `previous` is undefined.
   */
  readonly acked: readonly NodeId[]
  /**
   * Nodes of either layout of which the operator has said, since `current` was planned, that they
   * will not come back: nobody waits for them, or listens to them, and the next layout is without
   * them. Sorted, each once. Bounded by: NODES_MAX.
   */
  readonly lost: readonly NodeId[]
}

/** Where a request on one partition goes now. */
export interface Placement {
  readonly partition: PartitionId
  /** Version that replicas must not be ahead of: they refuse older ones. */
  readonly layoutVersion: number
  /**
   * Of reads, instead: rises with the layout's version, and once more when its sets are filled and
   * are read from. Who has said that they read from the new sets does not serve the old ones any
   * more.
   */
  readonly readVersion: number
  /** Replica sets of which each must take the write: one, or two while the partition moves. */
  readonly writeSets: readonly (readonly NodeId[])[]
  /**
   * The newest complete replica set: who may coordinate and who answers reads. Always one of the
   * write sets.
   */
  readonly readSet: readonly NodeId[]
}
