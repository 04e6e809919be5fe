/** What a receiver has in hand of one partition: the work on it, and its streams from sources. */
import type { NodeId, PartitionId } from '../std/ids.ts'
import type { PartitionSize } from './partition-size.ts'
import { NO_SIZE } from './partition-size.ts'
import type { TransferCursor } from './transfer-cursor.ts'
import type { TransferProof } from './transfer-proof.ts'
import { beginProof } from './transfer-proof.ts'

/** What to pull of one partition. */
export interface PartitionTransfer {
  readonly partition: PartitionId
  /** Old owners other than this node, nearest first. */
  readonly sources: readonly NodeId[]
  /**
   * How many of them must be pulled completely: all when it says more, and with 0 or less the
   * partition is complete at once.
   */
  readonly needed: number
}

export interface Stream {
  readonly work: Work
  readonly source: NodeId
  state: 'idle' | 'asked' | 'storing' | 'done'
  /** Storage key of the last record that is here; empty at the beginning. */
  after: Uint8Array
  /** The source's clock, as it was when the stream began. */
  clock: Uint8Array
  /** What `after` will be, and whether that is the end, when the chunk in hand is durable. */
  chunk: { readonly last: Uint8Array; readonly done: boolean; readonly changes: number }
  proof: TransferProof
  /** Read since the stream began, the chunk in hand included. */
  read: PartitionSize
  /** About what there is to read, by the source's word. */
  size: PartitionSize | undefined
  /** Whether it was read to its end before, and was not what the source holds. */
  hasDiffered: boolean
}

export interface Work {
  readonly partition: PartitionId
  readonly needed: number
  // Bounded by: the old owners of a partition (7).
  readonly streams: Stream[]
  records: number
}

export const START: Uint8Array = new Uint8Array(0)
const NO_CHUNK: Stream['chunk'] = { last: START, done: false, changes: 0 }

/** The work on a partition, its streams where their cursors say; no more than needed is done. */
export function workOn(
  { partition, sources, needed }: PartitionTransfer,
  cursorOf: (partition: PartitionId, source: NodeId) => TransferCursor | undefined,
): Work {
  const work: Work = { partition, needed, streams: [], records: 0 }
  for (const source of sources) {
    const cursor = cursorOf(partition, source)
    const isDone = cursor?.done === true && countIn(work, 'done') < needed
    work.streams.push({
      ...{ work, source, chunk: NO_CHUNK },
      state: isDone ? 'done' : 'idle',
      after: cursor?.after ?? START,
      clock: cursor?.clock ?? START,
      proof: cursor === undefined ? beginProof(undefined) : { ...cursor.proof },
      read: cursor?.read ?? NO_SIZE,
      size: cursor?.size,
      hasDiffered: cursor?.hasDiffered ?? false,
    })
  }
  return work
}

export function countIn(work: Work, state: Stream['state']): number {
  let count = 0
  for (const stream of work.streams) if (stream.state === state) count++
  return count
}

/**
 * Whether two plans ask the same of every partition. The order of sources does not count: distances
 * change by themselves.
 */
export function equalPlans(
  a: readonly PartitionTransfer[],
  b: readonly PartitionTransfer[],
): boolean {
  return (
    a.length === b.length &&
    a.every((one, i) => one.partition === b[i]!.partition && one.needed === b[i]!.needed)
  )
}
