/**
 * Watchers: invariants that are looked at while a run goes on. A checker judges what clients saw in
 * the end; a watcher sees what the nodes believe, several times a second, also what is mended
 * before anybody asks.
 *
 * A look must be cheap: each node is asked for its view once, and a watcher reads only what is
 * another object than the last time. It draws nothing and changes nothing, so that a run with it is
 * the same run.
 */
import type { NodeId } from '../../src/core/std/ids.ts'
import type { NodeConfig } from '../../src/core/node/config.ts'
import type { NodeView } from '../../src/core/node/view.ts'
import type { Violation } from '../violation.ts'

/** One node as it is at one moment. */
export interface Observed {
  readonly index: number
  /** `n2`. */
  readonly name: string
  readonly id: NodeId
  /** Who it was before it lost a disk. */
  readonly formerIds: readonly NodeId[]
  /** How often it has been started: another number is another process. 0: never yet. */
  readonly run: number
  /** How often a fault has lost, corrupted or rolled back its disk. */
  readonly damages: number
  /** Whether the process has stood still since the last look. */
  readonly isPaused: boolean
  /** undefined: it does not run. */
  readonly view: NodeView | undefined
  /** The layout that it would find after a crash, encoded. */
  readonly durableLayout: Uint8Array | undefined
}

/** The whole world as it is at one moment. */
export interface Moment {
  readonly nowMs: number
  readonly nodes: readonly Observed[]
  /**
   * Since when nothing has been done to it, as far as looks can tell: all directions between nodes
   * that have run are open, nobody stands still, started or died.
   */
  readonly calmSinceMs: number
}

export interface Watcher {
  readonly name: string
  look(moment: Moment): Violation | undefined
}

/** What watchers need to know of a world in advance. */
export type WatchedConfig = Pick<
  NodeConfig,
  'probeIntervalMs' | 'stateSyncIntervalMs' | 'requestsInFlightMax'
>
