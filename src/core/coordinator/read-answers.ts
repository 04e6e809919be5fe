/**
 * What the replicas have answered to a read, and all of it as one. Answers that are equal byte for
 * byte, nearly all of them, are decoded once.
 */
import { equalBytes } from '../std/bytes.ts'
import type { Checksum } from '../std/crc32.ts'
import type { NodeId } from '../std/ids.ts'
import { EMPTY_CONTAINER, sync } from '../versions/container.ts'
import { decodeRecord, encodeRecord } from '../versions/record.ts'
import type { Container } from '../versions/version.ts'

export const ABSENT: Uint8Array = new Uint8Array(0)

export interface Answer {
  readonly node: NodeId
  /**
   * The record as the replica has it; empty: absent. `unreadable`: no answer, but one to repair.
   */
  readonly record: Uint8Array | 'unreadable'
}

/**
 * The containers of all answers as one, its encoding (empty when there is nothing), and the answers
 * that do not decode.
 */
export function mergeAnswers(
  answers: readonly Answer[],
  checksum: Checksum,
): { container: Container; record: Uint8Array; corrupt: readonly Answer[] } {
  const corrupt: Answer[] = []
  let container: Container = EMPTY_CONTAINER
  let record: Uint8Array = ABSENT
  for (const answer of answers) {
    if (
      answer.record === 'unreadable' ||
      answer.record.length === 0 ||
      equalBytes(answer.record, record)
    )
      continue
    const decoded = decodeRecord(answer.record, checksum)
    if (decoded === 'corrupt' || decoded === 'unsupported') {
      corrupt.push(answer)
      continue
    }
    const merged = sync(container, decoded)
    if (merged === decoded) record = answer.record
    else if (merged !== container) record = encodeRecord(merged, checksum)
    container = merged
  }
  return { container, record, corrupt }
}
