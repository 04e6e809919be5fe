/**
 * What an import reads, whatever the format of the file: records one after the other, and what
 * could not be read as one. Positions are counted in items, so that "go on behind item 12,345"
 * means the same in every format.
 */

export type SourceItem =
  /** One JSON value as it stands in the file. `name`: its key in the object that the file is. */
  | {
      readonly type: 'json'
      readonly line: number
      readonly text: string
      readonly name: string | undefined
    }
  /** One row of a CSV file by its column names. */
  | {
      readonly type: 'row'
      readonly line: number
      readonly row: Readonly<Record<string, string>>
    }
  /** Something that is no record; the ones after it may be. */
  | { readonly type: 'broken'; readonly line: number; readonly reason: string }

export type SourceFormat = 'json' | 'ndjson' | 'csv'

/** The file cannot be read beyond this place. */
export class SourceError extends Error {
  override readonly name = 'SourceError'
  readonly line: number

  constructor(line: number, message: string) {
    super(message)
    this.line = line
  }
}

/**
 * One record's text in the file, bytes: a value has at most 1 MiB, which escapes and base64 can
 * make longer. What is longer is told and skipped without being held in memory.
 */
export const RECORD_TEXT_BYTES_MAX: number = 8 * 1024 * 1024
