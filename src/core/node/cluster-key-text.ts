/**
 * The secret of a cluster key as people handle it: base64 (RFC 4648 §4), as `dnd keys generate`
 * prints it. What is said about a text that is none never repeats the text: it may be most of one.
 */
import { assert } from '../std/assert.ts'
import { KEY_BYTES } from './cluster-key.ts'

const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
/** Four digits for each three bytes; the last digit stands for padding. */
const TEXT_LENGTH = Math.ceil(KEY_BYTES / 3) * 4
const PADDING = '='

export type ParsedSecret =
  | { readonly ok: true; readonly secret: Uint8Array }
  /** `problem` completes "… is no key: ". */
  | { readonly ok: false; readonly problem: string }

export function formatSecret(secret: Uint8Array): string {
  assert(secret.length === KEY_BYTES, () => `a key of ${secret.length} bytes`)
  let text = ''
  let bits = 0
  let held = 0
  for (const byte of secret) {
    held = (held << 8) | byte
    for (bits += 8; bits >= 6; bits -= 6) text += DIGITS[(held >> (bits - 6)) & 0x3f]!
    held &= (1 << bits) - 1
  }
  return (text + DIGITS[(held << (6 - bits)) & 0x3f]!).padEnd(TEXT_LENGTH, PADDING)
}

/** Blanks and line ends around the key are no part of it. */
export function parseSecret(text: string): ParsedSecret {
  const trimmed = text.trim()
  const secret = decode(trimmed)
  // Of the texts that say the same bytes only the one that is printed is taken.
  if (secret !== undefined && formatSecret(secret) === trimmed) return { ok: true, secret }
  const size = `${TEXT_LENGTH} characters of base64, as "dnd keys generate" prints it`
  const found =
    trimmed.length === TEXT_LENGTH ? 'not all of these are' : `these are ${trimmed.length}`
  return { ok: false, problem: `a key is ${size}, and ${found}` }
}

function decode(text: string): Uint8Array | undefined {
  if (text.length !== TEXT_LENGTH) return undefined
  const secret = new Uint8Array(KEY_BYTES)
  let length = 0
  let bits = 0
  let held = 0
  for (const digit of text.slice(0, -1)) {
    const value = DIGITS.indexOf(digit)
    if (value < 0) return undefined
    held = ((held << 6) | value) & 0xfff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    secret[length++] = (held >> bits) & 0xff
  }
  return secret
}
