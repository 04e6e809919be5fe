/**
 * Read your writes (Terry et al. 1994, §3.1): what a client was told is stored it finds again, or
 * what rightly took its place. Claimed where the quorums of the write and of the read meet (see
 * `sessions.ts`).
 */
import type { WriteRecord } from '../history.ts'
import { valueName } from '../history.ts'
import type { Checker, Evidence, KeyEvidence } from './evidence.ts'
import { checkerOfKeys, meets } from './evidence.ts'
import { missing, sessionsOf } from './sessions.ts'

export const readYourWrites: Checker = checkerOfKeys('read-your-writes', wrongIn)

function wrongIn(key: KeyEvidence, evidence: Evidence): string | undefined {
  for (const [process, session] of sessionsOf(key)) {
    // Its acknowledged writes, less those that it has itself replaced with as many
    // acknowledgements.
    let own: readonly WriteRecord[] = []
    for (const step of session) {
      if (step.kind !== 'get') {
        if (step.outcome === 'ok') own = [...own.filter((write) => !replaces(step, write)), step]
        continue
      }
      for (const write of own) {
        const wrong = meets(step, write, evidence) ? missing(key, write, step) : undefined
        if (wrong === undefined) continue
        const what = `its own ${write.kind} ${valueName(write.id)}`
        return `process ${process} does not find ${what} in get #${step.id}: ${wrong}`
      }
    }
  }
  return undefined
}

function replaces(write: WriteRecord, other: WriteRecord): boolean {
  return write.supersedes?.writes.has(other.id) === true && write.w >= other.w
}
