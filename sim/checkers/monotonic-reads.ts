/**
 * Monotonic reads (Terry et al. 1994, §3.2): what a client was shown it is shown again, or what
 * rightly took its place. Claimed of what was acknowledged before the later read began and meets
 * it; what nobody has acknowledged may come and go (see `sessions.ts`).
 */
import type { WriteRecord } from '../history.ts'
import { valueName } from '../history.ts'
import { shownBy } from './causality.ts'
import type { Checker, Evidence, KeyEvidence } from './evidence.ts'
import { checkerOfKeys, meets } from './evidence.ts'
import { missing, sessionsOf } from './sessions.ts'

export const monotonicReads: Checker = checkerOfKeys('monotonic-reads', wrongIn)

function wrongIn(key: KeyEvidence, evidence: Evidence): string | undefined {
  const acknowledged = new Map(
    key.writes.filter(({ outcome }) => outcome === 'ok').map((write) => [write.id, write]),
  )
  for (const [process, session] of sessionsOf(key)) {
    // What it was shown, and by which read, until a read that had to show it showed its successor.
    const seen = new Map<WriteRecord, number>()
    for (const get of session) {
      if (get.kind !== 'get') continue
      for (const [write, by] of seen) {
        if (!meets(get, write, evidence)) continue
        seen.delete(write)
        const wrong = missing(key, write, get)
        if (wrong === undefined) continue
        const what = `${valueName(write.id)}, which get #${by} had shown,`
        return `process ${process} does not find ${what} in get #${get.id}: ${wrong}`
      }
      for (const id of shownBy(get.result.container)) {
        const write = acknowledged.get(id)
        if (write !== undefined) seen.set(write, get.id)
      }
    }
  }
  return undefined
}
