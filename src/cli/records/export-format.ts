/** Stored values as lines of a file that `dnd import` reads back: see `mapping.ts`. */
import type { KeyJson } from '../../../packages/client/src/api.ts'
import type { StoredValue } from '../../../packages/client/src/client.ts'
import { textOf } from '../../../packages/client/src/encoding.ts'

export type ExportFormat = 'ndjson' | 'json' | 'csv'

export const CSV_HEADER = 'key,sort,contentType,metadata,expiresAt,value,valueBase64\n'

/** What stands in front of the first record, between two, and behind the last. */
export interface Frame {
  readonly head: string
  readonly separator: string
  readonly tail: string
}

export const FRAMES: Readonly<Record<ExportFormat, Frame>> = {
  ndjson: { head: '', separator: '\n', tail: '\n' },
  json: { head: '[\n', separator: ',\n', tail: '\n]\n' },
  csv: { head: CSV_HEADER, separator: '\n', tail: '\n' },
}

/** One record, without its separator. */
export function exportRecord(format: ExportFormat, name: KeyJson, value: StoredValue): string {
  const text = textOf(value.bytes)
  const base64 = text === undefined ? Buffer.from(value.bytes).toString('base64') : undefined
  const hasMetadata = Object.keys(value.metadata).length > 0
  if (format === 'csv')
    return [
      name.key,
      name.sort ?? '',
      value.contentType,
      hasMetadata ? JSON.stringify(value.metadata) : '',
      value.expiresAt ?? '',
      text ?? '',
      base64 ?? '',
    ]
      .map(csvField)
      .join(',')
  return JSON.stringify({
    key: name.key,
    ...(name.sort === undefined ? {} : { sort: name.sort }),
    ...(text === undefined ? { valueBase64: base64 } : { value: text }),
    contentType: value.contentType,
    ...(hasMetadata ? { metadata: value.metadata } : {}),
    ...(value.expiresAt === undefined ? {} : { expiresAt: value.expiresAt }),
  })
}

/**
 * RFC 4180: quoted where it must be, quotes doubled. Spaces at the ends are kept by quotes in
 * readers that trim.
 */
function csvField(text: string): string {
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
