/**
 * A read whose quorum meets a write's (r + w > n) and that begins after the write was acknowledged
 * reflects it, also while faults go on: the vector covers it, an `lww` winner is not older, a
 * `siblings` version is there or rightly replaced.
 */
import { valueName } from '../history.ts'
import { violation } from '../violation.ts'
import { notReflected, shownBy, Successions } from './causality.ts'
import type { Checker, KeyEvidence, Reflection } from './evidence.ts'
import { byKey, quorumReflections } from './evidence.ts'

const NAME = 'quorum-reads'

export const quorumReads: Checker = {
  name: NAME,
  check(evidence) {
    for (const key of byKey(evidence)) {
      const successions = new Successions(key.writes)
      for (const read of quorumReflections(key, evidence.replicas)) {
        const wrong = firstWrong(key, read, successions)
        if (wrong !== undefined)
          return violation(NAME, `${key.name}: ${read.what}: ${wrong}`, [key.name])
      }
    }
    return undefined
  },
}

function firstWrong(
  key: KeyEvidence,
  read: Reflection,
  successions: Successions,
): string | undefined {
  const { container } = read.result
  const shown = shownBy(container)
  for (const write of read.writes) {
    const wrong = notReflected(write, container)
    if (wrong !== undefined) return wrong
    if (key.mode === 'siblings' && !successions.accountsFor(write, shown, read.until))
      return `it lacks the acknowledged ${valueName(write.id)}, and nobody who had seen it wrote`
  }
  return undefined
}
