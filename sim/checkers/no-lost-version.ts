/**
 * No version is lost from a `siblings` bucket: what was acknowledged is still there in the end,
 * unless somebody who had seen it wrote in its place (see `causality.ts`).
 */
import { valueName } from '../history.ts'
import { shownBy, Successions } from './causality.ts'
import type { Checker } from './evidence.ts'
import { checkerOfKeys, finalReflections } from './evidence.ts'

export const noLostVersion: Checker = checkerOfKeys('no-lost-version', (key) => {
  if (key.mode !== 'siblings') return undefined
  const successions = Successions.among(key.writes)
  for (const { what, result, writes } of finalReflections(key)) {
    const shown = shownBy(result.container)
    const lost = writes.find((write) => !successions.accountsFor(write, shown, Infinity))
    if (lost === undefined) continue
    return `${what} lacks the acknowledged ${valueName(lost.id)}, and nobody who had seen it wrote`
  }
  return undefined
})
