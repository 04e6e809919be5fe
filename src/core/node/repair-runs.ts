/**
 * Repairs that somebody asked for: all that this node holds, or what of it is in a bucket and
 * begins with a prefix, compared now with every other replica.
 *
 * A run is a set of pairs (`anti-entropy-schedule.ts`) that were not compared since it began; each
 * exchange that was begun after that, by whichever side and for whatever reason, takes its pair out
 * of every run that it answers. So runs on all nodes at once do the work once, and runs that
 * overlap do not wait for each other.
 *
 * A pair whose peer is not up is left out and told: an end that waits for a dead disk is none. One
 * that fails is tried a few times more.
 */
import { assert } from '../std/assert.ts'
import { startsWith } from '../std/bytes.ts'
import type { NodeId } from '../std/ids.ts'
import type { Instant } from '../std/instant.ts'
import type { Pair } from './anti-entropy-schedule.ts'

/** What is repaired. */
export interface RepairScope {
  /** undefined: every bucket. */
  readonly bucket: string | undefined
  /** Of keys; empty: every key. Only with a bucket. */
  readonly prefix: Uint8Array
}

export interface RepairRunView {
  /** Ascending over one life of the node. */
  readonly run: number
  readonly scope: RepairScope
  /** Milliseconds since 1970. */
  readonly startedMs: number
  /** undefined: it is under way. */
  readonly finishedMs: number | undefined
  readonly partitions: number
  /** Comparisons of a partition with another replica: to be made, and made. */
  readonly pairs: number
  readonly done: number
  /** Comparisons given up, since the other side did not take part. */
  readonly failed: number
  /** Nodes that were not up, and were not compared with. Bounded by: NODES_MAX. */
  readonly unreachable: readonly NodeId[]
  /** Keys that differed, in exchanges that this node began, and in those that others did. */
  readonly found: number
  readonly foundByOthers: number
  /** Records that were news here, and that were sent to others. */
  readonly received: number
  readonly sent: number
}

/** How an exchange has ended well. */
export interface Compared {
  readonly pair: Pair
  readonly scope: RepairScope
  readonly begunAt: Instant
  readonly isOurs: boolean
  readonly found: number
  readonly received: number
  readonly sent: number
}

/** Runs remembered; the oldest that has ended makes room. */
export const RUNS_MAX = 8
const TRIES_MAX = 5

export const EVERYTHING: RepairScope = { bucket: undefined, prefix: new Uint8Array(0) }

interface Run {
  view: RepairRunView
  readonly begunAt: Instant
  // In the order in which they are to be compared. Bounded by: the pairs of the schedule.
  readonly pending: Map<Pair, number>
  readonly unreachable: Set<NodeId>
}

export class RepairRuns {
  // Bounded by: RUNS_MAX.
  readonly #runs: Run[] = []
  #number = 0

  get views(): readonly RepairRunView[] {
    return this.#runs.map(({ view }) => view)
  }

  /** undefined: too many are under way. */
  begin(
    scope: RepairScope,
    pairs: readonly Pair[],
    now: Instant,
    wallMs: number,
  ): RepairRunView | undefined {
    if (this.#runs.length >= RUNS_MAX) {
      const ended = this.#runs.findIndex(({ pending }) => pending.size === 0)
      if (ended < 0) return undefined
      this.#runs.splice(ended, 1)
    }
    const view: RepairRunView = {
      ...{ run: ++this.#number, scope, startedMs: wallMs },
      finishedMs: pairs.length === 0 ? wallMs : undefined,
      ...{ partitions: new Set(pairs.map(({ partition }) => partition)).size, pairs: pairs.length },
      ...{ done: 0, failed: 0, unreachable: [], found: 0, foundByOthers: 0, received: 0, sent: 0 },
    }
    const pending = new Map(pairs.map((pair) => [pair, 0] as const))
    const run: Run = { view, begunAt: now, pending, unreachable: new Set() }
    this.#runs.push(run)
    return view
  }

  /** A pair to compare next, of the oldest run that has one which may be begun. */
  next(
    mayBegin: (pair: Pair) => boolean,
    isUp: (peer: NodeId) => boolean,
    wallMs: number,
  ): { readonly pair: Pair; readonly scope: RepairScope } | undefined {
    for (const run of this.#runs)
      for (const pair of run.pending.keys()) {
        if (!isUp(pair.peer)) this.#giveUp(run, pair, wallMs)
        else if (mayBegin(pair)) return { pair, scope: run.view.scope }
      }
    return undefined
  }

  compared(exchange: Compared, wallMs: number): void {
    for (const run of this.#runs) {
      if (run.begunAt > exchange.begunAt || !answers(exchange.scope, run.view.scope)) continue
      if (!run.pending.delete(exchange.pair)) continue
      const { view } = run
      const { isOurs, found, received, sent } = exchange
      run.view = {
        ...view,
        done: view.done + 1,
        found: view.found + (isOurs ? found : 0),
        foundByOthers: view.foundByOthers + (isOurs ? 0 : found),
        received: view.received + received,
        sent: view.sent + sent,
      }
      this.#end(run, wallMs)
    }
  }

  failed(pair: Pair, wallMs: number): void {
    for (const run of this.#runs) {
      const tries = run.pending.get(pair)
      if (tries === undefined) continue
      // Behind the others: what keeps the one from being compared may be over by then.
      run.pending.delete(pair)
      if (tries + 1 < TRIES_MAX) run.pending.set(pair, tries + 1)
      else {
        run.view = { ...run.view, failed: run.view.failed + 1 }
        this.#end(run, wallMs)
      }
    }
  }

  /** Only these pairs are there from now on. */
  retain(isKnown: (pair: Pair) => boolean, wallMs: number): void {
    for (const run of this.#runs) {
      for (const pair of run.pending.keys())
        if (!isKnown(pair)) {
          run.pending.delete(pair)
          run.view = { ...run.view, pairs: run.view.pairs - 1 }
        }
      this.#end(run, wallMs)
    }
  }

  check(): void {
    assert(this.#runs.length <= RUNS_MAX, () => `${this.#runs.length} repairs`)
    for (const { view, pending } of this.#runs) {
      const isOver = view.finishedMs !== undefined
      assert(isOver === (pending.size === 0), () => `repair ${view.run}: ${pending.size} pending`)
    }
  }

  #giveUp(run: Run, pair: Pair, wallMs: number): void {
    run.pending.delete(pair)
    run.unreachable.add(pair.peer)
    const { view } = run
    run.view = { ...view, failed: view.failed + 1, unreachable: [...run.unreachable] }
    this.#end(run, wallMs)
  }

  #end(run: Run, wallMs: number): void {
    if (run.pending.size === 0 && run.view.finishedMs === undefined)
      run.view = { ...run.view, finishedMs: wallMs }
  }
}

/** Whether what was compared includes what is to be. */
function answers(compared: RepairScope, wanted: RepairScope): boolean {
  if (compared.bucket === undefined) return true
  return compared.bucket === wanted.bucket && startsWith(wanted.prefix, compared.prefix)
}
