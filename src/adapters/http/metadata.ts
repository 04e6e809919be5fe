/**
 * User metadata: names and texts that travel with a value. In a header a text is percent-encoded
 * UTF-8 where it is not printable ASCII; in JSON it is plain.
 */
import { DndError } from '../../core/errors.ts'
import { METADATA_PAIRS_MAX } from '../../core/std/limits.ts'
import { valueProblem } from '../../core/versions/value.ts'
import type { Value } from '../../core/versions/version.ts'
import { percentDecode, percentEncodeHeader } from './percent.ts'

export type Metadata = Value['metadata']
export type MetadataPair = [name: string, value: string]

export const METADATA_PREFIX = 'x-dnd-meta-'
export const NO_METADATA: Metadata = []
const NO_BYTES = new Uint8Array(0)
const textDecoder = new TextDecoder()

/**
 * A header's text. Bytes above ASCII, which Node hands over one a character, are taken as the UTF-8
 * that they are.
 */
export function metadataText(name: string, raw: string): string {
  try {
    return textDecoder.decode(percentDecode(raw, 0, raw.length, false, `the metadata "${name}"`))
  } catch (error) {
    throw error instanceof DndError ? bad(error.message) : error
  }
}

/** In order of name, as values keep them; throws for what may not be kept. */
export function metadataOf(pairs: MetadataPair[]): Metadata {
  if (pairs.length === 0) return NO_METADATA
  if (pairs.length > METADATA_PAIRS_MAX)
    throw bad(`there are more than ${METADATA_PAIRS_MAX} metadata names`)
  for (const [name] of pairs)
    if (!/^[a-z0-9!#$&'*+.^_`|~-]+$/.test(name))
      throw bad(
        `the metadata name ${JSON.stringify(name.slice(0, 64))} is not a lower-case header name`,
      )
  pairs.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
  const problem = valueProblem({
    bytes: NO_BYTES,
    contentType: '',
    metadata: pairs,
    expiresAtMs: 0,
  })
  if (problem !== undefined) throw bad(problem)
  return pairs
}

/** Appends one header for each pair. */
export function pushMetadata(headers: string[], metadata: Metadata): void {
  for (const [name, text] of metadata)
    headers.push(METADATA_PREFIX + name, percentEncodeHeader(text))
}

function bad(message: string): DndError {
  return new DndError('DND_ERR_BAD_METADATA', message)
}
