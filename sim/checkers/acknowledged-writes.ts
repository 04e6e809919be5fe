/**
 * Every acknowledged write is readable in the end, or causally superseded: the vector that is read
 * covers it, and in an `lww` bucket the winner's stamp is not below its own. (Which siblings must
 * be there is `no-lost-version`'s concern.)
 */
import { violation } from '../violation.ts'
import { notReflected } from './causality.ts'
import type { Checker } from './evidence.ts'
import { byKey, finalReflections } from './evidence.ts'

const NAME = 'acknowledged-writes'

export const acknowledgedWrites: Checker = {
  name: NAME,
  check(evidence) {
    for (const key of byKey(evidence)) {
      for (const { what, result, writes } of finalReflections(key)) {
        for (const write of writes) {
          const wrong = notReflected(write, result.container)
          if (wrong !== undefined)
            return violation(NAME, `${key.name}: ${what}: ${wrong}`, [key.name])
        }
      }
    }
    return undefined
  },
}
