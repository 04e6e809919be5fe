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
import { contextOf, greatestStamp, write } from '../versions/container.ts'
import type { HybridClock } from '../versions/hybrid-clock.ts'
import { maxStamp, ZERO_STAMP } from '../versions/stamp.ts'
import type { Container, Context, Value } from '../versions/version.ts'
import { compareDots, EMPTY_VECTOR, joinVectors } from '../versions/version-vector.ts'
import type { Failure } from './messages.ts'

export interface WriteIntent {
  readonly partition: PartitionId
  readonly conflicts: 'lww' | 'siblings'
  /** undefined: delete. */
  readonly value: Value | undefined
  readonly context: Context | undefined
}

export type PreparedWrite =
  | { readonly ok: true; readonly container: Container; readonly context: Context | undefined }
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
  const { value, conflicts } = intent
  if (tooManySiblings(local, intent)) return siblingsFailure(local.versions.length)
  const context = supersededBy(local, intent)
  const seen = intent.context?.stamp ?? ZERO_STAMP
  const stamp = clock.draw(wallMs, maxStamp(seen, greatestStamp(local)))
  const dot = stamp === undefined ? undefined : actor.draw()
  if (stamp === undefined || dot === undefined) return leaseFailure()
  const tombstone = value === undefined && conflicts === 'lww'
  const container = write(local, { dot, stamp, value, context, tombstone })
  // Siblings that the client has not seen remain: a vector that covers its dot would cover theirs
  // (see WriteSuccess).
  const alone = container.versions.every((version) => compareDots(version.dot, dot) === 0)
  return { ok: true, container, context: alone ? contextOf(container) : undefined }
}

/** What the new version puts an end to. */
function supersededBy(local: Container, intent: WriteIntent): Context['vector'] {
  const seen = intent.context?.vector ?? EMPTY_VECTOR
  if (intent.conflicts === 'lww') return joinVectors(seen, local.vector)
  // A delete that names no context means "what is there": all that this replica holds.
  if (intent.value === undefined && intent.context === undefined) return local.vector
  return seen
}

function tooManySiblings(local: Container, intent: WriteIntent): boolean {
  return (
    intent.conflicts === 'siblings' &&
    intent.context === undefined &&
    intent.value !== undefined &&
    local.versions.length >= SIBLINGS_MAX
  )
}

function siblingsFailure(count: number): Failure {
  return {
    ok: false,
    code: 'DND_ERR_TOO_MANY_SIBLINGS',
    outcome: 'rejected',
    needed: 0,
    got: 0,
    message: `the key has ${count} concurrent values; read it and write with its context to resolve them`,
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
