/** The ring drawn as text: how much each node holds, and who owns which partition. */
import type { Command } from 'commander'
import type { ClusterJson, LayoutJson } from '../../packages/client/src/api.ts'
import type { CliContext } from './context.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, examples, withServer } from './options.ts'
import { table } from './table.ts'
import type { Style, Terminal } from './terminal.ts'
import { count, printable } from './terminal.ts'

/** One for each node, in order of name, so that the map reads without colours. Beyond: `?`. */
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const COLOURS: readonly Style[] = ['cyan', 'yellow', 'magenta', 'green', 'blue', 'red', 'white']
const BAR_WIDTH = 32
const MAP_CELLS_MAX = 1024
const MAP_COLUMNS = 64

export function addRing(program: Command, context: CliContext): void {
  const command = program
    .command('ring')
    .description('draw who owns which partition')
    .action((options: ServerOptions) => ring(options, context))
  withServer(command)
  examples(command, ['dnd ring', 'NO_COLOR=1 dnd ring', 'dnd ring --json'])
}

async function ring(options: ServerOptions, context: CliContext): Promise<void> {
  const client = clientOf(options, context)
  const [layout, cluster] = await Promise.all([client.layout(), client.cluster()])
  if (options.json === true) return context.out.json({ layout, shares: sharesOf(layout, cluster) })
  await context.out.line(ringText(layout, cluster, context.out))
}

export interface Share {
  readonly node: string
  readonly name: string
  readonly state: string
  readonly weight: number
  /** Partitions of which it is the first replica, and of which it is any. */
  readonly first: number
  readonly any: number
}

/** One for each role of the layout, in order of name. */
export function sharesOf(layout: LayoutJson, cluster: ClusterJson): readonly Share[] {
  const members = new Map(cluster.members.map((member) => [member.id, member]))
  const shares = layout.roles.map((role) => {
    const member = members.get(role.node)
    return {
      node: role.node,
      name: member?.name ?? role.node,
      state: member?.state ?? 'unknown',
      weight: role.weight,
      first: layout.table.filter((replicas) => replicas[0] === role.node).length,
      any: layout.table.filter((replicas) => replicas.includes(role.node)).length,
    }
  })
  return shares.toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
}

export function ringText(layout: LayoutJson, cluster: ClusterJson, out: Terminal): string {
  const shares = sharesOf(layout, cluster)
  const moving = layout.moving === undefined ? '' : ', data is moving to it'
  const head = ['', 'NAME', 'STATE', 'HOLDS', 'FIRST', '']
  const rows = shares.map((share, i) => [
    paintNode(i, letter(i), out),
    printable(share.name),
    share.state,
    percent(share.any, layout.partitions),
    percent(share.first, layout.partitions),
    bar(share, layout.partitions, i, out),
  ])
  return [
    `layout ${layout.version}${moving}: ${count(layout.partitions, 'partition')}, ${count(layout.replicas, 'replica')} of each`,
    '',
    table(head, rows),
    '',
    ...mapLines(layout, shares, out),
  ].join('\n')
}

const letter = (index: number): string => LETTERS[index] ?? '?'
const percent = (part: number, whole: number): string =>
  `${part} (${whole === 0 ? 0 : Math.round((100 * part) / whole)} %)`

function paintNode(index: number, text: string, out: Terminal): string {
  return out.paint(COLOURS[index % COLOURS.length] ?? 'reset', text)
}

/** Full blocks for what it is first of, shaded ones for what else it holds. */
function bar(share: Share, partitions: number, index: number, out: Terminal): string {
  const cells = (part: number) => Math.round((BAR_WIDTH * part) / Math.max(1, partitions))
  const any = cells(share.any)
  const first = Math.min(any, cells(share.first))
  return (
    paintNode(index, '█'.repeat(first) + '▒'.repeat(any - first), out) + '·'.repeat(BAR_WIDTH - any)
  )
}

function mapLines(layout: LayoutJson, shares: readonly Share[], out: Terminal): string[] {
  const order = new Map(shares.map((share, index) => [share.node, index]))
  const perCell = Math.ceil(layout.table.length / MAP_CELLS_MAX)
  const cells: number[] = []
  for (let at = 0; at < layout.table.length; at += perCell)
    cells.push(order.get(layout.table[at]?.[0] ?? '') ?? -1)
  const width = String(layout.table.length).length
  const unit = perCell === 1 ? 'partition' : `${perCell} partitions (the first of them)`
  const lines = [`first replica, one letter for each ${unit}:`]
  for (let at = 0; at < cells.length; at += MAP_COLUMNS) {
    const row = cells.slice(at, at + MAP_COLUMNS)
    const letters = row.map((owner) => (owner < 0 ? '-' : paintNode(owner, letter(owner), out)))
    lines.push(`  ${String(at * perCell).padStart(width)} ${letters.join('')}`)
  }
  return lines
}
