/** Shows, plans and chooses layouts: who is to hold what. */
import type { Command } from 'commander'
import type { ClusterJson, RoleJson } from '../../packages/client/src/api.ts'
import type { LayoutPlanJson } from '../../packages/client/src/layout-api.ts'
import type { DndClient } from '../../packages/client/src/client.ts'
import type { CliContext } from './context.ts'
import { CliFailure, usage } from './failure.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, examples, withServer } from './options.ts'
import { table } from './table.ts'
import { count, printable } from './terminal.ts'

interface PlanOptions extends ServerOptions {
  readonly weight?: readonly string[]
  readonly zone?: readonly string[]
  readonly without?: readonly string[]
}

interface ApplyOptions extends PlanOptions {
  readonly expect?: string
}

export function addLayout(program: Command, context: CliContext): void {
  const layout = program
    .command('layout')
    .description('show, plan and choose which nodes hold what')
    .helpCommand(false)
  const show = layout
    .command('show')
    .description('the roles in force, and what each node holds ("dnd ring" draws it)')
    .action((options: ServerOptions) => onShow(options, context))
  withServer(show)
  examples(show, ['dnd layout show', 'dnd layout show --json'])
  const plan = layout
    .command('plan')
    .description('what would move if the members had the roles that they want, or these')
    .action((options: PlanOptions) => onPlan(options, context))
  withRoles(withServer(plan))
  examples(plan, ['dnd layout plan', 'dnd layout plan --weight node3=200 --zone node3=west'])
  const apply = layout
    .command('apply')
    .description('plan, show it, and have it chosen; the data moves then')
    .option('--expect <hash>', 'only if the plan is the one with this hash, as "plan" showed it')
    .action((options: ApplyOptions) => onApply(options, context))
  withRoles(withServer(apply))
  examples(apply, ['dnd layout apply', 'dnd layout apply --expect 5f0c11ab'])
  const revert = layout
    .command('revert')
    .argument('[version]', 'of "dnd layout history"; the one before the present by default')
    .description('give the nodes that are still members the roles that they had')
    .action((version: string | undefined, options: ServerOptions) =>
      onRevert(version, options, context),
    )
  withServer(revert)
  examples(revert, ['dnd layout revert', 'dnd layout revert 7'])
  const history = layout
    .command('history')
    .description('the layouts that the node has seen, the latest last')
    .action((options: ServerOptions) => onHistory(options, context))
  withServer(history)
  examples(history, ['dnd layout history'])
}

function withRoles(command: Command): Command {
  const gather = (value: string, all: readonly string[] | undefined): string[] => [
    ...(all ?? []),
    value,
  ]
  return command
    .option('--weight <node=weight>', 'with another weight, 0 to 1000; may be repeated', gather)
    .option('--zone <node=zone>', 'in another zone; may be repeated', gather)
    .option('--without <node>', 'without a node that is up and may go; may be repeated', gather)
}

async function onShow(options: ServerOptions, context: CliContext): Promise<void> {
  const client = clientOf(options, context)
  const [layout, cluster] = await Promise.all([client.layout(), client.cluster()])
  if (options.json === true) return context.out.json(layout)
  const held = new Map(
    layout.balance.map(({ node, replicas, share }) => [node, { replicas, share }]),
  )
  const rows = layout.roles.map(({ node, zone, weight }) => {
    const { replicas = 0, share = 0 } = held.get(node) ?? {}
    const percent = `${(share * 100).toFixed(1)} %`
    return [nameOf(node, cluster), node, shown(zone), String(weight), String(replicas), percent]
  })
  const heads = ['NODE', 'ID', 'ZONE', 'WEIGHT', 'REPLICAS', 'SHARE']
  await context.out.line(table(heads, rows))
  const { version, partitions, replicas, moving } = layout
  const dimensions = `layout ${version}: ${count(partitions, 'partition')}, ${replicas} replicas of each`
  await context.out.line(
    `\n${dimensions}${moving === undefined ? '' : `; data moves from layout ${moving.from}`}`,
  )
}

async function onPlan(options: PlanOptions, context: CliContext): Promise<void> {
  const client = clientOf(options, context)
  const cluster = await client.cluster()
  const roles = await wantedRoles(client, cluster, options)
  const plan = await client.layoutPlan(roles)
  if (options.json === true) return context.out.json(plan)
  await context.out.line(planText(plan, cluster))
  if (plan.plan !== undefined)
    await context.out.line(
      `\nNothing is changed. To have it: dnd layout apply --expect ${plan.plan.hash}`,
    )
}

async function onApply(options: ApplyOptions, context: CliContext): Promise<void> {
  const client = clientOf(options, context)
  const cluster = await client.cluster()
  const roles = await wantedRoles(client, cluster, options)
  const plan = await client.layoutPlan(roles)
  if (options.expect !== undefined && plan.plan?.hash !== options.expect)
    throw new CliFailure({
      code: 'DND_ERR_LAYOUT_CONFLICT',
      message: `the plan is ${plan.plan?.hash ?? 'to change nothing'}, not ${options.expect}`,
    })
  await choose(client, { plan, roles, cluster }, options, context)
}

async function onRevert(
  version: string | undefined,
  options: ServerOptions,
  context: CliContext,
): Promise<void> {
  const client = clientOf(options, context)
  const [cluster, layout, { layouts }] = await Promise.all([
    client.cluster(),
    client.layout(),
    client.layoutHistory(),
  ])
  const past = layouts.filter((each) => each.version < layout.version)
  const wanted =
    version === undefined ? past.at(-1) : past.find((each) => String(each.version) === version)
  if (wanted === undefined)
    throw usage(
      `this node does not remember layout ${version ?? 'before the present one'}`,
      'See "dnd layout history", or ask another node.',
    )
  const up = new Set(cluster.members.filter(({ state }) => state !== 'left').map(({ id }) => id))
  const roles = wanted.roles.filter(({ node }) => up.has(node))
  const plan = await client.layoutPlan(roles)
  await choose(client, { plan, roles, cluster }, options, context)
}

async function onHistory(options: ServerOptions, context: CliContext): Promise<void> {
  const client = clientOf(options, context)
  const [cluster, history] = await Promise.all([client.cluster(), client.layoutHistory()])
  if (options.json === true) return context.out.json(history)
  const rows = history.layouts.map(({ version, hash, at, moves, roles }) => {
    const nodes = roles.map(({ node }) => nameOf(node, cluster)).join(', ')
    return [String(version), hash, at, String(moves), nodes]
  })
  await context.out.line(table(['VERSION', 'HASH', 'ADOPTED', 'MOVES', 'NODES'], rows))
}

interface Choice {
  readonly plan: LayoutPlanJson
  readonly roles: readonly RoleJson[] | undefined
  readonly cluster: ClusterJson
}

async function choose(
  client: DndClient,
  { plan, roles, cluster }: Choice,
  options: ServerOptions,
  { out }: CliContext,
): Promise<void> {
  const isShown = options.json !== true
  if (isShown) await out.line(planText(plan, cluster))
  if (plan.plan === undefined) return isShown ? undefined : out.json(plan)
  const { version } = await client.applyLayout(plan.plan, roles)
  if (!isShown) return out.json({ ...plan, chosen: version })
  await out.line(`\nLayout ${version} is chosen. "dnd status" says how far the move is.`)
}

/** undefined: as the members want them. */
async function wantedRoles(
  client: DndClient,
  cluster: ClusterJson,
  { weight = [], zone = [], without = [] }: PlanOptions,
): Promise<readonly RoleJson[] | undefined> {
  if (weight.length + zone.length + without.length === 0) return undefined
  const { plan } = await client.layoutPlan()
  const base = plan?.roles ?? (await client.layout()).roles
  const roles = new Map(base.map((role) => [role.node, role]))
  const change = (name: string, more: Partial<RoleJson>): void => {
    const node = idOf(name, cluster, roles)
    roles.set(node, { ...roles.get(node)!, ...more })
  }
  for (const each of weight) {
    const [name, value] = assignment(each, '--weight')
    if (!/^\d{1,4}$/.test(value)) throw usage(`"${value}" is no weight`, 'A weight is 0 to 1000.')
    change(name, { weight: Number(value) })
  }
  for (const each of zone) {
    const [name, value] = assignment(each, '--zone')
    change(name, { zone: value })
  }
  for (const name of without) roles.delete(idOf(name, cluster, roles))
  return [...roles.values()]
}

function assignment(text: string, option: string): readonly [string, string] {
  const at = text.indexOf('=')
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)]
  throw usage(
    `${option} ${text}: a node and a value are wanted`,
    `For example ${option} node3=200.`,
  )
}

function idOf(
  name: string,
  { members }: ClusterJson,
  roles: ReadonlyMap<string, RoleJson>,
): string {
  if (roles.has(name)) return name
  const named = members.filter((member) => member.name === name && roles.has(member.id))
  const [only] = named
  if (only !== undefined && named.length === 1) return only.id
  const reason =
    named.length > 1 ? `${named.length} nodes are called` : 'no node with a role is called'
  throw usage(`${reason} ${printable(name)}`, 'Give the id of the node: see "dnd status".')
}

export function planText(json: LayoutPlanJson, cluster: ClusterJson): string {
  const { from, plan, nodes = [], links = [], moves = 0, leastMoves = 0 } = json
  if (plan === undefined)
    return `Nothing to change: layout ${from.version} is what the members want.`
  const roles = new Map(plan.roles.map((role) => [role.node, role]))
  const rows = nodes.map(({ node, before, after }) => {
    const role = roles.get(node)
    const where = role === undefined ? ['goes', ''] : [shown(role.zone), String(role.weight)]
    return [nameOf(node, cluster), ...where, String(before), String(after), signed(after - before)]
  })
  const linkRows = links.map(({ from: source, to, partitions }) => [
    `${nameOf(source, cluster)} → ${nameOf(to, cluster)}`,
    String(partitions),
  ])
  const holders = nodes.filter(({ after }) => after > 0)
  const mean = holders.reduce((sum, { after }) => sum + after, 0) / Math.max(1, holders.length)
  const most = Math.max(0, ...holders.map(({ after }) => after))
  return [
    `Layout ${plan.version} (${plan.hash}), from layout ${from.version}:\n`,
    table(['NODE', 'ZONE', 'WEIGHT', 'REPLICAS', 'THEN', ''], rows),
    '',
    linkRows.length === 0 ? 'Nothing is copied.' : table(['COPIED', 'PARTITIONS'], linkRows),
    '',
    `${count(moves, 'replica')} to copy (${leastMoves} at least); the fullest node has ${(most / Math.max(1, mean)).toFixed(2)} times the mean`,
    ...riskLines(json.nodeRisk, 'node'),
    ...riskLines(json.zoneRisk, 'zone'),
  ].join('\n')
}

function riskLines(risk: LayoutPlanJson['zoneRisk'], domain: string): string[] {
  if (risk === undefined) return []
  const { during, after } = risk
  if (during + after === 0)
    return [`every partition stands without any one ${domain}, all the time`]
  const lost = (partitions: number): string =>
    `${count(partitions, 'partition')} would lose the majority with some ${domain}`
  if (during === after) return [lost(after)]
  return [`${lost(during)} while data moves, ${after} afterwards`]
}

function signed(difference: number): string {
  return difference > 0 ? `+${difference}` : difference === 0 ? '' : String(difference)
}

function shown(zone: string): string {
  return zone === '' ? '-' : printable(zone)
}

export function nameOf(node: string, { members }: ClusterJson): string {
  return printable(members.find(({ id }) => id === node)?.name ?? node)
}
