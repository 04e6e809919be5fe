/** A ring whose mode and keys a test turns as it likes. */
import { createHash } from 'node:crypto'
import type { ClusterKey, KeyId } from '../../core/node/cluster-key.ts'
import { KEY_BYTES, keyId } from '../../core/node/cluster-key.ts'
import type { EncryptionMode, Keyring } from '../../runtime/ports.ts'

export function keyOf(number: number): ClusterKey {
  const secret = new Uint8Array(KEY_BYTES).fill(number)
  const digest = createHash('sha256').update(secret).digest('hex')
  return { id: keyId(digest.slice(0, 8))!, secret }
}

export class TestKeyring implements Keyring {
  mode: EncryptionMode
  primary: ClusterKey | undefined
  readonly #keys = new Map<KeyId, ClusterKey>()

  constructor(mode: EncryptionMode, ...keys: readonly ClusterKey[]) {
    this.mode = mode
    this.primary = mode === 'off' ? undefined : keys[0]
    for (const key of keys) this.install(key)
  }

  find(id: KeyId): ClusterKey | undefined {
    return this.#keys.get(id)
  }

  install(key: ClusterKey): void {
    this.#keys.set(key.id, key)
  }

  use(key: ClusterKey): void {
    this.primary = key
  }

  remove(key: ClusterKey): void {
    this.#keys.delete(key.id)
  }
}
