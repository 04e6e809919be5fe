/** What an import has done so far, as it is kept between runs, and how it is told. */
import { count, printable } from '../terminal.ts'
import { durationText } from './duration.ts'
import type { Commit } from './importer.ts'

/** Of each reason, so many records are shown. */
const EXAMPLES_MAX = 3
/** Kinds of refusal: our own few and the nodes' error codes. The rest goes under one name. */
const REASONS_MAX = 32
const DETAIL_CHARACTERS_MAX = 200

interface Example {
  readonly record: number
  readonly line: number
  readonly detail: string
}

interface ReasonTally {
  count: number
  examples: Example[]
}

export interface ImportTally {
  /** Items from the beginning of the source that are stored or refused. */
  position: number
  stored: number
  refused: number
  duplicates: number
  elapsedMs: number
  /** Length of the file of refused records that belongs to `position`. */
  refusedFileBytes: number
  /** Bounded by: REASONS_MAX. */
  reasons: Record<string, ReasonTally>
}

export function emptyTally(): ImportTally {
  return {
    position: 0,
    stored: 0,
    refused: 0,
    duplicates: 0,
    elapsedMs: 0,
    refusedFileBytes: 0,
    reasons: {},
  }
}

export function isTally(value: unknown): value is ImportTally {
  if (typeof value !== 'object' || value === null) return false
  const tally = value as Partial<ImportTally>
  const numbers = [
    'position',
    'stored',
    'refused',
    'duplicates',
    'elapsedMs',
    'refusedFileBytes',
  ] as const
  if (!numbers.every((name) => Number.isSafeInteger(tally[name]) && tally[name]! >= 0)) return false
  if (typeof tally.reasons !== 'object' || tally.reasons === null) return false
  return Object.values(tally.reasons).every(
    (reason) => Number.isSafeInteger(reason?.count) && Array.isArray(reason.examples),
  )
}

export function tallyCommit(tally: ImportTally, commit: Commit, refusedFileBytes: number): void {
  tally.position = commit.position
  tally.stored += commit.stored
  tally.refused += commit.refusals.length
  tally.duplicates += commit.duplicates
  tally.refusedFileBytes = refusedFileBytes
  for (const { reason, record, item, detail } of commit.refusals) {
    const known = Object.hasOwn(tally.reasons, reason)
    const name = known || Object.keys(tally.reasons).length < REASONS_MAX ? reason : 'other'
    const entry = (tally.reasons[name] ??= { count: 0, examples: [] })
    entry.count++
    if (entry.examples.length < EXAMPLES_MAX)
      entry.examples.push({
        record,
        line: item.line,
        detail: detail.slice(0, DETAIL_CHARACTERS_MAX),
      })
  }
}

export interface ImportSummary {
  readonly file: string
  readonly bucket: string
  readonly tally: ImportTally
  readonly resumedAt: number
  readonly complete: boolean
  readonly duplicatesComplete: boolean
  readonly refusedFile: string | undefined
}

export function summaryJson(summary: ImportSummary): unknown {
  const { tally } = summary
  return {
    file: summary.file,
    bucket: summary.bucket,
    complete: summary.complete,
    resumedAt: summary.resumedAt,
    position: tally.position,
    stored: tally.stored,
    refused: tally.refused,
    reasons: Object.entries(tally.reasons).map(([reason, entry]) => ({ reason, ...entry })),
    duplicates: tally.duplicates,
    duplicatesComplete: summary.duplicatesComplete,
    elapsedMs: tally.elapsedMs,
    recordsPerSecond: rateOf(tally),
  }
}

export function summaryText(summary: ImportSummary): string {
  const { tally } = summary
  const what = summary.complete ? 'imported' : 'imported a part of'
  const lines = [
    `${what} ${summary.file} into bucket "${summary.bucket}"`,
    `  stored      ${number(tally.stored)}`,
    `  refused     ${number(tally.refused)}${refusedPlace(summary)}`,
    ...reasonLines(tally),
  ]
  if (tally.duplicates > 0) {
    const least = summary.duplicatesComplete ? '' : 'at least '
    lines.push(
      `  duplicates  ${least}${number(tally.duplicates)}: of records with one key the last in the file counts`,
    )
  }
  lines.push(
    `  elapsed     ${durationText(tally.elapsedMs)}, ${count(rateOf(tally), 'record')} per second`,
  )
  return lines.join('\n')
}

function refusedPlace(summary: ImportSummary): string {
  if (summary.tally.refused === 0) return ''
  return summary.refusedFile === undefined
    ? ' (--refused FILE keeps them)'
    : `, kept in ${summary.refusedFile}`
}

function reasonLines(tally: ImportTally): string[] {
  const lines: string[] = []
  const reasons = Object.entries(tally.reasons).sort(([, a], [, b]) => b.count - a.count)
  for (const [reason, entry] of reasons) {
    lines.push(`    ${reason}: ${number(entry.count)}`)
    for (const { record, line, detail } of entry.examples)
      lines.push(`      record ${number(record)}, line ${number(line)}: ${printable(detail)}`)
    if (entry.count > entry.examples.length) lines.push('      …')
  }
  return lines
}

function rateOf(tally: ImportTally): number {
  const records = tally.stored + tally.refused
  return tally.elapsedMs === 0 ? records : Math.round((records * 1000) / tally.elapsedMs)
}

const number = (value: number): string => value.toLocaleString('en-US')
