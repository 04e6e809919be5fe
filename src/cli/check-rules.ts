/**
 * What deserves somebody's attention, and how urgently: the judgement behind `dnd check`, apart
 * from how the facts are gathered. The levels are those of Nagios and its relatives.
 */
import type { ClusterJson, HealthJson, LayoutJson } from '../../packages/client/src/api.ts'

export type Level = 'ok' | 'warning' | 'critical'

export interface Finding {
  readonly what: string
  readonly level: Level
  /** For people, one line. */
  readonly text: string
}

/** What one node tells of itself in its metrics. */
export interface NodeFacts {
  readonly name: string
  /** By name of the metric; those with labels are summed up, but for `dnd_disk_bytes{of}`. */
  readonly metrics: ReadonlyMap<string, number> | undefined
}

export interface CheckFacts {
  readonly cluster: ClusterJson
  readonly layout: LayoutJson
  readonly health: HealthJson
  /** All members that are up. */
  readonly nodes: readonly NodeFacts[]
  /** Milliseconds since 1970. */
  readonly nowMs: number
}

const DISK_FREE_WARNING = 0.2
const DISK_FREE_CRITICAL = 0.1
const HINTS_ROOM_CRITICAL = 0.9
const DAY_SECONDS = 86_400
const CERTIFICATE_WARNING_SECONDS = 14 * DAY_SECONDS
const CERTIFICATE_CRITICAL_SECONDS = 3 * DAY_SECONDS

export function judge(facts: CheckFacts): readonly Finding[] {
  return [
    members(facts),
    partitions(facts),
    layout(facts),
    reached(facts),
    hints(facts),
    repair(facts),
    disk(facts),
    clocks(facts),
    storage(facts),
    versions(facts),
    certificates(facts),
  ]
}

/** The most urgent of all. */
export function worst(findings: readonly Finding[]): Level {
  if (findings.some(({ level }) => level === 'critical')) return 'critical'
  return findings.some(({ level }) => level === 'warning') ? 'warning' : 'ok'
}

function members({ cluster }: CheckFacts): Finding {
  const present = cluster.members.filter(({ state }) => state !== 'left')
  const away = present.filter(({ state, draining }) => state !== 'alive' || draining === true)
  if (cluster.clonedBy !== undefined)
    return finding('members', 'critical', `another process at ${cluster.clonedBy} has the same id`)
  if (away.length === 0) return finding('members', 'ok', `${present.length} alive`)
  const named = away.map(({ name, state, draining }) =>
    state === 'alive' && draining === true ? `${name} draining` : `${name} ${state}`,
  )
  return finding('members', 'warning', `of ${present.length}: ${named.join(', ')}`)
}

function partitions({ health }: CheckFacts): Finding {
  const { total, withQuorum, allUp } = health.partitions
  const text = `of ${total}: ${withQuorum} with a quorum, ${allUp} with all replicas`
  const isServed = health.status !== 'unavailable' && withQuorum === total
  if (!isServed) return finding('partitions', 'critical', text)
  return finding('partitions', allUp === total ? 'ok' : 'warning', text)
}

function layout({ cluster, layout: { version, moving } }: CheckFacts): Finding {
  if (moving === undefined) return finding('layout', 'ok', `version ${version}, nothing moves`)
  const waits = cluster.members.filter(({ id }) => moving.waiting.includes(id))
  const down = waits.filter(({ state }) => state !== 'alive')
  if (down.length > 0)
    return finding('layout', 'critical', `stuck: waits for ${named(down)}, not up`)
  return finding('layout', 'warning', `moves to version ${version}; waits for ${named(waits)}`)
}

function reached({ nodes }: CheckFacts): Finding {
  const silent = nodes.filter(({ metrics }) => metrics === undefined)
  if (silent.length === 0) return finding('nodes', 'ok', `${nodes.length} asked, all answered`)
  return finding('nodes', 'warning', `no metrics from ${named(silent)}: not checked below`)
}

function hints({ nodes }: CheckFacts): Finding {
  const full = nodes.filter(
    (node) =>
      valueOf(node, 'dnd_hints_bytes') >=
      HINTS_ROOM_CRITICAL * (node.metrics?.get('dnd_hints_bytes_max') ?? Infinity),
  )
  if (full.length > 0) return finding('hints', 'critical', `no room for more on ${named(full)}`)
  const waiting = sum(nodes, 'dnd_hints_waiting')
  if (waiting === 0) return finding('hints', 'ok', 'none waits')
  return finding('hints', 'warning', `${waiting} wait to be delivered`)
}

function repair({ nodes }: CheckFacts): Finding {
  const doubtful = sum(nodes, 'dnd_partitions_doubtful')
  if (doubtful === 0) return finding('repair', 'ok', 'no replica is in doubt')
  return finding('repair', 'warning', `${doubtful} replicas in doubt until they are compared`)
}

function disk({ nodes }: CheckFacts): Finding {
  const shares = nodes.flatMap((node) => {
    const total = valueOf(node, 'dnd_disk_bytes{of="total"}')
    if (total === 0) return []
    return [{ name: node.name, free: valueOf(node, 'dnd_disk_bytes{of="free"}') / total }]
  })
  const least = shares.reduce((a, b) => (b.free < a.free ? b : a), { name: '', free: 1 })
  if (shares.length === 0) return finding('disk', 'ok', 'nothing is kept on a disk')
  const text = `least free: ${Math.floor(least.free * 100)} % on ${least.name}`
  if (least.free < DISK_FREE_CRITICAL) return finding('disk', 'critical', text)
  return finding('disk', least.free < DISK_FREE_WARNING ? 'warning' : 'ok', text)
}

function clocks({ nodes }: CheckFacts): Finding {
  const skewed = nodes.filter((node) => valueOf(node, 'dnd_clock_skew_total') > 0)
  if (skewed.length === 0) return finding('clocks', 'ok', 'no stamp was refused')
  const text = `${named(skewed)} met clocks ahead of theirs since the start: synchronise the time`
  return finding('clocks', 'warning', text)
}

/** Counters that should be zero, since each node was started. */
const STORE_FAULTS = [
  'dnd_store_failures_total',
  'dnd_unreadable_records_total',
  'dnd_amnesia_total',
  'dnd_lost_clocks_total',
]

function storage({ nodes }: CheckFacts): Finding {
  const broken = nodes.filter((node) => STORE_FAULTS.some((name) => valueOf(node, name) > 0))
  if (broken.length === 0) return finding('storage', 'ok', 'no fault since the start')
  return finding('storage', 'warning', `faults on ${named(broken)}: look at the logs there`)
}

function versions({ cluster }: CheckFacts): Finding {
  const present = cluster.members.filter(({ state }) => state === 'alive')
  const all = [...new Set(present.map(({ version }) => version))]
  if (all.length <= 1) return finding('versions', 'ok', `all run ${all[0] ?? 'nothing'}`)
  return finding('versions', 'warning', `mixed: ${all.join(', ')}`)
}

function certificates({ nodes, nowMs }: CheckFacts): Finding {
  const left = nodes.flatMap(({ name, metrics }) => {
    const ends = metrics?.get('dnd_http_certificate_expiry_timestamp_seconds')
    return ends === undefined ? [] : [{ name, seconds: ends - nowMs / 1000 }]
  })
  if (left.length === 0) return finding('certificate', 'ok', 'none is used for HTTP')
  const first = left.reduce((a, b) => (b.seconds < a.seconds ? b : a))
  const days = Math.floor(first.seconds / DAY_SECONDS)
  const text = days < 0 ? `expired on ${first.name}` : `${days} days left on ${first.name}`
  if (first.seconds < CERTIFICATE_CRITICAL_SECONDS) return finding('certificate', 'critical', text)
  const isShort = first.seconds < CERTIFICATE_WARNING_SECONDS
  return finding('certificate', isShort ? 'warning' : 'ok', text)
}

function finding(what: string, level: Level, text: string): Finding {
  return { what, level, text }
}

function named(nodes: readonly { readonly name: string }[]): string {
  return nodes.map(({ name }) => name).join(', ')
}

function valueOf({ metrics }: NodeFacts, name: string): number {
  return metrics?.get(name) ?? 0
}

function sum(nodes: readonly NodeFacts[], name: string): number {
  return nodes.reduce((total, node) => total + valueOf(node, name), 0)
}

/** A page of metrics as numbers: samples with labels are summed up, and kept by label as well. */
export function parseMetrics(page: string): ReadonlyMap<string, number> {
  const metrics = new Map<string, number>()
  const add = (name: string, value: number): void => {
    metrics.set(name, (metrics.get(name) ?? 0) + value)
  }
  for (const line of page.split('\n')) {
    const match = /^([a-z_]+)(\{.*\})? ([-+.\deE]+)$/.exec(line)
    if (match === null) continue
    const [, name, labels, value] = match
    add(name!, Number(value))
    if (labels !== undefined) add(name! + labels, Number(value))
  }
  return metrics
}
