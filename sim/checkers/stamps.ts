/**
 * A successor's stamp is above those of all that its writer had seen, whatever the clocks say
 * (V10).
 */
import { valueName } from '../history.ts'
import { violation } from '../violation.ts'
import { compareStamps } from './causality.ts'
import type { Checker } from './evidence.ts'

const NAME = 'stamps'

export const stamps: Checker = {
  name: NAME,
  check(evidence) {
    for (const operation of evidence.operations) {
      if (operation.kind === 'get' || operation.outcome !== 'ok') continue
      const { id, kind, bucket, key, context, supersedes, mode } = operation
      if (context === undefined || supersedes === undefined) continue
      // A siblings delete leaves no version, and so nothing with a stamp to compare.
      if (kind === 'delete' && mode === 'siblings') continue
      if (compareStamps(context.stamp, supersedes.context.stamp) > 0) continue
      const name = `${bucket}/${key}`
      const what = `${kind} ${valueName(id)}`
      const message = `${name}: ${what} has a stamp that is not above what it supersedes`
      return violation(NAME, message, [name])
    }
    return undefined
  },
}
