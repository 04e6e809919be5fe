/** No queue grows past its bound under load, and those that should be empty at rest are. */
import { violation } from '../violation.ts'
import type { Checker } from './evidence.ts'

const NAME = 'bounded-queues'

export const boundedQueues: Checker = {
  name: NAME,
  check(evidence) {
    for (const { what, most, bound, atRest } of evidence.gauges) {
      if (most > bound) return violation(NAME, `${what}: ${most}, more than ${bound}`)
      if (atRest > 0) return violation(NAME, `${what}: ${atRest} left when all is at rest`)
    }
    return undefined
  },
}
