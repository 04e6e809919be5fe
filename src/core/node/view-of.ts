/** Takes a node's picture of itself (`view.ts`) from its machines. */
import type { ClusterId } from '../std/ids.ts'
import { DEFAULT_PROPERTIES } from './buckets.ts'
import { spokenByAll } from './layout-machines.ts'
import type { Machines } from './machines.ts'
import type { NodeView } from './view.ts'
import { countPartitions, standingsOf } from './view.ts'

export function viewOf(machines: Machines, id: ClusterId): NodeView {
  const { swim, layout, buckets, transfers, cluster, requests, listings, outlet } = machines
  const { leaving, replacing, conflicts, antiEntropy, background, reaping, hinting } = machines
  return {
    cluster: id,
    self: swim.self,
    members: swim.records(),
    get standings() {
      return standingsOf(swim, outlet.now, outlet.wallMs)
    },
    swim: {
      counts: swim.counts,
      gossipQueue: swim.gossipQueue,
      localHealth: swim.localHealth,
    },
    get protocol() {
      return spokenByAll(swim)
    },
    layout: layout.state,
    buckets: buckets.configured(),
    ready: cluster.ready,
    clonedBy: outlet.clonedBy,
    inFlight: requests.inFlight + listings.size,
    get partitions() {
      return countPartitions(
        layout.state?.current.partitions ?? 0,
        (partition) => layout.placementOf(partition),
        (node) => swim.isUp(node),
        DEFAULT_PROPERTIES.r,
      )
    },
    get transfers() {
      return transfers.view
    },
    get sizes() {
      return machines.trees.sizes()
    },
    reaping: reaping.view,
    get hints() {
      return { ...hinting.view, received: machines.hintIntake.received }
    },
    writes: machines.writes.progress,
    get antiEntropy() {
      return antiEntropy.view
    },
    get background() {
      return background.view
    },
    get leaving() {
      return leaving.view
    },
    get replacing() {
      return replacing.view
    },
    conflicts: conflicts.counts,
  }
}
