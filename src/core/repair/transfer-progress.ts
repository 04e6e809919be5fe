/**
 * How far a pull is, for people. What was read is counted; what there is to read is what the
 * sources say of their partitions (`partition-size.ts`), and of those that were not begun, what a
 * stream of the others is on average. It is an estimate, and moves while it is approached.
 *
 * Each partition is read from several sources, so what is read is a multiple of what is kept.
 */
import type { PartitionSize } from './partition-size.ts'
import { NO_SIZE } from './partition-size.ts'
import type { Stream, Work } from './transfer-work.ts'

export interface TransferProgress {
  /** Partitions to be pulled, and those of them that are here. */
  readonly partitions: number
  readonly done: number
  /** Read in the streams that go on or are done. */
  readonly read: PartitionSize
  /** About what that will be at the end; undefined: no source has said anything. */
  readonly expected: PartitionSize | undefined
  /** While it reads; undefined: too little was read to tell. */
  readonly bytesPerSecond: number | undefined
}

/** Of what is over: so much was read, in so many streams. */
export interface Ended {
  readonly read: PartitionSize
  readonly streams: number
}

export const NOTHING_ENDED: Ended = { read: NO_SIZE, streams: 0 }

export function ending({ read, streams }: Ended, { streams: all }: Work): Ended {
  let sum = read
  let count = streams
  for (const { state, read: more } of all) {
    if (state !== 'done') continue
    sum = plus(sum, more)
    count++
  }
  return { read: sum, streams: count }
}

/** What was read, and about what will have been read in the end. */
export function progressOf(
  ended: Ended,
  pending: Iterable<Work>,
): Pick<TransferProgress, 'read' | 'expected'> {
  let { read } = ended
  let expected = ended.read
  let known = ended.read
  let streams = ended.streams
  let unknown = 0
  for (const work of pending) {
    let missing = work.needed
    let size: PartitionSize | undefined
    for (const stream of work.streams) {
      if (stream.state === 'idle') continue
      missing--
      read = plus(read, stream.read)
      const whole = wholeOf(stream)
      if (whole === undefined) unknown++
      else {
        expected = plus(expected, whole)
        known = plus(known, whole)
        streams++
        size = whole
      }
    }
    if (size === undefined) unknown += missing
    else expected = plus(expected, times(size, missing))
  }
  if (unknown === 0) return { read, expected }
  if (streams === 0) return { read, expected: undefined }
  return { read, expected: plus(expected, times(known, unknown / streams)) }
}

/** What a stream will have read; undefined: its source has not said. */
function wholeOf({ state, read, size }: Stream): PartitionSize | undefined {
  if (state === 'done') return read
  if (size === undefined) return undefined
  const records = Math.max(size.records, read.records)
  return { records, bytes: Math.max(size.bytes, read.bytes) }
}

function plus(a: PartitionSize, b: PartitionSize): PartitionSize {
  return { records: a.records + b.records, bytes: a.bytes + b.bytes }
}

function times({ records, bytes }: PartitionSize, factor: number): PartitionSize {
  return { records: Math.round(records * factor), bytes: Math.round(bytes * factor) }
}
