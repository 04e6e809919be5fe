/**
 * Writes follow reads (Terry et al. 1994, §3.3): whoever is shown a client's write is shown what
 * the client had read before it, or what rightly took its place. Claimed of all that the read
 * showed, if the write handed back its context; else of what was acknowledged and meets the later
 * read (see `sessions.ts`).
 */
import type { VersionVector } from '../../src/core/versions/version.ts'
import type { WriteRecord } from '../history.ts'
import { valueName } from '../history.ts'
import { coversAll, shownBy } from './causality.ts'
import type { AnsweredGet, Checker, Evidence, KeyEvidence } from './evidence.ts'
import { checkerOfKeys, meets } from './evidence.ts'
import { builtOn, everyShown, missing } from './sessions.ts'

export const writesFollowReads: Checker = checkerOfKeys('writes-follow-reads', wrongIn)

function wrongIn(key: KeyEvidence, evidence: Evidence): string | undefined {
  const writes = new Map(key.writes.map((write) => [write.id, write]))
  for (const { get, write, lastGet } of everyShown(key)) {
    if (lastGet === undefined) continue
    const { container: read } = lastGet.result
    const wrong = builtOn(write, read.vector)
      ? uncovered(get, read.vector)
      : lost(key, get, shownBy(read), writes, evidence)
    if (wrong === undefined) continue
    const what = `${valueName(write.id)} without what its writer had read in get #${lastGet.id}`
    return `get #${get.id} shows ${what}: ${wrong}`
  }
  return undefined
}

function uncovered({ result }: AnsweredGet, vector: VersionVector): string | undefined {
  return coversAll(result.container.vector, vector)
    ? undefined
    : 'its vector does not cover what was read'
}

function lost(
  key: KeyEvidence,
  get: AnsweredGet,
  read: ReadonlySet<number>,
  writes: ReadonlyMap<number, WriteRecord>,
  evidence: Evidence,
): string | undefined {
  for (const id of read) {
    const write = writes.get(id)
    if (write?.outcome !== 'ok' || !meets(get, write, evidence)) continue
    const wrong = missing(key, write, get)
    if (wrong !== undefined) return `${valueName(id)}: ${wrong}`
  }
  return undefined
}
