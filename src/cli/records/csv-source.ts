/**
 * CSV by csv-parse (RFC 4180, quotes and line breaks in fields); the first row names the columns.
 */
import { pipeline } from 'node:stream'
import type { Readable } from 'node:stream'
import type { CsvError } from 'csv-parse'
import { parse } from 'csv-parse'
import type { SourceItem } from './source.ts'
import { RECORD_TEXT_BYTES_MAX, SourceError } from './source.ts'

/** Rows handed on together: enough to make waiting cheap, few enough to hold. */
const ROWS_TOGETHER = 256

interface ParsedRow {
  readonly record: readonly string[]
  readonly info: { readonly lines: number }
}

/** `source` yields text. @throws SourceError */
export async function* csvItems(
  source: Readable,
  delimiter: string,
): AsyncGenerator<SourceItem[], void, undefined> {
  const parser = parse({
    delimiter,
    info: true,
    // A quote inside a field that does not begin with one is a character like any other (5" pipe).
    relax_quotes: true,
    // Counted here, so that a short row is one broken record and not the end of the import.
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: RECORD_TEXT_BYTES_MAX,
  })
  // The loop below sees the error; this only must not be without a listener.
  pipeline(source, parser, () => undefined)
  let header: readonly string[] | undefined
  let items: SourceItem[] = []
  try {
    for await (const { record, info } of parser as AsyncIterable<ParsedRow>) {
      if (header === undefined) {
        header = checkedHeader(record)
        continue
      }
      items.push(itemOf(header, record, info.lines))
      if (items.length < ROWS_TOGETHER) continue
      yield items
      items = []
    }
  } catch (error) {
    yield items
    throw sourceError(error)
  }
  yield items
}

function checkedHeader(names: readonly string[]): readonly string[] {
  const empty = names.indexOf('')
  if (empty >= 0) throw new SourceError(1, `column ${empty + 1} has no name in the first row`)
  const double = names.find((name, i) => names.indexOf(name) !== i)
  if (double !== undefined) throw new SourceError(1, `two columns are called "${double}"`)
  return names
}

function itemOf(header: readonly string[], fields: readonly string[], line: number): SourceItem {
  if (fields.length !== header.length)
    return {
      type: 'broken',
      line,
      reason: `${fields.length} fields where the first row has ${header.length}`,
    }
  return { type: 'row', line, row: Object.fromEntries(header.map((name, i) => [name, fields[i]!])) }
}

function sourceError(error: unknown): unknown {
  const { code, message, lines } = error as Partial<CsvError> & { lines?: number }
  if (typeof code !== 'string' || !code.startsWith('CSV_')) return error
  return new SourceError(lines ?? 0, (message ?? code).replace(/\s+/g, ' '))
}
