/**
 * How far this node may trust its own ears (Lifeguard §IV-A; rules R7, R9).
 *
 * A failure detector that is itself slow sees failures everywhere: the answers came in time, it was
 * late to look. One overloaded node in a hundred is enough to have healthy ones accused. So a node
 * keeps a score of signs that the fault is its own, and waits and asks (score + 1) times as long:
 *
 * - a probe answered: better by one;
 * - a probe unanswered: worse by one for each helper that did not even say "silent to me, too", and
 *   by one if there was nobody to ask. Where all helpers have heard us and agree, the fault is the
 *   target's;
 * - somebody suspects us: worse by one;
 * - we stood still: worse by one for every second (rule R8).
 *
 * A node from whom nothing gets out while others' packets come in is worse off: it would accuse all
 * of them. When most of its last probes met complete silence although packets arrive, it accuses
 * nobody.
 *
 * Either trouble is told to the others as `degraded`, so that they ask somebody else first. The
 * word goes up early and down late, since each change is news for the whole cluster.
 */
import type { Duration, Instant } from '../std/instant.ts'
import { duration, since } from '../std/instant.ts'
import { LOCAL_HEALTH_MAX } from './messages.ts'

/** Probes that are looked back on. */
const LATELY = 5
/** From this score on the node calls itself degraded, until the score is 0 again. */
const DEGRADED_FROM = 4
/** Between two changes of that word. */
const DEGRADED_CALM: Duration = duration(10_000)

export class LocalHealth {
  #score = 0
  // Bounded by: LATELY. Of each of the last probes: whether nothing at all came back.
  readonly #silences: boolean[] = []
  #lastHeard: Instant | undefined
  #isDegraded = false
  #changedAt: Instant | undefined

  /** 0, all is well, to LOCAL_HEALTH_MAX. */
  get score(): number {
    return this.#score
  }

  /** What probe interval and time-out are multiplied with. */
  get multiplier(): number {
    return this.#score + 1
  }

  /** A packet has arrived. */
  onHeard(now: Instant): void {
    this.#lastHeard = now
  }

  /** The target has answered, directly or not. */
  onAnswered(): void {
    this.#add(-1)
    this.#remember(false)
  }

  /**
   * It has not. `asked`: helpers that were asked; `nacks`: those that have said that it is silent
   * to them as well.
   */
  onUnanswered(asked: number, nacks: number): void {
    this.#add(asked === 0 ? 1 : asked - nacks)
    this.#remember(asked > 0 && nacks === 0)
  }

  onSuspected(): void {
    this.#add(1)
  }

  onStall(gap: Duration): void {
    this.#add(Math.ceil(gap / 1_000))
    this.#silences.length = 0
  }

  /** Whether packets come in and nothing gets out; `patience`: how fresh the last one must be. */
  isMute(now: Instant, patience: Duration): boolean {
    let silent = 0
    for (const isSilent of this.#silences) if (isSilent) silent++
    if (silent * 2 <= LATELY) return false
    return this.#lastHeard !== undefined && since(this.#lastHeard, now) <= patience
  }

  /** Whether the node now calls itself degraded, if that is another word than before. */
  verdict(now: Instant, isMute: boolean): boolean | undefined {
    const isDegraded = isMute || this.#score >= (this.#isDegraded ? 1 : DEGRADED_FROM)
    if (isDegraded === this.#isDegraded) return undefined
    if (this.#changedAt !== undefined && since(this.#changedAt, now) < DEGRADED_CALM)
      return undefined
    this.#isDegraded = isDegraded
    this.#changedAt = now
    return isDegraded
  }

  #add(points: number): void {
    this.#score = Math.min(LOCAL_HEALTH_MAX, Math.max(0, this.#score + points))
  }

  #remember(isSilent: boolean): void {
    this.#silences.push(isSilent)
    if (this.#silences.length > LATELY) this.#silences.shift()
  }
}
