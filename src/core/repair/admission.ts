/**
 * How much background work a node may do: what makes hints, exchanges, walks over the store and
 * transfers yield to the requests of clients.
 *
 * The problem: a fixed limit is wrong at any value. One that nobody feels at noon wastes the night,
 * and it is set for a disk that somebody else has. So one controller is fed by what foreground
 * requests see, and gives out leave for units of background work, each a few milliseconds long
 * (DeCandia et al., "Dynamo", 2007, §6.5: the 99th percentile over the last 60 seconds against a
 * threshold decides how many slices background tasks get).
 *
 * A preset threshold alone is wrong as well: what is slow depends on disk, load and network. So
 * latencies are compared with those of the same node without background work. For these, every
 * tenth second by the wall clock is quiet: no node that has foreground begins a unit in it, so that
 * all are quiet together, and what requests took that began and ended in it is the measure. Each
 * kind of wait has a limit: `latencyMs`, or its quiet 99th percentile and `slowdownPercent` more,
 * whichever is longer.
 *
 * ```
 *   each second, of the second before:
 *     more than 1 % over the limit             units a second: half of it, and no more doubling
 *     of the last 60 s more than 1 %           as it is
 *     else, if the units allowed were used     twice as many until the first halving,
 *                                              then a tenth more
 * ```
 * The last second brings it down at once, and only a good minute lets it rise: what has hurt is
 * paid back before more is tried. A rate that was not used proves nothing and is forgotten. When
 * no client has asked for anything for some seconds, nobody is hurt, and `unitsMax` go.
 *
 * Invariants: UNITS_MIN <= units a second <= max(UNITS_MIN, unitsMax), so that background work goes
 * on whatever happens; with foreground, never two units in one moment.
 */
import { assert } from '../std/assert.ts'
import type { Instant } from '../std/instant.ts'
import { duration, later, since } from '../std/instant.ts'
import { LatencyWindow } from './latency-window.ts'

/** Who asks for leave. */
export type BackgroundWork = 'hints' | 'exchange' | 'tree' | 'scrub' | 'transfer' | 'reaping'
export const BACKGROUND_WORK: readonly BackgroundWork[] = [
  ...(['hints', 'exchange', 'tree', 'scrub', 'transfer', 'reaping'] as const),
]

/**
 * What foreground requests wait for: a get or put as its client sees it here, the disk for a write
 * of any client's, and the turn of an event while others are being executed.
 */
export type ForegroundWait = 'get' | 'put' | 'disk' | 'turn'
const WAITS: readonly ForegroundWait[] = ['get', 'put', 'disk', 'turn']

export interface AdmissionOptions {
  /** What background work may make of a 99th percentile without yielding, milliseconds. */
  readonly latencyMs: number
  /** By how much it may raise one that is longer, in per cent of what it is without. */
  readonly slowdownPercent: number
  /** Units a second, whatever the foreground says. */
  readonly unitsMax: number
}

/** Whatever the foreground says. */
export const UNITS_MIN = 20
/** With foreground, where the search for the right number begins. */
const UNITS_FIRST = 40
const WINDOW_SECONDS = 60
/** Quiet seconds that are remembered. */
const QUIET_SECONDS = 12
/** Every so many seconds one is quiet. */
const QUIET_EVERY_MS = 10_000
const QUIET_MS = 1_000
/** Of a quiet second, the time in which what was begun before it comes to an end. */
const SETTLE_MS = 500
/** Fewer say nothing of a 99th percentile. */
const SAMPLES_MIN = 100
/** Units that may go in one moment when there is no foreground. */
const BURST = 32
/** Without requests for so long there is no foreground. */
const IDLE_MS = 3_000
/** Unused for so long, the number found is worth nothing: the load may be another. */
const FORGET_SECONDS = 10

interface Gauge {
  /** Slots are seconds. */
  readonly all: LatencyWindow
  /** Slots are numbered as quiet seconds come. */
  readonly quiet: LatencyWindow
}

/** Of one kind of wait, over the last 60 s and the last quiet seconds. */
export interface WaitView {
  readonly wait: ForegroundWait
  readonly p99Ms: number
  readonly quietP99Ms: number
  readonly limitMs: number
}

export class Admission {
  readonly #options: AdmissionOptions
  readonly #unitsMax: number
  readonly #gauges: Readonly<Record<ForegroundWait, Gauge>>
  #units = UNITS_FIRST
  #isSearching = true
  /** The last second that was judged. */
  #judged = 0
  #waitedAt: Instant | undefined
  /** Units that went in the present second. */
  #used = 0
  #usedAt = 0
  #tokens = BURST
  #tokensAt = 0
  /** Which quiet second it is, and how many there were. */
  #quietSecond = 0
  #quietCount = 0

  constructor(options: AdmissionOptions) {
    this.#options = options
    this.#unitsMax = Math.max(UNITS_MIN, options.unitsMax)
    this.#gauges = { get: gauge(), put: gauge(), disk: gauge(), turn: gauge() }
  }

  /** A foreground request has waited so long, until now. */
  waited(wait: ForegroundWait, ms: number, now: Instant, wallMs: number): void {
    const second = this.#judge(now)
    if (wait !== 'turn') this.#waitedAt = now
    const { all, quiet } = this.#gauges[wait]
    all.record(ms, second)
    const quietMs = quietFor(wallMs)
    if (quietMs - ms < SETTLE_MS) return
    const quietSecond = Math.floor(wallMs / QUIET_EVERY_MS)
    if (quietSecond !== this.#quietSecond) {
      this.#quietSecond = quietSecond
      this.#quietCount++
    }
    quiet.record(ms, this.#quietCount)
  }

  /** Whether clients have asked for anything in the last seconds. */
  hasForeground(now: Instant): boolean {
    return this.#waitedAt !== undefined && since(this.#waitedAt, now) < IDLE_MS
  }

  /** When the next unit may go: not later than `now`, and it goes now. */
  nextAt(now: Instant, wallMs: number): Instant {
    this.#judge(now)
    const isFree = !this.hasForeground(now)
    const quietMs = quietFor(wallMs)
    if (!isFree && quietMs >= 0) return later(now, duration(QUIET_MS - quietMs))
    const units = isFree ? this.#unitsMax : this.#units
    const gained = (Math.max(0, now - this.#tokensAt) * units) / 1_000
    this.#tokens = Math.min(isFree ? BURST : 1, this.#tokens + gained)
    this.#tokensAt = now
    if (this.#tokens >= 1) return now
    return later(now, duration(((1 - this.#tokens) * 1_000) / units))
  }

  /** A unit goes. */
  went(now: Instant): void {
    const second = this.#judge(now)
    this.#tokens = Math.max(0, this.#tokens - 1)
    this.#used++
    this.#usedAt = second
  }

  /** Units a second at present. */
  unitsAt(now: Instant): number {
    return this.hasForeground(now) ? this.#units : this.#unitsMax
  }

  *waits(): Iterable<WaitView> {
    for (const wait of WAITS) {
      const { all, quiet } = this.#gauges[wait]
      const limitMs = this.#limitOf(wait)
      const [p99Ms, quietP99Ms] = [all.percentile(0.99), quiet.percentile(0.99)]
      yield { wait, p99Ms, quietP99Ms, limitMs }
    }
  }

  check(): void {
    const units = this.#units
    assert(units >= UNITS_MIN && units <= this.#unitsMax, () => `${units} units a second`)
    for (const wait of WAITS) {
      this.#gauges[wait].all.check()
      this.#gauges[wait].quiet.check()
    }
  }

  /** The second it is; the one before is judged first, once. */
  #judge(now: Instant): number {
    const second = Math.floor(now / 1_000)
    if (second <= this.#judged) return this.#judged
    const before = this.#judged
    this.#judged = second
    // The very second that was left is judged, however long ago: those since were without events.
    if (before > 0) this.#adapt(before)
    for (const wait of WAITS) this.#gauges[wait].all.advance(second)
    if (second - this.#usedAt > FORGET_SECONDS) {
      this.#units = Math.min(UNITS_FIRST, this.#unitsMax)
      this.#isSearching = true
    }
    return second
  }

  #adapt(second: number): void {
    const used = this.#used
    this.#used = 0
    // Whoever did nothing in the background is not to blame for what was slow.
    if (this.#usedAt < second - 1) return
    if (this.#isHurt(second)) {
      this.#isSearching = false
      this.#units = Math.max(UNITS_MIN, this.#units / 2)
    } else if (used >= this.#units / 2 && !this.#wasHurt()) {
      const more = this.#units * (this.#isSearching ? 2 : 1.1)
      this.#units = Math.min(this.#unitsMax, more)
    }
  }

  #isHurt(second: number): boolean {
    return WAITS.some((wait) => {
      const { count, slower } = this.#gauges[wait].all.slowerIn(second, this.#limitOf(wait))
      return isTooMany(slower, count)
    })
  }

  #wasHurt(): boolean {
    return WAITS.some((wait) => {
      const { all } = this.#gauges[wait]
      return isTooMany(all.slower(this.#limitOf(wait)), all.count)
    })
  }

  #limitOf(wait: ForegroundWait): number {
    const { latencyMs, slowdownPercent } = this.#options
    const { quiet } = this.#gauges[wait]
    if (quiet.count < SAMPLES_MIN) return latencyMs
    return Math.max(latencyMs, (quiet.percentile(0.99) * (100 + slowdownPercent)) / 100)
  }
}

function gauge(): Gauge {
  return { all: new LatencyWindow(WINDOW_SECONDS), quiet: new LatencyWindow(QUIET_SECONDS) }
}

/** One slow request of a few is an accident. */
function isTooMany(slower: number, count: number): boolean {
  return slower > Math.max(1, count / 100)
}

/** For how long it has been quiet, milliseconds; negative: it is not. */
function quietFor(wallMs: number): number {
  const ms = wallMs - Math.floor(wallMs / QUIET_EVERY_MS) * QUIET_EVERY_MS
  return ms < QUIET_MS ? ms : -1
}
