/**
 * Answers mean what they say. A write that was told `rejected` stored nothing, so nobody ever reads
 * its value; nobody reads what nobody wrote, or what was written to another key; a success had the
 * acknowledgements or answers that were asked for; and what a get shows as live is what its
 * container holds: the winner, or all siblings.
 */
import type { GetSuccess } from '../../src/core/node/events.ts'
import type { Version } from '../../src/core/versions/version.ts'
import type { WriteRecord } from '../history.ts'
import { valueName } from '../history.ts'
import { covers, winnerOf, writerOfVersion } from './causality.ts'
import type { Checker, Evidence, KeyEvidence } from './evidence.ts'
import { checkerOfKeys } from './evidence.ts'

export const honestAnswers: Checker = checkerOfKeys(
  'honest-answers',
  (key, evidence) => wrongCount(key, evidence) ?? wrongRead(key),
)

/** A cluster that has fewer nodes than a quorum asks for makes do with all that it has. */
function wrongCount(key: KeyEvidence, evidence: Evidence): string | undefined {
  const { replicas, leastReplicas } = evidence
  for (const { id, kind, outcome, acks, w } of key.writes) {
    // While a partition moves, a write goes to the old replicas and to the new ones.
    if (outcome === 'ok' && (acks < Math.min(w, leastReplicas) || acks > 2 * replicas))
      return `${kind} #${id} succeeded with ${acks} acknowledgements of ${w}`
  }
  for (const { id, r, result } of key.gets) {
    if (result.answers < Math.min(r, leastReplicas) || result.answers > replicas)
      return `get #${id} succeeded with ${result.answers} answers of ${r}`
  }
  return undefined
}

function wrongRead(key: KeyEvidence): string | undefined {
  const writes = new Map(key.writes.map((write) => [write.id, write]))
  for (const { id, result } of key.gets) {
    const wrong = wrongContent(key, result, writes)
    if (wrong !== undefined) return `get #${id} ${wrong}`
  }
  for (const { node, result } of key.finals) {
    const wrong = wrongContent(key, result, writes)
    if (wrong !== undefined) return `the final read through n${node + 1} ${wrong}`
  }
  return undefined
}

function wrongContent(
  key: KeyEvidence,
  result: GetSuccess,
  writes: ReadonlyMap<number, WriteRecord>,
): string | undefined {
  const { container } = result
  for (const version of container.versions) {
    if (!covers(container.vector, version.dot)) return 'holds a version outside its vector'
    if (version.value === undefined) continue
    const writer = writerOfVersion(version)
    const write = writer === undefined ? undefined : writes.get(writer)
    if (write?.kind !== 'put') return 'shows a value that nobody wrote to this key'
    if (write.outcome === 'fail')
      return `shows ${valueName(write.id)}, which was rejected (${write.reason})`
  }
  return isRightlyShown(result.live, expectedLive(key, result))
    ? undefined
    : 'shows the wrong versions'
}

function expectedLive(key: KeyEvidence, { container }: GetSuccess): readonly Version[] {
  if (key.mode === 'siblings') return container.versions.filter(({ value }) => value !== undefined)
  const winner = winnerOf(container)
  return winner?.value === undefined ? [] : [winner]
}

/** All that is to be shown, but for what has a deadline; whether that has come `expiry` judges. */
function isRightlyShown(live: readonly Version[], expected: readonly Version[]): boolean {
  const name = ({ dot }: Version): string => `${dot.vnode}.${dot.counter}`
  const shown = new Set(live.map(name))
  const known = new Set(expected.map(name))
  return (
    live.every((version) => known.has(name(version))) &&
    expected.every((version) => shown.has(name(version)) || (version.value?.expiresAtMs ?? 0) > 0)
  )
}
