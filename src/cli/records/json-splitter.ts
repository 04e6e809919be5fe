/**
 * Cuts one big JSON array into its elements, or one big object into its members, as the bytes come.
 *
 * `JSON.parse` needs the whole file in memory, some times over, and a file of a few hundred
 * megabytes ends the process. None of the libraries that we keep parses JSON in pieces, and those
 * that do build every value anew from tokens, which costs ten times what is needed: nobody has to
 * understand an element to find its end. So this scanner only counts brackets outside strings, and
 * each element goes to `JSON.parse` as a whole.
 *
 * ```
 *   begin → [ → element → , → element → ] → done
 *         → { → "key" → : → element → , → "key" … } → done
 * ```
 * Invariants: a byte is looked at once; memory is bounded by one element, and what is larger is
 * skipped and told. An element that is cut out may still be no JSON; then it alone is broken, for
 * its end was found. Where the end cannot be found (no comma, a bracket that nobody opened, the
 * file's end) the rest of the file cannot be read either: SourceError.
 */
import { strictText } from './byte-text.ts'
import type { SourceItem } from './source.ts'
import { RECORD_TEXT_BYTES_MAX, SourceError } from './source.ts'

const QUOTE = 0x22
const COMMA = 0x2c
const COLON = 0x3a
const BACKSLASH = 0x5c
const ARRAY_OPEN = 0x5b
const ARRAY_CLOSE = 0x5d
const OBJECT_OPEN = 0x7b
const OBJECT_CLOSE = 0x7d
const NEWLINE = 0x0a

type Expecting =
  | 'container'
  | 'element'
  /** Directly behind the opening bracket: the container may be empty. */
  | 'first-element'
  | 'key'
  | 'first-key'
  | 'colon'
  | 'separator'
  | 'end'

export class JsonSplitter {
  #expecting: Expecting = 'container'
  #inObject = false
  /** What is being cut out; undefined between elements. */
  #inside: 'key' | 'nested' | 'string' | 'scalar' | undefined
  #depth = 0
  #inString = false
  #escaped = false
  /** Bounded by: RECORD_TEXT_BYTES_MAX in bytes. */
  #pieces: Uint8Array[] = []
  #bytes = 0
  #line = 1
  #elementLine = 1
  #name: string | undefined
  #broken: SourceError | undefined
  readonly #bytesMax: number

  constructor(bytesMax: number = RECORD_TEXT_BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  /**
   * Everything up to a place where the file cannot be read; the next call throws what is wrong
   * there.
   */
  push(chunk: Uint8Array): SourceItem[] {
    if (this.#broken !== undefined) throw this.#broken
    const items: SourceItem[] = []
    try {
      this.#scan(chunk, items)
    } catch (error) {
      if (!(error instanceof SourceError)) throw error
      this.#broken = error
    }
    return items
  }

  #scan(chunk: Uint8Array, items: SourceItem[]): void {
    let start = 0
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!
      if (byte === NEWLINE) this.#line++
      if (this.#inside === undefined) {
        if (isSpace(byte)) continue
        this.#between(byte)
        start = i
        continue
      }
      const end = this.#within(byte)
      if (end === 'no') continue
      // A number ends in front of the byte that ends it; everything else ends with its last byte.
      const stop = end === 'before' ? i : i + 1
      this.#keep(chunk.subarray(start, stop))
      this.#cut(items)
      if (end === 'before' && !isSpace(byte)) this.#between(byte)
    }
    if (this.#inside !== undefined) this.#keep(chunk.subarray(start))
  }

  /** @throws SourceError when the file is broken or ends in the middle */
  end(): void {
    if (this.#broken !== undefined) throw this.#broken
    if (this.#expecting === 'end') return
    const where = this.#expecting === 'container' ? 'it is empty' : 'it ends in the middle'
    throw new SourceError(this.#line, `the file is not a complete JSON array or object: ${where}`)
  }

  /** A byte that is not space, outside every element. */
  #between(byte: number): void {
    switch (this.#expecting) {
      case 'container':
        return this.#open(byte)
      case 'first-element':
        if (byte === ARRAY_CLOSE) return void (this.#expecting = 'end')
        return this.#beginElement(byte)
      case 'element':
        return this.#beginElement(byte)
      case 'first-key':
        if (byte === OBJECT_CLOSE) return void (this.#expecting = 'end')
        return this.#beginKey(byte)
      case 'key':
        return this.#beginKey(byte)
      case 'colon':
        if (byte !== COLON) throw this.#unexpected(byte, '":"')
        return void (this.#expecting = 'element')
      case 'separator':
        if (byte === COMMA) return void (this.#expecting = this.#inObject ? 'key' : 'element')
        if (byte === (this.#inObject ? OBJECT_CLOSE : ARRAY_CLOSE))
          return void (this.#expecting = 'end')
        throw this.#unexpected(byte, this.#inObject ? '"," or "}"' : '"," or "]"')
      case 'end':
        throw new SourceError(
          this.#line,
          'something follows the JSON value; if each line holds one, say --format ndjson',
        )
    }
  }

  #open(byte: number): void {
    if (byte !== ARRAY_OPEN && byte !== OBJECT_OPEN)
      throw this.#unexpected(byte, 'an array of records or an object of keys and values')
    this.#inObject = byte === OBJECT_OPEN
    this.#expecting = this.#inObject ? 'first-key' : 'first-element'
  }

  #beginKey(byte: number): void {
    if (byte !== QUOTE) throw this.#unexpected(byte, 'a key in quotes')
    this.#begin('key')
  }

  #beginElement(byte: number): void {
    if (byte === QUOTE) return this.#begin('string')
    if (byte === ARRAY_OPEN || byte === OBJECT_OPEN) {
      this.#depth = 1
      return this.#begin('nested')
    }
    if (byte === COMMA || byte === COLON || byte === ARRAY_CLOSE || byte === OBJECT_CLOSE)
      throw this.#unexpected(byte, 'a record')
    this.#begin('scalar')
  }

  #begin(what: 'key' | 'nested' | 'string' | 'scalar'): void {
    this.#inside = what
    this.#inString = false
    this.#escaped = false
    this.#elementLine = this.#line
  }

  /** A byte inside an element: whether the element ends with it, or did before it. */
  #within(byte: number): 'no' | 'with' | 'before' {
    if (this.#inside === 'nested') return this.#withinNested(byte)
    if (this.#inside === 'scalar') {
      const ends = byte === COMMA || byte === ARRAY_CLOSE || byte === OBJECT_CLOSE || isSpace(byte)
      return ends ? 'before' : 'no'
    }
    if (this.#escaped) this.#escaped = false
    else if (byte === BACKSLASH) this.#escaped = true
    else if (byte === QUOTE) return 'with'
    return 'no'
  }

  #withinNested(byte: number): 'no' | 'with' {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false
      else if (byte === BACKSLASH) this.#escaped = true
      else if (byte === QUOTE) this.#inString = false
    } else if (byte === QUOTE) this.#inString = true
    else if (byte === OBJECT_OPEN || byte === ARRAY_OPEN) this.#depth++
    else if ((byte === OBJECT_CLOSE || byte === ARRAY_CLOSE) && --this.#depth === 0) return 'with'
    return 'no'
  }

  #keep(piece: Uint8Array): void {
    this.#bytes += piece.length
    if (this.#bytes > this.#bytesMax) this.#pieces = []
    else if (piece.length > 0) this.#pieces.push(piece)
  }

  /** An element or a key is complete. */
  #cut(items: SourceItem[]): void {
    const tooLong = this.#bytes > this.#bytesMax
    const bytes = this.#pieces.length === 1 ? this.#pieces[0]! : Buffer.concat(this.#pieces)
    const isKey = this.#inside === 'key'
    this.#pieces = []
    this.#bytes = 0
    this.#inside = undefined
    const text = tooLong ? undefined : strictText(bytes)
    if (isKey) return this.#cutKey(text)
    this.#expecting = 'separator'
    const line = this.#elementLine
    if (text !== undefined) items.push({ type: 'json', line, text, name: this.#name })
    else
      items.push({ type: 'broken', line, reason: tooLong ? 'longer than any record' : 'not UTF-8' })
  }

  #cutKey(text: string | undefined): void {
    this.#expecting = 'colon'
    try {
      this.#name = JSON.parse(text ?? '') as string
    } catch {
      throw new SourceError(this.#elementLine, 'a key of the object is not a JSON string')
    }
  }

  #unexpected(byte: number, wanted: string): SourceError {
    const found = byte > 0x20 && byte < 0x7f ? `"${String.fromCharCode(byte)}"` : `byte ${byte}`
    return new SourceError(this.#line, `${found} stands where ${wanted} is expected`)
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === NEWLINE || byte === 0x0d || byte === 0x09
}
