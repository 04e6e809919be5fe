/**
 * `/leave`: asks the node that answers to leave its cluster, and tells how far it has come.
 *
 * The answer to the wish comes when it is durable, long before the node has left. To look on is a
 * GET, so that nobody who looks asks a node to leave that has just come back.
 */
import type { ClientReply } from '../../core/node/events.ts'
import type { LeaveHindrance, LeaveResult, LeavingView } from '../../core/node/leaving.ts'
import type { NodeView } from '../../core/node/view.ts'
import { assert } from '../../core/std/assert.ts'
import type { NodeId } from '../../core/std/ids.ts'
import type { Asked } from './exchange.ts'
import type { NodeSite } from './site.ts'

export interface LeaveJson {
  readonly node: string
  readonly name: string
  /** `staying`: it was not asked to leave. */
  readonly phase: 'staying' | LeavingView['phase']
  /** What the leave waits for, for people. */
  readonly waitsFor?: string
  /** Partitions held here that are not yet with all of their new owners. */
  readonly partitions: number
  /** Records sent to new owners since this process started. */
  readonly records: number
  /** What will be worse without this node. */
  readonly warning?: string
  /** On the node's machine; absent when it keeps nothing on disk. */
  readonly directory?: string
}

/** Members named in one sentence. */
const NAMED_MAX = 5

export function onLeave(exchange: Asked): void {
  exchange.site.gateway.submit({ type: 'leave' }, (reply) => onAsked(exchange, leaveResult(reply)))
}

export function onLeaveProgress(exchange: Asked): void {
  const { site } = exchange
  const view = site.gateway.view()
  exchange.json(200, leaveJson(site, view, view.leaving))
}

function onAsked(exchange: Asked, result: LeaveResult): void {
  if (!result.ok) return exchange.failure(result)
  const { site } = exchange
  exchange.json(202, leaveJson(site, site.gateway.view(), result.leaving))
}

function leaveResult(reply: ClientReply): LeaveResult {
  assert(reply.type === 'leave', `a wish to leave was answered by ${reply.type}`)
  return reply.result
}

function leaveJson(
  { dataDirectory }: NodeSite,
  view: NodeView,
  leaving: LeavingView | undefined,
): LeaveJson {
  const { id, name } = view.self.info
  const hindrance = leaving?.waitsFor
  const copies = leaving?.copies
  return {
    node: id,
    name,
    phase: leaving?.phase ?? 'staying',
    ...(hindrance === undefined ? {} : { waitsFor: hindranceText(hindrance, view) }),
    partitions: leaving?.partitions ?? 0,
    records: leaving?.records ?? 0,
    ...(copies === undefined || copies.after >= copies.before
      ? {}
      : { warning: fewerText(copies.before, copies.after) }),
    ...(dataDirectory === undefined ? {} : { directory: dataDirectory }),
  }
}

function hindranceText({ reason, nodes }: LeaveHindrance, view: NodeView): string {
  const named = namesOf(nodes, view)
  switch (reason) {
    case 'last':
      return 'another node to join: all others have left, and somebody must hold the data'
    case 'majority':
      return `most members to be up, before which the layout cannot be changed; not up: ${named}`
    case 'members':
      return `members that must take over data and are not up: ${named}`
    case 'move':
      return `data to be moved to ${named}`
    case 'plan':
      return 'a layout without this node to be planned'
    case 'news':
      return nodes.length === 0
        ? 'a member to confirm that the data has moved'
        : `members to learn that the data has moved: ${named}`
  }
}

function namesOf(nodes: readonly NodeId[], { members }: NodeView): string {
  const named = nodes.slice(0, NAMED_MAX).map((node) => {
    const member = members.find(({ info }) => info.id === node)
    if (member === undefined) return node
    return member.state === 'alive' ? member.info.name : `${member.info.name} (${member.state})`
  })
  const more = nodes.length - named.length
  return named.join(', ') + (more > 0 ? ` and ${more} more` : '')
}

function fewerText(before: number, after: number): string {
  const copies = after === 1 ? 'one copy' : `${after} copies`
  return `without this node every key has ${copies} instead of ${before}, until another node joins`
}
