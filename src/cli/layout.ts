/** Shows, plans and chooses layouts: who is to hold what. */
import type { Command } from 'commander'
import type { ClusterJson, RoleJson } from '../../packages/client/src/api.ts'
import type { LayoutPlanJson } from '../../packages/client/src/layout-api.ts'
import type { DndClient } from '../../packages/client/src/client.ts'
import { DndClientError } from '../../packages/client/src/error.ts'
import type { CliContext } from './context.ts'
import { CliFailure, usage } from './failure.ts'
import type { ServerOptions } from './options.ts'
import { clientOf, examples, withServer } from './options.ts'
import { byName, changesText, nameOf, planText, shown } from './plan-text.ts'
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

const WEIGHT_MAX = 1000
/** A node tries for ten seconds to have a layout chosen, and its answer says more than silence. */
const CHOICE_MS = 15_000

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
  await context.out.line(table(heads, rows.sort(byName)))
  const { version, partitions, replicas, moving } = layout
  const dimensions = `layout ${version}: ${count(partitions, 'partition')}, ${replicas} replicas of each`
  await context.out.line(
    `\n${dimensions}${moving === undefined ? '' : `; data moves from layout ${moving.from}`}`,
  )
}

async function onPlan(options: PlanOptions, context: CliContext): Promise<void> {
  const { out } = context
  const client = clientOf(options, context)
  const present = await presentOf(client)
  const plan = await client.layoutPlan(await wantedRoles(client, present, options))
  if (options.json === true) return out.json(plan)
  await out.line(planText(plan, { ...present, out }))
  if (plan.plan === undefined) return
  const again = ['dnd layout apply', ...rolesGiven(options), `--expect ${plan.plan.hash}`]
  await out.line(`\nNothing is changed. To have it: ${again.join(' ')}`)
}

async function onApply(options: ApplyOptions, context: CliContext): Promise<void> {
  const { expect } = options
  const client = clientOf({ timeout: CHOICE_MS, ...options }, context)
  const present = await presentOf(client)
  const roles = await wantedRoles(client, present, options)
  const plan = await client.layoutPlan(roles)
  if (expect === plan.from.hash) return inForce(plan, options, context)
  if (expect !== undefined && plan.plan?.hash !== expect)
    throw new CliFailure({
      code: 'DND_ERR_LAYOUT_CONFLICT',
      message: `the plan is ${plan.plan?.hash ?? 'to change nothing'}, not ${printable(expect)}`,
    })
  await choose(client, { plan, roles, present }, options, context)
}

/** Somebody else was faster with the same plan, or this is asked again. */
async function inForce(
  { from }: LayoutPlanJson,
  options: ServerOptions,
  { out }: CliContext,
): Promise<void> {
  if (options.json === true) return out.json({ from, chosen: from.version })
  await out.line(`Layout ${from.version} (${from.hash}) is in force already.`)
}

async function onRevert(
  version: string | undefined,
  options: ServerOptions,
  context: CliContext,
): Promise<void> {
  const client = clientOf({ timeout: CHOICE_MS, ...options }, context)
  const [present, { layouts }] = await Promise.all([presentOf(client), client.layoutHistory()])
  const past = layouts.filter((each) => each.version < present.version)
  const wanted =
    version === undefined ? past.at(-1) : past.find((each) => String(each.version) === version)
  if (wanted === undefined)
    throw usage(
      `this node remembers no layout ${version === undefined ? 'before the present one' : printable(version)}`,
      'See "dnd layout history", or ask another node.',
    )
  const roles = wanted.roles.filter(({ node }) => mayHaveRole(node, present))
  const out = wanted.roles.filter((role) => !roles.includes(role))
  if (out.length > 0 && options.json !== true) {
    const names = out.map(({ node }) => nameOf(node, present.cluster)).join(', ')
    await context.err.line(`left out, since they are not up and have no role now: ${names}`)
  }
  const plan = await client.layoutPlan(roles)
  await choose(client, { plan, roles, present }, options, context)
}

/** Who is gone and has no role any more is not waited for. */
function mayHaveRole(node: string, { cluster, roles }: Present): boolean {
  const state = cluster.members.find(({ id }) => id === node)?.state
  const isUp = state === 'alive' || state === 'suspect'
  return isUp || (state !== 'left' && roles.some((role) => role.node === node))
}

async function onHistory(options: ServerOptions, context: CliContext): Promise<void> {
  const client = clientOf(options, context)
  const [cluster, history] = await Promise.all([client.cluster(), client.layoutHistory()])
  if (options.json === true) return context.out.json(history)
  const rows = history.layouts.map(({ version, hash, at, moves, roles }, i) => {
    const changes = changesText(history.layouts[i - 1]?.roles ?? [], roles, cluster)
    return [String(version), hash, at, String(moves), String(roles.length), changes]
  })
  const heads = ['VERSION', 'HASH', 'ADOPTED', 'MOVES', 'NODES', 'CHANGED']
  await context.out.line(table(heads, rows))
}

/** How things stand, to plan from. */
interface Present {
  readonly cluster: ClusterJson
  readonly version: number
  readonly roles: readonly RoleJson[]
}

async function presentOf(client: DndClient): Promise<Present> {
  const [cluster, { version, roles }] = await Promise.all([client.cluster(), client.layout()])
  return { cluster, version, roles }
}

interface Choice {
  readonly plan: LayoutPlanJson
  readonly roles: readonly RoleJson[] | undefined
  readonly present: Present
}

async function choose(
  client: DndClient,
  { plan, roles, present }: Choice,
  options: ServerOptions,
  { out }: CliContext,
): Promise<void> {
  const isShown = options.json !== true
  if (isShown) await out.line(planText(plan, { ...present, out }))
  if (plan.plan === undefined) return isShown ? undefined : out.json(plan)
  const { version } = await chosen(client, plan.plan, roles)
  if (!isShown) return out.json({ ...plan, chosen: version })
  await out.line(`\nLayout ${version} is chosen. "dnd status" says how far the move is.`)
}

/** Without an answer it may have been chosen all the same. */
async function chosen(
  client: DndClient,
  plan: NonNullable<LayoutPlanJson['plan']>,
  roles: readonly RoleJson[] | undefined,
): Promise<{ readonly version: number }> {
  try {
    return await client.applyLayout(plan, roles)
  } catch (error) {
    if (!(error instanceof DndClientError) || error.outcome !== 'unknown') throw error
    const { message, outcome } = error
    const code = 'DND_ERR_LAYOUT_UNAVAILABLE'
    throw new DndClientError({ code, message, outcome, cause: error })
  }
}

/** The options that give roles, as they are given again. */
function rolesGiven({ weight = [], zone = [], without = [] }: PlanOptions): string[] {
  const given = { '--weight': weight, '--zone': zone, '--without': without }
  return Object.entries(given).flatMap(([option, values]) =>
    values.map((value) => `${option} ${/^[\w=.:-]+$/.test(value) ? value : `'${value}'`}`),
  )
}

/** undefined: as the members want them. */
async function wantedRoles(
  client: DndClient,
  { cluster, roles: present }: Present,
  options: PlanOptions,
): Promise<readonly RoleJson[] | undefined> {
  if (rolesGiven(options).length === 0) return undefined
  const { weight = [], zone = [], without = [] } = options
  const { plan } = await client.layoutPlan()
  const base = plan?.roles ?? present
  const roles = new Map(base.map((role) => [role.node, role]))
  const change = (name: string, more: Partial<RoleJson>): void => {
    const node = idOf(name, cluster, roles)
    roles.set(node, { ...roles.get(node)!, ...more })
  }
  for (const each of weight) {
    const [name, value] = assignment(each, '--weight')
    if (!/^\d{1,4}$/.test(value) || Number(value) > WEIGHT_MAX)
      throw usage(`"${printable(value)}" is no weight`, `A weight is 0 to ${WEIGHT_MAX}.`)
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
  if (at > 0 && at < text.length - 1) return [text.slice(0, at), text.slice(at + 1)]
  throw usage(
    `${option} ${printable(text)}: a node and a value are wanted`,
    `For example ${option} node3=${option === '--zone' ? 'west' : '200'}.`,
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
    named.length > 1
      ? `${named.length} nodes are called`
      : 'no node that has a role, or is up and may have one, is called'
  throw usage(`${reason} ${printable(name)}`, 'Give the id of the node: see "dnd status".')
}
