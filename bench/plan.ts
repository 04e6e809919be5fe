/**
 * What plans cost and how good they are: growth one node at a time, and the time of one plan.
 *
 *   node dist/bench/plan.js
 */
import type { Layout, Role } from '../src/core/placement/layout.ts'
import { planLayout } from '../src/core/placement/plan-layout.ts'
import { summarize } from '../src/core/placement/plan-summary.ts'
import type { NodeId } from '../src/core/std/ids.ts'

const REPLICAS = 3

/** Ids in an order that has nothing to do with the order of joining. */
const nodeAt = (n: number): NodeId =>
  (Math.imul(n + 1, 0x9e37_79b1) >>> 0).toString(16).padStart(16, '0') as NodeId

const cluster = (count: number, zones: number, weight: (n: number) => number = () => 1): Role[] =>
  Array.from({ length: count }, (_, n) => ({
    node: nodeAt(n),
    zone: `zone${n % zones}`,
    weight: weight(n),
  }))

function plan(
  previous: Layout | undefined,
  roles: readonly Role[],
  partitions: number,
  former?: Layout,
): Layout {
  return planLayout({ previous, roles, partitions, replicas: REPLICAS, former })
}

/** In how many sets each node comes first. */
function firstsOf(layout: Layout): number[] {
  const firsts = layout.roles.map(() => 0)
  for (const [first] of layout.table) firsts[first!] = firsts[first!]! + 1
  return firsts
}

function growth(zones: number, partitions: number, from: number, to: number): void {
  let layout = plan(undefined, cluster(from, zones), partitions)
  let moves = 0
  let least = 0
  let slowest = 0
  let loads: readonly number[] = []
  for (let count = from + 1; count <= to; count++) {
    const begun = performance.now()
    const next = plan(layout, cluster(count, zones), partitions)
    slowest = Math.max(slowest, performance.now() - begun)
    const summary = summarize(layout, next)
    moves += summary.moves
    least += summary.leastMoves
    loads = summary.nodes.map(({ after }) => after)
    layout = next
  }
  const mean = (REPLICAS * partitions) / to
  const firsts = firstsOf(layout)
  console.log(
    [
      `${from} to ${to} nodes, zones ${zones}, Q ${partitions}:`,
      `${moves} moves, ${least} at least (${(moves / REPLICAS / partitions).toFixed(2)} of all);`,
      `at the end max/mean ${(Math.max(...loads) / mean).toFixed(3)},`,
      `min/mean ${(Math.min(...loads) / mean).toFixed(3)},`,
      `first in ${Math.min(...firsts)} to ${Math.max(...firsts)} of ${(mean / 3).toFixed(1)};`,
      `slowest plan ${slowest.toFixed(0)} ms`,
    ].join(' '),
  )
}

function time(nodes: number, partitions: number, zones: number): void {
  const weight = (n: number): number => 1 + (n % 7)
  const timed = (make: () => Layout): [Layout, string] => {
    const begun = performance.now()
    const layout = make()
    return [layout, `${(performance.now() - begun).toFixed(0)} ms`]
  }
  const roles = cluster(nodes, zones, weight)
  const more = cluster(nodes + 1, zones, weight)
  const [before, fresh] = timed(() => plan(undefined, roles, partitions))
  const [during, one] = timed(() => plan(before, more, partitions))
  const [, back] = timed(() => plan(during, roles, partitions, before))
  const { moves, leastMoves } = summarize(before, during)
  console.log(
    `${nodes} nodes, weights 1 to 7, zones ${zones}, Q ${partitions}: first ${fresh}, one more ` +
      `${one} (${moves} moves, ${leastMoves} at least), that one gone ${back}`,
  )
}

growth(1, 256, 3, 20)
growth(3, 256, 3, 50)
growth(3, 1024, 3, 50)
for (const zones of [1, 3, 10, 100]) time(100, 1024, zones)
time(64, 4096, 5)
time(250, 4096, 5)
time(1000, 4096, 3)
