/**
 * Where a page of a listing begins and ends: from a client's words to bounds on the ordered key,
 * and from the bound at which the node stopped back to words.
 *
 * ```
 *   key                   the item under the key alone
 *   key U+0000 sort       the item with that sort key
 *   U+0000 before either  just beyond that item, in the direction of the listing
 * ```
 * `start` is inclusive and `end` exclusive in the order walked. Clients' keys have no U+0000, so
 * the forms cannot be mixed up. The last form is what `next` says when the node knows the last item
 * that it gave but not the one after it.
 */
import { DndError } from '../errors.ts'
import { afterPrefix, compareBytes, concatBytes, utf8Decode } from '../std/bytes.ts'
import { KEY_BYTES_MAX } from '../std/limits.ts'
import { listingKey, listingPrefix, parseListingKey } from './storage-keys.ts'

/** What a client asks for; what is absent or empty bounds nothing. */
export interface ListingWords {
  readonly prefix?: Uint8Array | undefined
  readonly start?: Uint8Array | undefined
  readonly end?: Uint8Array | undefined
  readonly reverse?: boolean | undefined
}

/** Bounds on the ordered key, [from, to); empty `to`: none. */
export interface ListingBounds {
  readonly from: Uint8Array
  readonly to: Uint8Array
}

const EMPTY = new Uint8Array(0)
const ZERO = Uint8Array.of(0)

/** undefined: nothing can lie between the bounds. */
export function listingBounds(asked: ListingWords): ListingBounds | undefined {
  const prefix = asked.prefix ?? EMPTY
  checkBound(prefix, 'prefix')
  if (prefix.includes(0))
    throw new DndError('DND_ERR_BAD_PARAMETER', 'the parameter "prefix" contains U+0000')
  let from = listingPrefix(prefix)
  let to = (prefix.length === 0 ? undefined : afterPrefix(from)) ?? EMPTY
  const reverse = asked.reverse === true
  const start = bound(asked.start, 'start', reverse)
  const end = bound(asked.end, 'end', reverse)
  const lower = reverse ? end : start
  const upper = reverse ? start : end
  if (lower !== undefined && compareBytes(lower, from) > 0) from = lower
  if (upper !== undefined && (to.length === 0 || compareBytes(upper, to) < 0)) to = upper
  return to.length > 0 && compareBytes(from, to) >= 0 ? undefined : { from, to }
}

/** `next` in words, from the bound at which the node stopped; undefined when it is not text. */
export function nextStart(next: Uint8Array, reverse: boolean): string | undefined {
  const item = parseListingKey(next)
  if (item !== undefined) return words(item, reverse)
  const before = next.at(-1) === 0 ? parseListingKey(next.subarray(0, -1)) : undefined
  return before === undefined ? undefined : words(before, !reverse)
}

/**
 * The place before or behind the item that is named. Ascending, `start` and `end` both stand
 * before it; in reverse, both stand behind it, so that `start` takes it in and `end` leaves it out.
 */
function bound(
  text: Uint8Array | undefined,
  name: 'start' | 'end',
  reverse: boolean,
): Uint8Array | undefined {
  if (text === undefined || text.length === 0) return undefined
  checkBound(text, name)
  const beyond = text[0] === 0
  const item = beyond ? text.subarray(1) : text
  const zero = item.indexOf(0)
  const ordered =
    zero < 0
      ? listingKey(item, undefined)
      : listingKey(item.subarray(0, zero), item.subarray(zero + 1))
  // No ordered key lies between one and the same with a zero byte behind it.
  return beyond === reverse ? ordered : concatBytes(ordered, ZERO)
}

function checkBound(text: Uint8Array, name: string): void {
  // A key, a sort key and two separators.
  if (text.length > KEY_BYTES_MAX + 2)
    throw new DndError('DND_ERR_BAD_PARAMETER', `the parameter "${name}" is longer than any key`)
}

function words(
  item: { readonly key: Uint8Array; readonly sort: Uint8Array | undefined },
  beyond: boolean,
): string | undefined {
  const key = utf8Decode(item.key)
  const sort = item.sort === undefined ? '' : utf8Decode(item.sort)
  if (key === undefined || sort === undefined) return undefined
  return `${beyond ? '\u0000' : ''}${key}${item.sort === undefined ? '' : `\u0000${sort}`}`
}
