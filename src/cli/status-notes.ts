/** What somebody who looks at a cluster should be told in words, the most urgent first. */
import type { ClusterJson, LeavePhaseJson, MemberJson } from '../../packages/client/src/api.ts'
import { namesOf } from './member-table.ts'
import type { Style, Terminal } from './terminal.ts'
import { printable } from './terminal.ts'

const LEAVING: Readonly<Record<LeavePhaseJson, string>> = {
  waiting: 'is leaving: it waits for a layout without it',
  moving: 'is leaving: the others are taking over its data',
  telling: 'is leaving: the others have its data, and it waits until all of them know',
  left: 'has left: its process can end',
}

/** One paragraph each; none when all is well. */
export function statusNotes(cluster: ClusterJson, out: Terminal): readonly string[] {
  const names = namesOf(cluster.members)
  const self = names(cluster.self)
  const notes: string[] = []
  const note = (text: string, style?: Style): void => {
    const lines = out.wrap(text)
    notes.push(style === undefined ? lines : out.paint(style, lines))
  }
  const { clonedBy, leaving } = cluster
  if (clonedBy !== undefined) note(cloneText(self, clonedBy), 'red')
  if (leaving !== undefined) note(`${self} ${LEAVING[leaving]}.`)
  const present = cluster.members.filter(({ state }) => state === 'alive' || state === 'suspect')
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
  return notes
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
