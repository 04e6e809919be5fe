/**
 * No version is lost from a `siblings` bucket: what was acknowledged is still there in the end,
 * unless somebody who had seen it wrote in its place (see `causality.ts`).
 */
import { valueName } from '../history.ts'
import { violation } from '../violation.ts'
import { shownBy, Successions } from './causality.ts'
import type { Checker } from './evidence.ts'
import { byKey, finalReflections } from './evidence.ts'

const NAME = 'no-lost-version'

export const noLostVersion: Checker = {
  name: NAME,
  check(evidence) {
    for (const key of byKey(evidence)) {
      if (key.mode !== 'siblings') continue
      const successions = Successions.among(key.writes)
      for (const { what, result, writes } of finalReflections(key)) {
        const shown = shownBy(result.container)
        const lost = writes.find((write) => !successions.accountsFor(write, shown, Infinity))
        if (lost === undefined) continue
        const wrong = `lacks the acknowledged ${valueName(lost.id)}`
        const message = `${key.name}: ${what} ${wrong}, and nobody who had seen it wrote`
        return violation(NAME, message, [key.name])
      }
    }
    return undefined
  },
}
