/** A value's bytes as something to look at. */

export type Shown =
  | { readonly kind: 'empty' }
  | { readonly kind: 'json' | 'text'; readonly text: string; readonly cut: boolean }
  | { readonly kind: 'image'; readonly type: string }
  | { readonly kind: 'bytes'; readonly dump: string; readonly cut: boolean }

/** More is not put on the page: a browser takes seconds to lay it out. */
const TEXT_SHOWN_MAX = 100_000
const BYTES_SHOWN_MAX = 4_096
const DUMP_COLUMNS = 16
/** What a browser decodes without running anything. */
const IMAGES = /^image\/(?:png|jpeg|gif|webp|avif)\b/

export function shownOf(bytes: Uint8Array, contentType: string): Shown {
  if (bytes.length === 0) return { kind: 'empty' }
  if (IMAGES.test(contentType)) return { kind: 'image', type: contentType }
  const text = textOf(bytes)
  if (text === undefined)
    return {
      kind: 'bytes',
      dump: hexDump(bytes.subarray(0, BYTES_SHOWN_MAX)),
      cut: bytes.length > BYTES_SHOWN_MAX,
    }
  const cut = text.length > TEXT_SHOWN_MAX
  const json = cut ? undefined : prettyJson(text)
  if (json !== undefined) return { kind: 'json', text: json, cut: false }
  return { kind: 'text', text: cut ? text.slice(0, TEXT_SHOWN_MAX) : text, cut }
}

/** The bytes as text when they are UTF-8 that can be shown. */
export function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return /[\0-\x08\x0e-\x1f]/.test(text) ? undefined : text
  } catch {
    return undefined
  }
}

/** Of objects and lists; undefined for anything else. */
export function prettyJson(text: string): string | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2)
  } catch {
    return undefined
  }
}

export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = []
  for (let start = 0; start < bytes.length; start += DUMP_COLUMNS) {
    const line = [...bytes.subarray(start, start + DUMP_COLUMNS)]
    const hex = line.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const text = line.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '·'))
    const offset = start.toString(16).padStart(6, '0')
    lines.push(`${offset}  ${hex.padEnd(DUMP_COLUMNS * 3 - 1)}  ${text.join('')}`)
  }
  return lines.join('\n')
}

export function fromBase64(text: string): Uint8Array {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0))
}
