/** Bounds of a group commit, in one place; tests make them small. */

export interface GroupCommitLimits {
  /** What may be handed over and not yet durable. Beyond it batches fail as overloaded. */
  readonly queueBytesMax: number
  readonly queueOperationsMax: number
  readonly queueClearsMax: number
  /**
   * One group, unless its first batch alone is larger: this is how long the next one has to wait.
   */
  readonly groupBytesMax: number
  readonly groupOperationsMax: number
  /**
   * Keys that a clear may delete in its batch's own transaction; beyond it, in each of its pieces.
   */
  readonly clearKeysMax: number
  /**
   * Keys put into the ranges of a clear while it stands; beyond it no group is written until it is
   * done.
   */
  readonly keptMax: number
  /** Scans at a time, with those that wait for batches; beyond it they fail. */
  readonly scansMax: number
  /** What one scan may give back: it is all in memory at once. */
  readonly scanBytesMax: number
  /** What scans together may read in one turn of the event loop. */
  readonly turnEntriesMax: number
  readonly turnBytesMax: number
  /** The pause after a failed write: a full disk is not emptied by trying. */
  readonly retryMs: number
}

export const GROUP_COMMIT_LIMITS: GroupCommitLimits = {
  queueBytesMax: 256 * 1024 * 1024,
  queueOperationsMax: 128 * 1024,
  queueClearsMax: 4096,
  groupBytesMax: 16 * 1024 * 1024,
  groupOperationsMax: 4096,
  clearKeysMax: 2048,
  keptMax: 4096,
  scansMax: 1024,
  scanBytesMax: 256 * 1024 * 1024,
  turnEntriesMax: 1000,
  turnBytesMax: 4 * 1024 * 1024,
  retryMs: 250,
}
