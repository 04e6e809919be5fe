/**
 * What an operator may set of the protocol, with unit, default and trade-off.
 */

export interface NodeConfig {
  /**
   * Patience with one client request, milliseconds, when it names none. Longer rides out a stall,
   * shorter fails honestly sooner.
   */
  readonly requestTimeoutMs: number
  /**
   * How long a get waits for its first R replicas before it asks one more, milliseconds. Lower cuts
   * the tail and costs reads.
   */
  readonly hedgeAfterMs: number
  /** Client requests in flight on this node; beyond it they are refused at once (503). */
  readonly requestsInFlightMax: number
  /**
   * SWIM's protocol period, milliseconds: one probe per node and period (SWIM §4.1; membership R4).
   */
  readonly probeIntervalMs: number
  /** Wait for a direct ack before asking helpers, milliseconds; well below the interval. */
  readonly probeTimeoutMs: number
  /** Between two state exchanges with one random peer, milliseconds. */
  readonly stateSyncIntervalMs: number
  /**
   * How far ahead of ours another node's clock may be before its stamps are refused, milliseconds
   * (V10).
   */
  readonly clockSkewMaxMs: number
  /**
   * In which every partition is compared once with each of its other replicas, milliseconds. Lower
   * finds drift sooner and lets deletes be reaped sooner, and costs messages.
   */
  readonly antiEntropyIntervalMs: number
  /** In which every record is read from the disk and checked once, milliseconds. */
  readonly scrubIntervalMs: number
  /**
   * How long a replica may be silent before a hint is kept for it, milliseconds. Lower lets a
   * sloppy write succeed sooner, and makes hints of every hiccup.
   */
  readonly hintAfterMs: number
  /** Hints kept on this node for others, bytes; beyond it none are taken, and repair does it. */
  readonly hintBytesMax: number
  /** How long a hint is kept for a node that is away, milliseconds; then repair does it. */
  readonly hintAgeMaxMs: number
  /**
   * Background work yields when it makes the 99th percentile of what requests wait for longer than
   * this, milliseconds, or than `backgroundSlowdownPercent` allows, whichever is longer. Lower
   * protects clients better, and repair takes longer.
   */
  readonly backgroundLatencyMs: number
  /** By how much of what it is without background work that percentile may be longer, per cent. */
  readonly backgroundSlowdownPercent: number
  /** Units of background work a second, each up to some hundred KiB, even if nobody else works. */
  readonly backgroundUnitsMax: number
  /**
   * Whether nodes that join get no share until an operator applies a plan (`dnd layout`). To be the
   * same on all nodes: any of them may be the one who plans.
   */
  readonly manualLayout: boolean
}

export const DEFAULT_NODE_CONFIG: NodeConfig = {
  requestTimeoutMs: 5_000,
  hedgeAfterMs: 50,
  requestsInFlightMax: 10_000,
  probeIntervalMs: 1_000,
  probeTimeoutMs: 300,
  stateSyncIntervalMs: 10_000,
  clockSkewMaxMs: 500,
  antiEntropyIntervalMs: 600_000,
  scrubIntervalMs: 30 * 24 * 3_600_000,
  hintAfterMs: 1_000,
  hintBytesMax: 1024 * 1024 * 1024,
  hintAgeMaxMs: 24 * 3_600_000,
  backgroundLatencyMs: 5,
  backgroundSlowdownPercent: 50,
  backgroundUnitsMax: 1_000,
  manualLayout: false,
}
