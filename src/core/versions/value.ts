/**
 * What a value may be. The same answer serves three: the edge, which tells a client; the encoder,
 * which asserts it; and the decoder, which refuses what another encoder would not have written. So
 * nothing can be stored that cannot be read.
 */
import { utf8Length } from '../std/bytes.ts'
import {
  CONTENT_TYPE_BYTES_MAX,
  METADATA_BYTES_MAX,
  METADATA_PAIRS_MAX,
  VALUE_BYTES_MAX,
} from '../std/limits.ts'
import { STAMP_MS_MAX } from './stamp.ts'
import type { Value } from './version.ts'

/** What is wrong with a value, as the end of a sentence; undefined when nothing is. */
export function valueProblem(value: Value): string | undefined {
  if (value.bytes.length > VALUE_BYTES_MAX)
    return `the value has more than ${VALUE_BYTES_MAX} bytes`
  if (textLength(value.contentType) > CONTENT_TYPE_BYTES_MAX)
    return `the content type is malformed or has more than ${CONTENT_TYPE_BYTES_MAX} bytes`
  const { expiresAtMs } = value
  if (!Number.isSafeInteger(expiresAtMs) || expiresAtMs < 0 || expiresAtMs > STAMP_MS_MAX)
    return `the expiry is no time in whole milliseconds since 1970, up to ${STAMP_MS_MAX}`
  return metadataProblem(value.metadata)
}

function metadataProblem(metadata: Value['metadata']): string | undefined {
  if (metadata.length > METADATA_PAIRS_MAX)
    return `the metadata has more than ${METADATA_PAIRS_MAX} pairs`
  let bytes = 0
  let before: string | undefined
  for (const [name, text] of metadata) {
    bytes += textLength(name) + textLength(text)
    if (/[A-Z]/.test(name)) return `the metadata name "${name}" is not in lower case`
    if (before !== undefined && name <= before)
      return `the metadata name "${name}" is out of order or there twice`
    before = name
  }
  return bytes > METADATA_BYTES_MAX
    ? `the metadata is malformed or has more than ${METADATA_BYTES_MAX} bytes`
    : undefined
}

/** Bytes of UTF-8; infinite for text with half a surrogate pair, which UTF-8 cannot say. */
function textLength(text: string): number {
  return utf8Length(text) ?? Number.POSITIVE_INFINITY
}
