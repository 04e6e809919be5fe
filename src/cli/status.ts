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
import type { ServerOptions } from './options.ts'
import { clientOf, examples, withServer } from './options.ts'
import { table } from './table.ts'
import type { Style, Terminal } from './terminal.ts'
import { count, printable } from './terminal.ts'

const STATE_STYLE: Readonly<Record<string, Style>> = {
  alive: 'green',
  suspect: 'yellow',
  dead: 'red',
  left: 'gray',
}

export function addStatus(program: Command, context: CliContext): void {
  const command = program
    .command('status')
    .description('show the members of the cluster, their states and what can be served')
    .action((options: ServerOptions) => status(options, context))
  withServer(command)
  examples(command, ['dnd status', 'dnd status --server http://127.0.0.1:6002 --json'])
}

export interface Status {
  readonly cluster: ClusterJson
  readonly health: HealthJson
  /** undefined: the node has not heard of one yet. */
  readonly layout: LayoutJson | undefined
}

async function status(options: ServerOptions, context: CliContext): Promise<void> {
  const found = await readStatus(clientOf(options, context))
  if (options.json === true) return context.out.json(statusJson(found))
  await context.out.line(statusText(found, context.out))
}

export async function readStatus(client: DndClient): Promise<Status> {
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

export function statusText(found: Status, out: Terminal): string {
  const { members, self } = found.cluster
  const head = ['NAME', 'STATE', 'ZONE', 'WEIGHT', 'HTTP', 'CLUSTER', 'GENERATION', 'ID']
  const rows = [...members]
    .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
    .map((member) => memberRow(member, self, out))
  return `${summary(found, out).join('\n')}\n\n${table(head, rows)}\n\n* answered this question`
}

function memberRow(member: MemberJson, self: string, out: Terminal): string[] {
  return [
    printable(member.name) + (member.id === self ? ' *' : ''),
    out.paint(STATE_STYLE[member.state] ?? 'reset', member.state),
    printable(member.zone),
    String(member.weight),
    printable(member.addresses.http),
    printable(member.addresses.cluster),
    String(member.generation),
    member.id,
  ]
}

function summary({ cluster, health, layout }: Status, out: Terminal): string[] {
  const { total, withQuorum, allUp } = health.partitions
  const alive = cluster.members.filter((member) => member.state === 'alive').length
  const quorum = `${withQuorum} of ${total} have a quorum`
  const lines = [
    `cluster     ${cluster.cluster}, ${health.status}`,
    `members     ${alive} of ${cluster.members.length} alive`,
    `layout      ${layoutText(layout)}`,
    `partitions  ${withQuorum === total ? quorum : out.paint('red', quorum)}, ${allUp} have all replicas up`,
  ]
  const { pending, records } = health.transfers
  if (pending > 0)
    lines.push(
      `transfer    ${count(pending, 'partition')} to pull, ${count(records, 'record')} pulled`,
    )
  if (!health.ready) lines.push(out.paint('yellow', 'this node is not ready to serve yet'))
  return lines
}

function layoutText(layout: LayoutJson | undefined): string {
  if (layout === undefined) return 'none: this node has not been given a share yet'
  const moving = layout.moving
  if (moving === undefined) return `version ${layout.version}`
  return `version ${layout.version}; ${count(moving.partitions, 'partition')} moving to ${count(moving.waiting.length, 'node')}`
}
