/** The layout that the last life of this node has left in its store. */
import { decodeLayoutState } from '../placement/layout-codec.ts'
import type { LayoutState } from '../placement/layout.ts'
import type { StoreReader } from '../ports.ts'
import { ByteReader } from '../std/bytes.ts'
import { stateKey } from './storage-keys.ts'

/** undefined: none, or one that cannot be read: it is learned from the others, as by who joins. */
export function storedLayout(store: StoreReader): LayoutState | undefined {
  const stored = store.get(stateKey('layout'))
  if (stored === undefined || stored === 'unreadable') return undefined
  const reader = new ByteReader(stored)
  const state = decodeLayoutState(reader)
  return reader.finished ? state : undefined
}
