/**
 * The cluster as the first page shows it: one sentence that says how it is, a row for each node,
 * and what moves. Made of what one node tells of the whole, and of what each tells of itself.
 */
import type {
  ClusterJson,
  HintsJson,
  LayoutJson,
  MemberJson,
  RepairJson,
} from '../../../client/src/api.ts'
import { listed, plural } from './format.ts'
import type { NodeRate } from './history.ts'
import type { Figures } from './metrics.ts'
import { compareNames } from './palette.ts'

/** What a node tells of itself, as far as it was heard. */
export interface NodeLook {
  readonly figures?: Figures
  readonly hints?: HintsJson
  readonly repair?: RepairJson
  /** Why it was not heard. */
  readonly silence?: string
}

export interface NodeRow {
  readonly member: MemberJson
  readonly isSelf: boolean
  readonly look: NodeLook
  readonly rate: NodeRate | undefined
  /** Replicas that it holds, and those of which it is the first in preference. */
  readonly replicas: number
  readonly first: number
  readonly share: number
}

export interface Health {
  readonly level: 'good' | 'busy' | 'warn' | 'bad'
  readonly title: string
  readonly detail: string
}

export interface PartitionCounts {
  readonly total: number
  readonly whole: number
  readonly withQuorum: number
}

/** A member that has left is told of no more, unless the layout still names it. */
export function shownMembers(cluster: ClusterJson, layout: LayoutJson | undefined): MemberJson[] {
  const held = new Set((layout?.roles ?? []).map(({ node }) => node))
  return cluster.members
    .filter(({ id, state }) => state !== 'left' || held.has(id))
    .toSorted((a, b) => compareNames(a.name, b.name))
}

export function nodeRows(
  cluster: ClusterJson,
  layout: LayoutJson | undefined,
  looks: ReadonlyMap<string, NodeLook>,
  rateOf: (node: string) => NodeRate | undefined,
): readonly NodeRow[] {
  const first = new Map<string, number>()
  for (const [node] of layout?.table ?? [])
    if (node !== undefined) first.set(node, (first.get(node) ?? 0) + 1)
  const balance = new Map((layout?.balance ?? []).map((entry) => [entry.node, entry]))
  return shownMembers(cluster, layout).map((member) => ({
    member,
    isSelf: member.id === cluster.self,
    look: isUp(member) ? (looks.get(member.id) ?? {}) : {},
    rate: isUp(member) ? rateOf(member.id) : undefined,
    replicas: balance.get(member.id)?.replicas ?? 0,
    first: first.get(member.id) ?? 0,
    share: balance.get(member.id)?.share ?? 0,
  }))
}

export function isUp({ state }: Pick<MemberJson, 'state'>): boolean {
  return state === 'alive' || state === 'suspect'
}

/**
 * By who is up: a partition has its quorum with a majority of its replicas, and while it moves with
 * one of the old and one of the new.
 */
export function partitionCounts(cluster: ClusterJson, layout: LayoutJson): PartitionCounts {
  const up = new Set(cluster.members.filter(isUp).map(({ id }) => id))
  const before = layout.moving?.previous.table
  let whole = 0
  let withQuorum = 0
  for (const [partition, set] of layout.table.entries()) {
    const sets = [set, before?.[partition] ?? set]
    const there = sets.map((nodes) => nodes.filter((node) => up.has(node)).length)
    if (sets.every((nodes, i) => there[i] === nodes.length)) whole++
    if (sets.every((nodes, i) => there[i]! > nodes.length / 2)) withQuorum++
  }
  return { total: layout.table.length, whole, withQuorum }
}

export function healthOf(cluster: ClusterJson, layout: LayoutJson | undefined): Health {
  if (layout === undefined)
    return {
      level: 'busy',
      title: 'This node is joining its cluster',
      detail: 'It has not heard yet who holds what. That takes seconds, once it reaches a member.',
    }
  if (cluster.clonedBy !== undefined)
    return {
      level: 'bad',
      title: 'Two processes have the identity of this node',
      detail: `The other listens on ${cluster.clonedBy}. Both refuse all writes: stop one of the two and restart the other.`,
    }
  const counts = partitionCounts(cluster, layout)
  const members = shownMembers(cluster, layout)
  const away = members.filter((member) => !isUp(member)).map(({ name }) => name)
  if (counts.withQuorum < counts.total) return withoutQuorum(counts, away)
  if (away.length > 0) return degraded(counts, away)
  const suspects = members.filter(({ state }) => state === 'suspect').map(({ name }) => name)
  if (suspects.length > 0)
    return {
      level: 'warn',
      title: `${listed(suspects)} ${suspects.length === 1 ? 'does' : 'do'} not answer`,
      detail: 'Suspected, and not given up yet. Reads and writes ask the other replicas first.',
    }
  return layout.moving === undefined ? allWell(members, layout) : moving(layout)
}

function withoutQuorum({ total, withQuorum }: PartitionCounts, away: readonly string[]): Health {
  const part = `${plural(total - withQuorum, 'partition')} of ${total}`
  return {
    level: 'bad',
    title: 'Some keys cannot be read or written',
    detail: `${part} ${total - withQuorum === 1 ? 'has' : 'have'} lost the majority of their replicas. Bring back ${listed(away)}.`,
  }
}

function degraded({ total, whole }: PartitionCounts, away: readonly string[]): Health {
  const missing = total - whole
  const which =
    missing === total
      ? 'Every partition has'
      : `${plural(missing, 'partition')} of ${total} ${missing === 1 ? 'has' : 'have'}`
  return {
    level: 'warn',
    title: `${listed(away)} ${away.length === 1 ? 'is' : 'are'} down`,
    detail:
      missing === 0
        ? 'No data was held there. Everything can be read and written.'
        : `Everything can be read and written. ${which} fewer replicas up than there should be.`,
  }
}

function moving(layout: LayoutJson): Health {
  const count = layout.moving?.partitions ?? 0
  return {
    level: 'busy',
    title: `${plural(count, 'partition')} ${count === 1 ? 'is' : 'are'} moving`,
    detail: 'Everything can be read and written meanwhile.',
  }
}

function allWell(members: readonly MemberJson[], layout: LayoutJson): Health {
  const places = layout.table[0]?.length ?? 0
  const alone = members.length === 1
  return {
    level: 'good',
    title: alone ? 'This node is up, alone' : `All ${members.length} nodes are up`,
    detail: alone
      ? 'Everything has one copy. Join more nodes, and they take their share.'
      : `Every partition has its ${plural(places, 'replica')}.`,
  }
}

/** What one node has to pull in the present move. */
export interface Move {
  readonly node: string
  readonly gains: number
  /** undefined: it was not heard. */
  readonly pending: number | undefined
  readonly done: boolean
  readonly isUp: boolean
}

/** One for each node that gains partitions, in order of name. */
export function movesOf(
  { members }: Pick<ClusterJson, 'members'>,
  layout: LayoutJson,
  looks: ReadonlyMap<string, NodeLook>,
  nameOf: (node: string) => string,
): readonly Move[] {
  if (layout.moving === undefined) return []
  const { synced, previous } = layout.moving
  const up = new Set(members.filter(isUp).map(({ id }) => id))
  const gains = new Map<string, number>()
  for (const [partition, set] of layout.table.entries())
    for (const node of set)
      if (previous.table[partition]?.includes(node) !== true)
        gains.set(node, (gains.get(node) ?? 0) + 1)
  return [...gains]
    .map(([node, count]) => {
      const done = synced.includes(node)
      const told = up.has(node) ? looks.get(node)?.figures?.transfersPending : undefined
      const pending = told === undefined ? undefined : Math.min(told, count)
      return { node, gains: count, done, pending: done ? 0 : pending, isUp: up.has(node) }
    })
    .toSorted((a, b) => compareNames(nameOf(a.node), nameOf(b.node)))
}

/** Hints that are kept by some for one who is away. */
export interface HintsFor {
  readonly node: string
  readonly name: string
  readonly count: number
  readonly bytes: number
  readonly oldest: string
  readonly on: readonly string[]
}

export function hintsOf(looks: ReadonlyMap<string, NodeLook>): readonly HintsFor[] {
  const byTarget = new Map<string, HintsFor>()
  for (const { hints } of looks.values())
    for (const { node, name, count, bytes, oldest } of hints?.targets ?? []) {
      if (count === 0) continue
      const known = byTarget.get(node)
      byTarget.set(node, {
        ...{ node, name, on: [...(known?.on ?? []), hints!.name] },
        ...{ count: count + (known?.count ?? 0), bytes: bytes + (known?.bytes ?? 0) },
        oldest: known !== undefined && known.oldest < oldest ? known.oldest : oldest,
      })
    }
  return [...byTarget.values()].toSorted((a, b) => compareNames(a.name, b.name))
}

/** What is compared and mended, over all nodes that were heard. */
export interface Repairs {
  readonly runs: readonly (RepairJson['runs'][number] & { readonly name: string })[]
  readonly active: number
  readonly treesMissing: number
  readonly doubtful: number
  readonly checked: number
  readonly broken: number
}

export function repairsOf(looks: ReadonlyMap<string, NodeLook>): Repairs {
  const heard = [...looks.values()].flatMap(({ repair }) => (repair === undefined ? [] : [repair]))
  const sum = (of: (repair: RepairJson) => number): number =>
    heard.reduce((total, repair) => total + of(repair), 0)
  const runs = heard.flatMap(({ name, runs: own }) => own.map((run) => ({ ...run, name })))
  return {
    runs: runs.filter(({ finishedAt }) => finishedAt === undefined),
    active: sum(({ active }) => active),
    treesMissing: sum(({ treesMissing }) => treesMissing),
    doubtful: sum(({ doubtful }) => doubtful),
    checked: sum(({ recordsChecked }) => recordsChecked),
    broken: sum(({ recordsBroken }) => recordsBroken),
  }
}

/** Where a member's HTTP is, as it tells of itself; undefined: it serves none. */
export function urlOf({ addresses }: Pick<MemberJson, 'addresses'>): string | undefined {
  const { http, url } = addresses
  return http === undefined ? undefined : (url ?? `http://${http}`)
}
