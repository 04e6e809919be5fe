/**
 * Merging ordered pages whose ends differ. Each source has given its entries up to some key, and
 * may hold more beyond it. What stands at or before the *least* of those ends, the frontier, is
 * complete: every source has told all it has up to there. The rest must wait, because a source that
 * stopped early may hold something in between; listing it now would skip that for ever.
 */
import { compareBytes } from '../std/bytes.ts'

export interface Page<T extends { readonly key: Uint8Array }> {
  /** In the order asked for. */
  readonly entries: readonly T[]
  /** Whether the source holds more beyond the last entry. */
  readonly more: boolean
}

export interface Merged<T> {
  /**
   * All entries up to the frontier, in order; entries of several sources with one key stand
   * together.
   */
  readonly entries: readonly T[]
  /** Where to go on: the last complete key. undefined: every source is exhausted. */
  readonly frontier: Uint8Array | undefined
}

export function mergePages<T extends { readonly key: Uint8Array }>(
  pages: readonly Page<T>[],
  reverse: boolean,
): Merged<T> {
  const order = reverse ? -1 : 1
  let frontier: Uint8Array | undefined
  for (const { entries, more } of pages) {
    const last = entries.at(-1)?.key
    if (!more || last === undefined) continue
    if (frontier === undefined || order * compareBytes(last, frontier) < 0) frontier = last
  }
  const all: T[] = []
  for (const { entries } of pages)
    for (const entry of entries)
      if (frontier === undefined || order * compareBytes(entry.key, frontier) <= 0) all.push(entry)
  all.sort((a, b) => order * compareBytes(a.key, b.key))
  return { entries: all, frontier }
}

/** The least byte string after `key`. */
export function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1)
  next.set(key)
  return next
}
