/** What a node says of its own queues stays within what it promises. */
import { NODES_MAX } from '../../src/core/std/limits.ts'
import type { NodeView } from '../../src/core/node/view.ts'
import type { Violation } from '../violation.ts'
import { violation } from '../violation.ts'
import type { Moment, WatchedConfig, Watcher } from './watcher.ts'

const NAME = 'bounded-queues'

export class QueueWatcher implements Watcher {
  readonly name: string = NAME
  readonly #config: WatchedConfig

  constructor(config: WatchedConfig) {
    this.#config = config
  }

  look({ nodes }: Moment): Violation | undefined {
    for (const { name, view } of nodes) {
      const wrong = view === undefined ? undefined : this.#tooMuch(view)
      if (wrong !== undefined) return violation(NAME, `${name}: ${wrong}`)
    }
    return undefined
  }

  #tooMuch({ inFlight, members, transfers, partitions, layout }: NodeView): string | undefined {
    const { requestsInFlightMax } = this.#config
    const total = layout?.current.partitions ?? 0
    const { withQuorum, allUp } = partitions
    if (inFlight > requestsInFlightMax) return `${inFlight} requests of ${requestsInFlightMax}`
    if (members.length > NODES_MAX) return `${members.length} members of ${NODES_MAX}`
    if (transfers.pending > total) return `${transfers.pending} partitions to pull of ${total}`
    // A partition with all of its replicas has a quorum of them.
    if (allUp > withQuorum) return `${allUp} partitions complete, ${withQuorum} with a quorum`
    if (withQuorum > total) return `${withQuorum} partitions with a quorum of ${total}`
    return undefined
  }
}
