/**
 * Who stands in for a replica that is away: Dynamo's preference list (§4.6). The replicas come
 * first, then every other node that holds data; a bucket's copies live on the first N, and whoever
 * comes behind them is a fallback.
 *
 * All coordinators try the fallbacks in the same order, so that the hints for one partition gather
 * on one node. The order begins at another node for each partition: else one node would keep the
 * hints of all.
 */
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { LayoutState } from './layout.ts'
import { placementOf } from './layout-state.ts'

/** Each node once. Bounded by: NODES_MAX. */
export function preferenceList(state: LayoutState, partition: PartitionId): readonly NodeId[] {
  const { readSet, writeSets } = placementOf(state, partition)
  const list = [...readSet]
  const seen = new Set(list)
  const add = (node: NodeId): void => {
    if (!seen.has(node)) list.push(node)
    seen.add(node)
  }
  for (const set of writeSets) for (const node of set) add(node)
  const { roles } = state.current
  for (let i = 0; i < roles.length; i++) {
    const role = roles[(partition + i) % roles.length]!
    if (role.weight > 0) add(role.node)
  }
  return list
}
