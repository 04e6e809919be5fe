/**
 * Leave for background work, as the node sees it: who wants to do a unit of it waits here until the
 * admission controller (`repair/admission.ts`) lets one go, and what requests of clients wait for
 * is measured here for that.
 *
 * A unit is what is asked of the disk or sent in one go, a page of a walk or one message of hints:
 * a few milliseconds. Kinds of work take turns, so that a long repair does not keep hints waiting,
 * and within one kind whoever asked first goes first.
 *
 * While anybody waits, a timer fires now and then only to see how late it is: that is how long an
 * event of any request waits for its turn on this node.
 *
 * Invariants: each who asks is called back once, unless the node stops; kinds that nobody waits for
 * cost nothing.
 */
import { assert } from '../std/assert.ts'
import type { Instant } from '../std/instant.ts'
import { duration, later, since } from '../std/instant.ts'
import { Admission, BACKGROUND_WORK } from '../repair/admission.ts'
import type {
  AdmissionOptions,
  BackgroundWork,
  ForegroundWait,
  WaitView,
} from '../repair/admission.ts'
import type { Host } from './host.ts'

/** How often the wait for a turn is measured while background work is under way. */
const PROBE = duration(20)
/** After the last unit, how long it goes on. */
const PROBE_MS = 2_000
/** A room that asks without end is broken: each bounds what it has under way. */
const WAITING_MAX = 10_000

export interface BackgroundView {
  /** Units a second that may go at present. */
  readonly unitsPerSecond: number
  readonly work: readonly BackgroundWorkView[]
  readonly waits: readonly WaitView[]
}

export interface BackgroundWorkView {
  readonly work: BackgroundWork
  /** Units that went in this life of the node. */
  readonly units: number
  readonly waiting: number
}

interface Line {
  // Bounded by: WAITING_MAX over all lines.
  waiting: (() => void)[]
  units: number
}

export class Background {
  readonly #host: Host
  readonly #admission: Admission
  readonly #lines = new Map<BackgroundWork, Line>()
  // When clients asked for what is under way. Bounded by: requestsInFlightMax, as requests are.
  readonly #asked = new Map<number, { readonly wait: ForegroundWait; readonly at: Instant }>()
  #waiting = 0
  /** Whose turn is next, an index of BACKGROUND_WORK. */
  #turn = 0
  /** When the timers armed are due; those armed for any other time do nothing. */
  #goAt: Instant | undefined
  #probeAt: Instant | undefined
  #wentAt: Instant | undefined
  #isGoing = false

  constructor(host: Host, options: AdmissionOptions) {
    this.#host = host
    this.#admission = new Admission(options)
    for (const work of BACKGROUND_WORK) this.#lines.set(work, { waiting: [], units: 0 })
  }

  get view(): BackgroundView {
    const work: BackgroundWorkView[] = []
    for (const [name, { units, waiting }] of this.#lines)
      work.push({ work: name, units, waiting: waiting.length })
    const unitsPerSecond = this.#admission.unitsAt(this.#host.now)
    return { unitsPerSecond, work, waits: [...this.#admission.waits()] }
  }

  /** Calls `go` when one unit of `work` may be done: before this returns, or later. */
  admit(work: BackgroundWork, go: () => void): void {
    assert(this.#waiting < WAITING_MAX, () => `${this.#waiting} wait for leave`)
    this.#lines.get(work)!.waiting.push(go)
    this.#waiting++
    this.#go()
  }

  /** A client asks; whoever is answered in the same step has waited for nothing. */
  asked(client: number, wait: 'get' | 'put'): void {
    this.#asked.set(client, { wait, at: this.#host.now })
  }

  /** A client is answered, whatever it asked for. */
  answered(client: number): void {
    const asked = this.#asked.get(client)
    if (asked === undefined) return
    this.#asked.delete(client)
    if (this.#host.now > asked.at) this.waited(asked.wait, asked.at)
  }

  /** Somebody's request has waited since `from`. */
  waited(wait: ForegroundWait, from: Instant): void {
    const { now, wallMs } = this.#host
    this.#admission.waited(wait, since(from, now), now, wallMs)
  }

  onTimer(what: 'go' | 'probe', at: Instant): void {
    if (what === 'probe') return this.#onProbe(at)
    if (at !== this.#goAt) return
    this.#goAt = undefined
    this.#go()
  }

  check(): void {
    let waiting = 0
    for (const line of this.#lines.values()) waiting += line.waiting.length
    assert(waiting === this.#waiting, () => `${this.#waiting} wait for leave, in lines ${waiting}`)
    const isArmed = this.#goAt !== undefined
    assert(waiting === 0 || isArmed, () => `${waiting} wait for leave and for no timer`)
    this.#admission.check()
  }

  /** A unit that asks for the next one at once finds this under way, and is seen by it. */
  #go(): void {
    if (this.#isGoing) return
    this.#isGoing = true
    const { now, wallMs } = this.#host
    let at = now
    while (this.#waiting > 0) {
      at = this.#admission.nextAt(now, wallMs)
      if (at > now) break
      this.#admission.went(now)
      this.#wentAt = now
      this.#next()()
    }
    this.#isGoing = false
    if (this.#waiting > 0) this.#armGo(at)
    if (this.#probeAt === undefined && this.#isProbing()) this.#armProbe()
  }

  #next(): () => void {
    for (;;) {
      const line = this.#lines.get(BACKGROUND_WORK[this.#turn]!)!
      this.#turn = (this.#turn + 1) % BACKGROUND_WORK.length
      const go = line.waiting.shift()
      if (go === undefined) continue
      line.units++
      this.#waiting--
      return go
    }
  }

  #armGo(at: Instant): void {
    if (this.#goAt !== undefined && this.#goAt <= at) return
    this.#goAt = at
    this.#host.arm({ owner: 'background', what: 'go', at }, at)
  }

  #armProbe(): void {
    const at = later(this.#host.now, PROBE)
    this.#probeAt = at
    this.#host.arm({ owner: 'background', what: 'probe', at }, at)
  }

  #onProbe(at: Instant): void {
    if (at !== this.#probeAt) return
    this.#probeAt = undefined
    this.waited('turn', at)
    if (this.#isProbing()) this.#armProbe()
  }

  /** Only what could matter to somebody is measured. */
  #isProbing(): boolean {
    const { now } = this.#host
    if (!this.#admission.hasForeground(now) || this.#wentAt === undefined) return false
    return this.#waiting > 0 || since(this.#wentAt, now) < PROBE_MS
  }
}
