/**
 * What a node's `/metrics` say, as far as the console shows it.
 *
 * The text format of Prometheus is lines of `name{label="value",…} number`; a histogram is one line
 * for each upper bound, cumulative. Names that are not known here are passed over, so that the page
 * of one version reads the metrics of another.
 */

export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Cumulative counts by upper bound in seconds, the last of them +Inf. */
export interface Histogram {
  readonly bounds: readonly number[]
  readonly counts: readonly number[]
}

export interface Disk {
  readonly data: number
  readonly free: number
  readonly total: number
}

/** Of one node at one moment; what only grows is counted from the start of its process. */
export interface Figures {
  readonly reads: number
  readonly writes: number
  /** Answers of 500 and above to either. */
  readonly failures: number
  readonly readLatency: Histogram
  readonly writeLatency: Histogram
  readonly cpuSeconds: number
  readonly memoryBytes: number
  /** 99th percentile. */
  readonly lagSeconds: number
  /** Absent when it keeps nothing on disk, or cannot look at it. */
  readonly disk: Disk | undefined
  /** Partitions still to be pulled. */
  readonly transfersPending: number
  readonly transferredRecords: number
  readonly exchangesActive: number
  readonly hintsDelivered: number
}

const READS: ReadonlySet<string> = new Set(['get', 'list'])
const WRITES: ReadonlySet<string> = new Set(['put', 'delete', 'batch'])
const NO_HISTOGRAM: Histogram = { bounds: [], counts: [] }

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g

/** By name, in the order in which they stand. */
export function parseMetrics(text: string): ReadonlyMap<string, readonly Sample[]> {
  const samples = new Map<string, Sample[]>()
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue
    const match = LINE.exec(line)
    if (match === null) continue
    const [, name, labelText, valueText] = match
    const value = valueText === '+Inf' ? Infinity : Number(valueText)
    if (Number.isNaN(value)) continue
    const labels: Record<string, string> = {}
    for (const [, label, raw] of (labelText ?? '').matchAll(LABEL))
      labels[label!] = raw!.replaceAll(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c))
    const list = samples.get(name!)
    if (list === undefined) samples.set(name!, [{ labels, value }])
    else list.push({ labels, value })
  }
  return samples
}

export function figuresOf(text: string): Figures {
  const samples = parseMetrics(text)
  const one = (name: string): number => samples.get(name)?.[0]?.value ?? 0
  const requests = samples.get('dnd_requests_total') ?? []
  const total = (ops: ReadonlySet<string>, failed: boolean): number =>
    requests
      .filter(({ labels }) => ops.has(labels['op'] ?? ''))
      .filter(({ labels }) => !failed || Number(labels['code']) >= 500)
      .reduce((sum, { value }) => sum + value, 0)
  const durations = samples.get('dnd_request_duration_seconds_bucket') ?? []
  return {
    reads: total(READS, false),
    writes: total(WRITES, false),
    failures: total(READS, true) + total(WRITES, true),
    readLatency: histogramOf(durations, READS),
    writeLatency: histogramOf(durations, WRITES),
    cpuSeconds: one('process_cpu_seconds_total'),
    memoryBytes: one('process_resident_memory_bytes'),
    lagSeconds: one('nodejs_eventloop_lag_p99_seconds'),
    disk: diskOf(samples.get('dnd_disk_bytes') ?? []),
    transfersPending: one('dnd_transfers_pending'),
    transferredRecords: one('dnd_transferred_records_total'),
    exchangesActive: one('dnd_exchanges_active'),
    hintsDelivered: one('dnd_hints_delivered_total'),
  }
}

function histogramOf(samples: readonly Sample[], ops: ReadonlySet<string>): Histogram {
  // Bounded by: the bounds of the histogram.
  const counts = new Map<number, number>()
  for (const { labels, value } of samples) {
    if (!ops.has(labels['op'] ?? '')) continue
    const bound = labels['le'] === '+Inf' ? Infinity : Number(labels['le'])
    counts.set(bound, (counts.get(bound) ?? 0) + value)
  }
  const bounds = [...counts.keys()].sort((a, b) => a - b)
  return { bounds, counts: bounds.map((bound) => counts.get(bound) ?? 0) }
}

function diskOf(samples: readonly Sample[]): Disk | undefined {
  if (samples.length === 0) return undefined
  const of = (what: string): number =>
    samples.find(({ labels }) => labels['of'] === what)?.value ?? 0
  return { data: of('data'), free: of('free'), total: of('total') }
}

/** Sum of histograms; those of other bounds are left out. */
export function addHistograms(histograms: readonly Histogram[]): Histogram {
  const full = histograms.filter(({ bounds }) => bounds.length > 0)
  const first = full[0]
  if (first === undefined) return NO_HISTOGRAM
  const counts = first.bounds.map(() => 0)
  for (const { bounds, counts: more } of full)
    if (bounds.length === counts.length)
      for (const [i, count] of more.entries()) counts[i] = counts[i]! + count
  return { bounds: first.bounds, counts }
}

/** What came since `before`; all of it when the process has started anew in between. */
export function histogramSince(after: Histogram, before: Histogram): Histogram {
  const fits =
    before.counts.length === after.counts.length &&
    after.counts.every((count, i) => count >= before.counts[i]!)
  if (!fits) return after
  return { bounds: after.bounds, counts: after.counts.map((count, i) => count - before.counts[i]!) }
}

/**
 * The value that a share `q` of the observations does not exceed, interpolated within its class as
 * Prometheus does; undefined when there is none.
 */
export function quantile({ bounds, counts }: Histogram, q: number): number | undefined {
  const all = counts.at(-1) ?? 0
  if (all === 0) return undefined
  const rank = q * all
  const index = counts.findIndex((count) => count >= rank)
  const upper = bounds[index]!
  const lower = index === 0 ? 0 : bounds[index - 1]!
  if (upper === Infinity) return lower
  const below = index === 0 ? 0 : counts[index - 1]!
  const within = counts[index]! - below
  return within === 0 ? upper : lower + ((upper - lower) * (rank - below)) / within
}
