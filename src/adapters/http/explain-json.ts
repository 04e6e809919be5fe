/**
 * One key explained, as JSON: the versions that any replica holds, and each replica with what it
 * holds of them. Nodes are named by id and by name; a version by its dot, `vnode:counter`.
 */
import type {
  CopyReport,
  ExplainedReplica,
  Explanation,
  ReapWait,
  VersionReport,
} from '../../core/node/explanation.ts'
import type { BucketProperties } from '../../core/node/messages.ts'
import type { NodeView } from '../../core/node/view.ts'
import type { MemberState } from '../../core/membership/member.ts'
import { compareStamps } from '../../core/versions/stamp.ts'
import type { NodeId, VnodeId } from '../../core/std/ids.ts'
import type { Dot } from '../../core/versions/version.ts'
import { covers } from '../../core/versions/version-vector.ts'

/** A key as it was asked for. */
export interface ExplainedKey {
  readonly bucket: string
  readonly key: string
  readonly sort?: string
}

export interface ExplainJson extends ExplainedKey {
  readonly properties: BucketProperties
  readonly slot: number
  readonly partition: number
  readonly layoutVersion: number
  /** Whether the partition is moving to other nodes. */
  readonly moving: boolean
  /** What somebody should know, in words, the most urgent first. */
  readonly summary: readonly FindingJson[]
  /** All that any replica holds, in order of time. */
  readonly versions: readonly ExplainedVersionJson[]
  /** In order of preference. */
  readonly replicas: readonly ExplainedReplicaJson[]
  /** Kept for replicas of the key, by whomever. */
  readonly hints: readonly ExplainedHintsJson[]
}

export interface FindingJson {
  readonly level: 'ok' | 'note' | 'problem'
  readonly text: string
}

export interface ExplainedVersionJson {
  readonly dot: string
  /** Node id; absent when it is not known: an earlier life of a node, or one that is gone. */
  readonly writtenBy?: NodeId
  /** By the hybrid clock of who wrote it: ISO 8601 in UTC. */
  readonly writtenAt: string
  readonly kind: 'value' | 'delete'
  readonly bytes?: number
  readonly contentType?: string
  readonly expiresAt?: string
  readonly expired?: true
  /** Of the last-write-wins: the others are not shown. */
  readonly wins?: true
  /** A replica has seen it and does not hold it: it is over. */
  readonly superseded?: true
  /** Node ids of the replicas that hold it. */
  readonly on: readonly NodeId[]
}

export interface ExplainedReplicaJson {
  readonly node: NodeId
  readonly name: string
  readonly state: MemberState | 'unknown'
  readonly serves: ExplainedReplica['serves']
  readonly answer: CopyReport['outcome'] | 'down' | 'silent'
  /** The rest is absent when there was no answer. Bytes of the record as it is stored. */
  readonly bytes?: number
  /** Dots. */
  readonly versions?: readonly string[]
  /** Versions that are not told one by one. */
  readonly more?: number
  /** By vnode, the last write that the copy reflects. */
  readonly seen?: Readonly<Record<string, number>>
  readonly clock?: CopyReport['clock']
  /** Under which it writes in this partition at present. */
  readonly vnode?: string
  /** What a delete or an expired value waits for there, before it is reaped. */
  readonly waitsFor?: ReapWait
  readonly compared?: readonly ComparedJson[]
}

export interface ComparedJson {
  readonly node: NodeId
  readonly name: string
  /** ISO 8601 in UTC; absent: not since the process started. */
  readonly at?: string
  /** Keys that differed then. */
  readonly differences: number
}

export interface ExplainedHintsJson {
  readonly on: NodeId
  readonly onName: string
  readonly target: NodeId
  readonly targetName: string
  readonly count: number
  readonly bytes: number
  /** When the oldest was kept: ISO 8601 in UTC. */
  readonly oldest: string
}

/** All but the summary, which is made of it. */
export function explainJson(
  asked: ExplainedKey,
  explanation: Explanation,
  view: NodeView,
  nowMs: number,
): Omit<ExplainJson, 'summary'> {
  const { properties, slot, partition, layoutVersion, isMoving: moving } = explanation
  return {
    ...{ ...asked, properties, slot, partition, layoutVersion, moving },
    versions: versionsJson(explanation, nowMs),
    replicas: explanation.replicas.map((replica) => replicaJson(replica, view)),
    hints: hintsJson(explanation, view),
  }
}

/** Of a member, for people. */
export function nameIn({ members }: NodeView, node: NodeId): string {
  return members.find(({ info }) => info.id === node)?.info.name ?? node
}

export function dotText({ vnode, counter }: Dot): string {
  return `${vnode}:${counter}`
}

interface Held {
  readonly version: VersionReport
  readonly on: NodeId[]
}

function versionsJson(explanation: Explanation, nowMs: number): ExplainedVersionJson[] {
  const held = new Map<string, Held>()
  for (const { node, report } of reportsOf(explanation))
    for (const version of report.versions) {
      const dot = dotText(version.dot)
      const known = held.get(dot)
      if (known === undefined) held.set(dot, { version, on: [node] })
      else known.on.push(node)
    }
  const sorted = [...held.values()].sort((a, b) => isBefore(a.version, b.version))
  const writers = writersOf(explanation)
  const isLww = explanation.properties.conflicts === 'lww'
  const reports = reportsOf(explanation)
  const isOver = ({ version, on }: Held): boolean =>
    reports.some(({ node, report }) => !on.includes(node) && covers(report.vector, version.dot))
  const standing = sorted.filter((each) => !isOver(each))
  const winner = isLww && standing.length > 1 ? standing.at(-1) : undefined
  return sorted.map((each) => ({
    ...versionJson(each.version, writers, nowMs),
    ...(each === winner ? { wins: true } : {}),
    ...(isOver(each) ? { superseded: true } : {}),
    on: each.on,
  }))
}

function versionJson(
  { dot, stamp, value }: VersionReport,
  writers: ReadonlyMap<VnodeId, NodeId>,
  nowMs: number,
): Omit<ExplainedVersionJson, 'on'> {
  const writtenBy = writers.get(dot.vnode)
  const written = {
    dot: dotText(dot),
    ...(writtenBy === undefined ? {} : { writtenBy }),
    writtenAt: timeText(stamp.ms),
  }
  if (value === undefined) return { ...written, kind: 'delete' }
  const { bytes, contentType, expiresAtMs } = value
  return {
    ...written,
    ...{ kind: 'value', bytes, contentType },
    ...(expiresAtMs === 0 ? {} : { expiresAt: timeText(expiresAtMs) }),
    ...(expiresAtMs === 0 || expiresAtMs > nowMs ? {} : { expired: true }),
  }
}

function replicaJson(
  { node, serves, report }: ExplainedReplica,
  view: NodeView,
): ExplainedReplicaJson {
  const state: MemberState | 'unknown' =
    view.members.find(({ info }) => info.id === node)?.state ?? 'unknown'
  const known = { node, name: nameIn(view, node), state, serves }
  if (typeof report === 'string') return { ...known, answer: report }
  const { outcome, bytes, versions, more, vector, clock, vnode, wait, compared } = report
  return {
    ...{ ...known, answer: outcome, bytes },
    versions: versions.map(({ dot }) => dotText(dot)),
    ...(more === 0 ? {} : { more }),
    seen: Object.fromEntries(vector.map((entry) => [String(entry.vnode), entry.counter])),
    clock,
    ...(vnode === undefined ? {} : { vnode: String(vnode) }),
    ...(wait === undefined ? {} : { waitsFor: wait }),
    compared: compared.map(({ peer, atMs, differences }) => ({
      ...{ node: peer, name: nameIn(view, peer), differences },
      ...(atMs === 0 ? {} : { at: timeText(atMs) }),
    })),
  }
}

function hintsJson(explanation: Explanation, view: NodeView): ExplainedHintsJson[] {
  const targets = explanation.replicas.map(({ node }) => node)
  return [...reportsOf(explanation), ...explanation.others].flatMap(({ node, report }) =>
    report.hints
      .filter(({ target, count }) => count > 0 && targets.includes(target))
      .map(({ target, count, bytes, oldestMs }) => ({
        ...{ on: node, onName: nameIn(view, node) },
        ...{ target, targetName: nameIn(view, target), count, bytes, oldest: timeText(oldestMs) },
      })),
  )
}

function reportsOf({ replicas }: Explanation): { node: NodeId; report: CopyReport }[] {
  return replicas.flatMap(({ node, report }) =>
    typeof report === 'string' ? [] : [{ node, report }],
  )
}

/** Who draws dots under which vnode id, in this life of each. */
function writersOf(explanation: Explanation): ReadonlyMap<VnodeId, NodeId> {
  const writers = new Map<VnodeId, NodeId>()
  for (const { node, report } of reportsOf(explanation))
    if (report.vnode !== undefined) writers.set(report.vnode, node)
  return writers
}

function isBefore(a: VersionReport, b: VersionReport): number {
  return (
    compareStamps(a.stamp, b.stamp) || a.dot.vnode - b.dot.vnode || a.dot.counter - b.dot.counter
  )
}

/** Peers may say any number; a time that is none must not end an answer. */
function timeText(ms: number): string {
  const date = new Date(ms)
  return Number.isNaN(date.getTime()) ? 'unknown' : date.toISOString()
}
