/**
 * What a read knew of and left out stays away: a version that lost, was replaced or was deleted is
 * shown by no final read that knows at least as much. Judged by vectors alone, whoever wrote: a
 * filled vector says all that the replicas which answered have seen, so one that covers another's
 * reflects all that went into that.
 *
 * In an `lww` bucket what matters is who wins: a loser may be held for as long as what it lost
 * against. What has a deadline is left out, for it may be gone on one clock and not on another.
 */
import type { Dot, Version } from '../../src/core/versions/version.ts'
import type { GetSuccess } from '../../src/core/node/events.ts'
import { covers, coversAll, writerOfVersion } from './causality.ts'
import type { Checker, KeyEvidence } from './evidence.ts'
import { checkerOfKeys } from './evidence.ts'

export const noReturn: Checker = checkerOfKeys('no-return', (key) => {
  const earlier = [
    ...key.gets.map(({ id, result }) => ({ what: `get #${id}`, result })),
    ...key.finals.map(({ node, result }) => ({ what: `that through n${node + 1}`, result })),
  ]
  for (const { node, result } of key.finals) {
    for (const { dot, value } of shown(key, result)) {
      if (value === undefined || value.expiresAtMs > 0) continue
      const knew = earlier.find(({ result: other }) => leftOut(key, other, dot, result))
      if (knew === undefined) continue
      const name = `op${writerOfVersion({ dot, value, stamp: { ms: 0, counter: 0 } })}`
      return `the final read through n${node + 1} shows ${name}, which ${knew.what} had left behind`
    }
  }
  return undefined
})

/** Whether `earlier` knew of the version `dot` and did not show it, and `final` knows no less. */
function leftOut(key: KeyEvidence, earlier: GetSuccess, dot: Dot, final: GetSuccess): boolean {
  return (
    covers(earlier.container.vector, dot) &&
    !shown(key, earlier).some((version) => isSame(version.dot, dot)) &&
    coversAll(final.container.vector, earlier.container.vector)
  )
}

function shown({ mode }: KeyEvidence, { container, live }: GetSuccess): readonly Version[] {
  return mode === 'lww' ? live : container.versions
}

function isSame(a: Dot, b: Dot): boolean {
  return a.vnode === b.vnode && a.counter === b.counter
}
