/**
 * One run as an order and its result, both plain data: they travel between threads, and to files as
 * JSON.
 */
import type { Mutant } from '../sim-node.ts'
import type { Violation } from '../violation.ts'
import type { ScenarioData } from './scenario-data.ts'

/** Where a run's scenario comes from. */
export type Source =
  /** One that has a name, with another number of nodes if that is given. */
  | { readonly type: 'named'; readonly name: string; readonly nodes: number | undefined }
  /** One that the seed draws. */
  | {
      readonly type: 'swarm'
      readonly nodes: number | undefined
      /** How long faults go on, milliseconds of the world's time. */
      readonly faultMs: number | undefined
    }
  /** One that was read from a file. */
  | { readonly type: 'file'; readonly path: string; readonly scenario: ScenarioData }

export interface Job {
  readonly source: Source
  readonly seed: number
  readonly mutant: Mutant | undefined
  /** Run it twice, and call it a failure when the two are not the same to the byte. */
  readonly twice: boolean
  /** Tell a failure with the events that led to it, which costs another run. */
  readonly told: boolean
}

/** What clients' operations came to. */
export interface Outcomes {
  readonly ok: number
  readonly fail: number
  readonly unknown: number
}

export interface JobResult {
  readonly scenario: string
  readonly seed: number
  /** The first thing that was broken; the run is good without one. */
  readonly violation: Violation | undefined
  readonly hash: string
  /** Of all runs that the job took, as everything below. */
  readonly events: number
  readonly virtualMs: number
  readonly realMs: number
  readonly runs: number
  readonly operations: Outcomes
  /** The failure in words, for a person; empty when there is none, or when nobody asked. */
  readonly report: string
}

/** Violations that no checker of a scenario finds, but whoever runs it. */
export const RUN_CHECKERS = {
  /** Two runs of one seed differ. */
  determinism: 'determinism',
  /** The simulator or a checker threw. */
  exception: 'exception',
  /** The worker died: out of memory, most likely. */
  crash: 'worker-crash',
  /** No end within the limit: an endless loop, most likely. */
  timeLimit: 'time-limit',
} as const
