/**
 * Percent-encoding (RFC 3986 §2.1) to bytes and back, by hand: a URL object costs more than a whole
 * request may.
 *
 * Keys and parameters are bytes that must be UTF-8, so a broken escape or a broken character is
 * refused rather than replaced: two keys that differ must never become one.
 */
import { isUtf8 } from 'node:buffer'
import { DndError } from '../../core/errors.ts'

const PERCENT = 0x25
const PLUS = 0x2b
const SPACE = 0x20

/**
 * The bytes of `text` from `from` to `to`. `plusIsSpace`: in query strings, as HTML forms and
 * URLSearchParams write them.
 */
export function percentDecode(
  text: string,
  from: number,
  to: number,
  plusIsSpace: boolean,
  what: string,
): Uint8Array {
  const bytes = new Uint8Array(to - from)
  let length = 0
  let ascii = true
  for (let i = from; i < to; i++) {
    let code = text.charCodeAt(i)
    if (code === PERCENT) {
      code = i + 2 < to ? hexPair(text.charCodeAt(i + 1), text.charCodeAt(i + 2)) : -1
      if (code < 0) throw broken(what, `has a "%" that is not followed by two hexadecimal digits`)
      i += 2
    } else if (plusIsSpace && code === PLUS) code = SPACE
    if (code > 0x7f) ascii = false
    bytes[length++] = code
  }
  const decoded = length === bytes.length ? bytes : bytes.slice(0, length)
  if (!ascii && !isUtf8(decoded)) throw broken(what, 'is not UTF-8')
  return decoded
}

/**
 * Printable ASCII as it stands, everything else and "%" itself escaped. Inverse of
 * {@link percentDecode}.
 */
export function percentEncodeHeader(text: string): string {
  if (/^(?:[!-$&-~](?:[ -$&-~]*[!-$&-~])?)?$/.test(text)) return text
  return encodeURIComponent(text)
}

function hexPair(high: number, low: number): number {
  const h = hexDigit(high)
  const l = hexDigit(low)
  return h < 0 || l < 0 ? -1 : (h << 4) | l
}

function hexDigit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

function broken(what: string, how: string): DndError {
  return new DndError('DND_ERR_BAD_ENCODING', `${what} ${how}`)
}
