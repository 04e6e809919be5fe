/**
 * Bytes into lines, for NDJSON. A line beyond the bound is dropped as it comes and told as broken.
 */
import { strictText } from './byte-text.ts'
import type { SourceItem } from './source.ts'
import { RECORD_TEXT_BYTES_MAX } from './source.ts'

const NEWLINE = 0x0a

export class LineSplitter {
  /** Pieces of a line whose end has not come. Bounded by: RECORD_TEXT_BYTES_MAX in bytes. */
  #pieces: Uint8Array[] = []
  #bytes = 0
  #line = 1
  readonly #bytesMax: number

  constructor(bytesMax: number = RECORD_TEXT_BYTES_MAX) {
    this.#bytesMax = bytesMax
  }

  push(chunk: Uint8Array): SourceItem[] {
    const items: SourceItem[] = []
    let start = 0
    for (;;) {
      const end = chunk.indexOf(NEWLINE, start)
      if (end < 0) break
      this.#keep(chunk.subarray(start, end))
      this.#take(items)
      this.#line++
      start = end + 1
    }
    this.#keep(chunk.subarray(start))
    return items
  }

  /** The last line, when no line break ends it. */
  end(): SourceItem[] {
    const items: SourceItem[] = []
    this.#take(items)
    return items
  }

  #keep(piece: Uint8Array): void {
    if (piece.length === 0) return
    this.#bytes += piece.length
    if (this.#bytes > this.#bytesMax) this.#pieces = []
    else this.#pieces.push(piece)
  }

  #take(items: SourceItem[]): void {
    const bytes = this.#bytes
    const pieces = this.#pieces
    this.#pieces = []
    this.#bytes = 0
    if (bytes > this.#bytesMax) {
      items.push({ type: 'broken', line: this.#line, reason: 'longer than any record' })
      return
    }
    const text = strictText(pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces))
    if (text === undefined) items.push({ type: 'broken', line: this.#line, reason: 'not UTF-8' })
    else if (text.trim() !== '')
      items.push({ type: 'json', line: this.#line, text, name: undefined })
  }
}
