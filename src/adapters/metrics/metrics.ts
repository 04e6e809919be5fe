/**
 * What a node counts, for Prometheus. Hot paths add to plain numbers here; prom-client sees them
 * only when somebody scrapes.
 *
 * Names follow the conventions of Prometheus: prefix `dnd_`, base units, `_total` for what only
 * grows. No label ever holds a key, an address or anything else that strangers choose.
 * `docs/reference/metrics.md` lists them all, and `npm run docs` writes it.
 */
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client'
import { DndError } from '../../core/errors.ts'
import type { Note } from '../../core/node/events.ts'
import type { NodeView } from '../../core/node/view.ts'
import { addBackgroundMetrics } from './background-metrics.ts'
import { addCertificateMetrics } from './certificate-metrics.ts'
import { addConflictMetrics } from './conflict-metrics.ts'
import { addDiskMetrics } from './disk-metrics.ts'
import type { ReadDisk } from './disk-metrics.ts'
import { Counts } from './counts.ts'
import { LatencyHistogram } from './latency-histogram.ts'
import { addMembershipMetrics } from './membership-metrics.ts'
import { noteCounters } from './note-counts.ts'
import type { NoteCounters } from './note-counts.ts'
import { addHintMetrics } from './hint-metrics.ts'
import { addTransferMetrics } from './transfer-metrics.ts'
import { addRepairMetrics } from './repair-metrics.ts'
import { RequestCounts } from './request-counts.ts'

/** Transports and fronts that refuse, and causes of each; more are counted as `other`. */
const TRANSPORTS_MAX = 8
const CAUSES_MAX = 64
const MEMBER_STATES = ['alive', 'suspect', 'dead', 'left'] as const

export interface MetricsOptions {
  /** Of the package. */
  readonly version: string
  /**
   * Whether to tell of the process as well (CPU, memory, event loop); once for each process is
   * enough.
   */
  readonly process: boolean
}

/** Where gauges are read when somebody scrapes. */
export interface MetricsSources {
  readonly view?: () => NodeView
  /** Batches committed by the store so far. */
  readonly commits?: () => number
  readonly disk?: ReadDisk
  /** When the certificate for HTTP ends, milliseconds since 1970; undefined: there is none. */
  readonly certificateExpiry?: () => number | undefined
}

export interface MetricDescription {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly labels: readonly string[]
}

/** Gauges of prom-client that are named as counters, which `promtool check metrics` refuses. */
const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`)

export class Metrics {
  readonly #registry = new Registry()
  readonly #requests = new RequestCounts()
  // Bounded by: TRANSPORTS_MAX, and CAUSES_MAX each.
  readonly #faults = new Map<string, Counts>()
  readonly #notes: NoteCounters
  // Bounded by: the fronts.
  readonly #connections = new Map<string, number>()
  #sources: MetricsSources = {}

  constructor(options: MetricsOptions) {
    this.#notes = noteCounters(this.#registry)
    this.#addBuildInfo(options.version)
    this.#addRequests()
    this.#addFaults()
    this.#addRefusals()
    this.#addGauges()
    this.#addStates()
    addMembershipMetrics(this.#registry, () => this.#view())
    addConflictMetrics(this.#registry, () => this.#view())
    addRepairMetrics(this.#registry, () => this.#view())
    addTransferMetrics(this.#registry, () => this.#view())
    addHintMetrics(this.#registry, () => this.#view())
    addBackgroundMetrics(this.#registry, () => this.#view())
    addCertificateMetrics(this.#registry, () => this.#sources.certificateExpiry?.())
    addDiskMetrics(this.#registry, async () => this.#sources.disk?.())
    if (options.process) {
      collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 20 })
      for (const name of MISNAMED) this.#registry.removeSingleMetric(name)
    }
  }

  /** Says where to read what is not counted here; adds to what was said before. */
  attach(sources: MetricsSources): void {
    this.#sources = { ...this.#sources, ...sources }
  }

  /** A request was answered. */
  request(api: string, op: string, status: number, seconds: number): void {
    this.#requests.add(api, op, status, seconds)
  }

  /** Something hostile, broken or beyond a limit arrived, and was refused or dropped. */
  fault(transport: string, cause: string): void {
    let causes = this.#faults.get(transport)
    if (causes === undefined) {
      if (this.#faults.size >= TRANSPORTS_MAX) return
      causes = new Counts(CAUSES_MAX)
      this.#faults.set(transport, causes)
    }
    causes.add(cause, 1)
  }

  /** The node noted something. */
  note(note: Note): void {
    if (note.type === 'peer-misbehaved') this.fault('peer', 'misbehaved')
    else this.#notes.add(note)
  }

  /** A client's connection was opened or closed. */
  connection(api: string, change: 1 | -1): void {
    this.#connections.set(api, (this.#connections.get(api) ?? 0) + change)
  }

  get contentType(): string {
    return this.#registry.contentType
  }

  /** The text of a scrape. */
  render(): Promise<string> {
    return this.#registry.metrics()
  }

  /** What there is to scrape of dnd's own, without values, in the order in which it was added. */
  describe(): readonly MetricDescription[] {
    return this.#registry
      .getMetricsAsArray()
      .filter(({ name }) => name.startsWith('dnd_'))
      .map((metric) => {
        // prom-client keeps the labels on the object and leaves them out of its types, and the type
        // of a metric in its class.
        const { labelNames } = metric as unknown as { readonly labelNames: readonly string[] }
        return { name: metric.name, help: metric.help, type: typeOf(metric), labels: labelNames }
      })
  }

  /** undefined while there is no node to look at. */
  #view(): NodeView | undefined {
    try {
      return this.#sources.view?.()
    } catch (error) {
      // The doors open before the node stands behind them.
      if (error instanceof DndError) return undefined
      throw error
    }
  }

  #addBuildInfo(version: string): void {
    new Gauge({
      name: 'dnd_build_info',
      help: 'Always 1; the version is in the label.',
      labelNames: ['version'],
      registers: [this.#registry],
    }).set({ version }, 1)
  }

  #addRequests(): void {
    const requests = this.#requests
    new Counter({
      name: 'dnd_requests_total',
      help: 'Requests answered, by front, operation and status.',
      labelNames: ['api', 'op', 'code'],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const { api, op, code, count } of requests.counts()) this.inc({ api, op, code }, count)
      },
    })
    new LatencyHistogram({
      name: 'dnd_request_duration_seconds',
      help: 'From the end of the request headers to the answer handed to the socket.',
      labelNames: ['api', 'op'],
      registry: this.#registry,
      series: () => requests.latencies(),
    })
  }

  #addFaults(): void {
    const faults = this.#faults
    new Counter({
      name: 'dnd_faults_total',
      help: 'What was refused or dropped as broken, hostile or beyond a limit, by transport and cause.',
      labelNames: ['transport', 'cause'],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [transport, causes] of faults)
          if (transport !== 'http')
            for (const [cause, count] of causes.entries()) this.inc({ transport, cause }, count)
      },
    })
  }

  #addRefusals(): void {
    const faults = this.#faults
    new Counter({
      name: 'dnd_http_refused_total',
      help: 'What clients sent over HTTP that was refused or cut off, by cause.',
      labelNames: ['cause'],
      registers: [this.#registry],
      collect() {
        this.reset()
        for (const [cause, count] of faults.get('http')?.entries() ?? []) this.inc({ cause }, count)
      },
    })
  }

  #addGauges(): void {
    const view = (): NodeView | undefined => this.#view()
    this.#gauge('dnd_ready', 'Whether the node serves: 1 or 0.', () =>
      view()?.ready === true ? 1 : 0,
    )
    this.#gauge(
      'dnd_requests_in_flight',
      'Client requests that the node is working on.',
      () => view()?.inFlight ?? 0,
    )
    this.#gauge(
      'dnd_http_connections',
      'Open HTTP connections.',
      () => this.#connections.get('http') ?? 0,
    )
    this.#gauge(
      'dnd_layout_version',
      'Version of the layout in force; 0 before there is one.',
      () => view()?.layout?.current.version ?? 0,
    )
    this.#gauge(
      'dnd_reap_waiting_records',
      'Records with a delete or an expired value that may not go yet.',
      () => view()?.reaping.waiting ?? 0,
    )
    const commits = (): number => this.#sources.commits?.() ?? 0
    new Counter({
      name: 'dnd_store_commits_total',
      help: 'Groups of writes that the store has made durable.',
      registers: [this.#registry],
      collect() {
        this.reset()
        this.inc(commits())
      },
    })
  }

  /** Gauges with one value for each state. */
  #addStates(): void {
    const view = (): NodeView | undefined => this.#view()
    new Gauge({
      name: 'dnd_membership_nodes',
      help: 'Members by state, as this node sees them.',
      labelNames: ['state'],
      registers: [this.#registry],
      collect() {
        const members = view()?.members ?? []
        for (const state of MEMBER_STATES)
          this.set({ state }, members.filter((member) => member.state === state).length)
      },
    })
    new Gauge({
      name: 'dnd_partitions',
      help: 'Partitions by state, as this node sees them: whole has every replica up, degraded a read quorum, unavailable none.',
      labelNames: ['state'],
      registers: [this.#registry],
      collect() {
        const { total, withQuorum, allUp } = view()?.partitions ?? NO_PARTITIONS
        this.set({ state: 'whole' }, allUp)
        this.set({ state: 'degraded' }, withQuorum - allUp)
        this.set({ state: 'unavailable' }, total - withQuorum)
      },
    })
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read())
      },
    })
  }
}

function typeOf(metric: object): MetricDescription['type'] {
  if (metric instanceof Counter) return 'counter'
  return metric instanceof Histogram ? 'histogram' : 'gauge'
}

const NO_PARTITIONS: NodeView['partitions'] = { total: 0, withQuorum: 0, allUp: 0 }
