/** Shows one key from all sides: for whoever wonders why a read shows what it shows. */
import type { Command } from 'commander'
import type {
  ExplainedReplicaJson,
  ExplainedVersionJson,
  ExplainJson,
  FindingJson,
} from '../../packages/client/src/explain.ts'
import type { CliContext } from './context.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, examples, withBucket, withServer } from './options.ts'
import type { Column } from './table.ts'
import { fittingTable } from './table.ts'
import type { Style, Terminal } from './terminal.ts'
import { count, printable } from './terminal.ts'
import { agoText, bytesText } from './units.ts'

interface ExplainOptions extends ServerOptions {
  readonly bucket: string
  readonly sort?: string
}

const LEVEL_STYLE: Readonly<Record<FindingJson['level'], Style>> = {
  problem: 'red',
  note: 'yellow',
  ok: 'green',
}
const STATE_STYLE: Readonly<Record<string, Style>> = {
  alive: 'green',
  suspect: 'yellow',
  dead: 'red',
}
const UNKNOWN = '-'

export function addExplain(program: Command, context: CliContext): void {
  const command = program
    .command('explain')
    .description('show where a key is, what each replica holds of it, and what is to happen to it')
    .argument('<key>')
    .option('--sort <sort>', 'the item with this sort key')
    .action((key: string, options: ExplainOptions) => explain(key, options, context))
  withServer(withBucket(command))
  examples(command, [
    'dnd explain greeting',
    'dnd explain cart --bucket carts --sort 2024-05',
    'dnd explain greeting --json',
  ])
}

async function explain(key: string, options: ExplainOptions, context: CliContext): Promise<void> {
  const found = await clientOf(options, context).explain(key, {
    bucket: options.bucket,
    sort: options.sort,
    timeoutMs: options.timeout,
  })
  if (options.json === true) return context.out.json(found)
  await context.out.line(explainText(found, Date.now(), context.out))
}

/** The summary stands last, where the eye is when the command has ended. */
export function explainText(found: ExplainJson, nowMs: number, out: Terminal): string {
  const { versions, summary } = found
  const width = out.isTTY ? out.columns : Infinity
  const parts = [
    ...placeLines(found),
    '',
    fittingTable(replicaColumns(found, nowMs, out), width).text,
    '',
  ]
  if (versions.length > 0)
    parts.push(fittingTable(versionColumns(found, nowMs, out), width).text, '')
  for (const { level, text } of summary)
    parts.push(out.paint(LEVEL_STYLE[level], out.wrap(`${MARKS[level]} ${printable(text)}`)))
  return parts.join('\n')
}

const MARKS: Readonly<Record<FindingJson['level'], string>> = { problem: '!', note: '-', ok: '=' }

function placeLines(found: ExplainJson): string[] {
  const { bucket, key, sort, slot, partition, layoutVersion, moving } = found
  const { n, r, w, conflicts } = found.properties
  const item = sort === undefined ? '' : `, sort key "${printable(sort)}"`
  return [
    `key     "${printable(key)}"${item}`,
    `bucket  ${printable(bucket)}: n=${n} r=${r} w=${w}, ${conflicts}`,
    `place   slot ${slot}, partition ${partition}, layout ${layoutVersion}${moving ? ', moving' : ''}`,
  ]
}

function replicaColumns(
  { replicas, versions }: ExplainJson,
  nowMs: number,
  out: Terminal,
): Column[] {
  const column = (
    head: string,
    cell: (replica: ExplainedReplicaJson, place: number) => string,
    dispensable = 0,
  ): Column => ({ head, dispensable, cells: replicas.map(cell) })
  return [
    column('REPLICA', ({ name }, place) => `${place + 1} ${printable(name)}`),
    column('STATE', ({ state }) => out.paint(STATE_STYLE[state] ?? 'reset', state)),
    column('SERVES', ({ serves }) => serves, 3),
    column('HOLDS', (replica) => holdsText(replica, versions, out)),
    column('RECORD', ({ bytes = 0 }) => (bytes === 0 ? UNKNOWN : bytesText(bytes)), 4),
    column('CLOCK', ({ clock }) => clock ?? UNKNOWN, 2),
    column(
      'COMPARED WITH',
      ({ compared, answer }) =>
        answer === 'down' || answer === 'silent' ? UNKNOWN : comparedText(compared, nowMs),
      1,
    ),
  ]
}

function holdsText(
  replica: ExplainedReplicaJson,
  versions: readonly ExplainedVersionJson[],
  out: Terminal,
): string {
  switch (replica.answer) {
    case 'found':
      return versionsText(replica, versions)
    case 'absent':
      return 'nothing'
    case 'unreadable':
      return out.paint('red', 'unreadable')
    case 'down':
      return 'not asked'
    case 'silent':
      return out.paint('red', 'no answer')
  }
}

function versionsText(
  { versions: dots = [], more = 0 }: ExplainedReplicaJson,
  versions: readonly ExplainedVersionJson[],
): string {
  const held = versions.filter(({ dot }) => dots.includes(dot))
  const values = held.filter(({ kind }) => kind === 'value').length
  const parts = []
  if (values > 0) parts.push(count(values, 'value'))
  if (held.length > values) parts.push(count(held.length - values, 'delete'))
  if (more > 0) parts.push(`${count(more, 'version')} more`)
  return parts.length === 0 ? 'no version' : parts.join(', ')
}

function comparedText(compared: ExplainedReplicaJson['compared'] = [], nowMs: number): string {
  if (compared.every(({ at }) => at === undefined)) return 'nobody yet'
  return compared
    .map(
      ({ name, at }) => `${printable(name)} ${at === undefined ? 'not yet' : agoText(at, nowMs)}`,
    )
    .join(', ')
}

function versionColumns(found: ExplainJson, nowMs: number, out: Terminal): Column[] {
  const { versions, replicas } = found
  const names = new Map(replicas.map(({ node, name }) => [node, printable(name)]))
  const column = (
    head: string,
    cell: (version: ExplainedVersionJson) => string,
    dispensable = 0,
  ): Column => ({ head, dispensable, cells: versions.map(cell) })
  return [
    column('VERSION', ({ dot }) => printable(dot), 3),
    column('WRITTEN BY', ({ writtenBy }) => writerText(writtenBy, names)),
    column('WRITTEN', ({ writtenAt }) => agoText(writtenAt, nowMs), 2),
    column('WHAT', (version) => whatText(version, nowMs, out)),
    column('ON', ({ on }) => on.map((node) => names.get(node) ?? node).join(', ')),
  ]
}

/** Replicas draw new vnode ids with each life, so of older writes it is not known. */
function writerText(writtenBy: string | undefined, names: ReadonlyMap<string, string>): string {
  return writtenBy === undefined ? 'before a restart' : (names.get(writtenBy) ?? writtenBy)
}

function whatText(version: ExplainedVersionJson, nowMs: number, out: Terminal): string {
  const { kind, bytes = 0, contentType = '', expiresAt, expired, wins, superseded } = version
  const parts = kind === 'delete' ? ['delete'] : [bytesText(bytes), typeText(contentType)]
  if (expired === true) parts.push('expired')
  else if (expiresAt !== undefined) parts.push(`expires in ${inText(expiresAt, nowMs)}`)
  if (wins === true) parts.push('wins')
  if (superseded === true) parts.push('superseded')
  const isPast = kind === 'delete' || expired === true || superseded === true
  return isPast ? out.paint('gray', parts.join(', ')) : parts.join(', ')
}

/** Without its parameters, which take more room than they say. */
function typeText(contentType: string): string {
  return printable(contentType.split(';', 1)[0] ?? '')
}

function inText(at: string, nowMs: number): string {
  return agoText(new Date(nowMs - (Date.parse(at) - nowMs)).toISOString(), nowMs).replace(
    ' ago',
    '',
  )
}
