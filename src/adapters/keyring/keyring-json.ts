/**
 * What a node knows of the cluster's keys as text:
 *
 * ```
 * { "format": 1,
 *   "primary": { "id": "1f2e3d4c", "ms": 0, "counter": 0 } | null,
 *   "keys": [{ "id": "1f2e3d4c", "ms": 0, "counter": 0, "secret": "…base64…" | null }] }
 * ```
 * `ms` and `counter` are the stamp of the newest word on the key, or on which of them is the
 * primary; `null` for a secret: the key was removed. In order of id, each once.
 */
import type { KeyEntry, KeyId, KeyringState } from '../../core/node/cluster-key.ts'
import { keyId } from '../../core/node/cluster-key.ts'
import { formatSecret } from '../../core/node/cluster-key-text.ts'
import { STAMP_MS_MAX } from '../../core/versions/stamp.ts'
import type { Stamp } from '../../core/versions/version.ts'
import { parseKey } from './key-text.ts'

export const KEYRING_FORMAT = 1
const COUNTER_MAX = 0xffff

export type ParsedKeyring =
  | { readonly ok: true; readonly state: KeyringState }
  | { readonly ok: false; readonly reason: 'newer-format'; readonly format: number }
  /** `what` is wrong; it never has a secret in it. */
  | { readonly ok: false; readonly reason: 'damaged'; readonly what: string }

export function keyringText({ entries, primary }: KeyringState): string {
  const keys = entries.map(({ id, stamp, secret }) => ({
    ...{ id, ms: stamp.ms, counter: stamp.counter },
    secret: secret === undefined ? null : formatSecret(secret),
  }))
  const used = primary && { id: primary.id, ms: primary.stamp.ms, counter: primary.stamp.counter }
  return `${JSON.stringify({ format: KEYRING_FORMAT, primary: used ?? null, keys }, undefined, 2)}\n`
}

export function parseKeyring(text: string): ParsedKeyring {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The parser's own words quote the text, and the text has secrets.
    return damaged('it is not JSON')
  }
  if (!isObject(value)) return damaged('it is no JSON object')
  // Before anything else: what a newer format means by the other fields is not known here.
  const format = value['format']
  if (!isWhole(format, 1, Number.MAX_SAFE_INTEGER))
    return damaged('"format" is no positive integer')
  if (format > KEYRING_FORMAT) return { ok: false, reason: 'newer-format', format }
  const { keys } = value
  if (!Array.isArray(keys)) return damaged('"keys" is no list')
  const entries: KeyEntry[] = []
  for (const key of keys as readonly unknown[]) {
    const entry = parseEntry(key, entries.at(-1)?.id)
    if (typeof entry === 'string') return damaged(`key ${entries.length + 1} ${entry}`)
    entries.push(entry)
  }
  const primary = value['primary'] === null ? undefined : parseWord(value['primary'])
  if (primary === undefined && value['primary'] !== null)
    return damaged('"primary" is no id with a stamp')
  return { ok: true, state: { entries, primary } }
}

/** The entry, or what is wrong with it. */
function parseEntry(value: unknown, before: KeyId | undefined): KeyEntry | string {
  const word = parseWord(value)
  if (word === undefined) return 'has no id with a stamp'
  if (before !== undefined && word.id <= before) return `(${word.id}) is not in order of id`
  const { secret } = value as Record<string, unknown>
  if (secret === null) return { ...word, secret: undefined }
  if (typeof secret !== 'string') return `(${word.id}) has no secret`
  const parsed = parseKey(secret)
  if (!parsed.ok) return `(${word.id}) has a secret that is none`
  if (parsed.key.id !== word.id) return `(${word.id}) has the secret of another key`
  return { ...word, secret: parsed.key.secret }
}

function parseWord(value: unknown): { id: KeyId; stamp: Stamp } | undefined {
  if (!isObject(value)) return undefined
  const { id: text, ms, counter } = value
  const id = typeof text === 'string' ? keyId(text) : undefined
  if (id === undefined || !isWhole(ms, 0, STAMP_MS_MAX) || !isWhole(counter, 0, COUNTER_MAX))
    return undefined
  return { id, stamp: { ms, counter } }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isWhole(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= min && value <= max
}

const damaged = (what: string): ParsedKeyring => ({ ok: false, reason: 'damaged', what })
