/** Cluster keys out of chance, and out of the text that people handle. */
import { createHash, randomBytes } from 'node:crypto'
import type { ClusterKey, KeyId } from '../../core/node/cluster-key.ts'
import { KEY_BYTES, keyIdOf as keyIdWith } from '../../core/node/cluster-key.ts'
import { formatSecret, parseSecret } from '../../core/node/cluster-key-text.ts'

export type ParsedKey =
  | { readonly ok: true; readonly key: ClusterKey }
  /** `problem` completes "… is no key: "; it never repeats the text. */
  | { readonly ok: false; readonly problem: string }

/** What `dnd keys generate` prints. */
export function generateKey(): string {
  return formatSecret(randomBytes(KEY_BYTES))
}

export function parseKey(text: string): ParsedKey {
  const parsed = parseSecret(text)
  if (!parsed.ok) return parsed
  const { secret } = parsed
  return { ok: true, key: { id: keyIdOf(secret), secret } }
}

export function keyIdOf(secret: Uint8Array): KeyId {
  return keyIdWith(secret, (bytes) => createHash('sha256').update(bytes).digest())
}
