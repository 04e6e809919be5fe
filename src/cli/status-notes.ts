/** What somebody who looks at a cluster should be told in words, the most urgent first. */
import type {
  ClusterJson,
  LayoutJson,
  LeavePhaseJson,
  MemberJson,
  ReplacingJson,
} from '../../packages/client/src/api.ts'
import { namesOf } from './member-table.ts'
import { servesHttp, urlOf } from './serving.ts'
import type { Style, Terminal } from './terminal.ts'
import { printable } from './terminal.ts'

const LEAVING: Readonly<Record<LeavePhaseJson, string>> = {
  waiting: 'is leaving: it waits for a layout without it',
  moving: 'is leaving: the others are taking over its data',
  telling: 'is leaving: the others have its data, and it waits until all of them know',
  left: 'has left: its process can end',
}

const REPLACING: Readonly<Record<ReplacingJson['phase'], string>> = {
  looking: 'it looks for that node',
  dying: 'it waits until the others hold that node dead',
  planning: 'it waits for a layout in which it has its places',
  filling: 'it is filled from the other replicas, and reads and writes go to those until it is',
}

/** One paragraph each; none when all is well. */
export function statusNotes(
  cluster: ClusterJson,
  layout: LayoutJson | undefined,
  out: Terminal,
): readonly string[] {
  const names = namesOf(cluster.members)
  const self = names(cluster.self)
  const notes: string[] = []
  const note = (text: string, style?: Style): void => {
    const lines = out.wrap(text)
    notes.push(style === undefined ? lines : out.paint(style, lines))
  }
  const { clonedBy, leaving, replacing } = cluster
  if (clonedBy !== undefined) note(cloneText(self, clonedBy), 'red')
  if (leaving !== undefined) note(`${self} ${LEAVING[leaving]}.`)
  if (replacing !== undefined)
    note(`${self} takes the place of ${names(replacing.lost)}: ${REPLACING[replacing.phase]}.`)
  else if (layout?.moving?.lost !== undefined) note(lostText(layout.moving, cluster, names))
  const present = cluster.members.filter(({ state }) => state === 'alive' || state === 'suspect')
  const idle = layout === undefined ? [] : withoutShare(cluster, present, layout)
  if (idle.length > 0)
    note(
      `Without a share of the data: ${listed(idle)}. With --manual-layout, "dnd layout plan" shows what ${idle.length === 1 ? 'it' : 'they'} would get.`,
    )
  const degraded = listed(present.filter((member) => member.degraded === true))
  if (degraded !== undefined)
    note(
      `Slow or badly connected: ${degraded}. Others are asked first. Look at load and network there.`,
      'yellow',
    )
  const flapping = listed(cluster.members.filter((member) => member.flapping === true))
  if (flapping !== undefined)
    note(
      `Coming and going: ${flapping}. Others are asked first until that has ended for some minutes.`,
      'yellow',
    )
  const versions = versionsText(present)
  if (versions !== undefined) note(versions)
  const protocols = protocolsText(cluster.protocol, present)
  if (protocols !== undefined) note(protocols)
  return notes
}

/** Of the one that answers it is known that it wants another share, or none. */
function withoutShare(
  { self, leaving, replacing }: ClusterJson,
  present: readonly MemberJson[],
  { roles }: LayoutJson,
): MemberJson[] {
  const isWaiting = (id: string): boolean =>
    id !== self || (leaving === undefined && replacing === undefined)
  return present.filter(({ id }) => isWaiting(id) && !roles.some(({ node }) => node === id))
}

function lostText(
  { lost = [], waiting, previous }: NonNullable<LayoutJson['moving']>,
  { members }: ClusterJson,
  names: (id: string) => string,
): string {
  const filling = members.filter(({ id }) => waiting.includes(id))
  const where = filling.filter(servesHttp).map((member) => `--server ${printable(urlOf(member))}`)
  const look = where.length === 0 ? '' : ` To see how far: dnd status ${where[0]}.`
  const gone = `The data of ${lost.map(names).join(', ')} is gone`
  const isReplaced = waiting.some((node) => !previous.roles.some((role) => role.node === node))
  const whom = waiting.map(names).join(', ')
  if (isReplaced) return `${gone}; ${whom} is filled in its place.${look}`
  return `${gone}; the others copy what it held from each other. Not done yet: ${whom}.${look}`
}

function cloneText(self: string, clonedBy: string): string {
  return (
    `Another process has the identity of ${self} and listens on ${printable(clonedBy)}: both refuse all writes. ` +
    'Stop one of the two and restart the other. If the data directory was copied, delete the copy and join as a new node.'
  )
}

function listed(members: readonly MemberJson[]): string | undefined {
  return members.length === 0 ? undefined : members.map(({ name }) => printable(name)).join(', ')
}

/** undefined when nobody is held back. */
function protocolsText(
  spoken: number | undefined,
  members: readonly MemberJson[],
): string | undefined {
  const held = members.filter(({ protocol }) => spoken !== undefined && (protocol ?? 0) > spoken)
  if (spoken === undefined || held.length === 0) return undefined
  const behind = listed(members.filter((member) => !held.includes(member))) ?? ''
  return `Protocol ${spoken} is spoken, and no change of the layout begins, until these are upgraded: ${behind}.`
}

/** undefined when all run the same. */
function versionsText(members: readonly MemberJson[]): string | undefined {
  const versions = [...new Set(members.map(({ version }) => version))]
  if (versions.length < 2) return undefined
  const groups = versions.map((version) => {
    const names = listed(members.filter((member) => member.version === version)) ?? ''
    return `${printable(version)} (${names})`
  })
  return `The members run different versions: ${groups.join(', ')}.`
}
