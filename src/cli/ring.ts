/** The ring drawn as text: how much each node holds, who owns which partition, and what moves. */
import type { Command } from 'commander'
import type { ClusterJson, LayoutJson } from '../../packages/client/src/api.ts'
import type { TransferProgressJson } from '../../packages/client/src/transfer-api.ts'
import type { CliContext } from './context.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, examples, withServer } from './options.ts'
import { progressText } from './progress-text.ts'
import type { Column } from './table.ts'
import { fittingTable, widthOf } from './table.ts'
import type { Style, Terminal } from './terminal.ts'
import { count, printable } from './terminal.ts'

/** One for each node, in order of name, so that the map reads without colours. Beyond: `?`. */
const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'
const COLOURS: readonly Style[] = ['cyan', 'yellow', 'magenta', 'green', 'blue', 'red', 'white']
/** A longer one says no more. */
const BAR_WIDTH_MAX = 64
const BAR_WIDTH_MIN = 16
const MAP_CELLS_MAX = 1024
/** So that the numbers before the rows are easy to add to. */
const MAP_COLUMNS = [128, 64, 32, 16] as const
const UNMOVED = '·'

export function addRing(program: Command, context: CliContext): void {
  const command = program
    .command('ring')
    .description('draw who owns which partition, and what is moving')
    .action((options: ServerOptions) => ring(options, context))
  withServer(command)
  examples(command, ['dnd ring', 'NO_COLOR=1 dnd ring', 'dnd ring --json'])
}

async function ring(options: ServerOptions, context: CliContext): Promise<void> {
  const client = clientOf(options, context)
  const [layout, cluster, { transfers }] = await Promise.all([
    client.layout(),
    client.cluster(),
    client.health(),
  ])
  if (options.json === true) return context.out.json({ layout, shares: sharesOf(layout, cluster) })
  await context.out.line(ringText(layout, cluster, context.out, transfers.progress))
}

export interface Share {
  readonly node: string
  readonly name: string
  readonly zone: string
  readonly state: string
  readonly weight: number
  /** Partitions of which it is the first replica, and of which it is any. */
  readonly first: number
  readonly any: number
  /** Partitions that come to it and that go from it in the present move. */
  readonly gains: number
  readonly loses: number
}

/** One for each role of the layout, and of the one before while data moves, in order of name. */
export function sharesOf(layout: LayoutJson, cluster: ClusterJson): readonly Share[] {
  const members = new Map(cluster.members.map((member) => [member.id, member]))
  const { table, moving } = layout
  const before = moving?.previous.table
  const known = new Set(layout.roles.map(({ node }) => node))
  const gone = (moving?.previous.roles ?? []).filter(({ node }) => !known.has(node))
  const shares = [...layout.roles, ...gone].map(({ node, zone, weight }) => {
    const holds = table.map((set) => set.includes(node))
    const held = before?.map((set) => set.includes(node)) ?? holds
    return {
      node,
      name: members.get(node)?.name ?? node,
      zone,
      state: members.get(node)?.state ?? 'unknown',
      weight,
      first: table.filter((set) => set[0] === node).length,
      any: holds.filter(Boolean).length,
      gains: holds.filter((now, partition) => now && held[partition] !== true).length,
      loses: held.filter((then, partition) => then && holds[partition] !== true).length,
    }
  })
  return shares.toSorted((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
}

/** `progress`: of the node that answered, if it pulls. */
export function ringText(
  layout: LayoutJson,
  cluster: ClusterJson,
  out: Terminal,
  progress?: TransferProgressJson,
): string {
  const shares = sharesOf(layout, cluster)
  const names = new Map(shares.map(({ node, name }) => [node, printable(name)]))
  const owners = layout.table.map((set) => set[0])
  const perCell = Math.ceil(layout.table.length / MAP_CELLS_MAX)
  const unit = perCell === 1 ? 'partition' : `${perCell} partitions (the first of them)`
  return [
    out.wrap(headText(layout)),
    ...balanceLines(layout, shares, out),
    ...movingLines(layout, names, out),
    ...(progress === undefined ? [] : [out.wrap(pullingText(progress, cluster))]),
    '',
    shareTable(layout, shares, out),
    '',
    out.wrap(`first replica, one letter for each ${unit}:`),
    ...mapLines(owners, perCell, shares, '-', out),
    ...movesMap(layout, perCell, unit, shares, out),
  ].join('\n')
}

function headText({ version, partitions, replicas, roles, moving }: LayoutJson): string {
  const zones = new Set(roles.map(({ zone }) => zone)).size
  const inZones = zones === 1 ? '' : `, ${count(zones, 'zone')}`
  const isMoving = moving === undefined ? '' : ', data is moving to it'
  return `layout ${version}${isMoving}: ${count(partitions, 'partition')}, ${count(replicas, 'replica')} of each${inZones}`
}

/** How far the fullest is above what its weight stands for; and whether the zones are used. */
function balanceLines(layout: LayoutJson, shares: readonly Share[], out: Terminal): string[] {
  // Those who are listed because they lose what they had count for nothing.
  const weights = layout.roles.reduce((sum, { weight }) => sum + weight, 0)
  const all = shares.reduce((sum, { any }) => sum + any, 0)
  const filled = shares.filter(({ weight, any }) => weight > 0 && any > 0)
  if (all === 0 || filled.length < 2) return []
  const ratios = filled.map(({ any, weight }) => (any * weights) / (weight * all))
  const [least, most] = [Math.min(...ratios), Math.max(...ratios)].map((ratio) => ratio.toFixed(3))
  const lines = [
    out.wrap(`balance   the nodes hold ${least} to ${most} times what their weight stands for`),
  ]
  const zones = new Map(layout.roles.map(({ node, zone }) => [node, zone]))
  const possible = new Set(shares.filter(({ any }) => any > 0).map(({ zone }) => zone)).size
  const wanted = Math.min(possible, layout.replicas)
  const spread = layout.table.filter(
    (set) => new Set(set.map((node) => zones.get(node))).size >= wanted,
  ).length
  if (possible < 2) return lines
  const text = `zones     ${spread} of ${count(layout.table.length, 'partition')} in ${wanted} of them`
  return [...lines, spread === layout.table.length ? text : out.paint('yellow', text)]
}

function movingLines(
  { moving }: LayoutJson,
  names: ReadonlyMap<string, string>,
  out: Terminal,
): string[] {
  if (moving === undefined) return []
  const who = moving.waiting.map((node) => names.get(node) ?? node).join(', ')
  const whom = who === '' ? '' : `; waits for ${who}`
  const what =
    moving.partitions === 0
      ? 'nothing is copied, and all confirm to know it'
      : moving.phase === 'filling'
        ? `${count(moving.partitions, 'partition')} filled on new owners, reads ask the old ones`
        : 'the new owners have everything, and all confirm to know it'
  return [out.wrap(`moving    from layout ${moving.from}: ${what}${whom}`)]
}

function pullingText(progress: TransferProgressJson, { self, members }: ClusterJson): string {
  const name = printable(members.find(({ id }) => id === self)?.name ?? self)
  return `pulling   ${name}, which answers: ${progressText(progress)}`
}

/** The bar takes what room the other columns leave. */
function shareTable(layout: LayoutJson, shares: readonly Share[], out: Terminal): string {
  const { partitions, moving, roles } = layout
  const cells = (of: (share: Share) => string): string[] => shares.map(of)
  const zoned = new Set(roles.map(({ zone }) => zone)).size > 1
  const columns: Column[] = [
    { head: '', cells: shares.map((_, i) => paintNode(i, letter(i), out)) },
    { head: 'NAME', cells: cells(({ name }) => printable(name)) },
    ...(zoned ? [{ head: 'ZONE', cells: cells(({ zone }) => printable(zone)) }] : []),
    { head: 'STATE', cells: cells(({ state }) => state), dispensable: 1 },
    { head: 'HOLDS', cells: cells(({ any }) => percent(any, partitions)) },
    { head: 'FIRST', cells: cells(({ first }) => percent(first, partitions)), dispensable: 2 },
  ]
  if (moving !== undefined)
    columns.push(
      { head: 'GAINS', cells: cells(({ gains }) => signed('+', gains)) },
      { head: 'LOSES', cells: cells(({ loses }) => signed('−', loses)) },
    )
  const { text } = fittingTable(columns, out.columns - BAR_WIDTH_MIN - 2)
  const lines = text.split('\n')
  const used = widthOf(text)
  const width = Math.max(BAR_WIDTH_MIN, Math.min(BAR_WIDTH_MAX, out.columns - used - 2))
  return lines
    .map((line, row) => {
      const share = shares[row - 1]
      if (share === undefined) return line
      return `${line}${' '.repeat(used - widthOf(line) + 2)}${bar(share, partitions, row - 1, width, out)}`
    })
    .join('\n')
}

const letter = (index: number): string => LETTERS[index] ?? '?'
const signed = (sign: string, number: number): string => (number === 0 ? '' : `${sign}${number}`)
const percent = (part: number, whole: number): string =>
  `${part} (${whole === 0 ? 0 : Math.round((100 * part) / whole)} %)`

function paintNode(index: number, text: string, out: Terminal): string {
  return out.paint(COLOURS[index % COLOURS.length] ?? 'reset', text)
}

/** Full blocks for what it is first of, shaded ones for what else it holds. */
function bar(
  share: Share,
  partitions: number,
  index: number,
  width: number,
  out: Terminal,
): string {
  const cells = (part: number) => Math.round((width * part) / Math.max(1, partitions))
  const any = cells(share.any)
  const first = Math.min(any, cells(share.first))
  return (
    paintNode(index, '█'.repeat(first) + '▒'.repeat(any - first), out) + UNMOVED.repeat(width - any)
  )
}

/** Who gets what is not its own yet, or was not before this move. */
function movesMap(
  { table, moving }: LayoutJson,
  perCell: number,
  unit: string,
  shares: readonly Share[],
  out: Terminal,
): string[] {
  if (moving === undefined || moving.changing.length === 0) return []
  const before = moving.previous.table
  const gainers = table.map((set, partition) =>
    set.find((node) => before[partition]?.includes(node) !== true),
  )
  return [
    '',
    out.wrap(`new owner, one letter for each ${unit}; ${UNMOVED} keeps all it has:`),
    ...mapLines(gainers, perCell, shares, UNMOVED, out),
  ]
}

function mapLines(
  nodes: readonly (string | undefined)[],
  perCell: number,
  shares: readonly Share[],
  nobody: string,
  out: Terminal,
): string[] {
  const order = new Map(shares.map((share, index) => [share.node, index]))
  const cells: number[] = []
  for (let at = 0; at < nodes.length; at += perCell) cells.push(order.get(nodes[at] ?? '') ?? -1)
  const width = String(nodes.length).length
  const columns = MAP_COLUMNS.find((wanted) => wanted + width + 3 <= out.columns) ?? MAP_COLUMNS[3]
  const lines: string[] = []
  for (let at = 0; at < cells.length; at += columns) {
    const row = cells.slice(at, at + columns)
    const letters = row.map((owner) => (owner < 0 ? nobody : paintNode(owner, letter(owner), out)))
    lines.push(`  ${String(at * perCell).padStart(width)} ${letters.join('')}`)
  }
  return lines
}
