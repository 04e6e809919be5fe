/**
 * What has happened to the cluster since the page was opened, found by comparing one look with the
 * one before it.
 */
import type { ClusterJson, LayoutJson, MemberStateJson } from '../../../client/src/api.ts'
import { plural } from './format.ts'

export interface Happening {
  readonly atMs: number
  readonly level: 'good' | 'busy' | 'warn' | 'bad'
  readonly text: string
}

/** Of one moment. */
export interface Seen {
  readonly cluster: ClusterJson
  readonly layout: LayoutJson | undefined
}

export const HAPPENINGS_MAX = 50

const STATES: Readonly<Record<MemberStateJson, Pick<Happening, 'level' | 'text'>>> = {
  alive: { level: 'good', text: 'is back' },
  suspect: { level: 'warn', text: 'does not answer' },
  dead: { level: 'bad', text: 'is down' },
  left: { level: 'busy', text: 'has left the cluster' },
}

export function happenings(before: Seen, after: Seen, atMs: number): readonly Happening[] {
  const known = new Map(before.cluster.members.map((member) => [member.id, member.state]))
  const found: Happening[] = []
  for (const { id, name, state } of after.cluster.members) {
    const was = known.get(id)
    if (was === undefined) found.push({ atMs, level: 'good', text: `${name} has joined` })
    else if (was !== state) {
      const { level, text } = STATES[state]
      const refuted = was === 'suspect' && state === 'alive'
      found.push({ atMs, level, text: `${name} ${refuted ? 'answers again' : text}` })
    }
  }
  return [...found, ...layoutHappenings(before.layout, after.layout, atMs)]
}

function layoutHappenings(
  before: LayoutJson | undefined,
  after: LayoutJson | undefined,
  atMs: number,
): readonly Happening[] {
  if (before === undefined || after === undefined) return []
  if (after.version > before.version) {
    const count = after.moving?.partitions ?? 0
    const what =
      count === 0 ? '' : `: ${plural(count, 'partition')} ${count === 1 ? 'moves' : 'move'}`
    return [{ atMs, level: 'busy', text: `Layout ${after.version} is in force${what}` }]
  }
  if (before.moving !== undefined && after.moving === undefined)
    return [{ atMs, level: 'good', text: 'All data is where it belongs' }]
  return []
}
