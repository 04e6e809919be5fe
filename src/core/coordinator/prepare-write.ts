/**
 * What a put or a delete makes of the copy that the coordinating replica holds (V3, V6, V10).
 *
 * The new version supersedes what its context covers. In a `siblings` bucket that is what the
 * client says it has seen, and everything else stays beside it. In an `lww` bucket it is also all
 * that this replica holds: the write comes later than those in the only order that the bucket
 * promises, so keeping them would only store what no read will show.
 *
 * The stamp is drawn above every stamp that the write supersedes, whatever this node's clock says.
 * That makes stamps rise along causality, and only then does "the greatest stamp wins" agree with
 * "the successor wins": with a clock that is behind, a successor could otherwise lose to a version
 * that its own ancestor had beaten, and two replicas that met the three in different orders would
 * keep different ones.
 */
import type { PartitionId } from '../std/ids.ts'
import { SIBLINGS_MAX } from '../std/limits.ts'
import type { Actor } from '../versions/actor.ts'
import { contextOf, greatestStamp, liveVersions, write } from '../versions/container.ts'
import type { HybridClock } from '../versions/hybrid-clock.ts'
import { maxStamp, ZERO_STAMP } from '../versions/stamp.ts'
import type { Container, Context, Dot, Value, Version } from '../versions/version.ts'
import { compareDots, covers, EMPTY_VECTOR, joinVectors } from '../versions/version-vector.ts'
import type { Failure } from './messages.ts'

export interface WriteIntent {
  readonly partition: PartitionId
  readonly conflicts: 'lww' | 'siblings'
  /** undefined: delete. */
  readonly value: Value | undefined
  readonly context: Context | undefined
}

export type PreparedWrite =
  | {
      readonly ok: true
      readonly container: Container
      readonly context: Context | undefined
      /** The write's own. */
      readonly dot: Dot
    }
  | Failure

/**
 * Draws the dot and the stamp and makes the container that replaces `local`. Draws nothing when it
 * refuses.
 */
export function prepareWrite(
  local: Container,
  intent: WriteIntent,
  actor: Actor,
  clock: HybridClock,
  wallMs: number,
): PreparedWrite {
  const { value } = intent
  const context = supersededBy(local, intent)
  const siblings = liveVersions(local)
  if (growsTooFar(siblings, intent, context)) return siblingsFailure(siblings.length)
  const seen = intent.context?.stamp ?? ZERO_STAMP
  const stamp = clock.draw(wallMs, maxStamp(seen, greatestStamp(local)))
  const dot = stamp === undefined ? undefined : actor.draw()
  if (stamp === undefined || dot === undefined) return leaseFailure()
  // A delete is a version as well, without a value: its dot must be known where it was seen.
  const container = write(local, { dot, stamp, value, context, tombstone: value === undefined })
  // Siblings that the client has not seen remain: a vector that covers its dot would cover theirs
  // (see WriteSuccess).
  const alone = container.versions.every((version) => compareDots(version.dot, dot) === 0)
  return { ok: true, container, context: alone ? contextOf(container) : undefined, dot }
}

/** What the new version puts an end to. */
function supersededBy(local: Container, intent: WriteIntent): Context['vector'] {
  const seen = intent.context?.vector ?? EMPTY_VECTOR
  if (intent.conflicts === 'lww') return joinVectors(seen, local.vector)
  // A delete that names no context means "what is there": all that this replica holds.
  if (intent.value === undefined && intent.context === undefined) return local.vector
  return seen
}

/**
 * Whether there are as many live siblings as there may be, and the write would only be one more: it
 * has no context, or one that covers none of them. One that supersedes any is always taken.
 */
function growsTooFar(
  siblings: readonly Version[],
  { value }: WriteIntent,
  superseded: Context['vector'],
): boolean {
  return (
    value !== undefined &&
    siblings.length >= SIBLINGS_MAX &&
    !siblings.some(({ dot }) => covers(superseded, dot))
  )
}

function siblingsFailure(count: number): Failure {
  return {
    ok: false,
    code: 'DND_ERR_TOO_MANY_SIBLINGS',
    outcome: 'rejected',
    needed: 0,
    got: 0,
    message: `the key has ${count} concurrent values, and this write would be one more: read the key, merge them, and write the result with the context of that read; none of them was dropped`,
  }
}

/** The next lease is on its way to the disk: a matter of milliseconds. */
function leaseFailure(): Failure {
  return {
    ok: false,
    code: 'DND_ERR_OVERLOADED',
    outcome: 'rejected',
    needed: 0,
    got: 0,
    message: 'this replica waits for its next lease of counters to be durable; try again',
  }
}
