/**
 * A run as data: how large the cluster is, what clients do, what goes wrong, for how long, and who
 * judges. What is given as a range is drawn anew for each seed, so that a batch of seeds also tries
 * networks, disks and clocks of many kinds.
 */
import type { Checker } from '../checkers/evidence.ts'
import type { Workload } from '../clients.ts'
import type { Fault } from '../faults/fault.ts'
import type { Range } from '../seed.ts'

export interface Scenario {
  readonly name: string
  /** One sentence. */
  readonly about: string
  readonly nodes: number
  /** How many of them form the cluster; the others join if a fault says so. */
  readonly born: number
  /** Nodes are dealt to so many zones in turn; without it, all are in one. */
  readonly zones?: number
  readonly partitions: number
  readonly replicas: number
  /** How long clients work and faults go on, milliseconds of the world's time. */
  readonly loadMs: number
  readonly workload: Omit<Workload, 'keys' | 'contextChance'>
  /**
   * Keys of each bucket: few, so that clients meet; or more, so that some keys are left alone for
   * long.
   */
  readonly keys: Range
  /** Chance that a write hands back the context that its client holds. */
  readonly contextChance: Range
  readonly faults: readonly Fault[]
  readonly network: {
    /** Upper end of the one-way latency, milliseconds. */
    readonly latencyMs: Range
    readonly datagramLoss: Range
    readonly datagramDuplication: Range
    /** The longest datagram that arrives, bytes; without it, any. */
    readonly mtuBytes?: number
    /** How fast each link passes frames, bytes per millisecond; without it, at once. */
    readonly bytesPerMs?: number
  }
  /** Upper end of the time of one sync, milliseconds. */
  readonly syncMs: Range
  /** Chance that a group of batches fails. */
  readonly diskFailure: Range
  /** Wall clocks are off by at most this, either way, milliseconds. */
  readonly clockOffsetMs: number
  /** How much they gain or lose at most, as a share of the time. */
  readonly clockDrift: number
  /** In which every partition is compared with its other replicas, milliseconds. */
  readonly antiEntropyMs: Range
  readonly checkers: readonly Checker[]
}
