/**
 * Bytes of a file as text, strictly: broken UTF-8 is an error and not a question mark in somebody's
 * data.
 */

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** undefined when the bytes are not UTF-8. */
export function strictText(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes)
  } catch {
    return undefined
  }
}

/**
 * How many bytes of a byte order mark a file begins with; throws for the marks of other encodings.
 */
export function byteOrderMark(start: Uint8Array): number {
  if (start[0] === 0xef && start[1] === 0xbb && start[2] === 0xbf) return 3
  if ((start[0] === 0xff && start[1] === 0xfe) || (start[0] === 0xfe && start[1] === 0xff))
    throw new Error('the file is UTF-16; convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)')
  if (start[0] === 0x1f && start[1] === 0x8b)
    throw new Error(
      'the file is compressed; unpack it first, or pipe it in: gunzip -c FILE | dnd import -',
    )
  return 0
}
