/**
 * Where a page of a listing begins and ends: from an app's words to bounds on the ordered key, and
 * from the bound at which the node stopped back to words.
 *
 * ```
 *   key                   the item under the key alone
 *   key U+0000 sort       the item with that sort key
 *   U+0000 before either  just beyond that item, in the direction of the listing
 * ```
 * `start` is inclusive and `end` exclusive in the order walked.
 */
import { DndError } from '../../src/core/errors.ts'
import type { KeyName } from '../../src/core/node/storage-keys.ts'
import { listingKey, listingPrefix, parseListingKey } from '../../src/core/node/storage-keys.ts'
import { afterPrefix, compareBytes, concatBytes, utf8Decode } from '../../src/core/std/bytes.ts'
import { KEY_BYTES_MAX } from '../../src/core/std/limits.ts'

export interface ListingWords {
  readonly prefix: Uint8Array
  readonly start: Uint8Array
  readonly end: Uint8Array
  readonly reverse: boolean
}

/** Bounds on the ordered key, [from, to); empty `to`: none. */
export interface ListingBounds {
  readonly from: Uint8Array
  readonly to: Uint8Array
}

const EMPTY = new Uint8Array(0)
const ZERO = Uint8Array.of(0)

/** undefined: nothing can lie between the bounds. */
export function listingBounds(words: ListingWords): ListingBounds | undefined {
  const { prefix, reverse } = words
  checkLength(prefix, 'prefix')
  if (prefix.includes(0))
    throw new DndError('DND_ERR_BAD_PARAMETER', 'the parameter "prefix" contains U+0000')
  const from = listingPrefix(prefix)
  const to = (prefix.length === 0 ? undefined : afterPrefix(from)) ?? EMPTY
  const start = boundOf(words.start, 'start', reverse)
  const end = boundOf(words.end, 'end', reverse)
  const bounds = {
    from: later(from, reverse ? end : start),
    to: earlier(to, reverse ? start : end),
  }
  const isEmpty = bounds.to.length > 0 && compareBytes(bounds.from, bounds.to) >= 0
  return isEmpty ? undefined : bounds
}

/** `next` in words, from the bound at which the node stopped. */
export function nextStart(next: Uint8Array, reverse: boolean): string | undefined {
  const item = parseListingKey(next)
  if (item !== undefined) return wordsOf(item, reverse)
  const before = next.at(-1) === 0 ? parseListingKey(next.subarray(0, -1)) : undefined
  return before && wordsOf(before, !reverse)
}

/** The place before the item that is named when ascending, and behind it in reverse. */
function boundOf(text: Uint8Array, name: string, reverse: boolean): Uint8Array | undefined {
  if (text.length === 0) return undefined
  checkLength(text, name)
  const beyond = text[0] === 0
  const item = beyond ? text.subarray(1) : text
  const zero = item.indexOf(0)
  const ordered =
    zero < 0
      ? listingKey(item, undefined)
      : listingKey(item.subarray(0, zero), item.subarray(zero + 1))
  return beyond === reverse ? ordered : concatBytes(ordered, ZERO)
}

function later(from: Uint8Array, bound: Uint8Array | undefined): Uint8Array {
  return bound !== undefined && compareBytes(bound, from) > 0 ? bound : from
}

function earlier(to: Uint8Array, bound: Uint8Array | undefined): Uint8Array {
  if (bound === undefined) return to
  return to.length === 0 || compareBytes(bound, to) < 0 ? bound : to
}

function checkLength(text: Uint8Array, name: string): void {
  // A key, a sort key and two separators.
  if (text.length > KEY_BYTES_MAX + 2)
    throw new DndError('DND_ERR_BAD_PARAMETER', `the parameter "${name}" is longer than any key`)
}

function wordsOf({ key, sort }: KeyName, beyond: boolean): string | undefined {
  const keyText = utf8Decode(key)
  const sortText = sort === undefined ? '' : utf8Decode(sort)
  if (keyText === undefined || sortText === undefined) return undefined
  return `${beyond ? '\u0000' : ''}${keyText}${sort === undefined ? '' : `\u0000${sortText}`}`
}
