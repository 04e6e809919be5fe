/**
 * What an acknowledged write superseded stays away: no deleted value comes back, and no replaced
 * one. Judged by what clients saw: a put or delete that handed back a context ends every version
 * that the context's holder was shown, in both kinds of bucket, for each read that reflects it. (An
 * `lww` delete without context is held to its stamp by `acknowledged-writes`.)
 */
import { valueName } from '../history.ts'
import { violation } from '../violation.ts'
import { shownBy } from './causality.ts'
import type { Checker, Reflection } from './evidence.ts'
import { byKey, finalReflections, quorumReflections } from './evidence.ts'

const NAME = 'no-resurrection'

export const noResurrection: Checker = {
  name: NAME,
  check(evidence) {
    for (const key of byKey(evidence)) {
      const reads = [...quorumReflections(key, evidence.replicas), ...finalReflections(key)]
      for (const read of reads) {
        const wrong = risen(read)
        if (wrong !== undefined)
          return violation(NAME, `${key.name}: ${read.what} ${wrong}`, [key.name])
      }
    }
    return undefined
  },
}

function risen(read: Reflection): string | undefined {
  const shown = shownBy(read.result.container)
  for (const write of read.writes) {
    for (const id of write.supersedes?.writes ?? [])
      if (shown.has(id))
        return `shows ${valueName(id)}, which the acknowledged ${write.kind} #${write.id} ended`
  }
  return undefined
}
