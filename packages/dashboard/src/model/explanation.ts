/**
 * A key's explanation as a table: a row for each replica, a column for each version, and in each
 * cell whether that replica holds it.
 */
import type {
  ExplainedReplicaJson,
  ExplainedVersionJson,
  ExplainJson,
} from '../../../client/src/explain.ts'
import { formatAgo, formatBytes, formatSpan, plural } from './format.ts'

/** `over`: the replica has seen it, and holds something newer instead. */
export type Cell = 'holds' | 'over' | 'missing' | 'unknown'

export interface ExplainedRow {
  readonly replica: ExplainedReplicaJson
  readonly place: number
  readonly answer: string
  readonly level: 'good' | 'warn' | 'bad' | 'quiet'
  readonly cells: readonly Cell[]
  readonly notes: readonly string[]
}

export interface ExplainedColumn {
  readonly version: ExplainedVersionJson
  readonly title: string
  readonly writer: string
  readonly when: string
  readonly isPast: boolean
}

export interface ExplainedTable {
  readonly columns: readonly ExplainedColumn[]
  readonly rows: readonly ExplainedRow[]
}

/** More columns than this say nothing to anybody; the rest is counted. */
export const COLUMNS_MAX = 12

export function explainedTable(found: ExplainJson, nowMs: number): ExplainedTable {
  const names = new Map(found.replicas.map(({ node, name }) => [node, name]))
  const versions = found.versions.slice(-COLUMNS_MAX)
  return {
    columns: versions.map((version) => columnOf(version, names, nowMs)),
    rows: found.replicas.map((replica, place) => ({
      ...{ replica, place: place + 1, ...answerOf(replica) },
      cells: versions.map((version) => cellOf(replica, version)),
      notes: notesOf(replica, nowMs),
    })),
  }
}

function columnOf(
  version: ExplainedVersionJson,
  names: ReadonlyMap<string, string>,
  nowMs: number,
): ExplainedColumn {
  const { kind, bytes = 0, writtenBy, writtenAt, expiresAt, expired, wins, superseded } = version
  const parts = [kind === 'delete' ? 'delete' : formatBytes(bytes)]
  if (expired === true) parts.push('expired')
  else if (expiresAt !== undefined)
    parts.push(`for ${formatSpan(Math.max(0, Date.parse(expiresAt) - nowMs))} more`)
  if (wins === true) parts.push('wins')
  if (superseded === true) parts.push('superseded')
  return {
    version,
    title: parts.join(', '),
    writer: writtenBy === undefined ? 'before a restart' : (names.get(writtenBy) ?? writtenBy),
    when: formatAgo(nowMs - Date.parse(writtenAt)),
    isPast: kind === 'delete' || expired === true || superseded === true,
  }
}

function answerOf(replica: ExplainedReplicaJson): Pick<ExplainedRow, 'answer' | 'level'> {
  switch (replica.answer) {
    case 'found':
      return { answer: heldText(replica), level: 'good' }
    case 'absent':
      return { answer: 'holds nothing', level: 'quiet' }
    case 'unreadable':
      return { answer: 'its record is damaged', level: 'bad' }
    case 'down':
      return { answer: 'not asked, since it is not up', level: 'warn' }
    case 'silent':
      return { answer: 'gave no answer in time', level: 'bad' }
  }
}

function heldText({ versions = [], more = 0, bytes = 0 }: ExplainedReplicaJson): string {
  const count = versions.length + more
  return `${count === 0 ? 'no version' : plural(count, 'version')}, ${formatBytes(bytes)}`
}

function cellOf(replica: ExplainedReplicaJson, { dot }: ExplainedVersionJson): Cell {
  if (replica.versions === undefined) return 'unknown'
  if (replica.versions.includes(dot)) return 'holds'
  const [vnode = '', counter = ''] = dot.split(':', 2)
  return (replica.seen?.[vnode] ?? 0) >= Number(counter) ? 'over' : 'missing'
}

const SERVES: Readonly<Record<ExplainedReplicaJson['serves'], string | undefined>> = {
  reads: undefined,
  writes: 'takes writes, and answers reads once the move is over',
  keeps: 'keeps a copy, beyond the bucket’s n',
}

const WAITS: Readonly<Record<NonNullable<ExplainedReplicaJson['waitsFor']>, string>> = {
  moving: 'the delete is kept while the partition moves',
  doubt: 'the delete is kept until the partition was compared with all replicas',
  floor: 'the delete is kept until all replicas are known to have it',
  horizon: 'the delete is kept until its deadline has passed by all clocks',
  base: 'the delete is kept while this replica has gaps in what it has seen',
  turn: 'the delete is about to go for good',
}

function notesOf(replica: ExplainedReplicaJson, nowMs: number): readonly string[] {
  const notes: string[] = []
  const serves = SERVES[replica.serves]
  if (serves !== undefined) notes.push(serves)
  if (replica.clock === 'doubtful')
    notes.push('its partition is in doubt until it was compared with all other replicas')
  if (replica.clock === 'incomplete')
    notes.push('its partition is incomplete, and nobody reads from it')
  if (replica.waitsFor !== undefined) notes.push(WAITS[replica.waitsFor])
  const last = lastCompared(replica, nowMs)
  if (last !== undefined) notes.push(last)
  return notes
}

function lastCompared({ compared = [] }: ExplainedReplicaJson, nowMs: number): string | undefined {
  const latest = compared.reduce<number | undefined>((last, { at }) => {
    const atMs = at === undefined ? undefined : Date.parse(at)
    return atMs === undefined || (last !== undefined && last > atMs) ? last : atMs
  }, undefined)
  return latest === undefined
    ? undefined
    : `compared with another replica ${formatAgo(nowMs - latest)}`
}
