import type { Command } from 'commander'
import type {
  ClusterJson,
  HealthJson,
  LayoutJson,
  MemberJson,
} from '../../packages/client/src/api.ts'
import type { DndClient } from '../../packages/client/src/client.ts'
import { DndClientError } from '../../packages/client/src/client.ts'
import type { CliContext } from './context.ts'
import { HEALTH_STYLE } from './health.ts'
import { memberTable } from './member-table.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, examples, withServer } from './options.ts'
import { progressText } from './progress-text.ts'
import { statusNotes } from './status-notes.ts'
import type { Terminal } from './terminal.ts'
import { count, printable } from './terminal.ts'
import { bytesText } from './units.ts'

interface StatusOptions extends ServerOptions {
  readonly wide?: boolean
}

export function addStatus(program: Command, context: CliContext): void {
  const command = program
    .command('status')
    .description('show the members of the cluster, their states and what can be served')
    .option('--wide', 'show all columns, however wide the terminal')
    .action((options: StatusOptions) => status(options, context))
  withServer(command)
  examples(command, [
    'dnd status',
    'dnd status --wide',
    'dnd status --server http://127.0.0.1:6002 --json',
  ])
}

interface Status {
  readonly cluster: ClusterJson
  readonly health: HealthJson
  /** undefined: the node has not heard of one yet. */
  readonly layout: LayoutJson | undefined
}

async function status(options: StatusOptions, context: CliContext): Promise<void> {
  const found = await readStatus(clientOf(options, context))
  if (options.json === true) return context.out.json(statusJson(found))
  await context.out.line(statusText(found, options.wide === true, context.out))
}

async function readStatus(client: DndClient): Promise<Status> {
  const [cluster, health, layout] = await Promise.all([
    client.cluster(),
    client.health(),
    client.layout().catch((error: unknown) => {
      if (error instanceof DndClientError && error.code === 'DND_ERR_NOT_READY') return undefined
      throw error
    }),
  ])
  return { cluster, health, layout }
}

function statusJson({ cluster, health, layout }: Status): unknown {
  return {
    ...cluster,
    health,
    layout:
      layout === undefined ? null : { version: layout.version, moving: layout.moving ?? null },
  }
}

function statusText(found: Status, wide: boolean, out: Terminal): string {
  const { self } = found.cluster
  const members = found.cluster.members.toSorted((a, b) =>
    a.name.localeCompare(b.name, 'en', { numeric: true }),
  )
  const { text, missing } = memberTable(members, { self, wide, nowMs: Date.now() }, out)
  const left = missing.map((head) => head.toLowerCase()).join(', ')
  const notes = statusNotes({ ...found.cluster, members }, found.layout, out)
  const last = `* answered this question${left === '' ? '' : `; no room for ${left}: see --wide`}`
  return [
    ...summary(found, out),
    '',
    text,
    '',
    ...(notes.length === 0 ? [] : [...notes, '']),
    out.wrap(last),
  ].join('\n')
}

function summary({ cluster, health, layout }: Status, out: Terminal): string[] {
  const { total, withQuorum, allUp } = health.partitions
  const quorum = `${withQuorum} of ${total} have a quorum`
  const lines = [
    `cluster     ${cluster.cluster}, ${out.paint(HEALTH_STYLE[health.status], health.status)}`,
    `members     ${membersText(cluster.members)}`,
    `layout      ${layoutText(layout)}`,
    `partitions  ${withQuorum === total ? quorum : out.paint('red', quorum)}, ${allUp} have all replicas up`,
  ]
  lines.push(`encryption  ${encryptionText(cluster.encryption)}`)
  if (health.stored !== undefined) lines.push(`data        ${storedText(health.stored)}`)
  const { pending } = health.transfers
  if (pending > 0) lines.push(...transferLines(health.transfers))
  if (!health.ready) lines.push(out.paint('yellow', 'this node is not ready to serve yet'))
  return lines
}

function storedText({ partitions, records, bytes }: NonNullable<HealthJson['stored']>): string {
  if (partitions === 0) return 'not counted yet on this node'
  return `about ${count(records, 'record')}, ${bytesText(bytes)} in ${count(partitions, 'partition')} of this node`
}

function transferLines({ pending, records, progress }: HealthJson['transfers']): string[] {
  const first = `transfer    ${count(pending, 'partition')} to pull, ${count(records, 'record')} pulled`
  if (progress === undefined) return [first]
  const all = ` of ${progress.partitions} to pull`
  return [first.replace(' to pull', all), `            ${progressText(progress)}`]
}

/** Who has left is not missed. */
function membersText(members: readonly MemberJson[]): string {
  const left = members.filter(({ state }) => state === 'left').length
  const alive = members.filter(({ state }) => state === 'alive').length
  return `${alive} of ${members.length - left} alive${left === 0 ? '' : `, ${left} left`}`
}

function encryptionText({ mode, key }: ClusterJson['encryption']): string {
  return key === undefined ? mode : `${mode}, primary key ${printable(key)}`
}

function layoutText(layout: LayoutJson | undefined): string {
  if (layout === undefined) return 'none: this node has not been given a share yet'
  const moving = layout.moving
  if (moving === undefined) return `version ${layout.version}`
  if (moving.partitions === 0)
    return `version ${layout.version}; not yet confirmed by ${count(moving.waiting.length, 'node')}`
  return `version ${layout.version}; ${count(moving.partitions, 'partition')} moving to ${count(moving.waiting.length, 'node')}`
}
