/** A plan of a layout in words, and what it changes. */
import type { ClusterJson, RoleJson } from '../../packages/client/src/api.ts'
import type { LayoutPlanJson } from '../../packages/client/src/layout-api.ts'
import { table } from './table.ts'
import type { Terminal } from './terminal.ts'
import { count, printable } from './terminal.ts'
import { bytesText, timeText } from './units.ts'

/** What a plan is told against. */
export interface PlanContext {
  readonly cluster: ClusterJson
  /** Those in force. */
  readonly roles: readonly RoleJson[]
  readonly out: Terminal
}

const STANDS_ON = {
  pulled: 'as fast as this node took data over since its start',
  sent: 'as fast as this node was read from since its start',
} as const

export function planText(json: LayoutPlanJson, { cluster, roles, out }: PlanContext): string {
  const { from, plan, links = [], moves = 0, leastMoves = 0 } = json
  if (plan === undefined)
    return `Nothing to change: layout ${from.version} is what the members want.`
  const copied = moves === 0 ? [] : [`${count(moves, 'replica')} to copy (${leastMoves} at least)`]
  const sentences = [
    [...copied, `the fullest node has ${fullest(json)} times the mean`].join('; '),
    ...(links.length === 0 ? [] : costLines(json)),
    ...zoneLines(json),
    ...riskLines(json.nodeRisk, 'node'),
    ...riskLines(json.zoneRisk, 'zone'),
  ]
  return [
    `Layout ${plan.version} (${plan.hash}), from layout ${from.version}:\n`,
    nodeTable(json, plan.roles, { cluster, roles }),
    '',
    links.length === 0 ? 'Nothing is copied.' : linkTable(json, cluster),
    '',
    ...sentences.map((sentence) => out.wrap(sentence)),
  ].join('\n')
}

function nodeTable(
  { nodes = [] }: LayoutPlanJson,
  planned: readonly RoleJson[],
  { cluster, roles }: Pick<PlanContext, 'cluster' | 'roles'>,
): string {
  const before = new Map(roles.map((role) => [role.node, role]))
  const after = new Map(planned.map((role) => [role.node, role]))
  const rows = nodes.map((each) => {
    const [old, next] = [before.get(each.node), after.get(each.node)]
    const where =
      next === undefined
        ? ['goes', '']
        : [
            changed(old && shown(old.zone), shown(next.zone)),
            changed(old && String(old.weight), String(next.weight)),
          ]
    const difference = signed(each.after - each.before)
    return [
      nameOf(each.node, cluster),
      ...where,
      String(each.before),
      String(each.after),
      difference,
    ]
  })
  return table(['NODE', 'ZONE', 'WEIGHT', 'REPLICAS', 'THEN', ''], rows.sort(byName))
}

function linkTable({ links = [], bytes: all }: LayoutPlanJson, cluster: ClusterJson): string {
  const isSized = all !== undefined
  const rows = links.map(({ from, to, partitions, bytes = 0 }) => [
    `${nameOf(from, cluster)} → ${nameOf(to, cluster)}`,
    String(partitions),
    ...(isSized ? [bytesText(bytes)] : []),
  ])
  return table(['COPIED', 'PARTITIONS', ...(isSized ? ['ABOUT'] : [])], rows.sort(byName))
}

function fullest({ nodes = [] }: LayoutPlanJson): string {
  const holders = nodes.filter(({ after }) => after > 0)
  const mean = holders.reduce((sum, { after }) => sum + after, 0) / Math.max(1, holders.length)
  const most = Math.max(0, ...holders.map(({ after }) => after))
  return (most / Math.max(1, mean)).toFixed(2)
}

/** What it weighs, and how long it may take; and where both are from. */
function costLines({ bytes, estimatedPartitions = 0, copies = 1, time }: LayoutPlanJson): string[] {
  if (bytes === undefined)
    return ['how much that is is not known: this node has not counted what it holds yet']
  const guess =
    estimatedPartitions === 0
      ? ''
      : `, ${count(estimatedPartitions, 'partition')} of it estimated by the mean of those that this node holds`
  const weight = `about ${bytesText(bytes)} to keep, each partition read from ${count(copies, 'owner')}${guess}`
  if (time === undefined) return [weight]
  const length =
    time.basis === 'allowance'
      ? `at least ${timeText(time.seconds)}: this node may do so much background work at present; no rate was measured since its start`
      : `about ${timeText(time.seconds)}, ${STANDS_ON[time.basis]}`
  return [weight, length]
}

/** Nothing where there is one zone before and after. */
function zoneLines({ zones }: LayoutPlanJson): string[] {
  if (zones === undefined || (zones.before === 1 && zones.after === 1)) return []
  const before = zones.before === zones.after ? '' : `, and ${zones.before} before`
  return [`every partition is in at least ${count(zones.after, 'zone')}${before}`]
}

function riskLines(risk: LayoutPlanJson['zoneRisk'], domain: string): string[] {
  if (risk === undefined) return []
  const { during, after } = risk
  if (during + after === 0)
    return [`every partition stands without any one ${domain}, all the time`]
  const lost = (partitions: number): string =>
    `${count(partitions, 'partition')} would lose the majority if a certain ${domain} failed`
  if (during === after) return [lost(after)]
  return [`${lost(during)} while data moves, ${after} afterwards`]
}

/** What is different from one list of roles to the next: those who come, who go, who change. */
export function changesText(
  before: readonly RoleJson[],
  after: readonly RoleJson[],
  cluster: ClusterJson,
): string {
  const old = new Map(before.map((role) => [role.node, role]))
  const changes = after.flatMap(({ node, zone, weight }) => {
    const [name, role] = [nameOf(node, cluster), old.get(node)]
    if (role === undefined) return [`+${name}`]
    return [
      ...(role.zone === zone ? [] : [`${name} zone ${changed(shown(role.zone), shown(zone))}`]),
      ...(role.weight === weight ? [] : [`${name} weight ${role.weight} → ${weight}`]),
    ]
  })
  const kept = new Set(after.map(({ node }) => node))
  const gone = before.filter(({ node }) => !kept.has(node))
  const all = [...changes, ...gone.map(({ node }) => `-${nameOf(node, cluster)}`)]
  return all.sort(naturally).join(', ')
}

function changed(before: string | undefined, after: string): string {
  return before === undefined || before === after ? after : `${before} → ${after}`
}

function signed(difference: number): string {
  return difference > 0 ? `+${difference}` : difference === 0 ? '' : String(difference)
}

/** A zone as it is shown. */
export function shown(zone: string): string {
  return zone === '' ? '-' : printable(zone)
}

export function nameOf(node: string, { members }: ClusterJson): string {
  return printable(members.find(({ id }) => id === node)?.name ?? node)
}

const { compare: naturally } = new Intl.Collator('en', { numeric: true })

/** Orders rows that begin with a name: node2 before node10. */
export function byName(a: readonly string[], b: readonly string[]): number {
  return naturally(a[0] ?? '', b[0] ?? '')
}
