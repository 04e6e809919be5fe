/**
 * Every acknowledged write is readable in the end, or causally superseded: the vector that is read
 * covers it, and in an `lww` bucket the winner's stamp is not below its own. (Which siblings must
 * be there is `no-lost-version`'s concern.)
 */
import { notReflected } from './causality.ts'
import type { Checker } from './evidence.ts'
import { checkerOfKeys, finalReflections } from './evidence.ts'

export const acknowledgedWrites: Checker = checkerOfKeys('acknowledged-writes', (key) => {
  for (const { what, result, writes } of finalReflections(key)) {
    for (const write of writes) {
      const wrong = notReflected(write, result.container, key.writes)
      if (wrong !== undefined) return `${what}: ${wrong}`
    }
  }
  return undefined
})
