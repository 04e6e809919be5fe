/**
 * Bytes in and out. Everything that the core stores or sends is written by a {@link ByteWriter} and
 * read back by a {@link ByteReader}; both are bounded, and the reader never throws: hostile bytes
 * turn it into a failed reader whose reads return zeros and empties, and the one check at the end
 * (`reader.ok`, or `reader.finished` when nothing may follow) decides. So a decoder reads straight
 * through, without a test a field.
 *
 * Integers are big-endian, so that encoded keys sort as their values do. Variable-length integers
 * are LEB128 over at most 8 bytes and hold safe integers only (≤ 2^53 − 1).
 */
import { assert, AssertionError } from './assert.ts'

const EMPTY = new Uint8Array(0)

/** An append-only buffer that doubles as it fills. Reusable: `reset()` keeps the memory. */
export class ByteWriter {
  #bytes: Uint8Array
  #view: DataView
  #length = 0

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity)
    this.#view = new DataView(this.#bytes.buffer)
  }

  get length(): number {
    return this.#length
  }

  reset(): void {
    this.#length = 0
  }

  u8(value: number): void {
    this.#reserve(1)
    this.#bytes[this.#length++] = value
  }

  u16(value: number): void {
    this.#reserve(2)
    this.#view.setUint16(this.#length, value)
    this.#length += 2
  }

  u32(value: number): void {
    this.#reserve(4)
    this.#view.setUint32(this.#length, value)
    this.#length += 4
  }

  /** Overwrites four bytes written before; for lengths and checksums known only afterwards. */
  patchU32(offset: number, value: number): void {
    assert(offset + 4 <= this.#length, 'a patch beyond what was written')
    this.#view.setUint32(offset, value)
  }

  /** A non-negative safe integer in 8 bytes. */
  u64(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) outOfRange('u64', value)
    this.#reserve(8)
    this.#view.setUint32(this.#length, Math.floor(value / 0x1_0000_0000))
    this.#view.setUint32(this.#length + 4, value >>> 0)
    this.#length += 8
  }

  /** A non-negative safe integer in 1 to 8 bytes, seven bits a byte, lowest first. */
  varint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) outOfRange('varint', value)
    this.#reserve(8)
    let rest = value
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80
      rest = rest < 0x8000_0000 ? rest >>> 7 : Math.floor(rest / 128)
    }
    this.#bytes[this.#length++] = rest
  }

  raw(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#bytes.set(bytes, this.#length)
    this.#length += bytes.length
  }

  /** Length as varint, then the bytes. */
  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length)
    this.raw(bytes)
  }

  /** UTF-8 with its length in bytes as varint before it. */
  text(text: string): void {
    const start = this.#length
    this.varint(text.length)
    this.#reserve(text.length)
    const bytes = this.#bytes
    let at = this.#length
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) {
        // Not ASCII after all: begin again, since the length is not that of the string.
        this.#length = start
        return this.bytes(utf8Encode(text))
      }
      bytes[at++] = unit
    }
    this.#length = at
  }

  /** The bytes written so far, without copying: valid until the next write or reset. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length)
  }

  /** A copy of the bytes written so far. */
  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length)
  }

  #reserve(count: number): void {
    const needed = this.#length + count
    if (needed <= this.#bytes.length) return
    const grown = new Uint8Array(Math.max(needed, this.#bytes.length * 2))
    grown.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = grown
    this.#view = new DataView(grown.buffer)
  }
}

/** Reads what a {@link ByteWriter} wrote, and survives anything else. */
export class ByteReader {
  readonly #bytes: Uint8Array
  readonly #end: number
  #offset: number
  #failed = false

  constructor(bytes: Uint8Array, offset = 0, end: number = bytes.length) {
    this.#bytes = bytes
    this.#offset = offset
    this.#end = end
  }

  /** Whether every read so far was within the bytes and well formed. */
  get ok(): boolean {
    return !this.#failed
  }

  /** Ok and nothing left over. */
  get finished(): boolean {
    return !this.#failed && this.#offset === this.#end
  }

  get remaining(): number {
    return this.#failed ? 0 : this.#end - this.#offset
  }

  get offset(): number {
    return this.#offset
  }

  /** Makes the reader fail: for decoders that see a value that cannot be. */
  fail(): void {
    this.#failed = true
  }

  u8(): number {
    const at = this.#advance(1)
    return at < 0 ? 0 : this.#bytes[at]!
  }

  u16(): number {
    const at = this.#advance(2)
    return at < 0 ? 0 : (this.#bytes[at]! << 8) | this.#bytes[at + 1]!
  }

  u32(): number {
    const at = this.#advance(4)
    if (at < 0) return 0
    const b = this.#bytes
    return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0
  }

  u64(): number {
    const high = this.u32()
    const low = this.u32()
    if (high > 0x1f_ffff) this.#failed = true
    return this.#failed ? 0 : high * 0x1_0000_0000 + low
  }

  varint(): number {
    let value = 0
    let scale = 1
    for (let i = 0; i < 8; i++) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (byte < 0x80) {
        // Beyond 2^53 − 1, or a longer form than needed: two encodings of one value would break
        // byte comparison.
        if (value > Number.MAX_SAFE_INTEGER || (byte === 0 && i > 0)) this.#failed = true
        return this.#failed ? 0 : value
      }
      scale *= 128
    }
    this.#failed = true
    return 0
  }

  /** `count` bytes as a view into the input, not a copy. */
  raw(count: number): Uint8Array {
    const at = this.#advance(count)
    return at < 0 ? EMPTY : this.#bytes.subarray(at, at + count)
  }

  /** Length as varint, then that many bytes; fails above `max`. */
  bytes(max: number): Uint8Array {
    const length = this.varint()
    if (length > max) this.#failed = true
    return this.raw(length)
  }

  /** UTF-8 of at most `max` bytes; fails on malformed text. */
  text(max: number): string {
    const decoded = utf8Decode(this.bytes(max))
    if (decoded === undefined) this.#failed = true
    return decoded ?? ''
  }

  /**
   * A count of items that are each at least `itemBytes` long: fails when the input cannot hold so
   * many.
   */
  count(max: number, itemBytes: number): number {
    const count = this.varint()
    if (count > max || count * itemBytes > this.remaining) this.#failed = true
    return this.#failed ? 0 : count
  }

  #advance(count: number): number {
    if (this.#failed || count > this.#end - this.#offset) {
      this.#failed = true
      return -1
    }
    const at = this.#offset
    this.#offset += count
    return at
  }
}

/** Order of byte strings: as numbers from the left, a prefix first. Negative, zero or positive. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length)
  for (let i = 0; i < shared; i++) {
    const difference = a[i]! - b[i]!
    if (difference !== 0) return difference
  }
  return a.length - b.length
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

export function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && equalBytes(bytes.subarray(0, prefix.length), prefix)
}

/**
 * The least byte string greater than all that begin with `prefix`; undefined when there is none
 * (all 0xFF).
 */
export function afterPrefix(prefix: Uint8Array): Uint8Array | undefined {
  let length = prefix.length
  while (length > 0 && prefix[length - 1] === 0xff) length--
  if (length === 0) return undefined
  const after = prefix.slice(0, length)
  after[length - 1] = after[length - 1]! + 1
  return after
}

export function concatBytes(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let offset = 0
  for (const part of parts) {
    whole.set(part, offset)
    offset += part.length
  }
  return whole
}

/**
 * Bytes as a string of the same length, one character a byte: a map key that equals when the bytes
 * do.
 */
export function bytesToBinary(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i++) text += String.fromCharCode(bytes[i]!)
  return text
}

export function toHex(bytes: Uint8Array): string {
  let hex = ''
  for (const byte of bytes) hex += (byte < 16 ? '0' : '') + byte.toString(16)
  return hex
}

/** The bytes of a hexadecimal string; undefined when it is none. */
export function fromHex(hex: string): Uint8Array | undefined {
  if (hex.length % 2 !== 0 || !/^[0-9a-f]*$/i.test(hex)) return undefined
  const bytes = new Uint8Array(hex.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)
  return bytes
}

/** Apart from its callers, so that they build no message for the numbers that are in range. */
function outOfRange(what: string, value: number): never {
  throw new AssertionError(`${what} out of range: ${value}`)
}

/** How many bytes `text` is in UTF-8; undefined when a lone surrogate makes it unsayable. */
export function utf8Length(text: string): number | undefined {
  let length = text.length
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    length += unit < 0x800 ? 1 : 2
    if (unit < 0xd800 || unit > 0xdfff) continue
    const low = text.charCodeAt(i + 1)
    if (unit > 0xdbff || !(low >= 0xdc00 && low <= 0xdfff)) return undefined
    i++
  }
  return length
}

/** UTF-8 of well-formed text; a lone surrogate becomes U+FFFD, as in every standard encoder. */
export function utf8Encode(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 3)
  let length = 0
  for (let i = 0; i < text.length; i++) {
    let code = text.charCodeAt(i)
    if (code < 0x80) {
      bytes[length++] = code
      continue
    }
    if (code >= 0xd800 && code <= 0xdfff) {
      code = text.codePointAt(i)!
      if (code > 0xffff) i++
      else code = 0xfffd
    }
    if (code < 0x800) {
      bytes[length++] = 0xc0 | (code >> 6)
    } else {
      if (code > 0xffff) {
        bytes[length++] = 0xf0 | (code >> 18)
        bytes[length++] = 0x80 | ((code >> 12) & 0x3f)
      } else bytes[length++] = 0xe0 | (code >> 12)
      bytes[length++] = 0x80 | ((code >> 6) & 0x3f)
    }
    bytes[length++] = 0x80 | (code & 0x3f)
  }
  return bytes.slice(0, length)
}

/** Text of well-formed UTF-8 (shortest forms, no surrogates); undefined otherwise. */
export function utf8Decode(bytes: Uint8Array): string | undefined {
  let text = ''
  for (let i = 0; i < bytes.length;) {
    const first = bytes[i++]!
    if (first < 0x80) {
      text += String.fromCharCode(first)
      continue
    }
    const extra = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1
    if (first < 0xc2 || first > 0xf4 || i + extra > bytes.length) return undefined
    let code = first & (0x3f >> extra)
    for (let k = 0; k < extra; k++) {
      const next = bytes[i++]!
      if ((next & 0xc0) !== 0x80) return undefined
      code = (code << 6) | (next & 0x3f)
    }
    const least = extra === 1 ? 0x80 : extra === 2 ? 0x800 : 0x1_0000
    if (code < least || code > 0x10_ffff || (code >= 0xd800 && code <= 0xdfff)) return undefined
    text += String.fromCodePoint(code)
  }
  return text
}
