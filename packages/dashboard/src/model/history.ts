/**
 * Counters become rates: what each node's figures have grown by between two looks, and what all
 * nodes did together, over the last minutes.
 *
 * A node that was started anew counts from zero: its growth is then what it has. One that was not
 * asked for some looks has grown by so much in all the time since, and not in a leap.
 */
import { addHistograms, histogramSince, quantile } from './metrics.ts'
import type { Figures, Histogram } from './metrics.ts'

/** Ten minutes of looks two seconds apart. */
export const POINTS_MAX = 300
/** Percentiles are those of the requests of so many looks: of one there are often too few. */
const SMOOTHED_OVER = 5

export interface Point {
  readonly atMs: number
  /** Per second, by all nodes. */
  readonly reads: number
  readonly writes: number
  readonly failures: number
  readonly readLatency: Histogram
  readonly writeLatency: Histogram
}

/** Of one node, per second. */
export interface NodeRate {
  readonly reads: number
  readonly writes: number
  /** Share of one core. */
  readonly cpu: number
}

interface Seen {
  readonly atMs: number
  readonly figures: Figures
}

export class History {
  // Bounded by: POINTS_MAX.
  #points: readonly Point[] = []
  // Bounded by: the members of the cluster.
  #seen: ReadonlyMap<string, Seen> = new Map()
  // Bounded by: the members of the cluster.
  #rates: ReadonlyMap<string, NodeRate> = new Map()

  get points(): readonly Point[] {
    return this.#points
  }

  rateOf(node: string): NodeRate | undefined {
    return this.#rates.get(node)
  }

  /**
   * Takes what was told of each node in one look. Of those of `members` that were not asked this
   * time what was known goes on.
   */
  add(atMs: number, looks: ReadonlyMap<string, Figures>, members: ReadonlySet<string>): void {
    const kept = [...this.#rates].filter(([node]) => members.has(node) && !looks.has(node))
    const rates = new Map<string, NodeRate>(kept)
    const reads: Histogram[] = []
    const writes: Histogram[] = []
    let failures = 0
    for (const [node, figures] of looks) {
      const before = this.#seen.get(node)
      if (before === undefined || before.atMs >= atMs) continue
      const seconds = (atMs - before.atMs) / 1000
      const grown = (of: (figures: Figures) => number): number =>
        growth(of(figures), of(before.figures)) / seconds
      rates.set(node, {
        reads: grown((f) => f.reads),
        writes: grown((f) => f.writes),
        cpu: grown((f) => f.cpuSeconds),
      })
      failures += grown((f) => f.failures)
      reads.push(histogramSince(figures.readLatency, before.figures.readLatency))
      writes.push(histogramSince(figures.writeLatency, before.figures.writeLatency))
    }
    this.#seen = new Map([
      ...[...this.#seen].filter(([node]) => members.has(node)),
      ...[...looks].map(([node, figures]) => [node, { atMs, figures }] as const),
    ])
    this.#rates = rates
    if (rates.size === 0) return
    const sum = (of: (rate: NodeRate) => number): number =>
      [...rates.values()].reduce((total, rate) => total + of(rate), 0)
    const point = {
      ...{ atMs, failures, reads: sum((r) => r.reads), writes: sum((r) => r.writes) },
      ...{ readLatency: addHistograms(reads), writeLatency: addHistograms(writes) },
    }
    this.#points = [...this.#points, point].slice(-POINTS_MAX)
  }
}

function growth(after: number, before: number): number {
  return after >= before ? after - before : after
}

/** A percentile at each point, over the requests around it; undefined where there were none. */
export function percentiles(
  points: readonly Point[],
  of: (point: Point) => Histogram,
  q: number,
): readonly (number | undefined)[] {
  return points.map((_, i) => {
    const around = points.slice(Math.max(0, i - SMOOTHED_OVER + 1), i + 1)
    return quantile(addHistograms(around.map(of)), q)
  })
}
