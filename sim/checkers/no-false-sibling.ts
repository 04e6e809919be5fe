/**
 * No false sibling: two versions stand side by side only if neither's writer had seen the other. A
 * write that handed back a context ends what the context covers, and what its holder was shown, in
 * every copy that has the write, whether it was acknowledged or not: no read may show both. (That
 * what it ended does not come back without it is `no-resurrection`'s concern.)
 *
 * It goes by the context itself and by what the client saw of it. What a writer had seen by way of
 * another write is covered too: the context of a reply covers that of the request.
 */
import type { GetSuccess } from '../../src/core/node/events.ts'
import type { WriteRecord } from '../history.ts'
import { valueName } from '../history.ts'
import { covers, writerOfVersion } from './causality.ts'
import type { Checker, KeyEvidence } from './evidence.ts'
import { checkerOfKeys } from './evidence.ts'

export const noFalseSibling: Checker = checkerOfKeys('no-false-sibling', wrongIn)

function wrongIn(key: KeyEvidence): string | undefined {
  const writes = new Map(key.writes.map((write) => [write.id, write]))
  for (const { id, result } of key.gets) {
    const wrong = falseSibling(result, writes)
    if (wrong !== undefined) return `get #${id} shows ${wrong}`
  }
  for (const { node, result } of key.finals) {
    const wrong = falseSibling(result, writes)
    if (wrong !== undefined) return `the final read through n${node + 1} shows ${wrong}`
  }
  return undefined
}

function falseSibling(
  { container: { versions } }: GetSuccess,
  writes: ReadonlyMap<number, WriteRecord>,
): string | undefined {
  if (versions.length < 2) return undefined
  for (const version of versions) {
    const writer = writerOfVersion(version)
    const seen = writer === undefined ? undefined : writes.get(writer)?.supersedes
    if (writer === undefined || seen === undefined) continue
    for (const other of versions) {
      if (other === version) continue
      const id = writerOfVersion(other)
      const hasSeen = id !== undefined && seen.writes.has(id)
      if (!hasSeen && !covers(seen.context.vector, other.dot)) continue
      const what = id === undefined ? 'a delete' : valueName(id)
      return `${what} beside ${valueName(writer)}, whose writer had seen it`
    }
  }
  return undefined
}
