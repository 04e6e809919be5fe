/**
 * Monotonic writes (Terry et al. 1994, §3.4): whoever is shown a client's write is shown its
 * earlier ones too, or what rightly took their place. Claimed of an earlier write that was
 * acknowledged, if its quorum meets that of a read begun after it, or if the later write handed
 * back its context (see `sessions.ts`).
 */
import type { WriteRecord } from '../history.ts'
import { valueName } from '../history.ts'
import { notReflected } from './causality.ts'
import type { AnsweredGet, Checker, Evidence, KeyEvidence } from './evidence.ts'
import { checkerOfKeys, meets } from './evidence.ts'
import { builtOn, everyShown, missing } from './sessions.ts'

export const monotonicWrites: Checker = checkerOfKeys('monotonic-writes', wrongIn)

function wrongIn(key: KeyEvidence, evidence: Evidence): string | undefined {
  for (const { get, write, lastWrite } of everyShown(key)) {
    if (lastWrite === undefined) continue
    const wrong = wrongAbout(key, lastWrite, get, write, evidence)
    if (wrong === undefined) continue
    const what = `${valueName(write.id)} without ${valueName(lastWrite.id)}`
    return `get #${get.id} shows ${what}, an earlier write of its process: ${wrong}`
  }
  return undefined
}

function wrongAbout(
  key: KeyEvidence,
  earlier: WriteRecord,
  get: AnsweredGet,
  write: WriteRecord,
  evidence: Evidence,
): string | undefined {
  if (meets(get, earlier, evidence)) return missing(key, earlier, get)
  const { context } = earlier
  const isInContext = context !== undefined && builtOn(write, context.vector)
  return isInContext
    ? notReflected(earlier, get.result.container, key.writes, get.returnedAtMs)
    : undefined
}
