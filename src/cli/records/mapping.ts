/**
 * From a record of a file to a put: which key, which value.
 *
 * | given | key | value |
 * |---|---|---|
 * | `--key` or `--key-template` | its fields | the whole record as JSON, or the field `--value` |
 * | neither, an object of keys and values | its key | its value: text as text, else as JSON |
 * | neither | the field `key` | the fields that `dnd export` writes |
 *
 * Those are `value` or `valueBase64`, `contentType`, `metadata`, `expiresAt` and `sort`.
 */
import type { SourceItem } from './source.ts'
import type { Template } from './template.ts'
import { fieldOf, renderTemplate } from './template.ts'

export interface Mapping {
  /** undefined: the file itself says. */
  readonly key: Template | undefined
  readonly sort: Template | undefined
  /** Field that is the value; undefined: the whole record. Only with `key`. */
  readonly value: string | undefined
}

export interface RecordPut {
  readonly key: string
  readonly sort: string | undefined
  readonly value: string | Uint8Array
  readonly contentType: string
  readonly metadata: Readonly<Record<string, string>> | undefined
  /** ISO 8601 in UTC; absent: as the bucket says. */
  readonly expiresAt?: string
}

export type Mapped =
  | { readonly ok: true; readonly put: RecordPut }
  | { readonly ok: false; readonly reason: RefusalReason; readonly detail: string }

/** Why the loader itself refuses a record; the nodes' reasons are their error codes. */
export type RefusalReason = 'not-a-record' | 'no-key' | 'no-value' | 'bad-field'

const TEXT = 'text/plain; charset=utf-8'
const JSON_TYPE = 'application/json'
const BYTES = 'application/octet-stream'
const EXPORTED = ['key', 'sort', 'value', 'valueBase64', 'contentType', 'metadata', 'expiresAt']

export function mapItem(item: SourceItem, mapping: Mapping): Mapped {
  const mapped = mapAny(item, mapping)
  if (!mapped.ok) return mapped
  const { key, sort, value } = mapped.put
  if (isBroken(key) || isBroken(sort) || isBroken(value))
    return refuse('bad-field', 'text with half of a surrogate pair cannot be stored as UTF-8')
  return mapped
}

function mapAny(item: SourceItem, mapping: Mapping): Mapped {
  if (item.type === 'broken') return refuse('not-a-record', item.reason)
  if (item.type === 'row') {
    if (mapping.key === undefined) return exportedRow(item.row)
    return withKey(item.row, JSON.stringify(item.row), mapping)
  }
  let record: unknown
  try {
    record = JSON.parse(item.text)
  } catch (error) {
    return refuse('not-a-record', `not JSON: ${(error as Error).message}`)
  }
  if (mapping.key !== undefined) return withKey(record, compact(item.text), mapping)
  if (item.name !== undefined) return named(item.name, record, item.text)
  return exported(record)
}

function withKey(record: unknown, text: string, mapping: Mapping): Mapped {
  if (typeof record !== 'object' || record === null || Array.isArray(record))
    return refuse('not-a-record', 'it is no object with fields')
  const key = renderTemplate(mapping.key ?? [], record)
  if (!key.ok) return refuse('no-key', key.detail)
  let sort: string | undefined
  if (mapping.sort !== undefined) {
    const rendered = renderTemplate(mapping.sort, record)
    if (!rendered.ok) return refuse('no-key', `sort key: ${rendered.detail}`)
    sort = rendered.text
  }
  const name = { key: key.text, sort, metadata: undefined }
  if (mapping.value === undefined)
    return { ok: true, put: { ...name, value: text, contentType: JSON_TYPE } }
  const field = fieldOf(record, mapping.value)
  if (field === undefined || field === null)
    return refuse('no-value', `there is no field "${mapping.value}"`)
  return { ok: true, put: { ...name, ...valueOf(field) } }
}

function named(key: string, value: unknown, text: string): Mapped {
  const content =
    typeof value === 'string'
      ? { value, contentType: TEXT }
      : { value: compact(text), contentType: JSON_TYPE }
  return { ok: true, put: { key, sort: undefined, metadata: undefined, ...content } }
}

function exported(record: unknown): Mapped {
  if (typeof record !== 'object' || record === null || Array.isArray(record))
    return refuse('not-a-record', 'it is no object; say --key to name the field that is the key')
  const strange = Object.keys(record).find((name) => !EXPORTED.includes(name))
  const fields = record as Readonly<Record<string, unknown>>
  const { key, sort, value, valueBase64, contentType, metadata, expiresAt } = fields as Record<
    (typeof EXPORTED)[number],
    unknown
  >
  if (typeof key !== 'string')
    return refuse('no-key', 'there is no field "key" with text; say --key to name another')
  // Part of a record would be lost without a word.
  if (strange !== undefined)
    return refuse('bad-field', `unknown field "${strange}"; say --key key to store whole records`)
  if (sort !== undefined && typeof sort !== 'string') return refuse('bad-field', 'sort is no text')
  if (contentType !== undefined && typeof contentType !== 'string')
    return refuse('bad-field', 'contentType is no text')
  if (metadata !== undefined && !isTexts(metadata))
    return refuse('bad-field', 'metadata is no object of texts')
  if (expiresAt !== undefined && typeof expiresAt !== 'string')
    return refuse('bad-field', 'expiresAt is no text')
  const content = contentOf(value, valueBase64)
  if (typeof content === 'string') return refuse('no-value', content)
  const end = expiresAt === undefined ? {} : { expiresAt }
  const put = { key, sort, metadata, ...content, ...end }
  return { ok: true, put: contentType === undefined ? put : { ...put, contentType } }
}

/** As {@link exported}, where everything is text and empty means absent. */
function exportedRow(row: Readonly<Record<string, string>>): Mapped {
  const given = Object.entries(row).filter(([name, text]) => text !== '' || name === 'value')
  const { metadata, ...fields } = Object.fromEntries(given)
  if (fields['valueBase64'] !== undefined && fields['value'] === '') delete fields['value']
  if (metadata === undefined) return exported(fields)
  try {
    return exported({ ...fields, metadata: JSON.parse(metadata) as unknown })
  } catch {
    return refuse('bad-field', 'metadata is not JSON')
  }
}

/** The reason when there is none. */
function contentOf(
  value: unknown,
  valueBase64: unknown,
): { value: string | Uint8Array; contentType: string } | string {
  if (valueBase64 === undefined)
    return value === undefined ? 'there is neither value nor valueBase64' : valueOf(value)
  if (value !== undefined) return 'there are both value and valueBase64'
  if (typeof valueBase64 !== 'string' || !isBase64(valueBase64)) return 'valueBase64 is not base64'
  return { value: Buffer.from(valueBase64, 'base64'), contentType: BYTES }
}

function valueOf(field: unknown): { value: string; contentType: string } {
  return typeof field === 'string'
    ? { value: field, contentType: TEXT }
    : { value: JSON.stringify(field), contentType: JSON_TYPE }
}

/**
 * The record as it stands in the file, without the white space between its tokens. Written out anew
 * from what JSON.parse made of it, numbers of more than 53 bits would change.
 */
function compact(text: string): string {
  const trimmed = text.trim()
  if (!/[\n\r\t]| [ "{[\]}]|[:,] /.test(trimmed)) return trimmed
  return trimmed.replace(/("(?:[^"\\]|\\.)*")|\s+/g, '$1')
}

function isBroken(text: string | Uint8Array | undefined): boolean {
  return typeof text === 'string' && /\p{Cs}/u.test(text)
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text)
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every((text) => typeof text === 'string')
}

function refuse(reason: RefusalReason, detail: string): Mapped {
  return { ok: false, reason, detail }
}
