/**
 * Durations of requests, counted in fixed buckets.
 *
 * prom-client's own histogram hashes its labels at every observation; here an observation is a
 * short walk over numbers and two additions, and the text is made at the scrape.
 */
import { Histogram } from 'prom-client'
import type { MetricObjectWithValues, MetricValueWithName, Registry } from 'prom-client'

/**
 * Upper bounds in seconds: 1, 2.5 and 5 of each decade, from a tenth of a millisecond to ten
 * seconds.
 */
export const LATENCY_BOUNDS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]

export class LatencyCounts {
  /** One for each bound, and one beyond. */
  readonly buckets: Float64Array = new Float64Array(LATENCY_BOUNDS.length + 1)
  sum = 0

  add(seconds: number): void {
    let place = 0
    while (place < LATENCY_BOUNDS.length && seconds > LATENCY_BOUNDS[place]!) place++
    this.buckets[place]! += 1
    this.sum += seconds
  }
}

export interface LatencySeries {
  readonly labels: Readonly<Record<string, string>>
  readonly counts: LatencyCounts
}

/** A histogram for a registry whose values are read from `series` when it is scraped. */
export class LatencyHistogram extends Histogram<string> {
  readonly #described: { readonly name: string; readonly help: string }
  readonly #series: () => readonly LatencySeries[]

  constructor(options: {
    readonly name: string
    readonly help: string
    readonly labelNames: readonly string[]
    readonly registry: Registry
    readonly series: () => readonly LatencySeries[]
  }) {
    const { name, help, labelNames, registry } = options
    super({ name, help, labelNames: [...labelNames], registers: [registry] })
    this.#described = { name, help }
    this.#series = options.series
  }

  // The base class assigns nothing here, so that these stand on the prototype and win.
  override async get(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    return this.getForPromString()
  }

  /** What the registry asks for when it writes text. */
  async getForPromString(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    const { name, help } = this.#described
    const values = this.#series().flatMap((series) => valuesOf(name, series))
    const described = { name, help, type: 'histogram', aggregator: 'sum', values }
    return described as unknown as MetricObjectWithValues<MetricValueWithName<string>>
  }
}

/** Cumulative, as Prometheus wants them. */
function valuesOf(name: string, series: LatencySeries): MetricValueWithName<string>[] {
  const { labels, counts } = series
  const values: MetricValueWithName<string>[] = []
  let count = 0
  for (const [place, inBucket] of counts.buckets.entries()) {
    count += inBucket
    const le = place < LATENCY_BOUNDS.length ? String(LATENCY_BOUNDS[place]) : '+Inf'
    values.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value: count })
  }
  values.push({ metricName: `${name}_sum`, labels, value: counts.sum })
  values.push({ metricName: `${name}_count`, labels, value: count })
  return values
}
