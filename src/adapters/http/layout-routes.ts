/**
 * `/layout/…`: what would follow, choosing it, having done with a lost node, and what was.
 *
 * A plan is named by its version and hash, so that what is applied is what was looked at.
 */
import { array, integer, number, optional, pipe, regex, strictObject, string } from 'valibot'
import type { ClientReply } from '../../core/node/events.ts'
import type { LayoutAsk, LayoutHistoryEntry, LayoutResult } from '../../core/node/layout-asks.ts'
import type { NodeView } from '../../core/node/view.ts'
import type { Layout, Role } from '../../core/placement/layout.ts'
import type { PlanSummary } from '../../core/placement/plan-summary.ts'
import { bytesBy, estimatedIn, timeOf } from '../../core/placement/plan-cost.ts'
import type { KnownSizes, PlanTime } from '../../core/placement/plan-cost.ts'
import { summarize } from '../../core/placement/plan-summary.ts'
import { TRANSFER_CHUNK_BYTES_MAX } from '../../core/repair/messages.ts'
import { DndError } from '../../core/errors.ts'
import { assert } from '../../core/std/assert.ts'
import { nodeId } from '../../core/std/ids.ts'
import type { NodeId } from '../../core/std/ids.ts'
import type { Asked, Exchange } from './exchange.ts'
import { parseJson, shaped } from './json-body.ts'

export interface RoleJson {
  readonly node: string
  readonly zone: string
  readonly weight: number
}

export interface LayoutPlanJson extends Partial<PlanSummary> {
  /** About how much is copied; absent when nothing is known of how much there is. */
  readonly bytes?: number
  /** Of how many partitions that move this node knows nothing: they are taken for the mean. */
  readonly estimatedPartitions?: number
  /** From how many owners each is read. */
  readonly copies?: number
  /** About how long that takes. */
  readonly time?: PlanTime
  /** The layout in force. */
  readonly from: { readonly version: number; readonly hash: string }
  /** Absent when there is nothing to change. */
  readonly plan?: {
    readonly version: number
    readonly hash: string
    readonly roles: readonly RoleJson[]
    /** Whose data is gone. */
    readonly lost?: readonly string[]
  }
}

export interface LayoutHistoryJson {
  /** The latest last. */
  readonly layouts: readonly {
    readonly version: number
    readonly hash: string
    readonly at: string
    readonly moves: number
    readonly roles: readonly RoleJson[]
  }[]
}

/** As many roles as a layout has. */
const BODY_BYTES_MAX = 256 * 1024

const WHOLE = 'it must be a whole number'
const ROLES = array(
  strictObject({
    node: string('it must be the id or the name of a member'),
    zone: string('it must be a text'),
    weight: pipe(number(WHOLE), integer(WHOLE)),
  }),
  'it must be a list of {node, zone, weight}',
)
const HASH_RULE = 'it must be the hash of the plan, 8 hexadecimal digits'
const PLANNED = strictObject({ roles: optional(ROLES) })
const APPLIED = strictObject({
  version: pipe(number(WHOLE), integer(WHOLE)),
  hash: pipe(string(HASH_RULE), regex(/^[0-9a-f]{8}$/, HASH_RULE)),
  roles: optional(ROLES),
})
const REMOVED = strictObject({
  node: string('it must be the id or the name of a node'),
  partitions: optional(pipe(number(WHOLE), integer(WHOLE))),
})

export function onLayoutPlan(exchange: Asked): void {
  ask(exchange, { what: 'plan', roles: undefined }, (result) => answerPlan(exchange, result))
}

export function onLayoutPlanOf(exchange: Exchange): void {
  exchange.readBody(BODY_BYTES_MAX, 'DND_ERR_BODY_TOO_LARGE', (answer, body) =>
    planLayout(answer, parseJson(body)),
  )
}

export function planLayout(answer: Asked, json: unknown): void {
  const { roles } = shaped(PLANNED, json, 'the body')
  const wanted = rolesOf(roles, answer.site.gateway.view())
  ask(answer, { what: 'plan', roles: wanted }, (result) => answerPlan(answer, result))
}

export function onLayoutApply(exchange: Exchange): void {
  exchange.readBody(BODY_BYTES_MAX, 'DND_ERR_BODY_TOO_LARGE', (answer, body) =>
    applyLayout(answer, parseJson(body)),
  )
}

export function applyLayout(answer: Asked, json: unknown): void {
  const { version, hash, roles } = shaped(APPLIED, json, 'the body')
  const wanted = rolesOf(roles, answer.site.gateway.view())
  const plan = { version, hash: Number.parseInt(hash, 16), roles: wanted }
  ask(answer, { what: 'apply', ...plan }, (result) => {
    assert(result.what === 'applied', result.what)
    answer.json(200, { version: result.version })
  })
}

export function onLayoutRemove(exchange: Exchange): void {
  exchange.readBody(BODY_BYTES_MAX, 'DND_ERR_BODY_TOO_LARGE', (answer, body) =>
    removeNode(answer, parseJson(body)),
  )
}

export function removeNode(answer: Asked, json: unknown): void {
  const { node: name, partitions = 0 } = shaped(REMOVED, json, 'the body')
  const node = nodeNamed(name, answer.site.gateway.view())
  ask(answer, { what: 'remove', node, partitions }, (result) => {
    assert(result.what === 'removed', result.what)
    answer.json(202, { node })
  })
}

export function onLayoutHistory(exchange: Asked): void {
  ask(exchange, { what: 'history' }, (result) => {
    assert(result.what === 'history', result.what)
    exchange.json(200, { layouts: result.entries.map(historyJson) })
  })
}

type Answer = Extract<LayoutResult, { ok: true }>

function ask(exchange: Asked, asked: LayoutAsk, done: (result: Answer) => void): void {
  exchange.site.gateway.submit({ type: 'layout', ask: asked }, (reply) => {
    const result = layoutResult(reply)
    if (result.ok) done(result)
    else exchange.failure(result)
  })
}

function layoutResult(reply: ClientReply): LayoutResult {
  assert(reply.type === 'layout', `a question about the layout was answered by ${reply.type}`)
  return reply.result
}

function answerPlan(exchange: Asked, result: Answer): void {
  assert(result.what === 'plan', result.what)
  const { transfers, sizes, background } = exchange.site.gateway.view()
  const { copies, pulledPerSecond, sentPerSecond } = transfers
  const known = {
    ...{ sizes, copies, pulledPerSecond, sentPerSecond },
    ...{ unitsPerSecond: background.unitsPerSecond, unitBytes: TRANSFER_CHUNK_BYTES_MAX },
  }
  exchange.json(200, planJson(result.before, result.after, known))
}

export function planJson(
  before: Layout,
  after: Layout | undefined,
  known: KnownSizes,
): LayoutPlanJson {
  const from = { version: before.version, hash: hashText(before.hash) }
  if (after === undefined) return { from }
  const { version, hash, roles, lost } = after
  const plan = { version, hash: hashText(hash), roles: roles.map(roleJson) }
  const bytesOf = bytesBy(known)
  const summary = summarize(before, after, bytesOf)
  return {
    from,
    plan: lost === undefined ? plan : { ...plan, lost },
    ...summary,
    ...(bytesOf === undefined ? {} : costJson(summary, estimatedIn(before, after, known), known)),
  }
}

function costJson(
  summary: PlanSummary,
  estimatedPartitions: number,
  known: KnownSizes,
): Pick<LayoutPlanJson, 'bytes' | 'estimatedPartitions' | 'copies' | 'time'> {
  const bytes = summary.links.reduce((sum, link) => sum + (link.bytes ?? 0), 0)
  const time = timeOf(summary, known)
  const seconds = time === undefined ? 0 : Math.max(1, Math.round(time.seconds))
  return {
    ...{ bytes, estimatedPartitions, copies: known.copies },
    ...(time === undefined ? {} : { time: { ...time, seconds } }),
  }
}

function historyJson({
  version,
  hash,
  atMs,
  moves,
  roles,
}: LayoutHistoryEntry): LayoutHistoryJson['layouts'][number] {
  const at = new Date(atMs).toISOString()
  return { version, hash: hashText(hash), at, moves, roles: roles.map(roleJson) }
}

function roleJson({ node, zone, weight }: Role): RoleJson {
  return { node, zone, weight }
}

/** undefined: none were named. */
function rolesOf(roles: readonly RoleJson[] | undefined, view: NodeView): Role[] | undefined {
  return roles?.map(({ node, zone, weight }) => ({ node: nodeNamed(node, view), zone, weight }))
}

/** By id, or by the name of one member only. */
function nodeNamed(name: string, { members, layout }: NodeView): NodeId {
  const id = nodeId(name)
  if (id !== undefined) return id
  const inLayout = (node: NodeId): boolean =>
    layout?.current.roles.some((role) => role.node === node) === true
  const named = members.filter(({ info }) => info.name === name).map(({ info }) => info.id)
  const found = named.length > 1 ? named.filter(inLayout) : named
  const [only] = found
  if (only === undefined) throw new DndError('DND_ERR_NODE_UNKNOWN', `no member is called ${name}`)
  if (found.length > 1)
    throw new DndError(
      'DND_ERR_BAD_LAYOUT',
      `${found.length} members are called ${name}; give the id: ${found.join(', ')}`,
    )
  return only
}

function hashText(hash: number): string {
  return hash.toString(16).padStart(8, '0')
}
