/**
 * The hybrid logical clock: stamps that follow the wall clock as well as it lets them, and never go
 * back.
 *
 * The wall clock alone is no order: it steps back when it is corrected, and machines differ. A
 * counter alone is one, but says nothing about the date, so that among concurrent writes the
 * busiest node would win. The hybrid takes the wall clock while that runs ahead of every stamp
 * known, and counts on from the greatest stamp while it does not:
 *
 * ```
 *   draw      (l, c) ← wall > l ? (wall, 0) : (l, c + 1)
 *   observe   (l, c) ← the greater of (l, c) and what was heard; the next draw is above both
 * ```
 * Kulkarni, Demirbas, Madappa, Avva, Leone, "Logical physical clocks and consistent snapshots in
 * globally distributed databases" (OPODIS 2014), figure 5. Its receive event takes a stamp of its
 * own; we only listen, since nothing here is stamped by being received.
 *
 * Two things are added (V10).
 *
 * **Nobody drags us into the future.** A stamp more than `skewMaxMs` ahead of our wall clock is not
 * followed: one member with a mad clock would else move all of them, for good. A write that
 * supersedes such a version still needs a stamp above it, or it would lose to a concurrent write
 * that its own ancestor had beaten; so it gets one, by itself, and the clock stays where it is.
 *
 * **No way back over a restart.** The clock keeps a durable upper bound, the lease, and draws
 * nothing at or beyond it. A restart begins at the lease's end, which is above everything drawn
 * before, wherever the wall clock stands then. There it counts within one millisecond until the
 * wall clock has caught up, and leases no more than that millisecond: if each restart began with a
 * whole new lease, one that dies again and again would be minutes ahead of everybody in minutes.
 *
 * Invariant: whatever the clock drew for itself lies below the lease.
 */
import { assert } from '../std/assert.ts'
import { checkStamp, compareStamps, COUNTER_MAX, nextStamp, STAMP_MS_MAX } from './stamp.ts'
import type { Stamp } from './version.ts'

/**
 * How far ahead of the clock a lease reaches. Shorter: a stall of the disk stops writes sooner.
 * Longer: after a restart with the wall clock stepped back, stamps run ahead of it for longer.
 */
const LEASE_MS = 3_000

export class HybridClock {
  readonly #skewMaxMs: number
  /** Greatest stamp drawn or followed. */
  #last: Stamp
  /** Millisecond of the last stamp that the clock drew for itself. */
  #drawnMs = -1
  /** Durable. Draws lie strictly below. */
  #leasedUntilMs: number
  #pendingUntilMs: number | undefined
  /** Where a restart began. */
  readonly #resumedAtMs: number

  /** `leasedUntilMs`: the greatest bound ever granted on this disk, 0 for none. */
  constructor(options: { readonly skewMaxMs: number; readonly leasedUntilMs: number }) {
    this.#skewMaxMs = options.skewMaxMs
    this.#leasedUntilMs = wholeMs(options.leasedUntilMs)
    this.#resumedAtMs = this.#leasedUntilMs
    this.#last = { ms: this.#resumedAtMs, counter: 0 }
  }

  /**
   * A stamp above `above` and, unless `above` is too far ahead to be followed, above everything
   * drawn and observed. undefined when that needs a lease that is not durable yet.
   */
  draw(wallMs: number, above: Stamp): Stamp | undefined {
    const wall = wholeMs(wallMs)
    if (this.#isTooFarAhead(above, wall)) return nextStamp(above)
    const floor = compareStamps(above, this.#last) > 0 ? above : this.#last
    const stamp = wall > floor.ms ? { ms: wall, counter: 0 } : nextStamp(floor)
    if (stamp.ms >= this.#leasedUntilMs) return undefined
    this.#last = stamp
    this.#drawnMs = stamp.ms
    return stamp
  }

  /** The time, milliseconds: it never goes back, not even when the wall clock does. */
  reading(wallMs: number): number {
    return Math.max(wholeMs(wallMs), this.#last.ms)
  }

  /** Hears a stamp of another node; one that is too far ahead changes nothing. */
  observe(stamp: Stamp, wallMs: number): 'ok' | 'too-far-ahead' {
    if (this.#isTooFarAhead(stamp, wholeMs(wallMs))) return 'too-far-ahead'
    if (compareStamps(stamp, this.#last) > 0) this.#last = stamp
    return 'ok'
  }

  /**
   * The bound to make durable, once less than half of a lease is left and none is on its way;
   * answer with {@link leaseGranted} or {@link leaseFailed}. Cheap enough to ask at every step, and
   * to be asked while idle, too: a clock that nobody asked for longer than its lease has none at
   * the next draw.
   */
  leaseWanted(wallMs: number): number | undefined {
    if (this.#pendingUntilMs !== undefined) return undefined
    const reading = this.reading(wallMs)
    const from = this.#isWaiting(reading) ? wholeMs(wallMs) : reading
    const left = this.#leasedUntilMs - from
    if (left >= LEASE_MS / 2 && this.#leasedUntilMs > reading) return undefined
    const until = wholeMs(Math.max(from + LEASE_MS, reading + 1))
    if (until <= this.#leasedUntilMs) return undefined
    this.#pendingUntilMs = until
    return until
  }

  /** `untilMs` is durable. */
  leaseGranted(untilMs: number): void {
    this.#pendingUntilMs = undefined
    this.#leasedUntilMs = Math.max(this.#leasedUntilMs, wholeMs(untilMs))
  }

  /** The bound asked for did not become durable: it will be asked for again. */
  leaseFailed(): void {
    this.#pendingUntilMs = undefined
  }

  check(): void {
    checkStamp(this.#last)
    const until = this.#leasedUntilMs
    assert(this.#drawnMs < until, () => `drew ${this.#drawnMs} under a lease until ${until}`)
    assert(
      this.#drawnMs <= this.#last.ms,
      () => `drew ${this.#drawnMs}, but reads ${this.#last.ms}`,
    )
    const pending = this.#pendingUntilMs
    assert(pending === undefined || pending > until, () => `asked for ${pending}, has ${until}`)
  }

  /** Whether the wall clock is yet to reach where the restart began, and stamps suffice for it. */
  #isWaiting(reading: number): boolean {
    return reading === this.#resumedAtMs && this.#last.counter <= COUNTER_MAX / 2
  }

  /**
   * What is below our own reading is never too far: after a step back of the wall clock, our own
   * stamps are not.
   */
  #isTooFarAhead(stamp: Stamp, wall: number): boolean {
    return stamp.ms > wall + this.#skewMaxMs && compareStamps(stamp, this.#last) > 0
  }
}

/** As a stamp can say it: whole milliseconds in 48 bits. A clock set before 1970 reads zero. */
function wholeMs(ms: number): number {
  return Math.min(Math.max(Math.floor(ms), 0), STAMP_MS_MAX)
}
