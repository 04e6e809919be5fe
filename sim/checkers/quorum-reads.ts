/**
 * A read whose quorum meets a write's (r + w > n) and that begins after the write was acknowledged
 * reflects it, also while faults go on: the vector covers it, an `lww` winner is not older, a
 * `siblings` version is there or rightly replaced.
 */
import { valueName } from '../history.ts'
import { Acknowledged } from './acknowledged.ts'
import { notReflected, shownBy, Successions } from './causality.ts'
import type { AnsweredGet, Checker, Evidence, KeyEvidence } from './evidence.ts'
import { checkerOfKeys, meets } from './evidence.ts'

export const quorumReads: Checker = checkerOfKeys('quorum-reads', wrongIn)

function wrongIn(key: KeyEvidence, evidence: Evidence): string | undefined {
  const acknowledged = new Acknowledged(key, evidence)
  for (const get of key.gets) {
    if (acknowledged.isReflectedBy(get)) continue
    const wrong = firstWrong(key, get, evidence)
    if (wrong !== undefined) return `get #${get.id} (r=${get.r}) through n${get.node + 1}: ${wrong}`
  }
  return undefined
}

function firstWrong(key: KeyEvidence, get: AnsweredGet, evidence: Evidence): string | undefined {
  const { container } = get.result
  const shown = shownBy(container)
  const successions = Successions.among(key.writes)
  for (const write of key.writes) {
    if (write.outcome !== 'ok' || !meets(get, write, evidence)) continue
    const wrong = notReflected(write, container, key.writes, get.returnedAtMs)
    if (wrong !== undefined) return wrong
    if (
      key.mode === 'siblings' &&
      !successions.accountsFor(write, shown, get.returned, get.returnedAtMs)
    )
      return `it lacks the acknowledged ${valueName(write.id)}, and nobody who had seen it wrote`
  }
  return undefined
}
