/**
 * Values in JSON: `value` when the bytes are UTF-8, else `valueBase64`; never both. So text stays
 * legible and no byte is ever lost.
 */
import { isUtf8 } from 'node:buffer'
import type { Value, Version } from '../../core/versions/version.ts'
import { momentText } from './lifetime.ts'

export interface ValueJson {
  readonly value?: string
  readonly valueBase64?: string
  readonly contentType: string
  readonly metadata?: Readonly<Record<string, string>>
  /** ISO 8601 in UTC. */
  readonly expiresAt?: string
}

export interface SiblingJson extends ValueJson {
  readonly dot: string
}

export function valueJson(value: Value): ValueJson {
  const bytes = Buffer.from(value.bytes.buffer, value.bytes.byteOffset, value.bytes.length)
  const { contentType, expiresAtMs } = value
  const end = expiresAtMs === 0 ? {} : { expiresAt: momentText(expiresAtMs) }
  const shown = isUtf8(bytes)
    ? { value: bytes.toString(), contentType, ...end }
    : { valueBase64: bytes.toString('base64'), contentType, ...end }
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
