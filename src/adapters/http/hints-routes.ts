/**
 * `/hints`: which writes the node that answers keeps for others, who were away.
 *
 * Hints have numbers that rise in the order in which they were kept, and outlive the node's
 * process. So a point in time is a number, and whoever wants to know whether all hints of before
 * have been delivered compares: they are, when no target's `first` is at or below the `last` of
 * then.
 */
import type { NodeView } from '../../core/node/view.ts'
import type { Asked } from './exchange.ts'
import { nameIn } from './explain-json.ts'

export interface HintsJson {
  readonly node: string
  readonly name: string
  readonly targets: readonly HintTargetJson[]
  /** Of all of them, and how many may be kept. */
  readonly bytes: number
  readonly bytesMax: number
  /** Whether those of before the process was started are counted; it does so in the background. */
  readonly counted: boolean
  /** Since the process was started. */
  readonly kept: number
  readonly delivered: number
  /** Not kept, since there was no room. */
  readonly refused: number
  /** Too old, or damaged. */
  readonly dropped: number
  /** Brought here by others. */
  readonly received: number
  readonly writes: WriteProgressJson
}

export interface HintTargetJson {
  readonly node: string
  readonly name: string
  readonly count: number
  readonly bytes: number
  /** When the oldest was kept: ISO 8601 in UTC, by the clock of who keeps it. */
  readonly oldest: string
  /** No hint for the node has a lower number, nor one a greater. */
  readonly first: number
  readonly last: number
}

/** Writes coordinated by the node, by number. */
export interface WriteProgressJson {
  readonly begun: number
  /** Up to this one every replica has them, or somebody keeps a hint. */
  readonly over: number
}

export function onHints(exchange: Asked): void {
  exchange.json(200, hintsJson(exchange.site.gateway.view()))
}

function hintsJson(view: NodeView): HintsJson {
  const { self, hints, writes } = view
  const { kept, delivered, refused, dropped } = hints.counts
  return {
    node: self.info.id,
    name: self.info.name,
    targets: hints.targets.map(({ target, oldestMs, ...rest }) => ({
      ...{ node: target, name: nameIn(view, target), count: rest.count, bytes: rest.bytes },
      ...{ oldest: new Date(oldestMs).toISOString(), first: rest.first, last: rest.last },
    })),
    bytes: hints.bytes,
    bytesMax: hints.bytesMax,
    counted: hints.isCounted,
    ...{ kept, delivered, refused, dropped, received: hints.received },
    writes,
  }
}
