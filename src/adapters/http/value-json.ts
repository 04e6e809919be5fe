/**
 * Values in JSON: `value` when the bytes are UTF-8, else `valueBase64`; never both. So text stays
 * legible and no byte is ever lost.
 */
import { isUtf8 } from 'node:buffer'
import type { Value, Version } from '../../core/versions/version.ts'

export interface ValueJson {
  readonly value?: string
  readonly valueBase64?: string
  readonly contentType: string
  readonly metadata?: Readonly<Record<string, string>>
}

export interface SiblingJson extends ValueJson {
  readonly dot: string
}

export function valueJson(value: Value): ValueJson {
  const bytes = Buffer.from(value.bytes.buffer, value.bytes.byteOffset, value.bytes.length)
  const { contentType } = value
  const shown = isUtf8(bytes)
    ? { value: bytes.toString(), contentType }
    : { valueBase64: bytes.toString('base64'), contentType }
  if (value.metadata.length === 0) return shown
  return { ...shown, metadata: Object.fromEntries(value.metadata) }
}

/** One of several concurrent values, with the identity of its write. */
export function siblingJson(version: Version & { readonly value: Value }): SiblingJson {
  const { dot, value } = version
  return { dot: `${dot.vnode}:${dot.counter}`, ...valueJson(value) }
}

export function isLive(version: Version): version is Version & { readonly value: Value } {
  return version.value !== undefined
}
