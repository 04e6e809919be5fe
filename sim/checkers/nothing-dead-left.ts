/**
 * Deletes and deadlines come to an end: once every node has repaired, with all of them up, no disk
 * holds a tombstone, an expired value or an empty record any more (V6).
 */
import { violation } from '../violation.ts'
import type { Checker } from './evidence.ts'

const NAME = 'nothing-dead-left'

export const nothingDeadLeft: Checker = {
  name: NAME,
  check({ repaired }) {
    const [first, ...others] = repaired?.leftovers ?? []
    if (first === undefined) return undefined
    const key = / under (\S+)$/.exec(first)?.[1]
    return violation(NAME, `${first}, and ${others.length} more`, key === undefined ? [] : [key])
  },
}
