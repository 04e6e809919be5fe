/**
 * What the replicas have answered to a read, and all of it as one. Answers that are equal byte for
 * byte, nearly all of them, are decoded once.
 *
 * A replica is behind when its versions are others than the merge's. That its vector says less is
 * no reason to mend it: a version never travels without the vector of those it supersedes, so who
 * has the versions has what they need to be told from older ones.
 */
import { equalBytes } from '../std/bytes.ts'
import type { Checksum } from '../std/crc32.ts'
import type { NodeId } from '../std/ids.ts'
import { EMPTY_CONTAINER, sync } from '../versions/container.ts'
import { decodeBase, NO_BASE } from '../versions/partition-clock.ts'
import { decodeRecord } from '../versions/record.ts'
import type { Container, Version } from '../versions/version.ts'
import { compareDots } from '../versions/version-vector.ts'

export const ABSENT: Uint8Array = new Uint8Array(0)

export interface Answer {
  readonly node: NodeId
  /**
   * The record as the replica has it; empty: absent. `unreadable`: no answer, but one to repair.
   */
  readonly record: Uint8Array | 'unreadable'
  readonly base: Uint8Array
  /** What the two say; undefined: not decoded yet. */
  container?: Container | undefined
}

export function unreadableAnswer(node: NodeId): Answer {
  return { node, record: 'unreadable', base: NO_BASE }
}

/** The containers of all answers as one, and the answers that do not decode. */
export function mergeAnswers(
  answers: readonly Answer[],
  checksum: Checksum,
): { container: Container; corrupt: readonly Answer[] } {
  const corrupt: Answer[] = []
  let container: Container = EMPTY_CONTAINER
  let before: Answer | undefined
  for (const answer of answers) {
    if (answer.record === 'unreadable') continue
    answer.container ??= sameAs(before, answer) ?? decodeAnswer(answer, checksum)
    if (answer.container === undefined) {
      corrupt.push(answer)
      continue
    }
    before = answer
    container = sync(container, answer.container)
  }
  return { container, corrupt }
}

/** Whether the replica has other versions than `container`. */
export function isBehind({ record, container }: Answer, merged: Container): boolean {
  if (record === 'unreadable' || container === undefined) return true
  return !sameVersions(container.versions, merged.versions)
}

function sameVersions(a: readonly Version[], b: readonly Version[]): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (compareDots(a[i]!.dot, b[i]!.dot) !== 0) return false
  return true
}

function sameAs(before: Answer | undefined, answer: Answer): Container | undefined {
  if (before === undefined || before.record === 'unreadable' || answer.record === 'unreadable')
    return undefined
  const isSame = equalBytes(before.record, answer.record) && equalBytes(before.base, answer.base)
  return isSame ? before.container : undefined
}

function decodeAnswer(answer: Answer, checksum: Checksum): Container | undefined {
  const { record } = answer
  const vector = decodeBase(answer.base)
  if (vector === undefined || record === 'unreadable') return undefined
  if (record.length === 0) return { versions: [], vector }
  const container = decodeRecord(record, checksum, vector)
  return typeof container === 'string' ? undefined : container
}
