/** What one node knows of a member beyond what the member says of itself. */
import type { NodeId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'

export interface Standing {
  /** When this node came to see it in its present state. */
  readonly since: Instant
  /** Of a suspect: who accuses it, as far as has been heard. Bounded by: CONFIRMATIONS_MAX + 1. */
  readonly suspectedBy: readonly NodeId[]
  /** Smoothed, milliseconds; undefined until it has answered a probe of ours. */
  readonly roundTripMs: number | undefined
  /** Local health multiplier, as it last said: 0 is best, 7 worst; undefined until heard. */
  readonly localHealth: number | undefined
  /** It comes and goes so often that others are asked first until it has rested. */
  readonly isFlapping: boolean
}
