/**
 * What this node remembers of each member beyond what the member says of itself: since when it is
 * in its state, how long its answers take, how well it said it was, and whether it comes and goes.
 *
 * A member that flaps costs more than one that is down: everybody turns to it again each time it is
 * back. So each change leaves a mark that fades by half every five minutes; whoever has too many is
 * asked last until it has rested (ringpop's flap damping). Nobody is told: each node judges for
 * itself by what it has seen.
 *
 * A member that has said that it stops for a moment is excused for a minute: when it falls silent
 * it is not asked any more, and nobody is told that it is suspect. That it comes back costs no
 * marks.
 */
import { must } from '../std/assert.ts'
import type { NodeId } from '../std/ids.ts'
import type { Duration, Instant } from '../std/instant.ts'
import { duration, later, since } from '../std/instant.ts'
import type { MemberRecord } from './member.ts'

/** Weight of a new round trip in the smoothed one (RFC 6298 §2). */
const ROUND_TRIP_GAIN = 1 / 8

const DEATH_MARKS = 1_000
const RESTART_MARKS = 500
const SUSPICION_MARKS = 250
const FLAPPING_FROM = 5_000
const RESTED_BELOW = 2_500
const HALF_LIFE_MS = 300_000
/** The silence of a member that stops for a moment is not held against it for so long. */
const EXCUSED_FOR: Duration = duration(60_000)

interface Entry {
  since: Instant
  roundTripMs: number | undefined
  localHealth: number | undefined
  marks: number
  markedAt: Instant
  /** Of a draining member: until when its silence is excused. */
  excusedUntil: Instant | undefined
  /** A draining member that does not answer any more. */
  isSilent: boolean
}

export class Standings {
  // Bounded by: one for each member shown, NODES_MAX.
  readonly #entries = new Map<NodeId, Entry>()
  // Bounded by: the entries. Those who flap.
  readonly #flapping = new Set<NodeId>()

  of(id: NodeId): Readonly<Entry> | undefined {
    return this.#entries.get(id)
  }

  /** The shown record of a member is another one. */
  onShown(record: MemberRecord, before: MemberRecord | undefined, now: Instant): void {
    const { id } = record.info
    const entry = this.#entries.get(id)
    if (entry === undefined || before === undefined) {
      const entry = fresh(now)
      if (record.draining === true) entry.excusedUntil = later(now, EXCUSED_FOR)
      this.#entries.set(id, entry)
      return
    }
    const isRestart = record.generation !== before.generation
    if (record.draining !== true) entry.excusedUntil = undefined
    else entry.excusedUntil ??= later(now, EXCUSED_FOR)
    if (isRestart || record.draining !== true) entry.isSilent = false
    if (isRestart) {
      entry.roundTripMs = undefined
      entry.localHealth = undefined
      if (before.draining !== true) this.#mark(id, entry, RESTART_MARKS, now)
    }
    if (record.state === before.state && !isRestart) return
    entry.since = now
    if (record.state === 'dead') this.#mark(id, entry, DEATH_MARKS, now)
    if (record.state === 'suspect') this.#mark(id, entry, SUSPICION_MARKS, now)
  }

  onHealth(id: NodeId, localHealth: number): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined) entry.localHealth = localHealth
  }

  onRoundTrip(id: NodeId, took: Duration): void {
    const entry = this.#entries.get(id)
    if (entry === undefined) return
    const smoothed = entry.roundTripMs ?? took
    entry.roundTripMs = smoothed + ROUND_TRIP_GAIN * (took - smoothed)
  }

  /** Whether its silence is no wonder, for it has said that it stops for a moment. */
  isExcused(id: NodeId, now: Instant): boolean {
    const until = this.#entries.get(id)?.excusedUntil
    return until !== undefined && now < until
  }

  /** An excused member does not answer, or does again. */
  setSilent(id: NodeId, isSilent: boolean): void {
    const entry = this.#entries.get(id)
    if (entry !== undefined) entry.isSilent = isSilent
  }

  isSilent(id: NodeId): boolean {
    return this.#entries.get(id)?.isSilent === true
  }

  isFlapping(id: NodeId): boolean {
    return this.#flapping.has(id)
  }

  /** Lets those rest who have been quiet for long enough. */
  fade(now: Instant): void {
    for (const id of this.#flapping) {
      const entry = must(this.#entries.get(id), () => `standing of ${id}`)
      if (marksAt(entry, now) < RESTED_BELOW) this.#flapping.delete(id)
    }
  }

  forget(id: NodeId): void {
    this.#entries.delete(id)
    this.#flapping.delete(id)
  }

  #mark(id: NodeId, entry: Entry, marks: number, now: Instant): void {
    entry.marks = marksAt(entry, now) + marks
    entry.markedAt = now
    if (entry.marks >= FLAPPING_FROM) this.#flapping.add(id)
  }
}

function fresh(now: Instant): Entry {
  return {
    ...{ since: now, roundTripMs: undefined, localHealth: undefined },
    ...{ marks: 0, markedAt: now, excusedUntil: undefined, isSilent: false },
  }
}

/** Half of them after each half-life, and in between on a straight line. */
function marksAt({ marks, markedAt }: Entry, now: Instant): number {
  const lives = since(markedAt, now) / HALF_LIFE_MS
  const whole = Math.floor(lives)
  return (marks / 2 ** whole) * (1 - (lives - whole) / 2)
}
