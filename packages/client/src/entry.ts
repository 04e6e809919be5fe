/** What a bucket answers: the state of one key, with the context that the next write needs. */
import { DndSiblingsError } from './bucket-errors.ts'

interface OfKey {
  readonly key: string
  readonly sort?: string
}

/** One of the concurrent values of a key. */
export interface Sibling<T> {
  readonly value: T
  readonly contentType: string
  readonly metadata: Readonly<Record<string, string>>
  /** When it reads as absent, ISO 8601 in UTC; absent: never. */
  readonly expiresAt?: string
}

export interface FoundEntry<T> extends OfKey, Sibling<T> {
  readonly status: 'found'
  /**
   * What was seen. Undefined after a put that left values beside its own which it has not seen: a
   * get shows them.
   */
  readonly context: string | undefined
  /** The concurrent values that `resolve` made this one of; nothing is stored of that. */
  readonly resolved?: readonly Sibling<T>[]
}

export interface AbsentEntry extends OfKey {
  readonly status: 'absent'
  readonly value: undefined
  /** Of a key that was deleted, or has expired. */
  readonly context: string | undefined
}

/** Concurrent values, of a bucket that was opened without `resolve`. */
export interface SiblingsEntry<T> extends OfKey {
  readonly status: 'siblings'
  readonly siblings: readonly Sibling<T>[]
  /** Covers them all. */
  readonly context: string
}

export type SettledEntry<T> = FoundEntry<T> | AbsentEntry
export type Entry<T> = SettledEntry<T> | SiblingsEntry<T>

/** A key as it is given: its name, or an entry, whose key, sort key and context are taken. */
export type KeyOrEntry = string | (OfKey & { readonly context: string | undefined })

export interface Named {
  readonly key: string
  readonly sort: string | undefined
  readonly context: string | undefined
}

export function named(
  of: KeyOrEntry,
  { sort, context }: { readonly sort?: string | undefined; readonly context?: string | undefined },
): Named {
  if (typeof of === 'string') return { key: of, sort, context }
  return { key: of.key, sort: of.sort ?? sort, context: context ?? of.context }
}

export function ofKey({ key, sort }: { key: string; sort: string | undefined }): OfKey {
  return sort === undefined ? { key } : { key, sort }
}

/** The one value of an entry, or a failure that holds them all. */
export function settled<T>(entry: Entry<T>): SettledEntry<T> {
  if (entry.status !== 'siblings') return entry
  const values = entry.siblings.map(({ value }) => value)
  throw new DndSiblingsError(entry.key, values, entry.context)
}
