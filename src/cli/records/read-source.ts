/**
 * A file or standard input as records, in pieces, with the bytes read so far for the progress bar.
 */
import { Readable } from 'node:stream'
import { byteOrderMark } from './byte-text.ts'
import { csvItems } from './csv-source.ts'
import { JsonSplitter } from './json-splitter.ts'
import { LineSplitter } from './line-splitter.ts'
import type { SourceFormat, SourceItem } from './source.ts'
import { SourceError } from './source.ts'

export interface SourceOptions {
  readonly input: AsyncIterable<Uint8Array>
  readonly format: SourceFormat
  /** Of CSV. */
  readonly delimiter: string
  readonly onBytes: (bytes: number) => void
}

/** @throws SourceError where the input cannot be read any further */
export async function* readSource(
  options: SourceOptions,
): AsyncGenerator<readonly SourceItem[], void, undefined> {
  const chunks = withoutMark(options.input, options.onBytes)
  if (options.format === 'csv')
    return yield* csvItems(Readable.from(texts(chunks)), options.delimiter)
  if (options.format === 'ndjson') {
    const lines = new LineSplitter()
    for await (const chunk of chunks) yield lines.push(chunk)
    return yield lines.end()
  }
  const elements = new JsonSplitter()
  for await (const chunk of chunks) yield elements.push(chunk)
  elements.end()
}

async function* withoutMark(
  input: AsyncIterable<Uint8Array>,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let first = true
  for await (const chunk of input) {
    let skip = 0
    if (first) {
      first = false
      skip = markOf(chunk)
    }
    yield skip === 0 ? chunk : chunk.subarray(skip)
    onBytes(chunk.length)
  }
}

function markOf(chunk: Uint8Array): number {
  try {
    return byteOrderMark(chunk)
  } catch (error) {
    throw new SourceError(1, (error as Error).message)
  }
}

/** CSV has no record borders that one could find before decoding, so one wrong byte is the end. */
async function* texts(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let line = 1
  const decode = (chunk: Uint8Array | undefined): string => {
    try {
      return chunk === undefined ? decoder.decode() : decoder.decode(chunk, { stream: true })
    } catch {
      throw new SourceError(
        line,
        'the text behind this line is not UTF-8; convert the file, for example with iconv -f WINDOWS-1252 -t UTF-8',
      )
    }
  }
  for await (const chunk of chunks) {
    const text = decode(chunk)
    yield text
    for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) line++
  }
  yield decode(undefined)
}
