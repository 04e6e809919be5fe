/**
 * The members as a table: at a glance who is up, since when, how well, and where it answers. What
 * is needed only when something is being searched for stands behind `--wide`.
 */
import type { MemberJson } from '../../packages/client/src/api.ts'
import type { Column } from './table.ts'
import { fittingTable } from './table.ts'
import type { Style, Terminal } from './terminal.ts'
import { printable } from './terminal.ts'
import { agoText } from './units.ts'

const STATE_STYLE: Readonly<Record<string, Style>> = {
  alive: 'green',
  suspect: 'yellow',
  dead: 'red',
  left: 'gray',
}
/** Accusers that are named; the others are counted. */
const ACCUSERS_MAX = 3
const UNKNOWN = '-'

export interface MemberTableOptions {
  /** Who answered; it gets a star. */
  readonly self: string
  /** All columns, whether there is room or not. */
  readonly wide: boolean
  /** Milliseconds since 1970. */
  readonly nowMs: number
}

export function memberTable(
  members: readonly MemberJson[],
  options: MemberTableOptions,
  out: Terminal,
): { readonly text: string; readonly missing: readonly string[] } {
  const names = namesOf(members)
  const column = (head: string, cell: (member: MemberJson) => string, dispensable = 0): Column => ({
    ...{ head, dispensable },
    cells: members.map(cell),
  })
  const glance = [
    column('NAME', ({ id, name }) => printable(name) + (id === options.self ? ' *' : '')),
    column('STATE', (member) => stateText(member, names, out)),
    column('SINCE', ({ since }) => agoText(since, options.nowMs), 1),
    column('ZONE', ({ zone }) => printable(zone), 5),
    column('HEALTH', (member) => healthText(member, out), 3),
    column('RTT', roundTripText, 4),
    column('VERSION', ({ version }) => printable(version), 6),
    column('HTTP', ({ addresses }) => printable(addresses.http ?? 'none'), 2),
  ]
  if (!options.wide) return fittingTable(glance, out.isTTY ? out.columns : Infinity)
  const rest = [
    column('CLUSTER', ({ addresses }) => printable(addresses.cluster)),
    column('WEIGHT', ({ weight }) => String(weight)),
    column('GENERATION', ({ generation }) => String(generation)),
    column('INCARNATION', ({ incarnation }) => String(incarnation)),
    column('ID', ({ id }) => id),
  ]
  return fittingTable([...glance, ...rest], Infinity)
}

/** Of each id, for people. */
export function namesOf(members: readonly MemberJson[]): (id: string) => string {
  const names = new Map(members.map(({ id, name }) => [id, printable(name)]))
  return (id) => names.get(id) ?? printable(id)
}

function stateText(member: MemberJson, names: (id: string) => string, out: Terminal): string {
  const state = out.paint(STATE_STYLE[member.state] ?? 'reset', member.state)
  if (member.state === 'alive' && member.draining === true) return out.paint('yellow', 'draining')
  const accusers = member.suspectedBy ?? []
  if (member.state !== 'suspect' || accusers.length === 0) return state
  const named = accusers.slice(0, ACCUSERS_MAX).map(names).join(', ')
  const more = accusers.length - ACCUSERS_MAX
  return `${state} (by ${named}${more > 0 ? ` and ${more} more` : ''})`
}

function isGone({ state }: MemberJson): boolean {
  return state === 'dead' || state === 'left'
}

/** What it said of itself before it was gone says nothing any more. */
function healthText(member: MemberJson, out: Terminal): string {
  if (isGone(member)) return UNKNOWN
  if (member.degraded === true) return out.paint('yellow', 'degraded')
  if (member.localHealth === undefined) return UNKNOWN
  return member.localHealth === 0 ? 'ok' : out.paint('yellow', `slow ${member.localHealth}`)
}

function roundTripText(member: MemberJson): string {
  const ms = member.roundTripMs
  if (ms === undefined || isGone(member)) return UNKNOWN
  if (ms < 0.1) return '<0.1 ms'
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`
}
