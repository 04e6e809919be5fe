/**
 * How text, bytes and metadata travel in URLs, headers and JSON: see the conventions in `api.ts`.
 */

const utf8 = new TextEncoder()
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Bytes as text when they are UTF-8; undefined otherwise. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return undefined
  }
}

export function toBase64(bytes: Uint8Array): string {
  let binary = ''
  // In pieces: a call takes only so many arguments.
  for (let i = 0; i < bytes.length; i += 8192)
    binary += String.fromCharCode(...bytes.subarray(i, i + 8192))
  return btoa(binary)
}

export function fromBase64(text: string): Uint8Array {
  const binary = atob(text)
  const bytes = new Uint8Array(binary.length)
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i)
  return bytes
}

/** The bytes of a value in JSON. */
export function bytesOf(json: {
  readonly value?: string | undefined
  readonly valueBase64?: string | undefined
}): Uint8Array {
  return json.valueBase64 === undefined
    ? utf8.encode(json.value ?? '')
    : fromBase64(json.valueBase64)
}

/** A header's text: printable ASCII as it stands, everything else and "%" percent-encoded. */
export function toHeaderText(text: string): string {
  return /^(?:[!-$&-~](?:[ -$&-~]*[!-$&-~])?)?$/.test(text) ? text : encode(text)
}

export function fromHeaderText(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    // Not encoded by a node of ours; shown as it came.
    return text
  }
}

/** Percent-encoded. */
export function encode(text: string): string {
  mustBeWellFormed(text)
  return encodeURIComponent(text)
}

/**
 * Encoders would quietly put U+FFFD for half of a surrogate pair, and store something else than was
 * given.
 */
export function mustBeWellFormed(text: string): void {
  const half = /\p{Cs}/u.exec(text)
  if (half !== null)
    throw new TypeError(`text is not well-formed: half of a surrogate pair at ${half.index}`)
}

/** `?a=1&b=2` of those that are defined; empty for none. */
export function queryOf(
  parameters: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const parts: string[] = []
  for (const [name, value] of Object.entries(parameters))
    if (value !== undefined) parts.push(`${name}=${encode(String(value))}`)
  return parts.length === 0 ? '' : `?${parts.join('&')}`
}
