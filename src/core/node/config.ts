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
}

export const DEFAULT_NODE_CONFIG: NodeConfig = {
  requestTimeoutMs: 5_000,
  hedgeAfterMs: 50,
  requestsInFlightMax: 10_000,
  probeIntervalMs: 1_000,
  probeTimeoutMs: 300,
  stateSyncIntervalMs: 10_000,
  clockSkewMaxMs: 500,
}
