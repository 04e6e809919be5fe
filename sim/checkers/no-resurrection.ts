/**
 * What an acknowledged write superseded stays away: no deleted value comes back, and no replaced
 * one. Judged by what clients saw: a put or delete that handed back a context ends every version
 * that the context's holder was shown, in both kinds of bucket, for each read that reflects it. (An
 * `lww` delete without context is held to its stamp by `acknowledged-writes`.)
 */
import type { GetSuccess } from '../../src/core/node/events.ts'
import type { WriteRecord } from '../history.ts'
import { valueName } from '../history.ts'
import { shownBy, Successions } from './causality.ts'
import type { Checker, Evidence, KeyEvidence } from './evidence.ts'
import { checkerOfKeys, meets } from './evidence.ts'

export const noResurrection: Checker = checkerOfKeys('no-resurrection', wrongIn)

function wrongIn(key: KeyEvidence, evidence: Evidence): string | undefined {
  for (const get of key.gets) {
    const wrong = risen(key, get.result, (write) => meets(get, write, evidence))
    if (wrong !== undefined) return `get #${get.id} (r=${get.r}) through n${get.node + 1} ${wrong}`
  }
  for (const { node, result } of key.finals) {
    const wrong = risen(key, result, () => true)
    if (wrong !== undefined) return `the final read through n${node + 1} ${wrong}`
  }
  return undefined
}

function risen(
  key: KeyEvidence,
  { container }: GetSuccess,
  isReflected: (write: WriteRecord) => boolean,
): string | undefined {
  const successions = Successions.among(key.writes)
  for (const id of shownBy(container)) {
    for (const write of successions.of(id))
      if (write.outcome === 'ok' && isReflected(write))
        return `shows ${valueName(id)}, which the acknowledged ${write.kind} #${write.id} ended`
  }
  return undefined
}
